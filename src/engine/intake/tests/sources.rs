//! A source that is neither queues nor a history.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::rules;
use crate::core::event::Event;
use crate::engine::intake::{Intake, IntakeError};
use crate::engine::rulebook::{Playbook, Rulebook};
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{Browse, Cursor, Progress, ProgressStep, RunFilter};
use crate::sources::{
    Arrival, Batch, Decoded, NothingToAdd, Pending, Received, Source, SourceError, SourceErrorKind,
};
use crate::state::Access;

const RULES: &str = "
[DEFAULT]
script = s

[nightly]
events = nightly
script_params = i

[other]
events = other
";

/// Hands over batches, and notes what is asked of it.
struct Timer {
    batches: VecDeque<Batch>,
    journal: SqliteJournal,
    /// How many runs were on disk with each settlement.
    settled: Arc<Mutex<Vec<usize>>>,
}

impl Source for Timer {
    fn name(&self) -> &'static str {
        "timer:nightly"
    }

    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>> {
        let batch = self.batches.pop_front().map(Received::Batch);
        let over = SourceError {
            kind: SourceErrorKind::Failed,
            message: "the clock stopped".to_owned(),
            hint: "wind it up",
        };
        Box::pin(std::future::ready(batch.ok_or(over)))
    }

    fn settle(&mut self) -> Pending<'_, ()> {
        Box::pin(async {
            let runs = runs(&self.journal).await.len();
            self.settled.lock().unwrap().push(runs);
        })
    }

    fn close(&mut self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The rule, the key, and the event's id of each run.
async fn runs(journal: &SqliteJournal) -> Vec<(String, String, String)> {
    let all = RunFilter {
        limit: 100,
        ..RunFilter::default()
    };
    let runs = journal.runs(all).await.unwrap().into_iter().rev();
    runs.map(|run| (run.rule, run.key, run.event_id)).collect()
}

fn tick(number: usize) -> Decoded {
    let event = Event::new(
        format!("nightly {number}"),
        "nightly".to_owned(),
        "now".to_owned(),
        None,
        json!({ "i": number, "node_uuid": "n" }),
    );
    Decoded::Event(Arrival::whole(event.with_key("nightly")))
}

/// Ticks that move the cursor from one of these places to the other.
fn batch(ticks: impl Iterator<Item = usize>, from: Option<&str>, to: &str) -> Batch {
    let cursor = |place: &str| Cursor(place.to_owned());
    Batch {
        decoded: ticks.map(tick).collect(),
        progress: Some(Progress {
            source: "timer:nightly".to_owned(),
            from: from.map(cursor),
            step: ProgressStep::Read(cursor(to)),
        }),
    }
}

#[tokio::test]
async fn each_batch_is_settled_once_it_is_on_disk_with_its_cursor_and_its_own_keys() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(folder.path(), Access::Service).unwrap();
    let settled = Arc::default();
    let source = Timer {
        // A batch may have nothing that anybody wants, and an event may come again.
        batches: [
            batch(0..2, None, "a"),
            batch(0..0, Some("a"), "b"),
            batch(1..3, Some("b"), "c"),
        ]
        .into(),
        journal: journal.clone(),
        settled: Arc::clone(&settled),
    };
    let intake = Intake {
        source: Box::new(source),
        journal: journal.clone(),
        rules: Rulebook::new(rules(RULES), Playbook::new()).0,
        enrich: Arc::new(NothingToAdd),
        work: Arc::default(),
    };
    let ended = intake.run(CancellationToken::new()).await;
    let Err(IntakeError::Source(why)) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(
        (why.to_string().as_str(), why.hint),
        ("the clock stopped", "wind it up")
    );
    assert_eq!(*settled.lock().unwrap(), [2, 2, 3]);
    let expected = ["nightly 0", "nightly 1", "nightly 2"]
        .map(|id| ("nightly".to_owned(), "nightly".to_owned(), id.to_owned()));
    assert_eq!(runs(&journal).await, expected);
    let known = journal.sources().await.unwrap();
    assert_eq!(known[0].cursor, Some(Cursor("c".to_owned())));
}
