//! Looking at runs while they are made: filters, changes as they come, all of them as JSON Lines, and what became of
//! them.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::captured::Captured;
use crate::support::scene::{FULFILL, Scene, notification, wait_until};

/// What a command prints as JSON.
fn printed(scene: &Scene, arguments: &[&str]) -> Value {
    let output = scene.run(arguments);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The rules of the runs that are listed with these filters.
fn rules(scene: &Scene, filters: &[&str]) -> Vec<String> {
    let mut arguments = vec!["runs", "list", "--format", "json"];
    arguments.extend(filters);
    let listed = printed(scene, &arguments);
    let runs = listed.as_array().expect("a list");
    let rule = |run: &Value| run["rule"].as_str().expect("text").to_owned();
    runs.iter().map(rule).collect()
}

/// What a rule that works and one that fails have made of one message, which was watched.
fn watched() -> (Scene, Captured) {
    let mut scene = Scene::new("watching");
    scene.script("works.sh", "echo works");
    scene.script("fails.sh", "exit 3");
    scene.rule("works", &format!("events = {FULFILL}\nscript = works.sh"));
    scene.rule("fails", &format!("events = {FULFILL}\nscript = fails.sh"));
    let service = scene.listen();

    let mut watching = scene.program("runs");
    watching.args(["watch", "--rule", "works", "--format", "json"]);
    watching.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watching = watching.spawn().expect("a process");
    let mut hint = String::new();
    let errors = watching.stderr.take().expect("a pipe");
    let hinted = BufReader::new(errors).read_line(&mut hint);
    hinted.expect("a line");
    assert!(hint.starts_with("watching runs"), "{hint}");

    let message = notification(FULFILL).fresh();
    scene.publish(&message.body);
    let told = BufReader::new(watching.stdout.take().expect("a pipe")).lines();
    let mut before = Value::Null;
    for line in told {
        let change: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        // Whatever is seen of the way from being new to the end, it is one way.
        assert_eq!(change["before"], before, "{change}");
        assert_eq!(change["run"]["rule"], "works", "{change}");
        before = change["run"]["state"].clone();
        if before == "succeeded" {
            break;
        }
    }
    watching.kill().expect("kill");
    watching.wait().expect("a child");
    wait_until("both ends", || {
        let mut states = scene.states();
        states.sort_unstable();
        states == ["discarded", "succeeded"]
    });
    service.stop();
    (scene, message)
}

#[test]
fn runs_are_watched_found_exported_and_counted() {
    let (scene, message) = watched();
    let lease = message.data()["uuid"].as_str().expect("text").to_owned();
    let id = &printed(&scene, &["runs", "list", "--format", "json"])[0]["event_id"];
    let id = id.as_str().expect("text");
    let both: &[&str] = &["works", "fails"];
    let none: &[&str] = &[];
    for (filters, expected) in [
        (&["--event", id][..], both),
        (&["--event", "other"], none),
        (&["--lease", &lease], both),
        (&["--lease", "other"], none),
        (&["--since", "1h"], both),
        (&["--until", "1h"], none),
        (
            &["--since", "2020-01-01", "--state", "discarded"],
            &["fails"],
        ),
    ] {
        let mut found = rules(&scene, filters);
        found.sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!(found, expected, "{filters:?}");
    }
    let refused = scene.run(&["runs", "list", "--since", "yesterday"]);
    assert_eq!(refused.status.code(), Some(2));
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("expected a time ago like `2h`"), "{why}");

    let exported = scene.run(&["runs", "export", "--rule", "works"]);
    let text = String::from_utf8(exported.stdout).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1, "{text}");
    let run: Value = serde_json::from_str(lines[0]).expect("JSON");
    assert_eq!(run["attempt_records"][0]["output"], "works\n", "{run}");
    assert_eq!(run["event"]["type"], FULFILL, "{run}");

    let stats = printed(&scene, &["stats", "--format", "json"]);
    let of_rule = |rule: &str| {
        let all = stats["rules"].as_array().expect("a list");
        let found = all.iter().find(|one| one["rule"] == rule);
        found.expect("the rule").clone()
    };
    let works = of_rule("works");
    assert_eq!(
        (
            &works["succeeded"],
            &works["attempts"],
            &works["failed_attempts"]
        ),
        (&json!(1), &json!(1), &json!(0))
    );
    let fails = of_rule("fails");
    assert_eq!(
        (
            &fails["discarded"],
            &fails["attempts"],
            &fails["failed_attempts"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(
        stats["slowest"].as_array().map(Vec::len),
        Some(2),
        "{stats}"
    );
    assert_eq!(stats["keys"], json!([]));
    let shown = scene.run(&["stats", "--since", "7d"]);
    let shown = String::from_utf8(shown.stdout).expect("UTF-8");
    assert!(shown.contains("attempts that took the longest"), "{shown}");
    assert!(!shown.contains('█'), "bars are for terminals: {shown}");
    scene.delete_queue();
}
