//! The journal of release 0.1.0, which every later program opens: `tests/data/journal/v1.sqlite` is one that it wrote,
//! with runs in every state, and is never made again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::support::service::Service;
use super::support::stage::{Stage, wait_until};

/// The events, and last what no rule can be asked about.
const LINES: &str = r#"{"id": "1", "type": "done", "key": "a"}
{"id": "2", "type": "steps", "key": "b", "i": 7}
{"id": "3", "type": "given-up", "key": "c"}
{"id": "4", "type": "again", "key": "d"}
{"id": "5", "type": "later", "key": "e"}
{"id": "6", "type": "once", "key": "f"}
{"id": "7", "type": "once", "key": "f"}
{"id": "8", "type": "running", "key": "g"}
{"id": "9", "type": "behind", "key": "g"}
{"id": "10", "type": "unwanted", "key": "h"}
no JSON"#;

/// A stage with rules for the events, whose script `run.sh` runs until it is told to end.
fn stage() -> Stage {
    let mut stage = Stage::new("");
    stage.script(
        "feed.sh",
        &format!("cat <<'EOF'\n{LINES}\nEOF\nexec sleep 1000"),
    );
    stage.rule("source:feed", "type = exec\ncommand = feed.sh");
    stage.script(
        "ok.sh",
        r#"echo '{"found": 12}'; echo "ok $ESI_EVENT_TYPE" >>"$LOG""#,
    );
    stage.script("fail.sh", "echo 'no power' >&2; exit 3");
    stage.script(
        "run.sh",
        r#"test -e "${0%/*}/stop" || exec sleep 1000; echo "ran" >>"$LOG""#,
    );
    stage.rule("done", "events = feed.done\nscript = ok.sh");
    stage.rule("steps", "events = feed.steps\nscript = ok.sh\nresults = {\"n\": \"$.found\"}\non_success = steps/keep");
    stage.rule(
        "steps/keep",
        "action = store\nname = found\nvalue = {{ steps.steps.n }}",
    );
    stage.rule(
        "given-up",
        "events = feed.given-up\nscript = fail.sh\nretries = 0",
    );
    stage.rule(
        "again",
        "events = feed.again\nscript = fail.sh\nretries = 5\nretry_delay = 1h",
    );
    stage.rule(
        "later",
        "events = feed.later\nscript = ok.sh\nstart_at = time + 36500d",
    );
    stage.rule(
        "once",
        "events = feed.once\nscript = ok.sh\nonce_within = 30d",
    );
    stage.rule("running", "events = feed.running\nscript = run.sh");
    stage.rule("behind", "events = feed.behind\nscript = ok.sh");
    stage
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journal/v1.sqlite")
}

/// Rule and state of each run, in order.
fn states(stage: &Stage) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let runs = stage.runs();
    runs.iter()
        .map(|run| (text(&run["rule"]), text(&run["state"])))
        .collect()
}

/// What the journal has of runs, in order of their events.
const STATES: [(&str, &str); 9] = [
    ("done", "succeeded"),
    ("steps", "succeeded"),
    ("given-up", "discarded"),
    ("again", "retryable"),
    ("later", "scheduled"),
    ("once", "succeeded"),
    ("once", "cancelled"),
    ("running", "running"),
    ("behind", "due"),
];

fn expected(states: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = states
        .iter()
        .map(|(rule, state)| ((*rule).to_owned(), (*state).to_owned()));
    owned.collect()
}

/// How the file was made.
#[test]
#[ignore = "the file is there, and stays as the release wrote it"]
fn the_journal_is_made() {
    assert!(!file().exists(), "it is not made again");
    let stage = stage();
    let service = Service::listen(&stage);
    stage.wait_for_log(1);
    wait_until("runs in every state", || {
        states(&stage) == expected(&STATES)
    });
    wait_until("a delivery in quarantine", || {
        stage.quarantined().len() == 1
    });
    service.kill();
    let made = stage.run(&["journal", "backup", file().to_str().expect("text")]);
    assert!(made.status.success(), "{made:?}");
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(file(), mode).expect("permissions");
}

/// The stage with the journal of the release.
fn restored() -> Stage {
    let stage = stage();
    fs::create_dir(stage.state()).expect("a folder");
    fs::set_permissions(stage.state(), fs::Permissions::from_mode(0o700)).expect("permissions");
    let journal = stage.state().join("journal.sqlite");
    fs::copy(file(), &journal).expect("a journal");
    fs::set_permissions(&journal, fs::Permissions::from_mode(0o600)).expect("permissions");
    // By its journal's name a service knows processes that it left: each copy gets a name of its own.
    let renamed = Connection::open(journal).expect("a journal").execute(
        "UPDATE meta SET value = lower(hex(randomblob(16))) WHERE name = 'name'",
        [],
    );
    assert_eq!(renamed.expect("a name"), 1);
    stage
}

#[test]
fn commands_read_the_journal_of_the_release() {
    let stage = restored();
    // It has to be brought up to date first, if this is a later version.
    let checked = stage.run(&["journal", "check"]);
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(states(&stage), expected(&STATES));
    let value = stage.run(&["store", "get", "found"]);
    assert_eq!(String::from_utf8_lossy(&value.stdout), "12\n");
    let shown = stage.run(&["runs", "show", "3"]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(
        shown.contains("no power") && shown.contains("exit status 3"),
        "{shown}"
    );
    assert_eq!(stage.quarantined().len(), 1);
}

#[test]
fn a_service_goes_on_with_the_journal_of_the_release() {
    let stage = restored();
    fs::write(stage.path("stop"), "").expect("a file");
    let service = Service::listen(&stage);
    let mut states_then = STATES;
    states_then[7].1 = "succeeded";
    states_then[8].1 = "succeeded";
    wait_until("the end of what was under way", || {
        states(&stage) == expected(&states_then)
    });
    // Its source writes the same events again: they are known.
    assert_eq!(stage.log(), ["ran", "ok feed.behind"]);
    let log = service.stop();
    assert!(log.contains("ended while runs were under way"), "{log}");
}

/// What makes a table, an index or a trigger, by name.
fn tables(journal: &Path) -> Vec<(String, Option<String>)> {
    let journal = Connection::open_with_flags(journal, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let journal = journal.expect("a journal");
    let mut statement = journal
        .prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")
        .expect("tables");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.expect("tables")
        .collect::<Result<_, _>>()
        .expect("tables")
}

/// The first version's tables are never changed; a later version leads from one to the other.
#[test]
fn a_new_journal_has_the_tables_of_one_that_was_brought_up_to_date() {
    let old = restored();
    let new = stage();
    for stage in [&old, &new] {
        let service = Service::listen(stage);
        service.wait_for("feed");
        service.stop();
    }
    let journal = |stage: &Stage| tables(&stage.state().join("journal.sqlite"));
    assert_eq!(journal(&old), journal(&new));
}
