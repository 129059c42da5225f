//! The commands that only look: `check`, `explain`, `tap`, completions, manual pages; and how each tells
//! that it was called in vain.

mod checking;
mod connecting;
mod explaining;
mod tapping;
mod usage;
mod watching;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::scene::{FULFILL, Scene, notification, program};
use super::support::stage::private_folder;

const CONFIG: &str = r#"[DEFAULT]
user = esi
password = secret
host = 127.0.0.1
queues = some, other
state_dir = state

[fulfil]
events = esi_leap.lease.fulfill.end
script = /bin/echo 'two words'
script_params = node_name, purpose
filter_params = {"node_properties.vendor": "foo"}

[delete]
events = esi_leap.lease.delete.*
script = /bin/echo

[refused]
events = esi_leap.lease.*.end
script = /bin/echo
filter_params = {"node_properties.vendor": ["bar", null]}

[off]
events = *
script = /bin/echo
enabled = no
"#;

/// A folder with a configuration, and no broker anywhere.
fn folder(config: &str) -> TempDir {
    let folder = private_folder();
    fs::write(folder.path().join("listener.conf"), config).expect("a configuration");
    folder
}

/// The program, called in a folder where there is nothing, without what the user's session sets.
fn called(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .args(arguments)
        .current_dir("/")
        .env("HOME", folder)
        .env_remove("STATE_DIRECTORY")
        .env_remove("XDG_STATE_HOME");
    if !arguments.contains(&"--config") {
        command.arg("--config").arg(folder.join("listener.conf"));
    }
    command
}

fn call(folder: &Path, arguments: &[&str]) -> Output {
    called(folder, arguments).output().expect("the program")
}

