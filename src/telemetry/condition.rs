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

/// How all feeds of a service are doing, in the order in which they were added, each with its name.
pub(crate) type Standing = BTreeMap<(u64, String), Condition>;

/// What the feeds of a service tell.
#[derive(Clone, Debug, Default)]
pub struct Conditions(Arc<watch::Sender<Standing>>);

impl Conditions {
    /// What a feed of this name that is added tells by. Until it does, it is not ready.
    #[must_use]
    pub fn teller(&self, name: &str) -> Teller {
        let mut place = (0, name.to_owned());
        self.0.send_modify(|standing| {
            place.0 = standing.last_key_value().map_or(0, |(last, _)| last.0 + 1);
            standing.insert(place.clone(), Condition::default());
        });
        Teller(Arc::new(Entry {
            place,
            conditions: self.clone(),
        }))
    }

    /// Whether each feed is ready, by name.
    #[must_use]
    pub fn ready(&self) -> Vec<(String, bool)> {
        let standing = self.0.borrow();
        let each = |((_, name), condition): (&(u64, String), &Condition)| {
            (name.clone(), condition.is_ready)
        };
        standing.iter().map(each).collect()
    }

    /// Whether the service is ready: no feed is still about to be, and one is. And what each says of itself.
    #[must_use]
    pub fn readiness(&self) -> (bool, String) {
        let standing = self.0.borrow();
        (is_ready(&standing), words(&standing))
    }

    /// What is told, now and at every change.
    #[must_use]
    pub(crate) fn watch(&self) -> watch::Receiver<Standing> {
        self.0.subscribe()
    }
}

/// What the feeds say of themselves.
pub(super) fn words(standing: &Standing) -> String {
    let words = standing.values().map(|feed| feed.words.as_str());
    let words: Vec<&str> = words.filter(|it| !it.is_empty()).collect();
    words.join("; ")
}

/// Whether a service is ready: no feed is still about to be, and one is.
fn is_ready(standing: &Standing) -> bool {
    let mut left = standing.values().filter(|feed| !feed.has_failed).peekable();
    left.peek().is_some() && left.all(|feed| feed.is_ready)
}

/// Tells how a feed is doing. Once all that tell of it are dropped, there is no such feed any more.
#[derive(Clone, Debug)]
pub struct Teller(Arc<Entry>);

/// The place of a feed among all of them.
#[derive(Debug)]
struct Entry {
    place: (u64, String),
    conditions: Conditions,
}

impl Teller {
    /// Tells it, if it is something new.
    pub fn tell(&self, condition: Condition) {
        self.0.conditions.0.send_if_modified(|standing| {
            let known = standing.entry(self.0.place.clone()).or_default();
            let is_new = *known != condition;
            *known = condition;
            is_new
        });
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        (self.conditions.0).send_modify(|standing| drop(standing.remove(&self.place)));
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
        let (first, second) = (conditions.teller("a"), conditions.teller("b"));
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
            conditions.teller("c").0.place.0,
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
            let places = (0..).map(|number| (number, String::new()));
            let standing = places.zip(feeds.iter().cloned()).collect();
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
