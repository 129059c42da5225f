//! Parses arguments, calls the library, returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    esi_event_actions::cli::run()
}
