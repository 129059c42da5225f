//! Rules with `action = http`, against a server that answers and fails in every way. Timers make the
//! events, so that no bus is needed.

mod answers;
mod connections;
mod secrets;

use serde_json::Value;

use crate::support::stage::Stage;

/// A stage with a timer that fires once, at once, and the rule `tell` for it, with these options.
fn stage(options: &str) -> Stage {
    let mut stage = Stage::new("");
    stage.rule("source:tick", "type = timer\nevery = 1h\nlimit = 1");
    stage.rule("tell", &format!("events = tick\naction = http\n{options}"));
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
