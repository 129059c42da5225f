//! Prints a failure with its hint; the only place that picks an exit code.

use std::process::{ExitCode, ExitStatus};

use crate::app::DaemonError;
use crate::core::printable::printable;
use crate::journal::JournalError;
use crate::sources::history::CloudProblem;
use crate::sources::{SourceError, SourceErrorKind};
use crate::{supervisor, telemetry};

/// What the exit status says; the numbers are those of `sysexits.h` where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Success = 0,
    /// 1: something failed, or a run was given up.
    Failed = 1,
    /// 2: the command line is not understood, or lacks something.
    Usage = 2,
    /// 75: the broker or another service is in the way; try again later.
    Temporary = 75,
    /// 78: the configuration has to be fixed first; the systemd unit does not restart on it.
    Configuration = 78,
}

impl Exit {
    /// What a process of this program came to.
    #[must_use]
    pub(crate) fn of_status(status: ExitStatus) -> Self {
        let all = [
            Self::Success,
            Self::Usage,
            Self::Temporary,
            Self::Configuration,
        ];
        let same = |exit: &Self| status.code() == Some(i32::from(*exit as u8));
        all.into_iter().find(same).unwrap_or(Self::Failed)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed, ready to be printed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    report: Report,
}

#[derive(Debug)]
enum Report {
    /// One error, and what to do about it.
    Error { message: String, hint: String },
    /// Several problems, complete as they are.
    Problems(String),
}

impl Failure {
    /// A failure with what to do about it. The message may quote a sender's text.
    #[must_use]
    pub(crate) fn new(exit: Exit, message: &str, hint: &str) -> Self {
        let (message, hint) = (message.to_owned(), hint.to_owned());
        Self {
            exit,
            report: Report::Error { message, hint },
        }
    }

    /// A report of the configuration's problems.
    #[must_use]
    pub(crate) fn problems(report: String) -> Self {
        Self {
            exit: Exit::Configuration,
            report: Report::Problems(report),
        }
    }

    /// The same, met while doing `what`.
    #[must_use]
    pub(crate) fn during(mut self, what: &str) -> Self {
        if let Report::Error { message, .. } = &mut self.report {
            *message = format!("{what}: {message}");
        }
        self
    }

    /// The same with another exit code.
    #[must_use]
    pub(crate) fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Prints it on standard error, and tells the exit code.
    #[must_use]
    pub(crate) fn print(&self) -> ExitCode {
        match &self.report {
            Report::Error { message, hint } => {
                let message = printable(message.as_bytes());
                telemetry::print_error(&format!("error: {message}\nhint: {hint}"));
            }
            Report::Problems(report) => telemetry::print_error(report),
        }
        self.exit.into()
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let message = error.to_string();
        match error {
            JournalError::Unusable { remedy, .. } => Self::new(Exit::Failed, &message, &remedy),
            JournalError::Unsuitable { remedy, .. } => {
                Self::new(Exit::Configuration, &message, &remedy)
            }
            JournalError::InUse(_) => Self::new(
                Exit::Temporary,
                &message,
                "one service serves a journal: stop the other one, or give this one its own `state_dir`",
            ),
            JournalError::Unavailable { .. } => Self::new(
                Exit::Temporary,
                &message,
                "look at the space and the permissions of the state folder, then try again",
            ),
            JournalError::Absent { .. } => {
                Self::new(Exit::Failed, &message, "`list` shows the numbers there are")
            }
            JournalError::Moved { .. } => Self::new(
                Exit::Temporary,
                &message,
                "nothing is lost: start again, which goes on where the other one is",
            ),
            JournalError::Lost { .. } => Self::new(
                Exit::Failed,
                &message,
                "`esi-event-actions runs show` shows how it ended",
            ),
            JournalError::Store(error) => Self::new(Exit::Failed, &message, error.remedy()),
            JournalError::Illegal { .. } => Self::new(
                Exit::Failed,
                &message,
                "a run can be retried once it has ended, or while it is `retryable`; `esi-event-actions \
                 runs show` shows its state",
            ),
        }
    }
}

impl From<CloudProblem> for Failure {
    fn from(problem: CloudProblem) -> Self {
        Self::new(Exit::Configuration, &problem.message, &problem.hint)
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        let message = error.to_string();
        match error {
            DaemonError::Failed(supervisor::Failure::Journal(error)) => error.into(),
            DaemonError::Failed(supervisor::Failure::Source(SourceError {
                kind, hint, ..
            })) => {
                let exit = match kind {
                    SourceErrorKind::Temporary => Exit::Temporary,
                    SourceErrorKind::Failed => Exit::Failed,
                    SourceErrorKind::Usage => Exit::Usage,
                };
                Self::new(exit, &message, hint)
            }
            DaemonError::Cloud(problem) => problem.into(),
            DaemonError::Beginning { .. } => Self::new(
                Exit::Usage,
                &message,
                "say so once: `poll --from-now` for what happens from now on, `poll --from-id ID`, or \
                 `poll --from-start` for everything there is",
            ),
            DaemonError::Failed(_) | DaemonError::Signals(_) => Self::new(
                Exit::Failed,
                &message,
                "nothing accepted is lost: start the service again, and report this with its log",
            ),
        }
    }
}
