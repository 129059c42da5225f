//! A program as a `Source`: what it writes is handed over in batches, and acknowledged once it is on disk.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::future::pending;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;

use jiff::Timestamp;

use super::reader::{Reader, Taken};
use super::running::{End, Running};
use super::{Doing, Program, Question};
use crate::core::printable::printable;
use crate::journal::ProgressStep;
use crate::sources::{Batch, Opening, Pending, Received, Source, SourceError, SourceErrorKind};
use crate::telemetry::Condition;

/// A program that writes events, and is started once they are asked for.
pub(crate) struct ProgramSource {
    program: Arc<Program>,
    opening: Opening,
    state: State,
    reader: Reader,
    /// What it asked, and has no answer to yet.
    questions: VecDeque<Question>,
    /// Why it cannot do its work, if it said that last.
    failing: Option<String>,
}

enum State {
    NotStarted,
    Running(Box<Running>),
    /// It has ended, and that was its last line.
    Over,
}

impl ProgramSource {
    /// A program that is yet to be started.
    pub(crate) fn new(program: Arc<Program>, opening: Opening) -> Self {
        let reader = Reader {
            name: opening.name.clone(),
            identity: opening.identity.clone(),
            read: program.read,
            interest: opening.interest.clone(),
            start: format!("{:032x}", fastrand::u128(..)),
            taken: 0,
        };
        Self {
            program,
            opening,
            state: State::NotStarted,
            reader,
            questions: VecDeque::new(),
            failing: None,
        }
    }

    async fn next(&mut self) -> Result<Received, SourceError> {
        loop {
            self.answer().await;
            let running = match &mut self.state {
                State::NotStarted => {
                    self.start().await?;
                    continue;
                }
                State::Over if self.opening.until_drained => return Ok(Received::Drained),
                State::Over => pending().await,
                State::Running(running) => running,
            };
            let before = self.reader.taken;
            let taken = self.reader.take(&mut running.lines, Timestamp::now());
            if self.reader.taken > before {
                let batch = self.batch(taken);
                if batch.decoded.is_empty() && batch.progress.is_none() {
                    // There is nothing to put on disk, and what was handed over before is settled.
                    self.acknowledge();
                    continue;
                }
                return Ok(Received::Batch(batch));
            }
            if let Err(end) = running.more().await
                && running.lines.waiting() == 0
            {
                self.ended(end)?;
            }
        }
    }

    /// Tells it that all of its lines so far are on disk, as far as they have to be.
    fn acknowledge(&self) {
        if let State::Running(running) = &self.state {
            running.acknowledge(self.reader.taken);
        }
    }

    /// Answers what it asked: what it said before has been settled. A question stays until it is answered.
    async fn answer(&mut self) {
        while let Some(question) = self.questions.front() {
            let answer = question.answered(&*self.opening.store).await;
            if let State::Running(running) = &self.state {
                running.answer(answer).await;
            }
            self.questions.pop_front();
        }
    }

    /// What its lines come to. How it is doing is noted with that.
    fn batch(&mut self, taken: Taken) -> Batch {
        self.questions.extend(taken.questions);
        let step = taken.doing.map(|doing| match doing {
            Doing::Failing(why) => {
                let why = printable(why.as_bytes());
                self.tell(&format!("failing: {why}"));
                self.failing = Some(why.clone());
                ProgressStep::Failed(why)
            }
            Doing::Well => {
                self.tell("running");
                self.failing = None;
                ProgressStep::Opened
            }
        });
        self.opening.batch(taken.decoded, step)
    }

    async fn start(&mut self) -> Result<(), SourceError> {
        let Opening {
            identity,
            journal_name,
            ..
        } = &self.opening;
        let started = Running::start(&self.program, identity, journal_name).await;
        let running = started.map_err(|message| SourceError {
            kind: SourceErrorKind::Failed,
            message,
            hint: "look at it with `esi-event-actions check`, as the user of the service",
        })?;
        self.state = State::Running(Box::new(running));
        self.tell("running");
        Ok(())
    }

    /// What follows from the end of the program.
    fn ended(&mut self, end: End) -> Result<(), SourceError> {
        let is_over = !self.program.restart || self.opening.until_drained;
        match end {
            End::Exited(status) if status.success() && is_over => {
                self.state = State::Over;
                tracing::info!("{}: the program has ended", self.opening.identity);
                self.tell("ended, and is not started again");
                Ok(())
            }
            end => Err(SourceError {
                kind: SourceErrorKind::Failed,
                message: self.describe(end),
                hint: "the log has what it wrote to standard error before",
            }),
        }
    }

    fn describe(&self, end: End) -> String {
        let mut text = "the program ".to_owned();
        let written = match end {
            End::Exited(status) => match (status.code(), status.signal()) {
                (Some(code), _) => write!(text, "ended with exit status {code}"),
                (None, signal) => {
                    write!(text, "was ended by signal {}", signal.unwrap_or_default())
                }
            },
            End::Unobserved => write!(text, "ended, and how could not be observed"),
            End::Closed => write!(text, "closed its standard output"),
        };
        written.expect("memory");
        if let Some(why) = &self.failing {
            write!(text, ": {why}").expect("memory");
        }
        text
    }

    fn tell(&self, what: &str) {
        self.opening.teller.tell(Condition {
            is_ready: true,
            words: format!("{}: {what}", self.opening.identity),
            ..Condition::default()
        });
    }
}

impl Source for ProgramSource {
    fn name(&self) -> &str {
        let Opening { identity, .. } = &self.opening;
        identity
    }

    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>> {
        Box::pin(self.next())
    }

    fn settle(&mut self) -> Pending<'_, ()> {
        self.acknowledge();
        Box::pin(std::future::ready(()))
    }

    fn close(&mut self) -> Pending<'_, ()> {
        let state = std::mem::replace(&mut self.state, State::Over);
        Box::pin(async move {
            if let State::Running(running) = state {
                running
                    .end(self.program.kill_grace, &self.opening.identity)
                    .await;
            }
        })
    }
}
