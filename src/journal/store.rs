//! Named values with an optional time to live, which rules and commands share.
//!
//! A change is asked for under an identity, so that it is done once however often it is asked for: a counter
//! must not count a run twice whose answer was lost, or whose service died before the attempt was on record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Answer, Reply, RunId, retry_while_unavailable};
use crate::core::store::{Operation, Values};

/// A value of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredValue {
    /// Its name.
    pub name: String,
    /// What it is.
    pub value: Value,
    /// When it was written last.
    pub set_at: Timestamp,
    /// From then on it is gone; `None`: it stays.
    pub expires_at: Option<Timestamp>,
}

/// A part of the list of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorePage {
    /// Only names that begin so.
    pub prefix: String,
    /// Only those after this one, which was the last of the page before.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Who asks for a change. Asked for again by the same, the same change of the same value is done already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeId {
    /// An attempt of this run, until its end is on record. The attempt that repeats an interrupted one is
    /// the same.
    Run(RunId),
    /// A command, by a text that no other one has, for an hour.
    Command(String),
    /// A program that asks for one change after the other, by a text that no other start of any program has, and the
    /// number of the change; until it asks for the next one, or for an hour.
    Program {
        /// The text.
        start: String,
        /// The number.
        number: u64,
    },
}

/// A change of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreChange {
    /// Who asks for it.
    pub id: ChangeId,
    /// The value's name.
    pub name: String,
    /// What is to be done.
    pub operation: Operation,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Whether anything was changed: not, if what was to be deleted was absent, or what was to be set only if
    /// it is absent was not.
    pub is_done: bool,
    /// The value after it, if there is one.
    pub value: Option<Value>,
}

/// Named values with an optional time to live. A value is gone from the moment at which its time is over,
/// whether or not upkeep has come to it.
pub trait Store: Send + Sync + 'static {
    /// The values of these names, as far as there are any.
    fn values(
        &self,
        names: BTreeSet<String>,
        now: Timestamp,
    ) -> Reply<'_, BTreeMap<String, StoredValue>>;

    /// Lists values in the order of the bytes of their names.
    fn list_values(&self, page: StorePage, now: Timestamp) -> Reply<'_, Vec<StoredValue>>;

    /// Changes a value, and all of it or nothing; answers what came of it.
    fn change_value(&self, change: StoreChange, now: Timestamp) -> Reply<'_, Changed>;
}

impl<J: Store + ?Sized> Store for Arc<J> {
    fn values(
        &self,
        names: BTreeSet<String>,
        now: Timestamp,
    ) -> Reply<'_, BTreeMap<String, StoredValue>> {
        (**self).values(names, now)
    }

    fn list_values(&self, page: StorePage, now: Timestamp) -> Reply<'_, Vec<StoredValue>> {
        (**self).list_values(page, now)
    }

    fn change_value(&self, change: StoreChange, now: Timestamp) -> Reply<'_, Changed> {
        (**self).change_value(change, now)
    }
}

/// The values of these names, where there are any. A journal is not asked for none.
///
/// # Errors
/// Those of the journal.
pub async fn stored(
    store: &(impl Store + ?Sized),
    names: &BTreeSet<String>,
    now: Timestamp,
) -> Answer<BTreeMap<String, Value>> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = store.values(names.clone(), now).await?.into_iter();
    Ok(found.map(|(name, stored)| (name, stored.value)).collect())
}

/// So often values are read for one thing, whose names depend on the values that were read before.
const MOST_READS: usize = 16;

/// Makes something with all the values that it looks up. They are read at once, but for those whose names
/// depend on other ones. Waits for a journal that is not available until `stop` is cancelled.
///
/// # Errors
/// Those of the journal; temporary ones only after `stop`.
pub async fn with_values<T>(
    store: &dyn Store,
    stop: &CancellationToken,
    mut make: impl FnMut(&Arc<Values>) -> T,
) -> Answer<T> {
    let mut values = Arc::new(Values::default());
    let mut reads = 0;
    loop {
        let made = make(&values);
        let names = values.missing();
        if names.is_empty() {
            return Ok(made);
        }
        let question = || store.values(names.clone(), Timestamp::now());
        let mut found = retry_while_unavailable(stop, question).await?;
        let mut known = values.known().clone();
        known.extend(names.into_iter().map(|name| {
            let value = found.remove(&name).map(|stored| stored.value);
            (name, value)
        }));
        reads += 1;
        values = Arc::new(if reads < MOST_READS {
            Values::read(known)
        } else {
            Values::all(known)
        });
    }
}
