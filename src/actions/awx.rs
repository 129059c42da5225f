//! Launches a job of AWX or the automation controller, and follows it to its end, which is that of the attempt.
//!
//! A job goes on whatever becomes of the service, and must not be launched twice for one attempt's work. So its number is
//! the attempt's handle, on record before the attempt ends; and each launch carries a mark, the variable
//! `MARK`, by which a job is found whose launch was not answered, or whose number came to no record. What an
//! attempt begins with, `begin` decides from the attempts before it.

mod answers;
mod begin;
mod options;
mod output;
mod server;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::answer::Verdict;
use super::remote::checkup;
use super::scope::{run_value, scope, unborn};
use super::{
    Action, ActionPart, Checkup, Description, FileInUse, Living, Order, Performed, Recovery,
    Remains,
};
use crate::config::table::PartOptions;
use crate::core::event::Event;
use crate::core::outage::Outage;
use crate::core::retry::Again;
use crate::core::rules::Asks;
use crate::core::run::{Detail, Outcome};
use crate::core::store::Values;
use crate::core::template::JsonTemplate;
use crate::crash::{self, Point};
use crate::journal::{OpenAttempt, with_values};
use answers::{Finished, JobRef, Kind, Launch, Status, Template};
use begin::{Begin, Doubt};
use server::{Server, State};

/// What `action` says in a rule.
const KIND: &str = "awx";

/// The variable by which a job is known as that of an attempt.
const MARK: &str = "esi_run";

