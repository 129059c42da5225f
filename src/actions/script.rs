//! Runs a script: argv, standard input, environment, process group, time limit, output tail.
//!
//! Nothing goes through a shell. A script gets the words of `script`, then one argument for each of
//! `script_params`, values of the event or of the store, bytes for bytes as far as a process can take them; the event as JSON on its standard
//! input; and `ESI_RULE`, `ESI_EVENT_TYPE`, `ESI_EVENT_ID`, `ESI_RUN_ID`, `ESI_ATTEMPT` in its
//! environment. Its folder is the configuration file's.
//!
//! A script is a process group of its own. An attempt is over when its leader, the process started
//! here, has ended. What it leaves in the background then is left alone, but not listened to for
//! longer than [`OUTPUT_GRACE`]: a background process must redirect its output, or it is ended by
//! SIGPIPE when it next writes. When the time limit has passed or the service stops, the whole
//! group is ended and the attempt is over when none of it lives; likewise if the future is dropped. What
//! cannot be ended is handed back with the outcome.

mod arguments;
mod call;
mod describe;
mod interpreter;
mod options;
mod output;
mod param;
mod recovery;

use std::future::pending;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Action, ActionPart, Checkup, Description, FileInUse, Order, Performed, Purpose, Remains,
};
use crate::config::Problem;
use crate::config::table::PartOptions;
use crate::core::event::Event;
use crate::core::ini::text::Position;
use crate::core::rules::Asks;
use crate::core::run::{Detail, Outcome};
use crate::core::store::Values;
use crate::crash::{self, Point};
use crate::journal::{CountsAgainst, JournalError, with_values};
use crate::os::process::{Group, OUTPUT_GRACE, describe_remaining, identify};
use crate::os::program::{Unfit, locate};
use call::{Call, MORE_ROOM};
use output::Output;
use param::Param;
use recovery::ScriptRecovery;

/// The row of the table of parts.
pub const PART: ActionPart = ActionPart {
    options: PartOptions {
        name: KIND,
        rows: &options::OPTIONS,
    },
    read: |options, rule| Some(Arc::new(options::read(options, rule)?)),
    recovery: Some(|journal_name| Box::new(ScriptRecovery::new(journal_name))),
};

/// What `action` says for a script, and how its handles begin.
const KIND: &str = "script";

/// A program with its fixed arguments, the paths whose values follow them, and its limits.
#[derive(Clone, Debug, PartialEq)]
struct Script {
    /// The program and its fixed arguments, already split; never empty.
    words: Vec<String>,
    /// Each becomes one argument more.
    params: Vec<Param>,
    /// The limit of one attempt; none if `None`.
    timeout: Option<Duration>,
    /// How long a script that was asked to end may take until it is forced.
    kill_grace: Duration,
    /// Where it is looked for and run: the configuration file's folder.
    folder: PathBuf,
    /// Where `script` stands in that file.
    position: Position,
}

impl Script {
    /// The program's file, as things stand now.
    fn locate(&self) -> Result<PathBuf, Unfit> {
        locate(&self.folder, &self.words[0], "script")
    }

    /// The values of the store that are parameters, as they are now.
    async fn values(
        &self,
        order: &Order,
        stop: &CancellationToken,
    ) -> Result<Arc<Values>, JournalError> {
        let look_up = |values: &Arc<Values>| {
            for param in &self.params {
                param.find(&order.event, values);
            }
            values.clone()
        };
        with_values(&*order.store, stop, look_up).await
    }

    async fn run(
        &self,
        order: &Order,
        output: &mut Output<'_>,
        started: oneshot::Sender<String>,
        stop: &CancellationToken,
    ) -> Result<(Outcome, Option<Group>), NotStarted> {
        let values = match self.values(order, stop).await {
            Err(error) if error.is_temporary() => return Ok((stopped(), None)),
            values => values.map_err(|error| error.to_string())?,
        };
        let call = Call::new(self, order, &values)?;
        let mut group = call.start().await?;
        crash::point(Point::ProcessStarted);
        let handle = identify(group.id())
            .and_then(|identity| serde_json::to_string(&identity).map_err(io::Error::from));
        match handle {
            // Nobody waits for it if dispatch has given this attempt up.
            Ok(handle) => drop(started.send(handle)),
            Err(error) => {
                tracing::warn!(
                    run = order.run,
                    "failed to identify the script's process: {error}"
                );
            }
        }
        let unheard = |error: io::Error| NotStarted::from(error.to_string());
        let stdin = group.stdin().map_err(unheard)?;
        let (stdout, stderr) = group.outputs().map_err(unheard)?;
        let exchange = async {
            tokio::join!(feed(stdin, order), output.collect(stdout, stderr));
        };
        let mut exchange = pin!(exchange);
        let (outcome, is_gone) = {
            let mut end = pin!(self.end(&mut group, stop));
            tokio::select! {
                biased;
                ended = &mut end => {
                    // Running out of time here means that somebody in the background holds the pipes.
                    let _ = timeout(OUTPUT_GRACE, exchange).await;
                    ended
                }
                () = &mut exchange => end.await,
            }
        };
        Ok((outcome, (!is_gone).then_some(group)))
    }

