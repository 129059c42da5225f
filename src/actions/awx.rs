//! Launches a job of AWX or the automation controller, and follows it to its end, which is that of the attempt.
//!
//! A job goes on whatever becomes of the service, and must not be launched twice for one attempt's work. So its number is
//! the attempt's handle, on record before the attempt ends; and each launch carries a mark, the variable
//! `MARK`, by which a job is found whose launch was not answered, or whose number came to no record. What an
//! attempt begins with, `begin` decides from the attempts before it.

mod answers;
mod begin;
mod launch;
mod options;
mod output;
mod server;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::remote::checkup;
use super::scope::{scope, unborn};
use super::{
    Action, ActionPart, Checkup, Description, FileInUse, Living, Order, Performed, Recovery,
    Remains,
};
use crate::config::Reply;
use crate::config::table::PartOptions;
use crate::core::event::Event;
use crate::core::outage::Outage;
use crate::core::retry::Again;
use crate::core::rules::Asks;
use crate::core::run::{Detail, Outcome};
use crate::core::store::Values;
use crate::core::template::JsonTemplate;
use crate::journal::OpenAttempt;
pub use answers::read_any;
use answers::{Finished, JobRef, Kind, Status};
use server::{Server, State};

/// What `action` says in a rule.
const KIND: &str = "awx";

/// The variable by which a job is known as that of an attempt.
const MARK: &str = "esi_run";

/// The row in the table of parts.
pub const PART: ActionPart = ActionPart {
    options: PartOptions {
        name: KIND,
        rows: &options::OPTIONS,
    },
    read: |options, rule| Some(Arc::new(options::read(options, rule)?)),
    recovery: Some(|_| Box::new(AwxRecovery)),
};

/// Launches the jobs of one rule.
#[derive(Debug)]
struct AwxAction {
    /// The name of the rule.
    rule: String,
    server: Arc<Server>,
    /// What is launched: a kind of template, and its number or name.
    kind: Kind,
    template: String,
    variables: JsonTemplate,
    /// What the templates look up, and by which option.
    asks: Asks,
    /// The files with secrets, and where the configuration names them.
    files: Vec<FileInUse>,
    follows: bool,
    poll_every: Duration,
    limit: Option<Duration>,
}

/// How an attempt ends.
struct End {
    outcome: Outcome,
    again: Again,
    output: Vec<u8>,
    output_dropped: u64,
    remains: Option<Box<dyn Remains>>,
}

impl End {
    fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            again: Again::AsTheRuleSays,
            output: Vec::new(),
            output_dropped: 0,
            remains: None,
        }
    }

    /// Nothing was launched.
    fn not_started(why: String) -> Self {
        Self::of(Outcome::NotStarted(why))
    }

    fn failed(why: String) -> Self {
        Self::of(Outcome::Failed(Detail::Told(why)))
    }

    fn again(self, again: Again) -> Self {
        Self { again, ..self }
    }
}

/// By what the journal is told of the job.
type Started = oneshot::Sender<String>;

impl AwxAction {
    /// Waits for the end of the job, whatever is to be waited for no longer than that.
    async fn follow(&self, order: &Order, job: JobRef, stop: &CancellationToken) -> End {
        let url = self.server.url_of(job);
        let limit = async {
            match self.limit {
                Some(limit) => {
                    sleep(limit).await;
                    limit
                }
                None => std::future::pending().await,
            }
        };
        let leaving = || {
            let why = "the service stopped while AWX had the job, which the next attempt follows";
            End::of(Outcome::Interrupted(why.to_owned()))
        };
        let instead = tokio::select! {
            biased;
            () = order.cancelled.cancelled() => Outcome::Interrupted("the run was cancelled".to_owned()),
            () = order.drains.cancelled() => return leaving(),
            () = stop.cancelled() => return leaving(),
            state = self.until_over(order, job) => return self.ended(job, state).await,
            limit = limit => Outcome::TimedOut(limit),
        };
        match self.server.end(job, self.poll_every).await {
            Ok(state) => {
                let ended = self.ended(job, state.clone()).await;
                match state {
                    Some(Finished {
                        status: Status::Canceled,
                        ..
                    }) => End {
                        outcome: instead,
                        again: Again::AsTheRuleSays,
                        ..ended
                    },
                    _ => ended,
                }
            }
            Err(why) => {
                tracing::warn!(
                    run = order.run,
                    attempt = order.attempt,
                    "failed to cancel {url}: {why}"
                );
                let remains = self.left_of(job, true);
                End {
                    remains,
                    ..End::of(instead)
                }
            }
        }
    }

    /// What goes on of a job, if it does.
    fn left_of(&self, job: JobRef, goes_on: bool) -> Option<Box<dyn Remains>> {
        goes_on.then(|| {
            let server = Arc::clone(&self.server);
            Box::new(Left { server, job }) as Box<dyn Remains>
        })
    }

    /// The end of the job; `None` once it is not there any more. A server that cannot be asked is asked again.
    async fn until_over(&self, order: &Order, job: JobRef) -> Option<Finished> {
        let (run, attempt) = (order.run, order.attempt);
        let mut outage = Outage::default();
        loop {
            match self.server.state(job).await {
                Ok(state) => {
                    let now = std::time::Instant::now();
                    outage.log_end("the job can be followed again", now);
                    match state {
                        State::Over(finished) => return Some(finished),
                        State::Gone => return None,
                        State::Runs => {}
                    }
                }
                Err(why) => {
                    let now = std::time::Instant::now();
                    if let Some(notice) = outage.failed(&why, now) {
                        let url = self.server.url_of(job);
                        tracing::warn!(run, attempt, "failed to follow {url}: {why}{notice}");
                    }
                }
            }
            sleep(self.poll_every).await;
        }
    }

