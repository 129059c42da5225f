//! What the parts of the service have under way just now, and since when: systemd's watchdog is fed only while all of it
//! comes to an end.
//!
//! What waits for others by design (for events, for the end of a script, for the next try) is not under way. So whatever
//! lasts is a defect, or a disk that does not answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The parts by a number of their own.
type UnderWay = BTreeMap<u64, (&'static str, Instant)>;

static UNDER_WAY: Mutex<UnderWay> = Mutex::new(UnderWay::new());

fn with_all<T>(act: impl FnOnce(&mut UnderWay) -> T) -> T {
    // What a panic leaves behind is whole: each change is a single one.
    act(&mut UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What is under way until this is dropped.
struct Watched(u64);

impl Watched {
    fn new(part: &'static str) -> Self {
        Self(with_all(|all| {
            let number = all.last_key_value().map_or(0, |(last, _)| last + 1);
            all.insert(number, (part, Instant::now()));
            number
        }))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        with_all(|all| all.remove(&self.0));
    }
}

/// Does this work of a `part` of the service, and is told by the watchdog if that does not come to an end.
pub async fn watched<T>(part: &'static str, work: impl Future<Output = T>) -> T {
    let _watched = Watched::new(part);
    work.await
}

/// What has been under way for at least `limit`, and for how long: the oldest.
pub(super) fn stuck(limit: Duration) -> Option<(&'static str, Duration)> {
    with_all(|all| oldest(all, Instant::now())).filter(|(_, lasted)| *lasted >= limit)
}

fn oldest(all: &UnderWay, now: Instant) -> Option<(&'static str, Duration)> {
    let lasted = all
        .values()
        .map(|(part, since)| (*part, now.saturating_duration_since(*since)));
    lasted.max_by_key(|(_, lasted)| *lasted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_is_under_way_counts() {
        let now = Instant::now();
        let ago = |seconds| now.checked_sub(Duration::from_secs(seconds)).unwrap();
        let cases: [(&[(&'static str, u64)], _); 3] = [
            (&[], None),
            (&[("intake", 3)], Some(("intake", 3))),
            (&[("intake", 3), ("dispatch", 90)], Some(("dispatch", 90))),
        ];
        for (parts, expected) in cases {
            let parts = parts.iter().map(|(part, seconds)| (*part, ago(*seconds)));
            let all = (0..).zip(parts).collect();
            let expected = expected.map(|(part, seconds)| (part, Duration::from_secs(seconds)));
            assert_eq!(oldest(&all, now), expected);
        }
    }

    #[tokio::test]
    async fn work_is_under_way_until_it_has_ended_or_was_given_up() {
        const PART: &str = "a part of this test";
        let is_under_way = || with_all(|all| all.values().any(|(part, _)| *part == PART));
        watched(PART, async { assert!(is_under_way()) }).await;
        assert!(!is_under_way());
        let given_up = tokio::time::timeout(
            Duration::from_millis(1),
            watched(PART, std::future::pending::<()>()),
        );
        assert!(given_up.await.is_err() && !is_under_way());
    }
}
