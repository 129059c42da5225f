//! A program that feeds events from a file, and keeps what it was told of them in another one.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;

use super::stage::Stage;

/// The options of a source with the program.
pub(crate) const SPOOLING: &str = "type = exec\ncommand = python3 spool.py spool done";

/// Puts the program where the stage's configuration is, with an empty file.
pub(crate) fn set_up(stage: &Stage) {
    fs::write(stage.path("spool.py"), include_str!("spool.py")).expect("a program");
    fs::write(stage.path("spool"), "").expect("a file");
}

/// Appends a line for each of these ids.
pub(crate) fn spool(stage: &Stage, ids: impl Iterator<Item = usize>) {
    append(
        stage,
        ids.map(|id| format!(r#"{{"id": "e{id}", "i": {id}}}"#)),
    );
}

/// The same, in turn with each of so many keys.
pub(crate) fn spool_on(stage: &Stage, ids: impl Iterator<Item = usize>, keys: usize) {
    let line = |id: usize| {
        let key = id % keys;
        format!(r#"{{"id": "e{id}", "i": {id}, "key": "node-{key}"}}"#)
    };
    append(stage, ids.map(line));
}

fn append(stage: &Stage, added: impl Iterator<Item = String>) {
    let mut lines = String::new();
    for line in added {
        writeln!(lines, "{line}").expect("memory");
    }
    let file = OpenOptions::new().append(true).open(stage.path("spool"));
    let mut file = file.expect("a file");
    file.write_all(lines.as_bytes()).expect("a write");
}

/// How many lines the program was told to be on disk.
pub(crate) fn acknowledged(stage: &Stage) -> usize {
    let text = fs::read_to_string(stage.path("done")).unwrap_or_default();
    text.parse().unwrap_or_default()
}
