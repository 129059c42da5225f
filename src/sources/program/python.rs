//! Programs in Python that come along: they get themselves and what to run on their standard input, so that nothing
//! is in any file or argument.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Doing, KILL_GRACE, Program, RESTART, Read, Said, plain_text};
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, command};

/// The Python that is used if none is named.
const DEFAULT: &str = "python3";

/// The option that names it; the same for every kind of source.
pub(crate) const PYTHON: OptionRow = OptionRow {
    name: "python",
    scope: Scope::Source,
    kind: Kind::Command,
    default: Some(DEFAULT),
    meaning: "the Python that runs it, 3.9 or later, like that of a virtual environment; it has to have what the plugin or the \
              sensor imports",
};

/// What each of them begins with.
const COMMON: &str = include_str!("common.py");

/// How a program says to be doing: `{"failing": WHY}`, and null once it does not fail any more. Nothing if it says something else.
pub(crate) fn doing(object: &Map<String, Value>) -> Option<Said> {
    let failing = object.get("failing")?;
    Some(Said::Doing(match plain_text(failing) {
        Some(why) => Doing::Failing(why),
        None => Doing::Well,
    }))
}

/// A program in Python as its options say: its parts, in order, behind what all have in common.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    parts: &'static [&'static str],
    /// Without what it is to run.
    pub(crate) program: Program,
}

impl Python {
    /// Reads the options that all have; `None` if a problem was found without which there is nothing to run.
    pub(crate) fn read(
        options: &mut Options<'_>,
        folder: &Path,
        parts: &'static [&'static str],
        read: Read,
    ) -> Option<Self> {
        let python = if options.lacks(PYTHON.name) {
            Some((vec![DEFAULT.to_owned()], None))
        } else {
            let named = command(options, PYTHON.name, "/opt/eda/bin/python3");
            named.map(|(words, position)| (words, Some(position)))
        };
        let restart = options.switch(RESTART.name);
        let kill_grace = options.duration(KILL_GRACE.name);
        let (mut words, position) = python?;
        let length = COMMON.len() + parts.iter().map(|part| part.len()).sum::<usize>();
        // What it starts itself gets an empty standard input: it must not take what the service tells.
        words.extend([
            "-c".to_owned(),
            format!(
                "import os; TOLD = os.fdopen(os.dup(0), 'rb'); os.dup2(os.open(os.devnull, os.O_RDONLY), 0); \
                 exec(compile(TOLD.read({length}), 'shim', 'exec'))"
            ),
        ]);
        let program = Program {
            words,
            option: (PYTHON.name, position),
            folder: folder.to_owned(),
            kill_grace,
            restart,
            prelude: Vec::new(),
            read,
        };
        Some(Self { parts, program })
    }

    /// The program that runs what `order` says.
    pub(crate) fn with_order(&self, order: &Value) -> Program {
        let mut prelude = COMMON.to_owned();
        prelude.extend(self.parts.iter().copied());
        prelude.push_str(&order.to_string());
        prelude.push('\n');
        Program {
            prelude: prelude.into_bytes(),
            ..self.program.clone()
        }
    }
}
