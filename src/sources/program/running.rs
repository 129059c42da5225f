//! A program that runs: its pipes, its process group, its end.

use std::future::pending;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::Either;
use rustix::pipe::fcntl_setpipe_size;
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStdout, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::lines::{LONGEST_LINE, Lines};
use super::writer::{self, Told};
use super::{Program, log};
use crate::os::process::{
    Group, JOURNAL_VARIABLE, OUTPUT_GRACE, Remaining, SOURCE_VARIABLE, end_marked, withhold,
};

/// As much as the pipe from a program holds, where the kernel lets it: a batch should not have to wait for it.
const PIPE: usize = 1 << 20;

/// So many bytes are read at once.
const CHUNK: usize = 64 * 1024;

/// So many answers wait for a program that does not read them.
const ANSWERS: usize = 16;

/// A program that was started.
pub(super) struct Running {
    group: Group,
    /// Until it is closed.
    stdout: Option<ChildStdout>,
    chunk: Vec<u8>,
    pub(super) lines: Lines,
    /// How it ended, once it has.
    ended: Option<End>,
    /// From then on nothing is waited for: it has ended, or closed its standard output.
    deadline: Option<Instant>,
    acknowledge: watch::Sender<u64>,
    answers: mpsc::Sender<String>,
    writing: JoinHandle<()>,
    logging: JoinHandle<()>,
}

/// How a program came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With this status.
    Exited(ExitStatus),
    /// Nobody can tell how.
    Unobserved,
    /// It lives, but has closed its standard output.
    Closed,
}

impl Running {
    /// Ends what an earlier service left of the program, and starts it.
    pub(super) async fn start(
        program: &Program,
        source: &str,
        journal_name: &str,
    ) -> Result<Self, String> {
        let file = program.locate().map_err(|unfit| unfit.to_string())?;
        let marks = [(JOURNAL_VARIABLE, journal_name), (SOURCE_VARIABLE, source)];
        let left = end_marked(&marks, program.kill_grace).await;
        let left =
            left.map_err(|error| format!("failed to look for earlier processes: {error}"))?;
        if !left.remaining.is_empty() {
            return Err(format!(
                "what was left of the program cannot be ended: {}",
                named(&left.remaining)
            ));
        }
        if left.found > 0 {
            tracing::warn!(
                "{source}: ended {} processes that were left of it",
                left.found
            );
        }
        let mut command = Command::new(&file);
        withhold(&mut command);
        command
            .args(&program.words[1..])
            .current_dir(&program.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .envs(marks);
        let failed = |error: io::Error| format!("failed to start {}: {error}", file.display());
        let mut group = Group::start(&mut command).await.map_err(failed)?;
        let stdin = group.stdin().map_err(failed)?;
        let (stdout, stderr) = group.outputs().map_err(failed)?;
        if let Err(error) = fcntl_setpipe_size(&stdout, PIPE) {
            tracing::debug!("{source}: its pipe stays as small as it is: {error}");
        }
        let (acknowledge, acknowledged) = watch::channel(0);
        let (answers, answered) = mpsc::channel(ANSWERS);
        let prelude = program.prelude.clone();
        let told = Told {
            acknowledged,
            answers: answered,
        };
        let writing = writer::write(stdin, prelude, told, source.to_owned());
        Ok(Self {
            group,
            stdout: Some(stdout),
            chunk: vec![0; CHUNK],
            lines: Lines::default(),
            ended: None,
            deadline: None,
            acknowledge,
            answers,
            writing: tokio::spawn(writing),
            logging: tokio::spawn(log::log(stderr, source.to_owned())),
        })
    }

    /// Says that so many of its lines are on disk.
    pub(super) fn acknowledge(&self, lines: u64) {
        self.acknowledge.send_replace(lines);
    }

    /// Gives it the line that answers a question, once there is room for it. One that does not read any more gets
    /// none.
    pub(super) async fn answer(&self, line: String) {
        drop(self.answers.send(line).await);
    }

    /// Waits until more of its output is there, or until there will be no more. Dropping the future loses nothing.
    pub(super) async fn more(&mut self) -> Result<(), End> {
        loop {
            let is_over = self.deadline.is_some_and(|it| it <= Instant::now());
            if is_over || (self.stdout.is_none() && self.ended.is_some()) {
                self.stdout = None;
                self.lines.end();
                return Err(self.ended.unwrap_or(End::Closed));
            }
            let deadline = self.deadline;
            let reading = match &mut self.stdout {
                Some(stdout) => Either::Left(stdout.read(&mut self.chunk)),
                None => Either::Right(pending()),
            };
            let ending = match self.ended {
                None => Either::Left(self.group.leader.wait()),
                Some(_) => Either::Right(pending()),
            };
            let late = match deadline {
                Some(deadline) => Either::Left(sleep_until(deadline)),
                None => Either::Right(pending()),
            };
            tokio::select! {
                biased;
                read = reading => {
                    if let Ok(length @ 1..) = read {
                        self.lines.push(&self.chunk[..length]);
                        self.take_what_is_there();
                        return Ok(());
                    }
                    // A pipe that cannot be read is as good as closed.
                    self.stdout = None;
                    self.wait_no_longer_than(OUTPUT_GRACE);
                }
                ended = ending => {
                    // Who else has the pipe is listened to for a moment.
                    self.ended = Some(ended.map_or(End::Unobserved, End::Exited));
                    self.wait_no_longer_than(OUTPUT_GRACE);
                }
                () = late => {}
            }
        }
    }

    fn wait_no_longer_than(&mut self, time: Duration) {
        self.deadline.get_or_insert(Instant::now() + time);
    }

    /// Reads without waiting, up to a batch of it.
    fn take_what_is_there(&mut self) {
        while self.lines.waiting() < LONGEST_LINE
            && let Some(stdout) = &mut self.stdout
            && let Some(Ok(length @ 1..)) = stdout.read(&mut self.chunk).now_or_never()
        {
            self.lines.push(&self.chunk[..length]);
        }
    }

    /// Ends it, with all that it has started: the last acknowledgement is written, then its standard input closed, and
    /// then it is asked to end. What it still writes is not read as events: it was not acknowledged.
    pub(super) async fn end(self, grace: Duration, source: &str) {
        let Self {
            mut group,
            stdout,
            acknowledge,
            writing,
            mut logging,
            ..
        } = self;
        drop(acknowledge);
        let abort = writing.abort_handle();
        let written = timeout(OUTPUT_GRACE, writing).await;
        if written.is_err() {
            abort.abort();
        }
        let discarding = async {
            if let Some(mut stdout) = stdout {
                drop(tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await);
            }
            pending::<()>().await;
        };
        let is_gone = tokio::select! {
            is_gone = group.end(grace) => is_gone,
            () = discarding => false,
        };
        if !is_gone {
            let remaining = named(&group.remains().await);
            tracing::error!(
                "{source}: the service cannot end {remaining}; end what is left as root"
            );
        }
        if timeout(OUTPUT_GRACE, &mut logging).await.is_err() {
            logging.abort();
        }
    }
}

fn named(remaining: &[Remaining]) -> String {
    let names: Vec<String> = remaining.iter().map(Remaining::to_string).collect();
    names.join(", ")
}
