//! `journal`: copy it, beside the service or without one.

use std::path::PathBuf;

use super::Places;
use super::inputs::ask;
use super::output::print_line;
use crate::cli::report::{Exit, Failure};
use crate::ops::journal;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Copy the journal as it is now into a new file, while a service may go on writing to it
    ///
    /// The copy is complete, on disk when the command ends, and readable by this user alone. A file
    /// that exists is never replaced. `cp` of a journal in use is no backup: what was written last is in
    /// `journal.sqlite-wal`. To restore a copy, stop the service, remove `journal.sqlite-wal` and
    /// `journal.sqlite-shm` in the state folder, put the copy there as `journal.sqlite` (with the owner of
    /// the folder), and start the service.
    Backup {
        /// The file to make
        file: PathBuf,
    },
}

pub(super) fn run(places: &Places, command: &Command) -> Result<Exit, Failure> {
    let Command::Backup { file } = command;
    let size = ask(journal::backup(&places.journal()?, file.clone()))?;
    print_line(&format!(
        "{} holds the journal, {size} bytes",
        file.display()
    ))
}
