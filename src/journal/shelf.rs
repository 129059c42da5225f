//! A store in memory, whose answers may be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use serde_json::Value;

use super::{Changed, JournalError, Reply, Store, StoreChange, StorePage, StoredValue};
use crate::core::store::Effect;

#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) values: Mutex<BTreeMap<String, Value>>,
    /// What came of changes, by who asked for them and what they were.
    changed: Mutex<Vec<(StoreChange, Changed)>>,
    /// How often values were read.
    pub(crate) reads: AtomicUsize,
    /// So many answers to changes are lost.
    pub(crate) lose: AtomicUsize,
}

impl Shelf {
    /// With these values.
    pub(crate) fn of<'a>(values: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        let values = values.into_iter();
        let values = values.map(|(name, value)| (name.to_owned(), value));
        Self {
            values: Mutex::new(values.collect()),
            ..Self::default()
        }
    }

    pub(crate) fn value(&self, name: &str) -> Option<Value> {
        self.values.lock().unwrap().get(name).cloned()
    }

    fn change(&self, change: StoreChange) -> Result<Changed, JournalError> {
        let mut done = self.changed.lock().unwrap();
        if let Some((_, changed)) = done.iter().find(|(known, _)| *known == change) {
            return Ok(changed.clone());
        }
        let mut values = self.values.lock().unwrap();
        let StoreChange {
            name, operation, ..
        } = &change;
        operation.check(name)?;
        let is_done = match operation.effect(name, values.get(name))? {
            Effect::Nothing => false,
            Effect::Remove => values.remove(name).is_some(),
            Effect::Write { value, .. } => {
                values.insert(name.clone(), value);
                true
            }
        };
        let value = values.get(name).cloned();
        let changed = Changed { is_done, value };
        done.push((change, changed.clone()));
        Ok(changed)
    }
}

impl Store for Shelf {
    fn values(
        &self,
        names: BTreeSet<String>,
        now: Timestamp,
    ) -> Reply<'_, BTreeMap<String, StoredValue>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let found = names.into_iter().filter_map(|name| {
            let stored = StoredValue {
                name: name.clone(),
                value: self.value(&name)?,
                set_at: now,
                expires_at: None,
            };
            Some((name, stored))
        });
        Box::pin(std::future::ready(Ok(found.collect())))
    }

    fn list_values(&self, page: StorePage, now: Timestamp) -> Reply<'_, Vec<StoredValue>> {
        let values = self.values.lock().unwrap();
        let found = values.iter().filter(|(name, _)| {
            name.starts_with(&page.prefix) && page.after.as_ref().is_none_or(|after| *name > after)
        });
        let listed = found.take(page.limit).map(|(name, value)| StoredValue {
            name: name.clone(),
            value: value.clone(),
            set_at: now,
            expires_at: None,
        });
        Box::pin(std::future::ready(Ok(listed.collect())))
    }

    fn change_value(&self, change: StoreChange, _: Timestamp) -> Reply<'_, Changed> {
        let mut answer = self.change(change);
        let lose = |left: usize| left.checked_sub(1);
        let lost = self
            .lose
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, lose);
        if lost.is_ok() {
            answer = Err(JournalError::Unavailable {
                what: "hear the answer",
                path: "of a test".to_owned(),
                source: "the connection was lost".into(),
            });
        }
        Box::pin(std::future::ready(answer))
    }
}
