//! A failure that lasts: logged once, then at growing intervals, and once when it is over.
//!
//! A full disk or a broker that is gone fails again each second. One line a second buries what the
//! operator needs to read, so code that tries again asks here whether this failure is to be logged.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

/// The first reminder comes after this time; the time doubles from then on, up to [`RAREST`].
const FIRST: Duration = Duration::from_secs(60);

/// Reminders come at least at this interval.
const RAREST: Duration = Duration::from_secs(60 * 60);

/// This many different causes of one outage are logged at once. A cause that has a number in it, which
/// changes each time, is held back after that.
const CAUSES: usize = 8;

/// What fails again and again, or does not.
#[derive(Debug, Default)]
pub struct Outage {
    lasting: Option<Lasting>,
}

#[derive(Debug)]
struct Lasting {
    since: Instant,
    failures: u64,
    causes: BTreeSet<String>,
    remind_at: Instant,
    pause: Duration,
}

/// That a failure is to be logged, and what to add to the line: nothing to the first one, else for how
/// long it has lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The outage begins, or has another cause than before.
    New,
    /// It goes on.
    Lasting {
        /// How long it has lasted.
        since: Duration,
        /// How many times it has failed.
        failures: u64,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => Ok(()),
            Self::Lasting { since, failures } => {
                let whole = Duration::from_secs(since.as_secs());
                write!(formatter, " (for {whole:?} now, {failures} failures)")
            }
        }
    }
}

impl Outage {
    /// Notes a failure. Answers whether it is to be logged.
    pub fn failed(&mut self, cause: &str, now: Instant) -> Option<Notice> {
        let Some(lasting) = &mut self.lasting else {
            self.lasting = Some(Lasting {
                since: now,
                failures: 1,
                causes: BTreeSet::from([cause.to_owned()]),
                remind_at: now + FIRST,
                pause: FIRST,
            });
            return Some(Notice::New);
        };
        lasting.failures += 1;
        if lasting.causes.len() < CAUSES && lasting.causes.insert(cause.to_owned()) {
            return Some(Notice::New);
        }
        if now < lasting.remind_at {
            return None;
        }
        lasting.pause = (lasting.pause * 2).min(RAREST);
        lasting.remind_at = now + lasting.pause;
        Some(Notice::Lasting {
            since: now - lasting.since,
            failures: lasting.failures,
        })
    }

    /// How many times it has failed since it last worked.
    #[must_use]
    pub fn failures(&self) -> u32 {
        let failures = self.lasting.as_ref().map_or(0, |lasting| lasting.failures);
        u32::try_from(failures).unwrap_or(u32::MAX - 1)
    }

    /// Notes and logs a failure, after which it is tried again in `delay`. Answers whether it was logged
    /// without `--verbose`.
    pub fn log_failure(&mut self, what: &str, delay: Duration, now: Instant) -> bool {
        let notice = self.failed(what, now);
        if let Some(notice) = notice {
            tracing::warn!("{what}; trying again in {delay:.1?}{notice}");
        } else {
            tracing::debug!("{what}; trying again in {delay:.1?}");
        }
        notice.is_some()
    }

    /// Notes that it works, and logs it in these words if it failed before.
    pub fn log_end(&mut self, what: &str, now: Instant) {
        if let Some(lasted) = self.over(now) {
            tracing::info!("{what}, after {lasted:.0?}");
        }
    }

    /// Notes that it works. Answers how long it did not, if it failed before: once.
    pub fn over(&mut self, now: Instant) -> Option<Duration> {
        self.lasting.take().map(|lasting| now - lasting.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_failure_is_logged_at_growing_intervals() {
        let start = Instant::now();
        let mut outage = Outage::default();
        assert_eq!(outage.over(start), None);
        let mut logged = Vec::new();
        for second in 0..10_000 {
            let now = start + Duration::from_secs(second);
            if let Some(notice) = outage.failed("disk full", now) {
                logged.push((second, notice.to_string()));
            }
        }
        let seconds: Vec<u64> = logged.iter().map(|(second, _)| *second).collect();
        assert_eq!(seconds, [0, 60, 180, 420, 900, 1860, 3780, 7380]);
        assert_eq!(logged[0].1, "");
        assert_eq!(logged[1].1, " (for 60s now, 61 failures)");
        let end = start + Duration::from_secs(10_000);
        assert_eq!(outage.over(end), Some(Duration::from_secs(10_000)));
        assert_eq!(outage.over(end), None);
        assert_eq!(outage.failed("disk full", end), Some(Notice::New));
    }

    #[test]
    fn another_cause_is_logged_at_once_but_not_without_end() {
        let now = Instant::now();
        let mut outage = Outage::default();
        assert_eq!(outage.failed("refused", now), Some(Notice::New));
        assert_eq!(outage.failed("no route", now), Some(Notice::New));
        assert_eq!(outage.failed("refused", now), None);
        let logged = (0..100).filter_map(|number| outage.failed(&format!("port {number}"), now));
        assert_eq!(logged.count(), CAUSES - 2);
    }
}
