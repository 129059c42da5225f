//! Launches a job once: what an earlier attempt launched is found first, by the mark in its variables.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::answers::{self, JobRef, Launch, Template};
use super::begin::{self, Begin, Doubt};
use super::{AwxAction, End, MARK, Started};
use crate::actions::Order;
use crate::actions::answer::Verdict;
use crate::actions::scope::{run_value, scope};
use crate::core::retry::Again;
use crate::crash::{self, Point};
use crate::journal::with_values;

/// So far the clocks of AWX and of this host may be apart.
const APART: SignedDuration = SignedDuration::from_hours(24);

impl AwxAction {
    /// The job that the attempt is about: one of an earlier attempt, or a new one.
    pub(super) async fn job(
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
}

/// What marks the job of this attempt of the run.
fn mark(order: &Order, attempt: u32) -> String {
    format!("{}/{}/{attempt}", order.journal_name, order.run)
}
