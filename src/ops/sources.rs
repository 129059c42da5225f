//! What `sources list` shows: where events come from, how far each source has come, and what failed last.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::journal::{Browse, JournalError, SourceRecord};

/// A source that the configuration has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured {
    /// What the journal calls it.
    pub source: String,
    /// What it is, in a few words.
    pub summary: String,
}

/// How one source stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceStatus {
    /// What the journal calls it: its kind, a colon, and its name.
    pub source: String,
    /// What it is, in a few words, if the configuration says it.
    pub summary: Option<String>,
    /// When a service last began to take events from it.
    pub opened_at: Option<Timestamp>,
    /// When it was last read to its end, if that is how it is read.
    pub passed_at: Option<Timestamp>,
    /// How far it has come, in words.
    pub reached: Option<String>,
    /// When it last failed, and why.
    pub failure: Option<(Timestamp, String)>,
    /// Whether nothing went well since then.
    pub is_failing: bool,
}

/// What a journal's record says of how far its source has come, in words.
pub type Reached = fn(&SourceRecord) -> Option<String>;

/// The sources that the configuration has, and those that the journal knows, in the order of their names; `reached` is
/// what can read cursors.
///
/// # Errors
/// Those of the journal.
pub async fn list(
    journal: &dyn Browse,
    configured: Vec<Configured>,
    reached: Reached,
) -> Result<Vec<SourceStatus>, JournalError> {
    let named = configured
        .into_iter()
        .map(|it| (it.source.clone(), unopened(it)));
    let mut all: BTreeMap<String, SourceStatus> = named.collect();
    for record in journal.sources().await? {
        let summary = all.remove(&record.source).and_then(|it| it.summary);
        let status = status(record, summary, reached);
        all.insert(status.source.clone(), status);
    }
    Ok(all.into_values().collect())
}

fn unopened(configured: Configured) -> SourceStatus {
    SourceStatus {
        source: configured.source,
        summary: Some(configured.summary),
        opened_at: None,
        passed_at: None,
        reached: None,
        failure: None,
        is_failing: false,
    }
}

fn status(record: SourceRecord, summary: Option<String>, reached: Reached) -> SourceStatus {
    let went_well = record.opened_at.max(record.passed_at);
    let failed_at = record.failure.as_ref().map(|(at, _)| *at);
    SourceStatus {
        reached: reached(&record),
        source: record.source,
        summary,
        opened_at: record.opened_at,
        passed_at: record.passed_at,
        is_failing: failed_at.is_some_and(|at| went_well.is_none_or(|well| at >= well)),
        failure: record.failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::parts;
    use crate::engine::tests::journal_with;
    use crate::journal::{Accept, Cursor, Entry, Progress, ProgressStep};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[tokio::test]
    async fn what_is_configured_and_what_is_on_record_is_one_list() {
        let (_folder, journal) = journal_with(&[]).await;
        let passed = |text: &str| ProgressStep::Passed(Cursor(text.to_owned()));
        let failed = || ProgressStep::Failed("away".to_owned());
        let fired = r#"{"origin":"2026-01-01T00:00:00Z","last":"2026-01-15T03:00:00Z","count":14}"#;
        let steps = [
            ("amqp", 1, ProgressStep::Opened),
            ("history:a", 2, passed("{")),
            ("timer:gone", 3, failed()),
            ("timer:nightly", 4, ProgressStep::Opened),
            ("timer:nightly", 5, failed()),
            ("timer:nightly", 6, ProgressStep::Opened),
            ("timer:nightly", 7, passed(fired)),
            ("timer:never", 8, ProgressStep::Opened),
            ("timer:never", 9, failed()),
        ];
        for (source, second, step) in steps {
            let (source, from) = (source.to_owned(), None);
            let entry = Entry::Progress(Progress { source, from, step });
            journal.accept([entry].into(), at(second)).await.unwrap();
        }
        let configured = ["timer:nightly", "timer:never", "timer:new"].map(|source| Configured {
            source: source.to_owned(),
            summary: "at times".to_owned(),
        });
        let listed = list(&journal, configured.into(), parts::reached).await;
        let seconds =
            |time: Option<Timestamp>| time.map(|time| time.as_second() - at(0).as_second());
        let listed: Vec<_> = listed
            .unwrap()
            .into_iter()
            .map(|it| {
                let failed_at = it.failure.map(|(time, _)| time);
                let times = [it.opened_at, it.passed_at, failed_at].map(seconds);
                (
                    it.source,
                    it.summary.is_some(),
                    times,
                    it.reached,
                    it.is_failing,
                )
            })
            .collect();
        let row = |source: &str, is_known, times, reached: Option<&str>, is_failing| {
            let reached = reached.map(str::to_owned);
            (source.to_owned(), is_known, times, reached, is_failing)
        };
        let fired = Some("fired 14 times, last for 2026-01-15T03:00:00Z");
        assert_eq!(
            listed,
            [
                row("amqp", false, [Some(1), None, None], None, false),
                row("history:a", false, [None, Some(2), None], None, false),
                row("timer:gone", false, [None, None, Some(3)], None, true),
                row("timer:never", true, [Some(8), None, Some(9)], None, true),
                row("timer:new", true, [None; 3], None, false),
                row(
                    "timer:nightly",
                    true,
                    [Some(6), Some(7), Some(5)],
                    fired,
                    false
                ),
            ]
        );
    }
}
