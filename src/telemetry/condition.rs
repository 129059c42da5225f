//! How the feeds of a service are doing, for whoever watches it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// How one feed is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Whether events come in, or would.
    pub is_ready: bool,
    /// In words, for `systemctl status`.
    pub words: String,
}

/// How all feeds of a service are doing, in the order in which they were opened.
pub(super) type Standing = BTreeMap<u64, Condition>;

/// What the feeds of a service tell.
#[derive(Clone, Debug, Default)]
pub struct Conditions(Arc<watch::Sender<Standing>>);

impl Conditions {
    /// What a feed that is opened tells by. Until it does, it is not ready.
    #[must_use]
    pub fn teller(&self) -> Teller {
        let mut number = 0;
        self.0.send_modify(|standing| {
            number = standing.last_key_value().map_or(0, |(last, _)| last + 1);
            standing.insert(number, Condition::default());
        });
        Teller {
            number,
            conditions: self.clone(),
        }
    }

    /// What is told, now and at every change.
    #[must_use]
    pub(super) fn watch(&self) -> watch::Receiver<Standing> {
        self.0.subscribe()
    }
}

/// Tells how a feed is doing. Once it is dropped, the feed is none any more.
#[derive(Debug)]
pub struct Teller {
    number: u64,
    conditions: Conditions,
}

impl Teller {
    /// Tells it, if it is something new.
    pub fn tell(&self, condition: Condition) {
        self.conditions.0.send_if_modified(|standing| {
            let known = standing.entry(self.number).or_default();
            let is_new = *known != condition;
            *known = condition;
            is_new
        });
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        (self.conditions.0).send_modify(|standing| drop(standing.remove(&self.number)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_feed_told_last_stands_until_it_is_dropped() {
        let conditions = Conditions::default();
        let mut watch = conditions.watch();
        let ready = |words: &str| Condition {
            is_ready: true,
            words: words.to_owned(),
        };
        let (first, second) = (conditions.teller(), conditions.teller());
        second.tell(ready("second"));
        first.tell(ready("first"));
        let told: Vec<_> = watch.borrow_and_update().values().cloned().collect();
        assert_eq!(told, [ready("first"), ready("second")]);
        first.tell(ready("first"));
        assert!(!watch.has_changed().expect("a sender"));
        drop(first);
        let told: Vec<_> = watch.borrow_and_update().values().cloned().collect();
        assert_eq!(told, [ready("second")]);
        assert_eq!(
            conditions.teller().number,
            2,
            "the order is that of opening"
        );
    }
}
