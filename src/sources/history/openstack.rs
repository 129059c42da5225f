//! The default client: the `openstack` program with ESI Leap's plugin, run for each question.
//!
//! There is no shell. The program gets its arguments, our environment, our working folder and
//! nothing on standard input; what it writes on standard output is the answer, what it writes on
//! standard error explains a failure. [`answer`] decides what an answer means.
//!
//! It is a process group of its own. When its time limit passes, or the future is dropped, the
//! whole group is ended. What it leaves in the background when it ends by itself continues, but its output is
//! not read for longer than [`OUTPUT_GRACE`].

mod answer;
mod secrets;

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::{Client, ClientError};
use crate::config::shown_command;
use crate::core::printable::printable;
use crate::os::process::{Group, OUTPUT_GRACE};
use crate::sources::history::record::{Lease, Row};
use answer::{Answer, standard_error};
use secrets::Secrets;

/// At most this many bytes of an answer are read: 100,000 rows are about 35 MB.
const LARGEST_ANSWER: usize = 256 * 1024 * 1024;

/// This many bytes at the end of standard error are kept.
const STDERR_TAIL: usize = 4 * 1024;

const CHUNK: usize = 64 * 1024;

/// Asks by running `COMMAND [--os-cloud NAME] esi … --format json`.
#[derive(Clone, Debug)]
pub struct OpenstackClient {
    program: PathBuf,
    /// Those that come before `esi`.
    arguments: Vec<String>,
    limit: Duration,
    largest_answer: usize,
}

impl OpenstackClient {
    /// Runs `command`, a program and its first arguments; `openstack`, if it is empty. A program
    /// with a `/` in its name is relative to `folder`, the configuration file's; any other is found
    /// on `PATH`. Without `cloud`, the program finds its cloud as it always does: by `OS_CLOUD`, for
    /// one. `limit` is for one call, from its start to the end of its output.
    #[must_use]
    pub fn new(
        folder: &Path,
        command: Vec<String>,
        cloud: Option<String>,
        limit: Duration,
    ) -> Self {
        let mut words = command.into_iter();
        let program = words.next().unwrap_or_else(|| "openstack".into());
        let mut arguments: Vec<String> = words.collect();
        arguments.extend(
            cloud
                .into_iter()
                .flat_map(|name| ["--os-cloud".into(), name]),
        );
        Self {
            program: if program.contains('/') {
                folder.join(program)
            } else {
                program.into()
            },
            arguments,
            limit,
            largest_answer: LARGEST_ANSWER,
        }
    }

    async fn ask(&self, question: &[&str]) -> Result<Answer, ClientError> {
        let call = self.display_call(question);
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .args(question)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let begun = Instant::now();
        let started = timeout(self.limit, Group::start(&mut command)).await;
        let refused = |error: io::Error| ClientError::Failed(self.refusal(&call, &error));
        let mut group = started
            .unwrap_or_else(|late| Err(late.into()))
            .map_err(refused)?;
        let (stdout, stderr) = group.outputs().map_err(refused)?;

        let (mut output, mut tail) = (Vec::new(), Vec::new());
        let heard = async {
            tokio::try_join!(
                collect(stdout, &mut output, self.largest_answer),
                collect_tail(stderr, &mut tail),
            )
        };
        let left = self.limit.saturating_sub(begun.elapsed());
        let ended = timeout(left, end(&mut group, heard)).await;
        let secrets = Secrets::of(&self.arguments, env::vars_os());
        blank_tail(&mut tail, &secrets);
        let what = match ended {
            Ok(Ok(status)) => {
                return Ok(Answer {
                    call,
                    status,
                    stdout: output,
                    stderr: tail,
                    secrets,
                });
            }
            Ok(Err(error)) => format!("was ended: {error}"),
            Err(_) => format!(
                "did not end within {:?}, and was ended: check whether the cloud answers",
                self.limit
            ),
        };
        let lives_on = if group.end(Duration::ZERO).await {
            ""
        } else {
            " (some of its processes cannot be ended, and still run)"
        };
        Err(ClientError::Failed(format!(
            "`{call}` {what}{lives_on}; {}",
            standard_error(&tail)
        )))
    }

