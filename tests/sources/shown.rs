//! What commands show of sources.

use serde_json::Value;

use crate::support::service::Service;
use crate::support::stage::Stage;
use crate::support::timer::{recorded, timer};

/// What the program prints with these arguments; it has to end well.
fn printed(stage: &Stage, arguments: &[&str]) -> String {
    let output = stage.run(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn check_names_the_bus_and_every_source() {
    let nightly = "type = timer\ncron = 0 3 * * *\ntimezone = UTC";
    let bus = "transport_url = rabbit://esi:secret@controller/\nqueues = a, b";
    let cases = [
        ("", "nightly (timer at `0 3 * * *` in UTC)"),
        (
            bus,
            "2 queues at controller:5672, nightly (timer at `0 3 * * *` in UTC)",
        ),
    ];
    for (defaults, summary) in cases {
        let mut stage = Stage::new(defaults);
        stage.rule("source:nightly", nightly);
        recorded(&mut stage);
        let expected = format!("no problems; 1 of 1 rules in force, {summary}\n");
        let found = printed(&stage, &["check"]);
        assert!(found.ends_with(&expected), "{found}");
    }
}

#[test]
fn the_manual_page_has_every_option_of_a_timer() {
    let output = std::process::Command::new(crate::support::stage::program())
        .args(["man", "conf"])
        .output()
        .expect("the program");
    let page = String::from_utf8(output.stdout).expect("UTF-8");
    let (_, options) = page
        .split_once("OPTIONS OF [source:NAME] WITH type = timer")
        .expect("a section of its own");
    for name in [
        "every", "cron", "at", "timezone", "missed", "jitter", "limit",
    ] {
        assert!(
            options.contains(&format!("\\fB{name}\\fR")),
            "{name}: {options}"
        );
    }
}

#[test]
fn a_timer_is_no_history() {
    let stage = timer("every = 1h");
    printed(&stage, &["listen", "--until-idle"]);
    assert_eq!(stage.log().len(), 1);
    let text = printed(&stage, &["poll", "--status", "--format", "json"]);
    let shown: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(shown, serde_json::json!([]));
}

/// What `sources list` shows of one of them.
fn listed(stage: &Stage, source: &str) -> Value {
    let text = printed(stage, &["sources", "list", "--format", "json"]);
    let shown: Vec<Value> = serde_json::from_str(&text).expect("a JSON list");
    let mut of_source = shown.into_iter().filter(|one| one["source"] == source);
    of_source.next().expect("the source")
}

#[test]
fn the_list_of_sources_tells_where_each_stands_with_the_service_and_without_it() {
    let mut stage = timer("every = 1h");
    let service = Service::start(&mut stage.program("listen"));
    stage.wait_for_log(1);
    let beside = listed(&stage, "timer:nightly");
    assert!(beside["opened_at"].is_string(), "{beside}");
    let reached = beside["reached"].as_str().expect("text");
    assert!(reached.starts_with("fired once, last for "), "{reached}");
    service.stop();
    assert_eq!(listed(&stage, "timer:nightly"), beside);
    let table = printed(&stage, &["sources", "list"]);
    let header = table.lines().next().expect("a header");
    for column in ["source", "what", "since", "read", "how far", "last failure"] {
        assert!(header.contains(column), "{table}");
    }
    assert!(table.contains("timer:nightly"), "{table}");

    // One that has only been written down is there, too.
    stage.rule("source:later", "type = timer\nevery = 2h");
    let later = listed(&stage, "timer:later");
    assert_eq!(
        (&later["summary"], &later["opened_at"]),
        (&"every 2h".into(), &Value::Null)
    );
    // It can be looked at with a configuration that has to be corrected, too.
    stage.rule("source:latest", "type = tmier");
    let state = stage.state().display().to_string();
    let text = printed(&stage, &["sources", "list", "--state-dir", &state]);
    assert!(text.contains("timer:nightly"), "{text}");
}

#[test]
fn what_failed_last_is_listed_and_whether_it_is_over() {
    let stage = timer("every = 1h");
    printed(&stage, &["listen", "--until-idle"]);
    let journal = stage.state().join("journal.sqlite");
    let set = |cursor: &str| {
        let journal = rusqlite::Connection::open(&journal).expect("the journal");
        let changed = journal.execute("UPDATE sources SET cursor = ?1", [cursor]);
        assert_eq!(changed, Ok(1));
    };
    let whole: String = {
        let journal = rusqlite::Connection::open(&journal).expect("the journal");
        let cursor = journal.query_row("SELECT cursor FROM sources", [], |row| row.get(0));
        cursor.expect("a cursor")
    };
    set("{");
    let output = stage.run(&["listen", "--until-idle"]);
    assert!(!output.status.success(), "{output:?}");
    let failing = listed(&stage, "timer:nightly");
    assert_eq!(
        (&failing["failing"], &failing["reached"]),
        (&true.into(), &Value::Null)
    );
    let why = failing["failure"].as_str().expect("text");
    assert!(
        why.contains("memory of timer nightly cannot be read"),
        "{why}"
    );
    set(&whole);
    printed(&stage, &["listen", "--until-idle"]);
    let mended = listed(&stage, "timer:nightly");
    assert_eq!(
        (&mended["failing"], &mended["failure"]),
        (&false.into(), &why.into())
    );
}

#[test]
fn a_load_above_a_line_is_told_once_and_listed() {
    let mut stage = Stage::new("");
    // Something is running now and then on every machine; a load of less than nothing there is not.
    stage.rule("source:busy", "type = load\nabove = 0\nevery = 100ms");
    let rule = "events = busy.above\nscript = record.sh\nscript_params = above";
    stage.rule("report", rule);
    let service = Service::start(&mut stage.program("listen"));
    assert_eq!(stage.wait_for_log(1), ["0.0|"]);
    service.stop();
    printed(&stage, &["listen", "--until-idle"]);
    assert_eq!(stage.log().len(), 1);
    let listed = listed(&stage, "load:busy");
    assert_eq!(listed["reached"], "above, after 1 crossings");
    assert_eq!(listed["summary"], "load above 0, then below 0");
}