    /// The attempt's end, which is that of the job.
    async fn ended(&self, job: JobRef, finished: Option<Finished>) -> End {
        let url = self.server.url_of(job);
        let Some(finished) = finished else {
            let why = format!("AWX has no {job} any more, or does not show it: {url}");
            return End::failed(why).again(Again::Useless);
        };
        let (mut output, output_dropped) = self.server.output(job, self.poll_every).await;
        if finished
            .artifacts
            .as_object()
            .is_some_and(|it| !it.is_empty())
        {
            // What later steps of the run look values up in.
            output.extend(format!("\n{}\n", finished.artifacts).into_bytes());
        }
        let (outcome, again) = finished.means(job, &url);
        End {
            again,
            output,
            output_dropped,
            ..End::of(outcome)
        }
    }

    async fn made(&self, order: &Order, started: Started, stop: &CancellationToken) -> End {
        let job = stop
            .run_until_cancelled(self.job(order, started, stop))
            .await;
        match job {
            None => {
                let why = "the service stopped while AWX was asked for a job";
                End::of(Outcome::Interrupted(why.to_owned()))
            }
            Some(Err(end)) => end,
            Some(Ok(job)) if !self.follows => {
                let told = format!("launched {job}: {}", self.server.url_of(job));
                End::of(Outcome::Succeeded(Detail::Told(told)))
            }
            Some(Ok(job)) => self.follow(order, job, stop).await,
        }
    }
}

impl Action for AwxAction {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn asks(&self) -> Asks {
        self.asks.clone()
    }

    fn check(&self) -> Checkup {
        checkup(&self.files)
    }

    fn ask(&self) -> BoxFuture<'_, Option<Reply>> {
        Box::pin(async {
            let (what, name) = (self.kind.of_template(), &self.template);
            Some(match self.server.template(self.kind, name).await {
                Ok(template) if template.takes_variables => {
                    Reply::fact(format!("{what} {name}: exists at {}", self.server.root()))
                }
                Ok(_) => Reply::refusal(
                    format!("{what} `{name}` takes no variables at its launch"),
                    "let it prompt for variables on launch",
                ),
                Err((why, _)) => {
                    Reply::refusal(why, "correct what the message names, or look at AWX")
                }
            })
        })
    }

    fn goes_on(&self) -> bool {
        true
    }

    fn describe(&self, event: &Event, values: &Arc<Values>) -> Description {
        let filled = self
            .variables
            .fill(&scope(event, &unborn(&self.rule), values));
        let (kind, template) = (self.kind.of_template(), &self.template);
        let root = self.server.root();
        let begin = format!("launches {kind} {template} at {root}");
        let (line, variables, problem) = match filled {
            Ok(variables) => (format!("{begin} with {variables}"), variables, None),
            Err(why) => {
                let why = format!("`extra_vars`: {why}");
                let line = format!("{begin}, which cannot be filled in: {why}");
                (line, Value::Null, Some(why))
            }
        };
        let mut whole = Map::new();
        whole.insert("url".to_owned(), root.into());
        whole.insert(self.kind.option().to_owned(), template.as_str().into());
        whole.insert("extra_vars".to_owned(), variables);
        whole.extend(problem.map(|why| ("problem".to_owned(), json!(why))));
        Description {
            line,
            whole: ("launch", Value::Object(whole)),
            losses: Vec::new(),
        }
    }

    fn perform(
        &self,
        order: Order,
        started: Started,
        stop: CancellationToken,
    ) -> BoxFuture<'_, Performed> {
        Box::pin(async move {
            let begin = Instant::now();
            let end = self.made(&order, started, &stop).await;
            Performed {
                again: end.again,
                output: end.output,
                output_dropped: end.output_dropped,
                remains: end.remains,
                ..Performed::new(end.outcome, begin.elapsed())
            }
        })
    }
}

/// A job that could not be cancelled yet.
#[derive(Debug)]
struct Left {
    server: Arc<Server>,
    job: JobRef,
}

impl Remains for Left {
    fn left(&mut self) -> BoxFuture<'_, Option<String>> {
        Box::pin(async {
            let cancelled = self.server.cancel(self.job).await;
            let why = match self.server.state(self.job).await {
                Ok(State::Over(_) | State::Gone) => return None,
                Ok(State::Runs) => cancelled.err(),
                Err(why) => Some(why),
            };
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            let url = self.server.url_of(self.job);
            Some(format!("failed to cancel {url}, which is to be ended{why}"))
        })
    }
}

/// Jobs go on without the service: the attempts after the interrupted ones take them up.
#[derive(Clone, Copy, Debug)]
struct AwxRecovery;

impl Recovery for AwxRecovery {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn interrupted(&self) -> &'static str {
        "the service ended while AWX had the job, which the next attempt follows"
    }

    fn end(&mut self, _: Vec<OpenAttempt>) -> BoxFuture<'_, Result<Vec<Living>, String>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}
