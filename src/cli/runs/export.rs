//! `runs export`: each run with all that is known of it, a JSON object a line, the oldest first.

use std::io::{self, Write as _};

use super::detail_json;
use super::which::Which;
use crate::cli::inputs::ask;
use crate::cli::output::failure;
use crate::cli::progress::Progress;
use crate::cli::report::{Exit, Failure};
use crate::core::printable::printable_json;
use crate::journal::Browse;
use crate::ops::runs;

/// How many runs are asked for at a time: so many, and one with its output, are held in memory.
const PAGE: usize = 500;

pub(super) fn export(journal: &dyn Browse, which: &Which) -> Result<Exit, Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut progress = Progress::new("runs exported");
    let mut after = 0;
    loop {
        let page = ask(journal.runs(which.filter(Some(after), PAGE)))?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for run in &page {
            // One that is deleted meanwhile for its age is none any more.
            let Some(run) = ask(runs::find(journal, run.id))? else {
                continue;
            };
            let line = detail_json(&run).to_string();
            match writeln!(out, "{}", printable_json(&line)) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    return Ok(Exit::Success);
                }
                written => written.map_err(|error| failure(&error))?,
            }
            progress.step();
        }
    }
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failure(&error)),
        _ => Ok(Exit::Success),
    }
}
