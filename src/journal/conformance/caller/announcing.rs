//! Says what is to be announced, and announces it, once or twice.

use std::sync::Arc;

use jiff::Timestamp;

use super::Caller;
use crate::core::run::State;
use crate::journal::{Accepted, Announced, Answer, Entry};

impl Caller {
    pub(in crate::journal) async fn announce_ends(&self, ends: &[State]) {
        self.ask(|journal| journal.announce_ends(ends.to_vec()))
            .await
            .unwrap();
    }

    /// What is announced the second time has gone.
    pub(in crate::journal) async fn announce(
        &self,
        announced: Vec<Announced>,
        now: Timestamp,
    ) -> Vec<Vec<Accepted>> {
        for entry in announced.iter().flat_map(|one| &one.entries) {
            if let Entry::Event(event) = entry {
                self.ground.know([event]);
            }
        }
        let announced: Arc<[_]> = announced.into();
        let again = |first: &Vec<Vec<Accepted>>, second: &Answer<Vec<Vec<Accepted>>>| {
            let nothing = |second: &Vec<Vec<Accepted>>| second.iter().all(Vec::is_empty);
            let fits = |second: &Vec<_>| second.len() == first.len() && nothing(second);
            second.as_ref().is_ok_and(fits)
        };
        let announcing = self.ask_with(again, |journal| journal.announce(announced.clone(), now));
        announcing.await.unwrap()
    }
}