    /// The call as one could type it, but for passwords.
    fn display_call(&self, question: &[&str]) -> String {
        let program = self.program.to_string_lossy().into_owned();
        let mut words = vec![program];
        words.extend(self.arguments.iter().cloned());
        words.extend(question.iter().map(|word| (*word).to_owned()));
        shown_command(&words)
    }

    /// Why the program did not start.
    fn refusal(&self, call: &str, error: &io::Error) -> String {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound if self.program.is_file() => {
                "its first line names a program that does not exist: install it again, or set \
                 `openstack_command`"
            }
            io::ErrorKind::NotFound => {
                "install python-openstackclient and python-esileapclient where PATH leads to them, \
                 or set `openstack_command`"
            }
            io::ErrorKind::PermissionDenied => {
                "make it executable for this user, install python-openstackclient and \
                 python-esileapclient, or set `openstack_command`"
            }
            _ => "look at `openstack_command`",
        };
        format!("failed to start `{call}`: {error}: {remedy}")
    }
}

impl Client for OpenstackClient {
    async fn events(&self, after: i64) -> Result<Vec<Row>, ClientError> {
        let after = after.to_string();
        let question = [
            "esi",
            "event",
            "list",
            "--last-event-id",
            &after,
            "--format",
            "json",
        ];
        self.ask(&question).await?.rows()
    }

    async fn lease(&self, uuid: &str) -> Result<Lease, ClientError> {
        // It comes from a row, and becomes an argument.
        if uuid.is_empty() || uuid.starts_with('-') || uuid.contains('\0') {
            return Err(ClientError::NotShown(format!(
                "`{}` cannot be the UUID of a lease, so it was not asked for",
                printable(uuid.as_bytes())
            )));
        }
        let question = ["esi", "lease", "show", uuid, "--format", "json"];
        self.ask(&question).await?.lease(uuid)
    }
}

/// Waits for the end of the program and of its output.
async fn end(
    group: &mut Group,
    heard: impl Future<Output = io::Result<((), ())>>,
) -> io::Result<ExitStatus> {
    let mut heard = pin!(heard);
    tokio::select! {
        biased;
        status = group.leader.wait() => {
            // A timeout here means that a process in the background holds the pipes open.
            if let Ok(heard) = timeout(OUTPUT_GRACE, heard).await {
                heard?;
            }
            status
        }
        heard = &mut heard => {
            heard?;
            group.leader.wait().await
        }
    }
}

/// Reads to the end, which has to come before `limit` bytes are exceeded.
async fn collect(
    mut stream: impl AsyncRead + Unpin,
    bytes: &mut Vec<u8>,
    limit: usize,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = stream.read(&mut chunk).await?;
        if length == 0 {
            return Ok(());
        }
        if bytes.len() + length > limit {
            return Err(io::Error::other(format!(
                "it wrote more than {limit} bytes on standard output, which is the limit"
            )));
        }
        bytes.extend_from_slice(&chunk[..length]);
    }
}

/// Reads to the end, and keeps the last [`STDERR_TAIL`] bytes.
async fn collect_tail(mut stream: impl AsyncRead + Unpin, tail: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = vec![0; STDERR_TAIL];
    loop {
        let length = stream.read(&mut chunk).await?;
        if length == 0 {
            return Ok(());
        }
        tail.extend_from_slice(&chunk[..length]);
        tail.drain(..tail.len().saturating_sub(STDERR_TAIL));
    }
}

/// Blanks secrets in the end of an output, which may begin within one.
fn blank_tail(tail: &mut Vec<u8>, secrets: &Secrets) {
    secrets.blank(tail);
    if tail.len() == STDERR_TAIL {
        tail.drain(..secrets.longest().min(STDERR_TAIL));
    }
}

#[cfg(test)]
mod tests;