/// So far the clocks of AWX and of this host may be apart.
const APART: SignedDuration = SignedDuration::from_hours(24);

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
    /// The job that the attempt is about: one of an earlier attempt, or a new one.
    async fn job(
        &self,
        order: &Order,
        started: Started,
        stop: &CancellationToken,
    ) -> Result<JobRef, End> {
        let doubt = match begin::begin(&order.earlier) {
            Begin::Follow(handle) => {
                let job = JobRef::from_handle(&handle, &self.server.root());
                // It is this attempt's from now on.
                drop(started.send(handle.clone()));
                return job.ok_or_else(|| {
                    let why = format!(
                        "an attempt before launched {handle}, which is not below `url` any more: see there how it \
                         ends; `runs retry` launches another one"
                    );
                    End::not_started(why).again(Again::Useless)
                });
            }
            Begin::Launch(doubt) => doubt,
        };
        let template = self.server.template(self.kind, &self.template).await;
        let template = template.map_err(|(why, again)| End::not_started(why).again(again))?;
        let tell = |job: JobRef| {
            // Nobody waits for it if dispatch has given this attempt up.
            drop(started.send(job.handle(&self.server.root())));
            job
        };
        if let Some(doubt) = doubt
            && let Some(job) = self.launched_before(order, &template, &doubt).await?
        {
            return Ok(tell(job));
        }
        if !template.takes_variables {
            let why = format!(
                "{} `{}` takes no variables at its launch, so that nothing would tell its job from others after a \
                 crash: tick \"Prompt on launch\" beside its variables",
                self.kind.of_template(),
                template.name
            );
            return Err(End::not_started(why).again(Again::Useless));
        }
        let variables = self.variables(order, stop).await?;
        self.launch(order, &template, variables, tell).await
    }

    /// What is sent to the playbook, with the mark.
    async fn variables(&self, order: &Order, stop: &CancellationToken) -> Result<Value, End> {
        let run = run_value(&self.rule, order.run, order.attempt);
        let filled = with_values(&*order.store, stop, |values| {
            self.variables.fill(&scope(&order.event, &run, values))
        });
        let mut variables = match filled.await {
            Ok(Ok(variables)) => variables,
            Ok(Err(why)) => return Err(End::not_started(format!("`extra_vars`: {why}"))),
            Err(error) => return Err(End::not_started(error.to_string())),
        };
        if let Some(variables) = variables.as_object_mut() {
            variables.insert(MARK.to_owned(), mark(order, order.attempt).into());
        }
        Ok(variables)
    }

    async fn launch(
        &self,
        order: &Order,
        template: &Template,
        variables: Value,
        tell: impl FnOnce(JobRef) -> JobRef,
    ) -> Result<JobRef, End> {
        let begun = Timestamp::now();
        let what = format!("{} `{}`", self.kind.of_template(), template.name);
        let said = self.server.launch(self.kind, template, &variables).await;
        crash::point(Point::JobLaunched);
        let (why, again) = match said {
            Ok(said) => match answers::launch(said.status, &said.body) {
                Launch::Made(job, ignored) => {
                    let job = tell(job);
                    return self.with_all(job, &ignored, &what).await;
                }
                Launch::Refused => {
                    let end =
                        End::not_started(format!("AWX refused to launch {what}: {}", said.told()));
                    let again = match said.verdict {
                        Verdict::Later(Some(wait)) => Again::NotBefore(wait),
                        Verdict::Later(None) => Again::AsTheRuleSays,
                        Verdict::Succeeded | Verdict::Refused => Again::Useless,
                    };
                    return Err(End {
                        output: said.text.into_bytes(),
                        ..end.again(again)
                    });
                }
                Launch::Unknown => {
                    let again = match said.verdict {
                        Verdict::Later(Some(wait)) => Again::NotBefore(wait),
                        _ => Again::AsTheRuleSays,
                    };
                    (said.told(), again)
                }
            },
            Err(why) => (why, Again::AsTheRuleSays),
        };
        tracing::warn!(
            run = order.run,
            attempt = order.attempt,
            "it is not known whether AWX launched {what}: {why}; looking for the job"
        );
        let doubt = Doubt {
            attempts: vec![order.attempt],
            since: begun,
            ended_at: Timestamp::now(),
        };
        if let Some(job) = self.launched_before(order, template, &doubt).await? {
            return Ok(tell(job));
        }
        let why = format!(
            "it is not known whether AWX launched {what}: {why}. No job of this run is there by now; another attempt \
             looks for it again before it launches one"
        );
        Err(End::failed(why).again(again))
    }

    /// The job, if it has all the variables; else it is cancelled.
    async fn with_all(&self, job: JobRef, ignored: &[String], what: &str) -> Result<JobRef, End> {
        if ignored.is_empty() {
            return Ok(job);
        }
        let url = self.server.url_of(job);
        let ended = match self.server.end(job, self.poll_every).await {
            Ok(_) => "it is cancelled",
            Err(_) => "it is being cancelled",
        };
        let why = format!(
            "AWX launched {what} without {}, which it ignored; {ended}: {url}. Let the template prompt for them, or \
             define them in its survey",
            ignored.join(", ")
        );
        let remains = self.left_of(job, ended != "it is cancelled");
        let end = End::failed(why).again(Again::Useless);
        Err(End { remains, ..end })
    }

    /// The job that one of these attempts launched without anybody knowing. A launch may still be under way in AWX, so
    /// it is looked for until such a request would have been given up.
    async fn launched_before(
        &self,
        order: &Order,
        template: &Template,
        doubt: &Doubt,
    ) -> Result<Option<JobRef>, End> {
        let marks: Vec<_> = doubt.attempts.iter().map(|&it| mark(order, it)).collect();
        let since = doubt.since.checked_sub(APART).unwrap_or(Timestamp::MIN);
        let passed = Timestamp::now().duration_since(doubt.ended_at);
        let passed = Duration::try_from(passed).unwrap_or_default();
        let until = Instant::now() + self.server.timeout.saturating_sub(passed);
        loop {
            let now = Instant::now();
            let looked = self.server.find(self.kind, template, &marks, since).await;
            match looked {
                Ok(Some(job)) => return Ok(Some(job)),
                Ok(None) if now >= until => return Ok(None),
                Err(why) if now >= until => {
                    // It may have been launched, so nothing is launched now.
                    let why = format!("failed to look for the job of an earlier launch: {why}");
                    return Err(End::failed(why));
                }
                Ok(None) | Err(_) => sleep(self.poll_every.min(until - now)).await,
            }
        }
    }

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

/// What marks the job of this attempt of the run.
fn mark(order: &Order, attempt: u32) -> String {
    format!("{}/{}/{attempt}", order.journal_name, order.run)
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
