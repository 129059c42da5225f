//! The options of a program that writes events.

use std::path::Path;

use super::line;
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, command};
use crate::sources::{KILL_GRACE, Program, RESTART};

/// In the section of a program.
pub(super) const OPTIONS: [OptionRow; 3] = [
    OptionRow {
        name: "command",
        scope: Scope::Source,
        kind: Kind::Command,
        default: None,
        meaning: "the program and its arguments, split as a shell would split them, but not run by a shell. The \
                  program is looked for beside the configuration, then on `PATH`, and runs in the configuration's folder",
    },
    RESTART,
    KILL_GRACE,
];

/// Reads them; `None` if a problem was found without which there is nothing to run.
pub(super) fn read(options: &mut Options<'_>, folder: &Path) -> Option<Program> {
    if options.lacks("command") {
        options.report_section(
            "expected `command` in the source, but found none",
            "name the program to run, like `command = probe.py`",
        );
    }
    let command = command(options, "command", "probe.py");
    let restart = options.switch("restart");
    let kill_grace = options.duration("kill_grace");
    let (words, position) = command?;
    Some(Program {
        words,
        option: ("command", Some(position)),
        folder: folder.to_owned(),
        kill_grace,
        restart,
        prelude: Vec::new(),
        read: line::read,
    })
}
