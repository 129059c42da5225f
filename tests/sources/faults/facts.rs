//! Files as a source.

use std::process::Command;

use super::{EACH, Fed};
use crate::support::shim::Shim;
use crate::support::stage::Stage;

/// Files that appear one after the other.
pub(super) struct Facts {
    stage: Stage,
    written: usize,
}

/// How many files may appear.
const FILES: usize = 10;

impl Facts {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::new(""),
            written: 0,
        }
    }
}

impl Fed for Facts {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "inventory"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        let files: Vec<String> = (0..FILES).map(|number| format!("{number}.yml")).collect();
        let files = files.join(", ");
        Some(("inventory", format!("type = facts\nfiles = {files}")))
    }

    fn command(&self) -> Command {
        self.stage.program("listen")
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let file = self.stage.path(&format!("{}.yml", self.written));
        self.written += 1;
        std::fs::write(&file, "- {a: 1}\n".repeat(EACH)).expect("a file");
        let id = |number| format!("inventory:{}#1.{number}", file.display());
        (1..=EACH).map(id).collect()
    }
}
