//! Rules with `action = awx`, against a stand-in whose jobs really go on.

mod endings;
mod once;
mod recorded;
mod refusals;

use std::fs;

use serde_json::Value;

use crate::support::awx::Awx;
use crate::support::stage::Stage;

/// A stage with a timer that fires once, at once, and the rule `clean` for it, with these options.
fn stage(awx: &Awx, options: &str) -> Stage {
    stage_at(&awx.url(), &format!("template = 7\n{options}"))
}

/// The same without a template.
fn stage_at(url: &str, options: &str) -> Stage {
    let mut stage = Stage::new("");
    stage.rule("source:tick", "type = timer\nevery = 1h\nlimit = 1");
    stage.rule(
        "clean",
        &format!(
            "events = tick\naction = awx\nurl = {url}\npoll_every = 20ms\nretry_delay = 10ms\n{options}"
        ),
    );
    stage
}

/// Does all there is to do, and gives what was logged.
fn drain(stage: &Stage) -> String {
    let output = stage.run(&["listen", "--until-idle"]);
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// The run, after all there is to do is done.
fn run_of(stage: &Stage) -> Value {
    let log = drain(stage);
    assert_eq!(stage.runs().len(), 1, "{log}");
    stage.run_detail(1)
}

/// How each attempt of a run ended.
fn outcomes(run: &Value) -> Vec<&str> {
    let attempts = run["attempt_records"].as_array().expect("attempts");
    attempts
        .iter()
        .filter_map(|attempt| attempt["outcome"].as_str())
        .collect()
}

/// A file with a secret, which only its owner may read.
fn secret(stage: &Stage, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = stage.path(name);
    fs::write(&path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("rights");
}
