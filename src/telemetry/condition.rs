//! How the feeds of a service are doing, for systemd and others who watch it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// How one feed is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Whether events come in, or would.
    pub is_ready: bool,
    /// Whether it failed, and is opened again later. The others are ready without it.
    pub has_failed: bool,
    /// In words, for `systemctl status`.
    pub words: String,
}

/// How all feeds of a service are doing, in the order in which they were added.
pub(crate) type Standing = BTreeMap<u64, Condition>;

/// What the feeds of a service tell.
#[derive(Clone, Debug, Default)]
pub struct Conditions(Arc<watch::Sender<Standing>>);

impl Conditions {
    /// What a feed that is added tells by. Until it does, it is not ready.
    #[must_use]
    pub fn teller(&self) -> Teller {
        let mut number = 0;
        self.0.send_modify(|standing| {
            number = standing.last_key_value().map_or(0, |(last, _)| last + 1);
            standing.insert(number, Condition::default());
        });
        Teller(Arc::new(Entry {
            number,
            conditions: self.clone(),
        }))
    }

    /// What is told, now and at every change.
    #[must_use]
    pub(crate) fn watch(&self) -> watch::Receiver<Standing> {
        self.0.subscribe()
    }
}

/// Whether a service is ready: no feed is still about to be, and one is.
pub(super) fn is_ready(standing: &Standing) -> bool {
    let mut left = standing.values().filter(|feed| !feed.has_failed).peekable();
    left.peek().is_some() && left.all(|feed| feed.is_ready)
}

/// Tells how a feed is doing. Once all that tell of it are dropped, there is no such feed any more.
#[derive(Clone, Debug)]
pub struct Teller(Arc<Entry>);

/// The place of a feed among all of them.
#[derive(Debug)]
struct Entry {
    number: u64,
    conditions: Conditions,
}

impl Teller {
    /// Tells it, if it is something new.
    pub fn tell(&self, condition: Condition) {
        self.0.conditions.0.send_if_modified(|standing| {
            let known = standing.entry(self.0.number).or_default();
            let is_new = *known != condition;
            *known = condition;
            is_new
        });
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        (self.conditions.0).send_modify(|standing| drop(standing.remove(&self.number)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_condition_of_each_feed_stands_until_it_is_dropped() {
        let conditions = Conditions::default();
        let mut watch = conditions.watch();
        let ready = |words: &str| Condition {
            is_ready: true,
            words: words.to_owned(),
            ..Condition::default()
        };
        let (first, second) = (conditions.teller(), conditions.teller());
        second.tell(ready("second"));
        first.tell(ready("first"));
        let told: Vec<_> = watch.borrow_and_update().values().cloned().collect();
        assert_eq!(told, [ready("first"), ready("second")]);
        first.tell(ready("first"));
        assert!(!watch.has_changed().expect("a sender"));
        let same = first.clone();
        drop(first);
        assert!(!watch.has_changed().expect("a sender"));
        drop(same);
        let told: Vec<_> = watch.borrow_and_update().values().cloned().collect();
        assert_eq!(told, [ready("second")]);
        assert_eq!(
            conditions.teller().0.number,
            2,
            "the order is that of adding"
        );
    }

    #[test]
    fn a_service_is_ready_once_each_feed_is_but_for_those_that_failed() {
        const READY: Condition = told(true, false);
        const FAILED: Condition = told(false, true);
        const OPENING: Condition = told(false, false);
        let cases: [(&[Condition], bool); 7] = [
            (&[], false),
            (&[OPENING], false),
            (&[FAILED], false),
            (&[READY], true),
            (&[READY, OPENING], false),
            (&[READY, FAILED], true),
            (&[READY, READY], true),
        ];
        for (feeds, expected) in cases {
            let standing = (0..).zip(feeds.iter().cloned()).collect();
            assert_eq!(is_ready(&standing), expected, "{feeds:?}");
        }
    }

    const fn told(is_ready: bool, has_failed: bool) -> Condition {
        Condition {
            is_ready,
            has_failed,
            words: String::new(),
        }
    }
}
