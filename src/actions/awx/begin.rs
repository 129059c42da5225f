//! What an attempt begins with, by what is on record of those before it. Pure.

use jiff::Timestamp;

use crate::actions::Earlier;
use crate::core::run::Outcome;

/// What an attempt begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// The job with this handle, which an earlier attempt launched and did not follow to its end.
    Follow(String),
    /// A launch; before that a look for what earlier attempts may have launched.
    Launch(Option<Doubt>),
}

/// Attempts of which nobody knows whether they launched a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    /// Their numbers, newest first.
    pub(super) attempts: Vec<u32>,
    /// When the first of them began.
    pub(super) since: Timestamp,
    /// When the last of them was over.
    pub(super) ended_at: Timestamp,
}

/// Decides it, by the attempts before, newest first. One whose job is known and that was not interrupted has ended with
/// its job, and nothing before it counts.
pub(super) fn begin(earlier: &[Earlier]) -> Begin {
    let mut doubt: Option<Doubt> = None;
    for attempt in earlier {
        match (&attempt.handle, &attempt.outcome) {
            (Some(handle), Some(Outcome::Interrupted(_)) | None) => {
                return Begin::Follow(handle.clone());
            }
            (Some(_), Some(_)) => break,
            (None, Some(Outcome::NotStarted(_))) => {}
            (None, _) => {
                let ended_at = attempt.ended_at.unwrap_or(attempt.started_at);
                let doubt = doubt.get_or_insert(Doubt {
                    attempts: Vec::new(),
                    since: attempt.started_at,
                    ended_at,
                });
                doubt.attempts.push(attempt.attempt);
                doubt.since = doubt.since.min(attempt.started_at);
            }
        }
    }
    Begin::Launch(doubt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::Detail;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn earlier(attempt: u32, outcome: Outcome, handle: Option<&str>) -> Earlier {
        Earlier {
            attempt,
            started_at: at(i64::from(attempt) * 10),
            ended_at: Some(at(i64::from(attempt) * 10 + 5)),
            outcome: Some(outcome),
            handle: handle.map(str::to_owned),
        }
    }

    #[test]
    fn a_job_is_followed_that_was_left_and_looked_for_that_may_be_there() {
        let left = || Outcome::Interrupted("a crash".into());
        let failed = || Outcome::Failed(Detail::Told("failed".into()));
        let nothing = || Outcome::NotStarted("refused".into());
        let doubt = |attempts: &[u32], since, ended_at| {
            Begin::Launch(Some(Doubt {
                attempts: attempts.to_vec(),
                since: at(since),
                ended_at: at(ended_at),
            }))
        };
        let follow = |handle: &str| Begin::Follow(handle.to_owned());
        let cases = [
            (vec![], Begin::Launch(None)),
            (vec![earlier(1, left(), Some("a"))], follow("a")),
            (vec![earlier(1, left(), None)], doubt(&[1], 10, 15)),
            // The job failed, and another one is wanted.
            (vec![earlier(1, failed(), Some("a"))], Begin::Launch(None)),
            (
                vec![earlier(
                    1,
                    Outcome::TimedOut(std::time::Duration::ZERO),
                    Some("a"),
                )],
                Begin::Launch(None),
            ),
            // No answer to the launch.
            (vec![earlier(1, failed(), None)], doubt(&[1], 10, 15)),
            (vec![earlier(1, nothing(), None)], Begin::Launch(None)),
            (
                vec![
                    earlier(4, nothing(), None),
                    earlier(3, failed(), None),
                    earlier(2, left(), None),
                    earlier(1, failed(), Some("a")),
                ],
                doubt(&[3, 2], 20, 35),
            ),
            // It died before it had noted that it follows the job.
            (
                vec![earlier(2, left(), None), earlier(1, left(), Some("a"))],
                follow("a"),
            ),
        ];
        for (earlier, expected) in cases {
            assert_eq!(begin(&earlier), expected, "{earlier:?}");
        }
    }
}
