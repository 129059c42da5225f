//! Tables for people, JSON for machines.
//!
//! Whatever a tenant or a script has written is printed with its control characters escaped.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::cli::report::{Exit, Failure};
use crate::core::printable::{printable, printable_json};
use crate::core::run::State;

/// How a command prints what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For machines.
    Json,
}

/// Prints bytes on standard output. A reader that has seen enough is no failure.
pub(super) fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failure(&error)),
        _ => Ok(Exit::Success),
    }
}

/// Prints a line.
pub(super) fn print_line(line: &str) -> Result<Exit, Failure> {
    print(format!("{line}\n").as_bytes())
}

/// Prints a value as JSON, with line breaks.
pub(super) fn print_json(value: &Value) -> Result<Exit, Failure> {
    print_line(&printable_json(&format!("{value:#}")))
}

/// A failure to write.
pub(super) fn failure(error: &io::Error) -> Failure {
    let message = format!("failed to write: {error}");
    Failure::new(Exit::Failed, &message, "look at where the output goes")
}

/// A table with these columns. Colour and width are those of the terminal, if it is one.
pub(super) fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(
        columns
            .iter()
            .map(|name| Cell::new(name).add_attribute(Attribute::Bold)),
    );
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table
}

/// A cell with text from anywhere.
pub(super) fn cell(text: &str) -> Cell {
    Cell::new(printable(text.as_bytes()))
}

/// A cell with a run's state in its colour.
pub(super) fn state_cell(state: State) -> Cell {
    let cell = Cell::new(state);
    match state {
        State::Succeeded => cell.fg(Color::Green),
        State::Retryable => cell.fg(Color::Yellow),
        State::Discarded | State::Cancelled => cell.fg(Color::Red),
        State::Scheduled | State::Due | State::Running => cell,
    }
}

/// A moment to the second, as people here read it.
pub(super) fn moment(at: Timestamp) -> String {
    let local = at.to_zoned(TimeZone::system());
    local.strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
}
