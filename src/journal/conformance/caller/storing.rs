//! Changes and reads values of the store, once or twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Caller;
use crate::journal::{Changed, Reply, Store, StoreChange, StorePage, StoredValue};

impl Caller {
    /// The journal itself, for what is asked once and many times at once.
    pub(in crate::journal) fn store_itself(&self) -> &dyn Store {
        self.journal.inner()
    }
}

impl Store for Caller {
    fn values(
        &self,
        names: BTreeSet<String>,
        now: Timestamp,
    ) -> Reply<'_, BTreeMap<String, StoredValue>> {
        Box::pin(self.ask(move |journal| journal.values(names.clone(), now)))
    }

    fn list_values(&self, page: StorePage, now: Timestamp) -> Reply<'_, Vec<StoredValue>> {
        Box::pin(self.ask(move |journal| journal.list_values(page.clone(), now)))
    }

    fn change_value(&self, change: StoreChange, now: Timestamp) -> Reply<'_, Changed> {
        Box::pin(self.ask(move |journal| journal.change_value(change.clone(), now)))
    }
}
