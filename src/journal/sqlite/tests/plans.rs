//! What must stay cheap however much is finished or waits: the database says how it would do it.

use rusqlite::{Connection, StatementStatus};

use super::journal;
use crate::journal::sqlite::worker::Kind;
use crate::journal::sqlite::{
    announcements, cancel, claim, owners, prune, quarantine, reads, requests, shares, store,
    transitions, turns, windows,
};

/// The steps of the plan for `sql`, as far as they read or sort tables.
fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
    let lines = statement
        .query_map(rusqlite::params_from_iter(nulls), |row| row.get(3))
        .unwrap();
    lines.collect::<rusqlite::Result<_>>().unwrap()
}

/// How often SQLite prepares the statement anew because it is carried out for other values.
fn prepared_again(connection: &Connection, sql: &str) -> i32 {
    let mut statement = connection.prepare(sql).unwrap();
    for value in [1, 2] {
        let values = vec![value; statement.parameter_count()];
        let mut rows = statement.query(rusqlite::params_from_iter(values)).unwrap();
        rows.next().unwrap();
    }
    statement.get_status(StatementStatus::RePrepare)
}

#[test]
fn sqlite_is_built_without_what_a_journal_does_not_use() {
    let connection = Connection::open_in_memory().unwrap();
    let mut statement = connection.prepare("PRAGMA compile_options").unwrap();
    let options = statement.query_map([], |row| row.get(0)).unwrap();
    let options: Vec<String> = options.collect::<rusqlite::Result<_>>().unwrap();
    let has = |name: &str| options.iter().any(|option| option == name);
    assert!(
        has("DEFAULT_MEMSTATUS=0") && !has("ENABLE_FTS5") && !has("ENABLE_STAT4"),
        "`.cargo/config.toml` was not heeded: {options:?}"
    );
}

