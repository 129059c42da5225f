//! What a script is called with, and why it cannot be called.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use tokio::process::Command;

use super::arguments::{BESIDE, LONGEST, Loss, fit};
use super::{NotStarted, Script};
use crate::actions::Order;
use crate::core::printable::printable;
use crate::core::store::Values;
use crate::journal::CountsAgainst;
use crate::os::process::{
    ATTEMPT_VARIABLE, Group, JOURNAL_VARIABLE, RUN_VARIABLE, is_shortage, withhold,
};
use crate::os::program::interpreter_line;

/// The remedy where the machine has no room for a process.
pub(super) const MORE_ROOM: &str = "raise the limits of the service (in its systemd unit `TasksMax=` \
    and `LimitNOFILE=`, for a container `--pids-limit`); in a container, start it below an init \
    (`docker run --init`) if ended processes are left in `ps`";

/// A program with all it is given.
pub(super) struct Call<'a> {
    script: &'a Script,
    program: PathBuf,
    /// The fixed ones, then one for each of `script_params`.
    arguments: Vec<String>,
    variables: [(&'static str, String); 6],
}

impl<'a> Call<'a> {
    /// The call of `script` that `order` asks for, with these values of the store, or why there can be none.
    pub(super) fn new(script: &'a Script, order: &Order, values: &Values) -> Result<Self, String> {
        let (rule, event) = (&order.rule, &order.event);
        let program = script.locate().map_err(|unfit| unfit.to_string())?;
        let mut losses = Vec::new();
        let mut variable = |name: &'static str, text: &str| {
            // The name and `=` are a part of it.
            let (text, lost) = fit(text.into(), LONGEST - name.len() - 1);
            losses.extend(lost.map(|what| Loss {
                parameter: name.to_owned(),
                what,
            }));
            (name, text)
        };
        let variables = [
            ("ESI_RULE", rule.name.clone()),
            variable("ESI_EVENT_TYPE", &event.event_type),
            variable("ESI_EVENT_ID", &event.id),
            (RUN_VARIABLE, order.run.to_string()),
            (ATTEMPT_VARIABLE, order.attempt.to_string()),
            (JOURNAL_VARIABLE, order.journal_name.clone()),
        ];
        let mut arguments: Vec<String> = script.words[1..].to_vec();
        let texts = variables.iter().map(|(_, text)| text).chain(&arguments);
        let found = script.arguments(event, values, room_beside(texts.map(String::as_str)));
        arguments.extend(found.texts);
        losses.extend(found.losses);
        for loss in losses {
            tracing::warn!(
                run = order.run, rule = %rule.name,
                "{loss}; the script gets all of it on its standard input"
            );
        }
        let call = Self {
            script,
            program,
            arguments,
            variables,
        };
        if let Some((place, _)) = call.texts().find(|(_, text)| text.contains('\0')) {
            return Err(format!(
                "{} holds a NUL character, which no process can take: {}",
                call.name(place),
                remedy(place)
            ));
        }
        Ok(call)
    }

    /// Starts the program as the leader of a new process group.
    pub(super) async fn start(&self) -> Result<Group, NotStarted> {
        let mut command = Command::new(&self.program);
        withhold(&mut command);
        command
            .args(&self.arguments)
            .current_dir(&self.script.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        let started = Group::start(&mut command).await;
        started.map_err(|error| {
            let why = self.refusal(&error);
            // No rule's fault, and no reason to give its run up.
            let counts_against = if is_shortage(&error) {
                CountsAgainst::Nothing
            } else {
                CountsAgainst::Retries
            };
            NotStarted {
                why,
                counts_against,
            }
        })
    }

    fn texts(&self) -> impl Iterator<Item = (Place, &str)> {
        let arguments = self.arguments.iter().enumerate();
        let fixed = self.script.words.len().saturating_sub(1);
        let arguments = arguments.map(move |(index, text)| match index.checked_sub(fixed) {
            None => (Place::Fixed(index), text.as_str()),
            Some(index) => (Place::Param(index), text.as_str()),
        });
        let variables = self.variables.iter();
        arguments.chain(variables.map(|(name, text)| (Place::Variable(name), text.as_str())))
    }

    fn name(&self, place: Place) -> String {
        match place {
            Place::Fixed(index) => format!("argument {} of `script`", index + 1),
            Place::Param(index) => match self.script.params.get(index) {
                Some(param) => format!("the parameter `{param}`"),
                None => format!("parameter {}", index + 1),
            },
            Place::Variable(name) => format!("the variable {name}"),
        }
    }

    /// Why the program did not start.
    fn refusal(&self, error: &io::Error) -> String {
        let program = self.program.display();
        if is(error, Errno::TOOBIG)
            && let Some((place, text)) = self.texts().max_by_key(|(_, text)| text.len())
        {
            return format!(
                "the arguments are longer than a process can take (on Linux 128 KiB for one, and for \
                 all with the environment a quarter of `LimitSTACK=`, mostly 2 MiB); the longest is \
                 {} with {} bytes: {}",
                self.name(place),
                text.len(),
                remedy(place)
            );
        }
        if is_shortage(error) {
            return format!(
                "there is no room for another process, {program} ({error}): lower `max_parallel`, or \
                 {MORE_ROOM}"
            );
        }
        if is(error, Errno::NOEXEC) {
            return format!(
                "{program} does not say what runs it: begin it with `#!/bin/sh` (or is it a \
                 program for another kind of machine?)"
            );
        }
        if is(error, Errno::TXTBSY) {
            return format!(
                "{program} is being written to: close it, or put the new version beside it and \
                 move it into place"
            );
        }
        if is(error, Errno::NOENT) || is(error, Errno::ACCESS) {
            let folder = &self.script.folder;
            if !folder.is_dir() {
                return format!("the folder {} is gone", folder.display());
            }
            if let Some(interpreter) = interpreter(&self.program) {
                let remedy = if interpreter.ends_with("\\r") {
                    "save the file with Unix line ends"
                } else {
                    "correct its first line, or install what it names"
                };
                return format!(
                    "{program} begins with `#!{interpreter}`, which cannot be run: {remedy}"
                );
            }
        }
        format!("failed to start {program}: {error}")
    }
}

/// How many bytes are left for the parameters of a script that is given these texts. What Linux takes
/// is a quarter of the limit on the stack, but at least 128 KiB and at most 6 MiB.
pub(super) fn room_beside<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    const LEAST: u64 = 128 * 1024;
    const MOST: u64 = 6 * 1024 * 1024;
    /// The program's path, and what its first line names.
    const PROGRAM: usize = 16 * 1024;
    /// Of this process, which does not change.
    static ENVIRONMENT: LazyLock<usize> = LazyLock::new(|| {
        let variables = env::vars_os();
        variables
            .map(|(name, value)| name.len() + value.len() + 1 + BESIDE)
            .sum()
    });
    let stack = getrlimit(Resource::Stack).current.unwrap_or(u64::MAX);
    let all = (stack / 4).clamp(LEAST, MOST);
    let texts: usize = texts.map(|text| text.len() + BESIDE).sum();
    let taken = texts + *ENVIRONMENT + PROGRAM;
    usize::try_from(all)
        .unwrap_or(usize::MAX)
        .saturating_sub(taken)
}

/// Where a text that a script is given comes from.
#[derive(Clone, Copy)]
enum Place {
    Fixed(usize),
    Param(usize),
    Variable(&'static str),
}

fn remedy(place: Place) -> &'static str {
    match place {
        Place::Fixed(_) => "correct `script`",
        Place::Param(_) => {
            "leave it out of `script_params`, and let the script read it from its standard input"
        }
        Place::Variable(_) => "no script can be run for such an event",
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    Errno::from_io_error(error) == Some(errno)
}

/// What the first line names after `#!`, made printable.
fn interpreter(program: &Path) -> Option<String> {
    let line = interpreter_line(program).ok()??;
    Some(printable(line.trim_ascii_start()))
}
