//! Sensors of `StackStorm` packs, with the real program and a real Python.

mod ends;

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::pack::{counting, options, passive, polling, returned, write};
use crate::support::scene::Service;
use crate::support::stage::{Stage, wait_until};

/// A stage with a sensor of the class `Demo`, and a rule that writes down the type of its events and their `i`.
fn sensor(python: &str, metadata: &str, more: &str) -> Stage {
    let mut stage = Stage::new("");
    write(&stage, "Demo", metadata, python);
    stage.rule("source:feed", &format!("{}\n{more}", options("Demo")));
    stage.rule(
        "r",
        "events = demo.*\nscript = seen.sh\nscript_params = i, when",
    );
    stage.script("seen.sh", r#"echo "$ESI_EVENT_TYPE $1 $2" >>"$LOG""#);
    stage
}

fn wait_for_file(stage: &Stage, name: &str) -> String {
    let read = || fs::read_to_string(stage.path(name)).unwrap_or_default();
    wait_until(name, || read().ends_with('\n'));
    read()
}

/// What a command prints as JSON.
fn shown(stage: &Stage, arguments: &[&str]) -> Value {
    let output = stage.run(&[arguments, &["--format", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// What `sources list` shows of the source.
fn listed(stage: &Stage) -> Value {
    let shown = shown(stage, &["sources", "list"]);
    let mut all = shown.as_array().expect("a list").iter();
    let found = all.find(|one| one["source"] == "sensor:feed");
    found.expect("the source").clone()
}

/// What the store has under a name.
fn stored(stage: &Stage, name: &str) -> Option<String> {
    let output = stage.run(&["store", "get", name]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    output.status.success().then(|| text.trim_end().to_owned())
}

#[test]
fn a_dispatch_comes_back_once_the_event_is_on_disk() {
    let python = passive(
        "Demo",
        r#"
def setup(self):
    import datetime

    from helper import FIRST

    self._logger = self._sensor_service.get_logger(__name__)
    self._when = datetime.datetime(2026, 1, 15, 2, 0)
    self._first = FIRST + self._config["add"]
    print("printed in setup")

def run(self):
    assert (self.config, self.sensor_service) == (self._config, self._sensor_service)
    assert self._sensor_service.get_user_info()["username"]
    # What it starts takes nothing of what the service tells.
    import subprocess
    assert subprocess.run(["cat"], stdout=subprocess.PIPE).stdout == b""
    dispatch = self._sensor_service.dispatch
    assert dispatch(trigger="demo.a", payload={"i": self._first, "when": self._when}) is None
    with open("seen", "w") as file:
        file.write("dispatched\n")
    dispatch({"name": "b", "pack": "demo"}, {"i": float("nan"), "when": "now"})
    dispatch("demo.none")
    dispatch("nowhere", {"i": 3})
    dispatch("demo.bad", {"i": b"no JSON"})
    dispatch("demo.list", [1])
    self._sensor_service.dispatch_with_context("demo.c", {"i": 4}, {"trace_tag": "t"})
    self._sensor_service.dispatch_with_context("demo.c", {"i": 4}, {"trace_tag": "t"})
    try:
        dispatch("demo.long", {"i": "x" * 5000000})
    except ValueError as error:
        self._logger.info("refused: %s", error)
    self._logger.info("all dispatched")
    while True:
        eventlet.sleep(0.1)
"#,
    );
    let stage = sensor(&python, "", r#"config = {"add": 1}"#);
    fs::create_dir_all(stage.path("packs/demo/lib")).expect("a folder");
    fs::write(stage.path("packs/demo/lib/helper.py"), "FIRST = 41\n").expect("a module");
    let service = Service::listen(&stage);
    wait_for_file(&stage, "seen");
    // What a rule made of it is in the journal by now.
    assert!(!stage.runs().is_empty());
    service.wait_for("SensorWrapper.demo.Demo.demo: INFO: all dispatched");
    let log = stage.wait_for_log(4);
    assert_eq!(
        log,
        [
            "demo.a 42 2026-01-15T02:00:00",
            "demo.b  now",
            "demo.none  ",
            "demo.c 4 "
        ]
    );
    let quarantined = stage.quarantined();
    let reasons: Vec<&str> = quarantined
        .iter()
        .map(|one| one["reason"].as_str().expect("text"))
        .collect();
    let [nowhere, bad, list] = reasons[..] else {
        panic!("{reasons:?}");
    };
    assert!(nowhere.contains("like `pack.name`, but found `nowhere`"));
    assert!(bad.contains("JSON can hold"), "{bad}");
    assert!(list.contains("an object as payload"), "{list}");
    let log = service.stop();
    assert!(log.contains("printed in setup"), "{log}");
    assert!(
        log.contains("refused: expected at most 4194304 bytes as JSON, but found 50000"),
        "{log}"
    );
}

#[test]
fn values_of_a_sensor_are_in_the_store_and_what_it_refuses_is_raised() {
    let python = passive(
        "Demo",
        r#"
def run(self):
    service = self.sensor_service
    while service.get_value("number", local=False) is None:
        eventlet.sleep(0.05)
    assert service.get_value("last") is None
    assert service.set_value("last", 7) is True
    assert service.get_value("last") == "7"
    assert service.get_value("number", local=False) == "12"
    assert service.set_value("shared", "of all", local=False)
    assert service.set_value("short", "lived", ttl=3600)
    assert service.set_value("gone", "lived", ttl=0.001)
    eventlet.sleep(0.05)
    assert service.get_value("gone") is None
    for i in range(130):
        service.set_value("n%03d" % i, i)
    found = service.list_values(prefix="n")
    assert [it.value for it in found] == [str(i) for i in range(130)]
    assert found[0].name == "demo.Demo:n000"
    page = service.list_values(prefix="n", limit=2, offset=101)
    assert [it.name for it in page] == ["demo.Demo:n101", "demo.Demo:n102"]
    assert {it.name for it in service.list_values(local=False, prefix="s")} == {"shared"}
    for i in range(130):
        assert service.delete_value("n%03d" % i) is True
    assert service.delete_value("n000") is False
    refused = []
    for ask in (
        lambda: service.set_value("long", "x" * 70000),
        lambda: service.set_value("a\n", "x"),
        lambda: service.set_value("a", "x", ttl="soon"),
        lambda: service.set_value("a", "x", encrypt=True),
        lambda: service.get_value("a", scope="user"),
    ):
        try:
            ask()
        except ValueError as error:
            refused.append(str(error))
    with open("refused", "w") as file:
        file.write("\n".join(refused) + "\n")
    service.dispatch("demo.done", {"i": len(refused)})
    eventlet.sleep(1000)
"#,
    );
    let stage = sensor(&python, "", "");
    let service = Service::listen(&stage);
    wait_until("a number to be stored", || {
        let output = stage.run(&["store", "set", "--json", "number", "12"]);
        output.status.success()
    });
    assert_eq!(stage.wait_for_log(1), ["demo.done 5 "]);
    let refused = wait_for_file(&stage, "refused");
    let refused: Vec<&str> = refused.lines().collect();
    for (line, told) in refused.iter().zip([
        "at most 65536 bytes as JSON for `demo.Demo:long`",
        "without control characters",
        "more than 0 in `ttl`, but found \"soon\"",
        "nothing encrypted",
        "no scope user",
    ]) {
        assert!(line.contains(told), "{line}");
    }
    // Beside the service, and after it.
    assert_eq!(stored(&stage, "demo.Demo:last").as_deref(), Some("7"));
    service.stop();
    assert_eq!(stored(&stage, "shared").as_deref(), Some("of all"));
    assert_eq!(stored(&stage, "demo.Demo:short").as_deref(), Some("lived"));
    assert_eq!(stored(&stage, "demo.Demo:n000"), None);
    // Of hundreds of changes the last is remembered, and that of the command.
    let journal = rusqlite::Connection::open(stage.state().join("journal.sqlite"));
    let journal = journal.expect("the journal");
    let count = "SELECT count(*) FROM store_changes";
    let remembered: Result<u32, _> = journal.query_row(count, [], |row| row.get(0));
    assert_eq!(remembered, Ok(2));
}

#[test]
fn what_poll_raises_is_shown_and_polling_goes_on() {
    let python = polling(
        "Demo",
        r#"
def poll(self):
    if os.path.exists("broken"):
        raise ConnectionError("no\nJIRA")
    self._sensor_service.dispatch("demo.polled", {"i": self.get_poll_interval()})
    if os.path.exists("slower"):
        self.set_poll_interval(1000)
"#,
    );
    let stage = sensor(&python, "poll_interval: 0.2", "");
    let service = Service::listen(&stage);
    stage.wait_for_log(2);
    assert_eq!(stage.log()[0], "demo.polled 0.2 ");
    assert_eq!(listed(&stage)["failing"], false);

    fs::write(stage.path("broken"), "").expect("a file");
    wait_until("the failure to be shown", || {
        listed(&stage)["failing"] == true
    });
    let failing = listed(&stage);
    let why = failing["failure"].to_string();
    assert!(
        why.contains("poll raised ConnectionError: no JIRA"),
        "{failing}"
    );
    for part in [
        "Traceback (most recent call last)",
        "demo.py",
        "polling again in 2 s",
    ] {
        service.wait_for(part);
    }
    let before = stage.log().len();
    fs::remove_file(stage.path("broken")).expect("a file");
    wait_until("polling to go on", || stage.log().len() > before);
    wait_until("that to be shown", || listed(&stage)["failing"] == false);

    fs::write(stage.path("slower"), "").expect("a file");
    wait_until("polls to stop", || {
        let before = stage.log().len();
        std::thread::sleep(Duration::from_millis(800));
        stage.log().len() == before
    });
    // It waits for long, and is ended at once.
    let begun = Instant::now();
    let log = service.stop();
    assert!(begun.elapsed() < Duration::from_secs(8), "{log}");
}

#[test]
fn kills_lose_nothing_that_was_dispatched_and_make_nothing_twice() {
    const EVENTS: usize = 250;
    const KILLS: u64 = 7;
    // Those since the last one that is kept are dispatched again.
    const KEPT: usize = 10;
    let stage = sensor(&counting("Demo", EVENTS, KEPT), "", "restart = no");
    let dispatched = || {
        let runs = stage.runs();
        let id = |run: &Value| run["event_id"].as_str().expect("text").to_owned();
        runs.iter().map(id).collect::<Vec<_>>()
    };
    for round in 0..KILLS {
        let service = Service::listen(&stage);
        std::thread::sleep(Duration::from_millis(300 + 60 * round));
        service.kill();
        let (returned, dispatched) = (returned(&stage), dispatched());
        for i in returned {
            let tag = format!("t{i} ");
            let is_kept = dispatched.iter().any(|id| id.starts_with(&tag));
            assert!(is_kept, "{i} was dispatched, and is not in the journal");
        }
        let last = stored(&stage, "demo.Demo:last").unwrap_or_default();
        let last: usize = last.parse().unwrap_or_default();
        assert!(last <= dispatched.len(), "{last} of {}", dispatched.len());
    }
    let service = Service::listen(&stage);
    wait_until("the last to be noted", || {
        stored(&stage, "demo.Demo:last") == Some(EVENTS.to_string())
    });
    wait_until("all events to have run", || {
        stage.states() == vec!["succeeded"; EVENTS]
    });
    let mut all = dispatched();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), EVENTS);
    service.stop();
}
