//! `journal`: copy, check and measure it, beside the service or without one.

use std::path::PathBuf;

use serde_json::json;

use super::Places;
use super::inputs::ask;
use super::output::{Format, cell, moment, print_json, print_line, table};
use super::progress::waited;
use crate::cli::report::{Exit, Failure};
use crate::journal::Size;
use crate::ops::journal;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  esi-event-actions journal backup /backup/esi-event-actions.sqlite
  esi-event-actions journal check
  esi-event-actions journal size";

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
    /// Read all of the journal, and tell what is damaged; exit status 1 if anything is
    ///
    /// This takes about a second for each 100,000 runs. A service may go on writing meanwhile.
    Check,
    /// Tell how large the journal is, and what is in it
    Size {
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

pub(super) fn run(places: &Places, command: &Command) -> Result<Exit, Failure> {
    let opened = places.journal()?;
    match command {
        Command::Backup { file } => {
            let copied = journal::backup(&opened, file.clone());
            let size = ask(waited("copying the journal", copied))?;
            print_line(&format!(
                "{} holds the journal, {size} bytes",
                file.display()
            ))
        }
        Command::Check => {
            let found = ask(waited("reading the journal", journal::check(&opened)))?;
            if found.is_empty() {
                return print_line("the journal is sound");
            }
            let found = found.join("\n  ");
            Err(Failure::new(
                Exit::Failed,
                &format!("the journal is damaged:\n  {found}"),
                "stop the service, keep a copy of the state folder, and restore a backup (docs/backup.md)",
            ))
        }
        Command::Size { format } => show(&ask(journal::size(&opened))?, *format),
    }
}

fn show(size: &Size, format: Format) -> Result<Exit, Failure> {
    if format == Format::Json {
        return print_json(&json!({
            "bytes": size.bytes,
            "free_bytes": size.free_bytes,
            "events": size.events,
            "runs": size.runs,
            "attempts": size.attempts,
            "quarantined": size.quarantined,
            "oldest_event_accepted_at": size.oldest_event.map(|at| at.to_string()),
        }));
    }
    let mut table = table(&["what", "number"]);
    for (what, number) in [
        ("bytes on disk", size.bytes),
        ("of these free for what comes", size.free_bytes),
        ("events", size.events),
        ("runs", size.runs),
        ("attempts", size.attempts),
        ("deliveries in quarantine", size.quarantined),
    ] {
        table.add_row([cell(what), cell(&number.to_string())]);
    }
    if let Some(oldest) = size.oldest_event {
        table.add_row([cell("oldest event"), cell(&moment(oldest))]);
    }
    print_line(&table.to_string())
}