    /// Waits for the end of the script, and brings it about when it must not go on. Answers how it ended, and
    /// whether it did.
    async fn end(&self, group: &mut Group, stop: &CancellationToken) -> (Outcome, bool) {
        let asked = tokio::select! {
            biased;
            status = group.leader.wait() => return (outcome_of(status), true),
            () = stop.cancelled() => stopped(),
            limit = passed(self.timeout) => Outcome::TimedOut(limit),
        };
        // It may have ended by itself in this very moment.
        if let Some(status) = group.leader.try_wait().transpose() {
            return (outcome_of(status), true);
        }
        let is_gone = group.end(self.kill_grace).await;
        (asked, is_gone)
    }
}

impl Action for Script {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn asks(&self) -> Asks {
        let paths = self.params.iter().filter_map(|param| match param {
            Param::Path(path) => Some(("script_params", path.clone())),
            Param::Stored(_) => None,
        });
        paths.collect()
    }

    /// The service starts all the same: a run of a script that cannot be run is a failed attempt, and may be
    /// retried once the script is fixed.
    fn check(&self) -> Checkup {
        let placed = |problem: Problem| problem.at(self.position);
        match self.locate() {
            Ok(path) => Checkup {
                problems: interpreter::problem(&path)
                    .map(placed)
                    .into_iter()
                    .collect(),
                files: vec![FileInUse {
                    path,
                    purpose: Purpose::Program,
                    position: self.position,
                }],
            },
            Err(unfit) => Checkup {
                problems: vec![placed(Problem::error(unfit.what, unfit.remedy))],
                files: Vec::new(),
            },
        }
    }

    fn describe(&self, event: &Event, values: &Arc<Values>) -> Description {
        describe::describe(self, event, values)
    }

    fn perform(
        &self,
        order: Order,
        started: oneshot::Sender<String>,
        stop: CancellationToken,
    ) -> BoxFuture<'_, Performed> {
        Box::pin(self.attempt(order, started, stop))
    }
}

impl Script {
    async fn attempt(
        &self,
        order: Order,
        started: oneshot::Sender<String>,
        stop: CancellationToken,
    ) -> Performed {
        let begin = Instant::now();
        let mut output = Output::new(&order);
        let ended = if stop.is_cancelled() {
            Ok((stopped(), None))
        } else {
            self.run(&order, &mut output, started, &stop).await
        };
        let (outcome, counts_against, remains) = match ended {
            Ok((outcome, remains)) => (outcome, CountsAgainst::Retries, remains),
            Err(NotStarted {
                why,
                counts_against,
            }) => (Outcome::NotStarted(why), counts_against, None),
        };
        let (output, output_dropped) = output.finish();
        if !outcome.is_success() && could_not_fork(&output) {
            tracing::warn!(
                run = order.run,
                "the script had no room for another process: {MORE_ROOM}"
            );
        }
        Performed {
            counts_against,
            output,
            output_dropped,
            remains: remains.map(|group| Box::new(group) as Box<dyn Remains>),
            ..Performed::new(outcome, begin.elapsed())
        }
    }
}

impl Remains for Group {
    fn left(&mut self) -> BoxFuture<'_, Option<String>> {
        Box::pin(async {
            let remaining = self.remains().await;
            (!remaining.is_empty()).then(|| describe_remaining(&remaining))
        })
    }
}

/// Why there is no process.
struct NotStarted {
    why: String,
    counts_against: CountsAgainst,
}

impl From<String> for NotStarted {
    fn from(why: String) -> Self {
        let counts_against = CountsAgainst::Retries;
        Self {
            why,
            counts_against,
        }
    }
}

fn stopped() -> Outcome {
    Outcome::Interrupted("the service stopped".into())
}

/// Writes the event to the script and closes the pipe.
async fn feed(mut stdin: ChildStdin, order: &Order) {
    let written = stdin.write_all(order.event.to_json().as_bytes()).await;
    // A script need not read its input.
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        tracing::warn!(
            run = order.run,
            "failed to write the event to the script: {error}"
        );
    }
}

/// Comes back when the time limit has passed; never, if there is none.
async fn passed(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            sleep(limit).await;
            limit
        }
        None => pending().await,
    }
}

/// Whether the end of a script's output says that it could not start a process: in the words of `dash`,
/// `bash` and `busybox`, and of programs that say which call failed.
fn could_not_fork(output: &[u8]) -> bool {
    /// The reason is among the last lines.
    const LAST: usize = 4096;
    let text = String::from_utf8_lossy(&output[output.len().saturating_sub(LAST)..]);
    text.to_lowercase().lines().any(|line| {
        line.ends_with("cannot fork")
            || line.contains("fork") && line.ends_with("resource temporarily unavailable")
    })
}

fn outcome_of(status: io::Result<ExitStatus>) -> Outcome {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Outcome::exited(code),
            (None, signal) => Outcome::Failed(Detail::Signalled(signal.unwrap_or_default())),
        },
        // Not `Interrupted`, which would repeat it at once and for ever.
        Err(error) => Outcome::NotStarted(format!(
            "how the script ended could not be observed ({error}): start the service without \
             ignoring SIGCHLD"
        )),
    }
}

#[cfg(test)]
mod tests;