fn call_with_input(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = called(folder, arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input).expect("the program reads");
    drop(stdin);
    child.wait_with_output().expect("the program")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[track_caller]
fn assert_refused(output: &Output, code: i32, parts: &[&str]) {
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{printed}");
    for part in parts {
        assert!(printed.contains(part), "no `{part}` in {printed}");
    }
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn check_tells_that_all_is_well_or_every_problem_at_once() {
    let good = folder(CONFIG);
    let output = call(good.path(), &["check"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = text(&output.stdout);
    assert!(
        printed.ends_with(
            "listener.conf: no problems; 3 of 4 rules in force, 2 queues at 127.0.0.1:5672\n"
        ),
        "{printed}"
    );

    let bad = CONFIG
        .replace("host = 127.0.0.1", "hots = 127.0.0.1")
        .replace("/bin/echo 'two words'", "/no/such/script")
        .replace("\"foo\"}", "\"foo\"}}");
    let bad = folder(&bad);
    let output = call(bad.path(), &["check"]);
    assert_refused(
        &output,
        78,
        &[
            "there is no option `hots`",
            "did you mean `host`?",
            "listener.conf:4:1",
            "found `}` after it",
            "rule [fulfil]",
            "hint: remove the second `}`",
            "/no/such/script does not exist",
        ],
    );
    // A script may be put there later: a service starts all the same, another problem stops it.
    let output = call(bad.path(), &["listen", "--until-idle"]);
    assert_refused(
        &output,
        78,
        &["there is no option `hots`", "listener.conf:4:1"],
    );
}

#[test]
fn a_script_that_is_missing_is_a_problem_only_while_its_rule_is_in_force() {
    let missing = CONFIG.replace(
        "enabled = no",
        "enabled = no\n[late]\nevents = x\nscript = ./late.sh\n",
    );
    let with = |enabled: &str| {
        let folder = folder(&format!("{missing}enabled = {enabled}\n"));
        call(folder.path(), &["check"])
    };
    assert_refused(&with("yes"), 78, &["late.sh does not exist", "rule [late]"]);
    assert_eq!(with("no").status.code(), Some(0));
}

#[test]
fn files_for_connecting_that_cannot_be_read_from_here_are_warned_of() {
    let config = CONFIG.replace(
        "password = secret",
        "password_file = secret\nssl = yes\nssl_ca_file = ca.pem",
    );
    let folder = folder(&config);
    let output = call(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = text(&output.stdout);
    for (name, option) in [("secret", "password_file"), ("ca.pem", "ssl_ca_file")] {
        let path = folder.path().join(name);
        let message = format!("warning: failed to read {} (`{option}`)", path.display());
        assert!(report.contains(&message), "{report}");
        fs::write(path, "").expect("a file");
    }
    let output = call(folder.path(), &["check"]);
    assert!(text(&output.stdout).contains("no problems"), "{output:?}");
}

#[test]
fn a_configuration_that_cannot_be_read_is_reported_with_its_remedy() {
    let folder = folder(CONFIG);
    for command in [
        &["check"][..],
        &["listen"],
        &["explain", "-"],
        &["runs", "list"],
        &["quarantine", "list"],
        &["quarantine", "retry", "1"],
    ] {
        let nowhere = [command, &["--config", "/no/such/file.conf"]].concat();
        let output = call(folder.path(), &nowhere);
        assert_refused(
            &output,
            78,
            &[
                "failed to read the configuration from /no/such/file.conf",
                "hint: name the file with --config",
            ],
        );
    }
    fs::write(
        folder.path().join("listener.conf"),
        b"[DEFAULT]\nuser = \xff\n",
    )
    .expect("a file");
    assert_refused(
        &call(folder.path(), &["check"]),
        78,
        &["expected UTF-8 text", "line 2"],
    );
    let directory = folder.path().to_str().expect("text");
    let output = call(folder.path(), &["check", "--config", directory]);
    assert_refused(&output, 78, &["failed to read the configuration", "hint: "]);
}

#[test]
fn a_journal_that_does_not_exist_yet_is_reported() {
    let folder = folder(CONFIG);
    let state = folder.path().join("state");
    for command in [
        &["runs", "list"][..],
        &["runs", "show", "1"],
        &["runs", "retry", "1"],
        &["quarantine", "list"],
        &["quarantine", "retry", "1"],
        &["quarantine", "drop", "1"],
    ] {
        let output = call(folder.path(), command);
        assert_refused(
            &output,
            1,
            &[
                "there is no journal",
                "state/journal.sqlite",
                "hint: check that `state_dir` is the one of the service",
            ],
        );
    }
    // Looking makes nothing.
    assert!(!state.exists());
    let output = call(folder.path(), &["explain", "no-such-file.json"]);
    assert_refused(
        &output,
        1,
        &[
            "there is no file `no-such-file.json`, and no event of that id can be looked for: there is no journal",
        ],
    );
}

#[test]
fn another_state_folder_needs_no_configuration_to_look_at() {
    let mut scene = Scene::new("state-dir");
    scene.rule("r", &format!("events = {FULFILL}\nscript = record.sh"));
    scene.publish(notification(FULFILL).body);
    scene.drain();
    let state = scene.state();
    let nowhere = [
        "--config",
        "/no/such/file.conf",
        "--state-dir",
        state.to_str().expect("text"),
    ];
    let output = call(
        &state,
        &[&["runs", "list", "--format", "json"][..], &nowhere].concat(),
    );
    let runs: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a JSON list");
    assert_eq!(runs, scene.runs());
    // Named twice, it is one.
    let output = call(
        &state,
        &[&["runs", "retry", "1", "1"][..], &nowhere].concat(),
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        text(&output.stdout),
        "1 run is due again; a service that stays performs it within two seconds, else the next \
         `poll`\n"
    );
    assert_eq!(scene.states(), ["due"]);
}

#[test]
fn json_has_the_same_shape_whatever_is_in_it() {
    let mut scene = Scene::new("shapes");
    scene.rule("r", &format!("events = {FULFILL}\nscript = record.sh"));
    scene.drain();
    assert!(scene.runs().is_empty() && scene.quarantined().is_empty());
    scene.publish(notification(FULFILL).body);
    scene.publish("nothing");
    scene.drain();
    let keys = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    let summary = [
        "id",
        "state",
        "rule",
        "key",
        "event_type",
        "event_id",
        "attempts",
        "accepted_at",
        "due_at",
        "finished_at",
        "reason",
        "held_by",
    ];
    assert_eq!(keys(&scene.runs()[0]), summary);
    let detail = scene.run_detail(1);
    assert_eq!(
        keys(&detail),
        [
            &summary[..],
            &["source", "start_by", "attempt_records", "event"]
        ]
        .concat()
    );
    assert_eq!(
        keys(&detail["attempt_records"][0]),
        [
            "number",
            "step",
            "started_at",
            "ended_at",
            "seconds",
            "remark",
            "outcome",
            "output",
            "output_dropped"
        ]
    );
    assert_eq!(
        keys(&scene.quarantined()[0]),
        [
            "id",
            "arrived_at",
            "source",
            "queue",
            "size",
            "reason",
            "node",
            "waiting"
        ]
    );
    assert_eq!(
        (&detail["source"], &detail["due_at"]),
        (&json!("bus"), &Value::Null)
    );
}
