//! Deliveries in quarantine, and the runs that have to wait for them.

use super::{Expected, KEYS, World, planned};
use crate::journal::sqlite::tests::{at, meant, quarantine_entry, quarantine_entry_of};
use crate::journal::{Accept, Accepted, Browse, Census, Dropped, Entry, Keep, QuarantineId};

/// A delivery that should be there.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    id: QuarantineId,
    body: u8,
    /// With its place.
    key: Option<(u8, i64)>,
}

impl World {
    pub(in super::super) fn held(&self) -> usize {
        self.held.len()
    }

    /// The delivery that a run has to wait for.
    pub(super) fn held_by(&self, run: &Expected) -> Option<QuarantineId> {
        if !run.has_place() {
            return None;
        }
        let before = |delivery: &&Delivery| {
            let hold = delivery.key;
            hold.is_some_and(|(key, place)| key == run.key && place < run.order().0)
        };
        self.held.iter().find(before).map(|delivery| delivery.id)
    }

    /// `key` is nothing if it is 3.
    pub(in super::super) async fn quarantine(&mut self, body: u8, key: u8, beside: bool) {
        // A body names the same node each time.
        let (text, key) = (format!("{body} of {key}"), (key < 3).then_some(key));
        let delivery = match key {
            Some(key) => quarantine_entry_of(KEYS[usize::from(key)], &text),
            None => quarantine_entry(&text),
        };
        let entries = vec![Entry::Quarantine(delivery)];
        let answer = self
            .journal(beside)
            .accept(entries.into(), at(self.now))
            .await;
        let id = match answer.unwrap()[..] {
            [Accepted::Quarantined(id)] => id,
            ref other => panic!("{other:?}"),
        };
        let is_same = |held: &&Delivery| (held.body, held.key.map(|hold| hold.0)) == (body, key);
        if let Some(known) = self.held.iter().find(is_same) {
            assert_eq!(known.id, id);
            return;
        }
        assert!(self.held.last().is_none_or(|last| last.id < id));
        self.last += i64::from(key.is_some());
        let key = key.map(|key| (key, self.last));
        self.held.push(Delivery { id, body, key });
    }

    pub(in super::super) async fn release(
        &mut self,
        which: usize,
        (number, rules, key): (u8, u8, u8),
        beside: bool,
    ) {
        let delivery = self.held.remove(which);
        let place = delivery.key.map(|(_, place)| place);
        let acceptance = planned(number, rules, key);
        let journal = self.journal(beside);
        let answer = journal.release(delivery.id, acceptance, at(self.now)).await;
        self.expect_runs(number, rules, key, place, answer.unwrap());
    }

    pub(in super::super) async fn drop_delivery(&mut self, which: usize, beside: bool) {
        let waited: Vec<_> = self.waiting(&self.held[which]).cloned().collect();
        let delivery = self.held.remove(which);
        let journal = self.journal(beside);
        let answer = journal.drop_quarantined(vec![delivery.id]).await;
        let still = waited.iter().filter(|run| self.held_by(run).is_some());
        let still = still.count() as u64;
        let expected = Dropped {
            id: delivery.id,
            key: delivery
                .key
                .map(|(key, _)| meant(KEYS[usize::from(key)]).text),
            freed: waited.len() as u64 - still,
            waiting: still,
        };
        assert_eq!(answer.unwrap(), [expected]);
    }

    /// The unfinished runs that came after a delivery.
    fn waiting(&self, delivery: &Delivery) -> impl Iterator<Item = &Expected> {
        let hold = delivery.key;
        self.runs.iter().filter(move |run| {
            run.has_place()
                && hold.is_some_and(|(key, place)| key == run.key && place < run.order().0)
        })
    }

    pub(super) async fn compare_held(&self, census: &Census) {
        let held = self.runs.iter().filter(|run| self.held_by(run).is_some());
        assert_eq!(census.held, held.count() as u64);
        assert_eq!(census.quarantined, self.held.len() as u64);
        let found = self.journal(true).quarantined(usize::MAX).await.unwrap();
        assert_eq!(found.len(), self.held.len());
        for (found, delivery) in found.iter().rev().zip(&self.held) {
            let waiting = self.waiting(delivery).count() as u64;
            assert_eq!((found.id, found.waiting), (delivery.id, waiting));
        }
    }
}
