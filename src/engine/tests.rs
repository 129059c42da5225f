//! What the tests of the engine share: a journal with runs in it.

use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;

use crate::core::event::{Event, Key};
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{Accept, Acceptance, Entry, PlannedRun, Start};
use crate::state::Access;

/// An event with one run of this rule, of a node of its own.
pub(crate) fn with_run(event: Event, rule: &str) -> Entry {
    Entry::Event(Acceptance {
        source: "bus".into(),
        event_type: event.event_type.clone(),
        body: event.to_json(),
        is_incomplete: false,
        lease: event.lease().map(str::to_owned),
        cancels: Vec::new(),
        after_end: false,
        runs: vec![PlannedRun {
            rule: rule.to_owned(),
            key: Key::node(&event.id),
            awaits_lease: false,
            start: Start::Now,
            start_by: None,
            share: None,
            throttle: None,
        }],
        id: event.id,
    })
}

/// A journal, in a folder that goes with the test, with one run of each of these rules, each of a node of
/// its own.
pub(crate) async fn journal_with(rules: &[&str]) -> (TempDir, SqliteJournal) {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(folder.path(), Access::Service).unwrap();
    let entries = rules.iter().zip(1..).map(|(rule, number)| {
        let id = format!("e{number}");
        let payload = json!({"esi_leap_object.data": {"node_name": id, "purpose": "test"}});
        let event = Event::new(id, "t".into(), "now".into(), None, payload);
        with_run(event, rule)
    });
    let entries: Vec<Entry> = entries.collect();
    journal
        .accept(entries.into(), Timestamp::now())
        .await
        .unwrap();
    (folder, journal)
}