#[expect(clippy::too_many_lines, reason = "a table of statements")]
#[tokio::test]
async fn nothing_in_the_daily_round_scans_sorts_or_is_prepared_again() {
    let (_folder, journal) = journal();
    let cases: [(&str, &[&str]); 45] = [
        (
            claim::TO_CLAIM,
            &[
                "runs_due (turn=? AND awaits_lease=? AND recheck=?)",
                "e USING INTEGER PRIMARY KEY",
            ],
        ),
        (claim::TO_WAKE, &["runs_retryable (turn=? AND due_at<?)"]),
        (claim::NEXT_DUE, &["runs_retryable (turn=? AND due_at>?)"]),
        (turns::HAS_TURN, &["runs_turn (key=? AND key_space=?)"]),
        (
            turns::FIRST,
            &[
                "runs_unfinished (key=? AND key_space=? AND <expr><?)",
                "COVERING INDEX quarantine_holds (key=? AND key_space=?)",
            ],
        ),
        (
            turns::NOBODY,
            &[
                "runs_unfinished (key=? AND key_space=?)",
                "COVERING INDEX quarantine_holds (key=? AND key_space=?)",
            ],
        ),
        (reads::UNFINISHED, &["runs_unfinished"]),
        (reads::SCHEDULED, &["COVERING INDEX runs_scheduled"]),
        (reads::RETRYABLE, &["COVERING INDEX runs_retryable"]),
        (reads::RUNNING, &["attempts_open"]),
        (
            quarantine::WAITING,
            &["runs_unfinished (key=? AND key_space=? AND <expr>>? AND <expr><?)"],
        ),
        (requests::UNANSWERED, &["requests_unanswered"]),
        (requests::GONE, &["requests_answered (answered_at<?)"]),
        (transitions::BRING_FORWARD, &["runs_retryable (turn=?)"]),
        (
            prune::EVENTS,
            &[
                "events_finished (finished_at<?)",
                "r USING INDEX sqlite_autoindex_runs_1 (event=?)",
                "t USING INTEGER PRIMARY KEY",
            ],
        ),
        (
            reads::TOLD_BY,
            &["runs_told_by (told_by=?)", "e USING INTEGER PRIMARY KEY"],
        ),
        (prune::QUARANTINE, &["quarantine_arrived (arrived_at<?)"]),
        (claim::SCHEDULED, &["runs_scheduled (due_at<?)"]),
        (claim::NEXT_SCHEDULED, &["runs_scheduled (due_at>?)"]),
        (
            windows::WINDOW,
            &["w USING PRIMARY KEY", "r USING INTEGER PRIMARY KEY"],
        ),
        (windows::ENDED, &["windows_end (ends_at<?)"]),
        (windows::BRING_FORWARD, &["windows_end (ends_at>?)"]),
        (
            windows::BRING_RUNS_FORWARD,
            &[
                "windows_end (ends_at>?)",
                "runs_scheduled (due_at=? AND rowid=?)",
            ],
        ),
        (claim::CLAIMED, &["attempts_open"]),
        (
            claim::SHARING_RUN,
            &["r USING INTEGER PRIMARY KEY", "e USING INTEGER PRIMARY KEY"],
        ),
        (shares::OLDEST, &["runs_sharing"]),
        (shares::NEXT, &["runs_shares ((rule,share)>(?,?))"]),
        (shares::OF_SHARE, &["runs_shares (rule=? AND share=?)"]),
        (shares::RUNNING, &["runs_shared (rule=? AND share=?)"]),
        (
            cancel::OF_LEASE,
            &["events_lease (lease=?)", "(event=? AND rule=?"],
        ),
        (cancel::OF_KEY, &["runs_unfinished (key=? AND key_space=?"]),
        (
            cancel::SCHEDULED_OF_KEY,
            &["runs_scheduled_key (key=? AND key_space=? AND rowid<?)"],
        ),
        (cancel::EXPIRED, &["runs_start_by (start_by<?)"]),
        (cancel::TO_END, &["runs_cancelling", "attempts_open"]),
        (
            claim::CLAIMED_RUN,
            &["r USING INTEGER PRIMARY KEY", "e USING INTEGER PRIMARY KEY"],
        ),
        (owners::GONE, &["owners_left (left_at<?)", "SEARCH runs"]),
        (
            transitions::OPEN,
            &["attempts_open", "r USING INTEGER PRIMARY KEY"],
        ),
        (
            announcements::FIRST,
            &[
                "SCAN announcements",
                "r USING INTEGER PRIMARY KEY",
                "e USING INTEGER PRIMARY KEY",
                "a USING PRIMARY KEY (run=? AND number=?)",
            ],
        ),
        (
            announcements::NOTE_END,
            &[
                "announced_ends USING PRIMARY KEY (state=?)",
                "r USING INTEGER PRIMARY KEY",
                "e USING INTEGER PRIMARY KEY",
            ],
        ),
        (
            transitions::FINISH_EVENT,
            &[
                "COVERING INDEX announcements_event (event=?)",
                "sqlite_autoindex_runs_1 (event=?)",
            ],
        ),
        (store::VALUE, &["sqlite_autoindex_store_1 (name=?)"]),
        (
            store::LIST,
            &["sqlite_autoindex_store_1 (name>? AND name<?)"],
        ),
        (store::EXPIRED, &["store_expiring (expires_at<?)"]),
        (store::FORGOTTEN, &["store_changes_asked (asked_at<?)"]),
        (store::OF_RUN, &["sqlite_autoindex_store_changes_2 (run=?)"]),
    ];
    for (sql, expected) in cases {
        let plan = journal
            .ask("explain", Kind::Read, move |db| Ok(plan(db, sql)))
            .await
            .unwrap();
        let again = journal.ask("look", Kind::Read, move |db| Ok(prepared_again(db, sql)));
        assert_eq!(again.await.unwrap(), 0, "prepared again: {sql}");
        for part in expected {
            assert!(
                plan.iter().any(|step| step.contains(part)),
                "{sql}\nlacks {part}: {plan:#?}"
            );
        }
        for step in &plan {
            // What is open or unfinished is all in indexes of its own, which may be read from end to end.
            let of_open = [
                "announcements",
                "attempts_open",
                "requests_unanswered",
                "runs_unfinished",
                "runs_scheduled",
                "runs_retryable",
            ];
            let whole = step.starts_with("SCAN")
                && step != "SCAN CONSTANT ROW"
                && !of_open.iter().any(|name| step.contains(name));
            assert!(!whole && !step.contains("TEMP B-TREE"), "{sql}\n{plan:#?}");
        }
    }
}
