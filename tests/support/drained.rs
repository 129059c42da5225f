//! Stages whose service does all there is to do and ends, and what became of their one run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::stage::Stage;

/// Does all there is to do, and gives what was logged.
pub(crate) fn drain(stage: &Stage) -> String {
    let output = stage.run(&["listen", "--until-idle"]);
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// The run, after all there is to do is done.
pub(crate) fn run_of(stage: &Stage) -> Value {
    let log = drain(stage);
    assert_eq!(stage.runs().len(), 1, "{log}");
    stage.run_detail(1)
}

/// How each attempt of a run ended.
pub(crate) fn outcomes(run: &Value) -> Vec<&str> {
    let attempts = run["attempt_records"].as_array().expect("attempts");
    attempts
        .iter()
        .filter_map(|attempt| attempt["outcome"].as_str())
        .collect()
}

/// Writes a file with a secret, which only its owner may read.
pub(crate) fn secret(stage: &Stage, name: &str, text: &str) {
    let path = stage.path(name);
    fs::write(&path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("rights");
}
