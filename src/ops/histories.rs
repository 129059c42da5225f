//! What `poll --status` shows: how far each event history has been read, and how that went last.

use jiff::Timestamp;

use crate::journal::{Browse, JournalError, SourceRecord};

/// How far one event history has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryStatus {
    /// Whose it is.
    pub cloud: String,
    /// The id of the last event, if the cursor can be read.
    pub last_event_id: Option<i64>,
    /// When it was last read to its end.
    pub passed_at: Option<Timestamp>,
    /// When it last could not be read, and why.
    pub failure: Option<(Timestamp, String)>,
    /// How often in a row it could not be read.
    pub failures: u32,
}

/// Whose history a record is of, and the id of its last event; `None` if it is of another kind of source.
pub type ReadHistory = fn(&SourceRecord) -> Option<(String, Option<i64>)>;

/// How far each history has been read; `read` is what knows their records.
///
/// # Errors
/// Those of the journal.
pub async fn status(
    journal: &dyn Browse,
    read: ReadHistory,
) -> Result<Vec<HistoryStatus>, JournalError> {
    let status = |record: SourceRecord| {
        let (cloud, last_event_id) = read(&record)?;
        let SourceRecord {
            passed_at,
            failure,
            failures,
            ..
        } = record;
        Some(HistoryStatus {
            cloud,
            last_event_id,
            passed_at,
            failure,
            failures,
        })
    };
    let records = journal.sources().await?;
    Ok(records.into_iter().filter_map(status).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::parts;
    use crate::engine::tests::journal_with;
    use crate::journal::{Accept, Cursor, Entry, Progress, ProgressStep};

    #[tokio::test]
    async fn each_history_is_shown_and_no_other_source() {
        let (_folder, journal) = journal_with(&[]).await;
        let now: Timestamp = "2026-01-15T12:00:00Z".parse().unwrap();
        let unreadable = Cursor("{".to_owned());
        let steps = [
            ("history:a", ProgressStep::Failed("away".to_owned())),
            ("history:b:c", ProgressStep::Passed(unreadable)),
            (
                "timer:nightly",
                ProgressStep::Passed(Cursor("{}".to_owned())),
            ),
        ];
        for (source, step) in steps {
            let (source, from) = (source.to_owned(), None);
            let entry = Entry::Progress(Progress { source, from, step });
            journal.accept([entry].into(), now).await.unwrap();
        }
        let never = HistoryStatus {
            cloud: "a".to_owned(),
            last_event_id: None,
            passed_at: None,
            failure: Some((now, "away".to_owned())),
            failures: 1,
        };
        let read = HistoryStatus {
            cloud: "b:c".to_owned(),
            passed_at: Some(now),
            failure: None,
            failures: 0,
            ..never.clone()
        };
        let found = status(&journal, parts::read_history).await.unwrap();
        assert_eq!(found, [never, read]);
    }
}
