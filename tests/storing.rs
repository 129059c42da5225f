//! Named values: what commands and rules make of them, together, and whatever befalls them.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;
use std::thread;

use esi_event_actions::crash::Point;
use serde_json::{Value, json};

use super::support::scene::{FULFILL, Scene, lease, wait_until};
use super::support::shim::Shim;
use super::support::stage::Stage;
use super::support::timer::{set_clock_to, timer};

/// A stage with a journal, and no service.
fn stage() -> Stage {
    let stage = timer("at = 2099-01-01T00:00Z");
    let output = stage.run(&["listen", "--until-idle"]);
    assert!(output.status.success(), "{output:?}");
    stage
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8").trim_end()
}

/// What a command printed that did what it should.
fn done(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

/// What a command told that ended with this status.
fn refused(output: &Output, status: i32) -> &str {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

fn store(stage: &Stage, arguments: &[&str]) -> Output {
    stage.run(&[&["store"], arguments].concat())
}

fn listed(stage: &Stage, arguments: &[&str]) -> Vec<Value> {
    let output = store(stage, &[&["list", "--format", "json"], arguments].concat());
    serde_json::from_str(done(&output)).expect("JSON")
}

#[test]
fn commands_set_show_count_and_delete_values() {
    let stage = stage();
    let run = |arguments: &[&str]| store(&stage, arguments);
    assert_eq!(done(&run(&["set", "on-call", "ann"])), "on-call is set");
    assert_eq!(done(&run(&["get", "on-call"])), "ann");
    done(&run(&["set", "on-call", "-5"]));
    assert_eq!(done(&run(&["get", "on-call"])), "-5");
    done(&run(&[
        "set",
        "a b",
        r#"{"n": 1.50, "l": [null]}"#,
        "--json",
    ]));
    assert_eq!(done(&run(&["get", "a b"])), r#"{"n":1.50,"l":[null]}"#);
    assert_eq!(done(&run(&["incr", "count"])), "1");
    assert_eq!(
        done(&run(&["incr", "count", "--by", "-3", "--ttl", "1h"])),
        "-2"
    );
    let set = run(&["set", "lock", "1", "--ttl", "90s", "--if-absent"]);
    assert_eq!(done(&set), "lock is set for 90s");

    let shown: Value =
        serde_json::from_str(done(&run(&["get", "lock", "--format", "json"]))).unwrap();
    assert_eq!(
        (&shown["name"], &shown["value"]),
        (&json!("lock"), &json!("1"))
    );
    let time = |name: &str| -> jiff::Timestamp { shown[name].as_str().unwrap().parse().unwrap() };
    assert_eq!(
        time("expires_at").duration_since(time("set_at")).as_secs(),
        90
    );

    let values = listed(&stage, &[]);
    let names: Vec<_> = values
        .iter()
        .map(|value| value["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a b", "count", "lock", "on-call"]);
    assert_eq!(
        values[3],
        json!({"name": "on-call", "value": "-5", "set_at": values[3]["set_at"], "expires_at": null})
    );
    assert_eq!(listed(&stage, &["--prefix", "co"]).len(), 1);
    let output = run(&["list", "--limit", "2"]);
    let table = done(&output);
    assert!(
        table.ends_with("more values follow: --after 'count' lists them"),
        "{table}"
    );
    assert_eq!(listed(&stage, &["--after", "count"]).len(), 2);

    assert_eq!(
        done(&run(&["delete", "lock", "count"])),
        "lock is deleted\ncount is deleted"
    );
    assert_eq!(listed(&stage, &[]).len(), 2);
}

#[test]
fn what_cannot_be_done_is_told_with_the_limit_and_what_was_found() {
    let stage = stage();
    let run = |arguments: &[&str]| store(&stage, arguments);
    done(&run(&["set", "n", "te\u{1b}xt"]));
    let long = "n".repeat(1025);
    let large = "v".repeat(65_535);
    let cases: [(&[&str], i32, &str); 13] = [
        (
            &["get", "nope"],
            1,
            "error: there is no value `nope` in the store\nhint: `esi-event-actions store list`",
        ),
        (
            &["delete", "nope"],
            1,
            "error: there is no value `nope` in the store",
        ),
        (
            &["set", "n", "x", "--if-absent"],
            1,
            r"error: there is a value `n` already: te\x1bxt",
        ),
        (
            &["incr", "n"],
            1,
            r#"error: expected a whole number in `n`, but found `"te\u001bxt"`"#,
        ),
        (
            &["set", &long, "x"],
            1,
            "at most 1024 bytes long, but found one of 1025 bytes",
        ),
        (
            &["get", "a\nb"],
            1,
            "without control characters and without blanks at its ends",
        ),
        (
            &["set", "", "x"],
            1,
            "expected the name of a value, but found nothing",
        ),
        (
            &["set", "n", &large],
            1,
            "at most 65536 bytes as JSON for `n`, but found one of 65537 bytes",
        ),
        (
            &["set", "n", "{x", "--json"],
            2,
            "expected JSON with --json, but found a mistake in it",
        ),
        (
            &["set", "n", "x", "--ttl", "0"],
            2,
            "expected a length of time above 0",
        ),
        (
            &["set", "n", "x", "--ttl", "soon"],
            2,
            "expected a length of time above 0",
        ),
        (&["incr", "n", "--by", "1.5"], 2, "invalid"),
        (&["set", "n"], 2, "<VALUE>"),
    ];
    for (arguments, status, told) in cases {
        let output = run(arguments);
        let error = refused(&output, status);
        assert!(error.contains(told), "{arguments:?}: {error}");
        assert!(!error.contains('\u{1b}'), "{error}");
    }
    assert_eq!(listed(&stage, &[]).len(), 1);
    let mut elsewhere = Stage::new("");
    elsewhere.rule("r", "events = e\nscript = record.sh");
    let output = store(&elsewhere, &["set", "n", "x"]);
    assert!(
        refused(&output, 1).contains("there is no journal"),
        "{output:?}"
    );
}

#[test]
fn a_value_is_gone_when_its_time_is_over() {
    let stage = stage();
    let shim = Shim::new(&stage);
    // The clock is set to the second: what is on it is up to a second less.
    let run = |time: &str, arguments: &[&str]| {
        set_clock_to(&shim, time);
        let mut command = stage.program("store");
        shim.below(&mut command)
            .args(arguments)
            .output()
            .expect("the program")
    };
    done(&run(
        "2027-01-01T00:00:00Z",
        &["set", "n", "x", "--ttl", "1h"],
    ));
    assert_eq!(done(&run("2027-01-01T00:59:00Z", &["get", "n"])), "x");
    refused(
        &run("2027-01-01T00:59:00Z", &["set", "n", "y", "--if-absent"]),
        1,
    );
    refused(&run("2027-01-01T01:00:01Z", &["get", "n"]), 1);
    done(&run(
        "2027-01-01T01:00:01Z",
        &["set", "n", "y", "--if-absent"],
    ));
    // A number keeps the time that it had when it was counted first.
    assert_eq!(
        done(&run("2027-01-02T00:00:00Z", &["incr", "c", "--ttl", "1h"])),
        "1"
    );
    assert_eq!(
        done(&run("2027-01-02T00:59:00Z", &["incr", "c", "--ttl", "1h"])),
        "2"
    );
    assert_eq!(
        done(&run("2027-01-02T01:00:01Z", &["incr", "c", "--ttl", "1h"])),
        "1"
    );
}

#[test]
fn rules_change_values_and_read_them_when_an_attempt_starts() {
    let mut scene = Scene::new("store");
    let rule = |options: &str| format!("events = {FULFILL}\n{options}");
    scene.rule(
        "keep",
        &rule("action = store\nname = last.{{ node_uuid }}\nvalue = {\"purpose\": \"{{ purpose }}\", \"run\": \"{{ run.id }}\"}"),
    );
    scene.rule(
        "count",
        &rule("action = store\nop = incr\nname = count\nttl = 1h"),
    );
    scene.rule(
        "told",
        &rule(
            "script = record.sh\nscript_params = purpose, store:on-call, store:nope, store:last.a",
        ),
    );
    let service = scene.listen();
    done(&store(&scene, &["set", "on-call", "ann"]));
    scene.publish(lease("one", "a"));
    assert_eq!(
        scene.wait_for_log(1),
        [r#"one|ann||{"purpose":"one","run":1}|"#]
    );
    // Beside the service, and while the rule is in force.
    done(&store(&scene, &["set", "on-call", "bob"]));
    scene.publish(lease("two", "a"));
    assert_eq!(
        scene.wait_for_log(2)[1],
        r#"two|bob||{"purpose":"two","run":4}|"#
    );
    assert_eq!(done(&store(&scene, &["get", "count"])), "2");
    service.stop();

    let id = scene.runs()[0]["event_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let output = scene.run(&["explain", &id]);
    let explained = done(&output);
    for part in [
        "record.sh one bob '' '{",
        "adds 1 to `count`, for 3600s",
        "sets `last.a` to {",
    ] {
        assert!(explained.contains(part), "{explained}");
    }
    let detail = scene.run_detail(2);
    let attempt = &detail["attempt_records"][0];
    assert_eq!(attempt["outcome"], "added 1 to `count`: 1");
    assert_eq!(
        attempt["output"],
        "{\"name\":\"count\",\"value\":1,\"done\":true}\n"
    );
}

#[test]
fn all_who_count_at_once_are_counted() {
    const EACH: usize = 250;
    let mut scene = Scene::new("count");
    scene.rule(
        "count",
        &format!("events = {FULFILL}\naction = store\nop = incr\nname = n"),
    );
    let service = scene.listen();
    let counting = [(); 2].map(|()| {
        let mut command = scene.program("store");
        command.args(["incr", "n"]);
        command
    });
    thread::scope(|threads| {
        for mut command in counting {
            threads.spawn(move || {
                for _ in 0..EACH {
                    done(&command.output().expect("the program"));
                }
            });
        }
        scene.publish_all((0..2 * EACH).map(|number| lease("p", &format!("node {number}"))));
    });
    let all = (4 * EACH).to_string();
    wait_until("all to be counted", || {
        done(&store(&scene, &["get", "n"])) == all
    });
    service.stop();
    assert_eq!(done(&store(&scene, &["get", "n"])), all);
}

#[test]
fn a_run_counts_once_wherever_the_service_is_killed_and_again_if_it_is_retried() {
    for point in [
        Point::RunClaimed,
        Point::StoreUncommitted,
        Point::StoreChanged,
        Point::ProcessEnded,
        Point::OutcomeUncommitted,
        Point::OutcomeWritten,
    ] {
        println!("{}", point.name());
        let mut stage = timer("every = 30d");
        stage.no_rules();
        stage.rule("source:nightly", "type = timer\nevery = 30d");
        stage.rule(
            "count",
            "events = nightly\naction = store\nop = incr\nname = n",
        );
        let mut command = stage.program("listen");
        command
            .arg("--until-idle")
            .env("ESI_CRASH_POINT", point.name());
        let output = command.output().expect("the program");
        assert_eq!(output.status.signal(), Some(9), "{output:?}");
        // Another one counts in between.
        let others = done(&store(&stage, &["incr", "n", "--by", "10"])).to_owned();
        assert!(["10", "11"].contains(&&others[..]), "{others}");
        done(&stage.run(&["listen", "--until-idle"]));
        assert_eq!(done(&store(&stage, &["get", "n"])), "11");
        assert_eq!(stage.states(), ["succeeded"]);
        // What the operator wants done again is done again.
        done(&stage.run(&["runs", "retry", "1"]));
        done(&stage.run(&["listen", "--until-idle"]));
        assert_eq!(done(&store(&stage, &["get", "n"])), "12");
    }
}
