//! What is wrong with a configuration, for the log of the service that begins with it or reads it again.

use std::path::Path;

use super::parts::Reading;
use crate::core::ini::problem::Severity;
use crate::ops::check::file_problems;
use crate::sources::FeedSettings;

/// Logs what is wrong with the configuration at `path`, and with the files that it names. Of those nothing keeps a
/// service from running: they may be corrected until they are needed.
pub fn log_problems<F: FeedSettings>(path: &Path, reading: &Reading<F>) {
    let file = path.display().to_string();
    let of_files = file_problems(path, reading);
    for problem in reading.problems.iter().chain(&of_files) {
        let (place, message, hint) = (problem.place(&file), &problem.message, &problem.hint);
        match problem.severity {
            Severity::Error => tracing::error!("{place}: {message}; {hint}"),
            Severity::Warning => tracing::warn!("{place}: {message}; {hint}"),
        }
    }
}
