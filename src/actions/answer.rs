//! What an answer means for the attempt. Pure: the time is an argument.

use std::time::Duration;

use jiff::Timestamp;

use super::statuses::Statuses;
use crate::http::retry_after;

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The server did what was asked.
    Succeeded,
    /// It did not, but may do it later: not before this time has passed, if it says so.
    Later(Option<Duration>),
    /// It did not, and will not.
    Refused,
}

/// Judges an answer by its status and by what it says under `Retry-After`.
pub(super) fn verdict(
    status: u16,
    asked_for: Option<&str>,
    success: &Statuses,
    retry_on: &Statuses,
    now: Timestamp,
) -> Verdict {
    if success.contains(status) {
        Verdict::Succeeded
    } else if retry_on.contains(status) {
        Verdict::Later(asked_for.and_then(|text| retry_after::wait(text, now)))
    } else {
        Verdict::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_success_a_failure_that_may_pass_or_a_refusal() {
        let success = Statuses::new(vec![200..=299]);
        let retry_on = Statuses::new(vec![429..=429, 500..=599]);
        let now: Timestamp = "2026-01-15T12:00:00Z".parse().expect("a time");
        let seconds = |seconds| Verdict::Later(Some(Duration::from_secs(seconds)));
        for (status, retry_after, expected) in [
            (200, None, Verdict::Succeeded),
            (204, Some("9"), Verdict::Succeeded),
            (302, None, Verdict::Refused),
            (400, Some("9"), Verdict::Refused),
            (429, None, Verdict::Later(None)),
            (503, Some("120"), seconds(120)),
            (503, Some(" 0 "), seconds(0)),
            (503, Some("Thu, 15 Jan 2026 12:01:30 GMT"), seconds(90)),
            (503, Some("Thu, 15 Jan 2026 11:00:00 GMT"), seconds(0)),
            (
                429,
                Some("9999999999999999999999999"),
                seconds(24 * 60 * 60),
            ),
            (
                429,
                Some("Thu, 15 Jan 2037 12:00:00 GMT"),
                seconds(24 * 60 * 60),
            ),
            (429, Some("soon"), Verdict::Later(None)),
            (429, Some("-5"), Verdict::Later(None)),
            (429, Some(""), Verdict::Later(None)),
        ] {
            let found = verdict(status, retry_after, &success, &retry_on, now);
            assert_eq!(found, expected, "{status} {retry_after:?}");
        }
    }
}
