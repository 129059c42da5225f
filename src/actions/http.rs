//! Sends a request: a method, an address, headers and a JSON body, filled in for the event.
//!
//! The answer's status says how the attempt went, and the beginning of its body is the attempt's output.
//! Nothing is followed and nothing is sent twice in one attempt: whether there is another one is the
//! rule's affair, but for a status that says that it cannot help. What a request carries is secret where it
//! comes from a file, and no output, message or handle shows it.
//!
//! A request whose service died may have been received. It is sent again: receivers that must not act twice
//! look at `{{ run.id }}`, which stays the same.

mod chat;
mod options;
mod request;
mod service;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::header::{LOCATION, RETRY_AFTER};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::answer::{Verdict, verdict};
use super::remote::checkup;
use super::scope::{run_value, scope, unborn};
use super::statuses::Statuses;
use super::{
    Action, ActionPart, Checkup, Description, FileInUse, Living, Order, Performed, Recovery,
};
use crate::config::table::PartOptions;
use crate::core::event::Event;
use crate::core::retry::Again;
use crate::core::rules::Asks;
use crate::core::run::{Detail, Outcome};
use crate::core::store::Values;
use crate::http::{self, Answer, Broken, Deadline, LateClient, NoAnswer, Trust, message};
use crate::journal::{OpenAttempt, with_values};
pub use chat::{MATTERMOST, ROCKETCHAT, SLACK, TEAMS};
use request::{Address, Call, Filled};
use service::Others;

/// What `action` says in a rule.
const KIND: &str = "http";

/// The row in the table of parts.
pub const PART: ActionPart = ActionPart {
    options: PartOptions {
        name: KIND,
        rows: &options::OPTIONS,
    },
    read: |options, rule| Some(Arc::new(options::read(options, rule)?)),
    recovery: Some(|_| Box::new(HttpRecovery(KIND))),
};

/// So many bytes of an answer are kept for the journal.
const KEPT: usize = 64 * 1024;

/// Sends the requests of one rule.
#[derive(Debug)]
struct HttpAction {
    /// The name of the rule.
    rule: String,
    call: Call,
    /// What the templates look up, and by which option.
    asks: Asks,
    /// The files with secrets, and where the configuration names them.
    files: Vec<FileInUse>,
    trust: Trust,
    success: Statuses,
    retry_on: Statuses,
    timeout: Duration,
    client: LateClient,
}

impl HttpAction {
    async fn send(
        &self,
        order: &Order,
        started: oneshot::Sender<String>,
        stop: &CancellationToken,
    ) -> Sent {
        let not_started = |why: String| Sent::of(Outcome::NotStarted(why));
        let client = match self.client.of(&self.trust) {
            Ok(client) => client,
            Err(problem) => return not_started(problem.to_string()),
        };
        let run = run_value(&self.rule, order.run, order.attempt);
        let filled = with_values(&*order.store, stop, |values| {
            let scope_of = |event: &Event| scope(event, &run, values);
            let others = Others {
                scopes: order.batch.events.iter().map(scope_of).collect(),
                counted: order.batch.others,
            };
            self.call.fill(client, &scope_of(&order.event), &others)
        });
        let Filled {
            request,
            secrets,
            told_of,
        } = match filled.await {
            Ok(Ok(filled)) => filled,
            Ok(Err(why)) => return not_started(why),
            Err(error) => return not_started(error.to_string()),
        };
        let origin = request.url().origin().ascii_serialization();
        // Nobody waits for it if dispatch has given this attempt up.
        drop(started.send(origin.clone()));
        let secrets: Vec<_> = secrets.iter().collect();
        let deadline = Deadline::after(self.timeout);
        let answer = http::exchange(client, self.trust.names, request, KEPT, deadline).await;
        match answer {
            Ok(answer) => self.judge(&answer, &secrets, &told_of),
            Err(NoAnswer::Late(limit)) => Sent::of(Outcome::TimedOut(limit)),
            Err(NoAnswer::Failed(why)) => {
                let why = message::blanked(&why, &secrets);
                Sent::of(Outcome::Failed(Detail::Told(format!(
                    "no answer from {origin}: {why}"
                ))))
            }
        }
    }

    fn judge(&self, answer: &Answer, secrets: &[&secrecy::SecretString], told_of: &str) -> Sent {
        let header = |name| answer.headers.get(name)?.to_str().ok();
        let by_status = verdict(
            answer.status.as_u16(),
            header(RETRY_AFTER),
            &self.success,
            &self.retry_on,
            Timestamp::now(),
        );
        let service = self.call.service();
        let service = service.filter(|_| by_status == Verdict::Succeeded);
        let verdict = service.map_or(by_status, |service| {
            (service.verdict)(answer.status.as_u16(), &answer.body)
        });
        let unsaid = service.filter(|_| verdict != Verdict::Succeeded);
        let unsaid = unsaid.map_or_else(String::new, |service| {
            let said = message::server_message(&answer.body, secrets);
            format!(", but not {}: {said}", service.expected)
        });
        let elsewhere = header(LOCATION).filter(|_| answer.status.is_redirection());
        let elsewhere = elsewhere.map_or_else(String::new, |to| {
            let to = message::server_message(to.as_bytes(), secrets);
            format!(", which leads to {to}: redirects are not followed")
        });
        let broken = match &answer.broken {
            None => String::new(),
            Some(Broken::Long) => format!("; only the first {KEPT} bytes of the body are kept"),
            Some(Broken::Late) => format!("; the body did not end within {:?}", self.timeout),
            Some(Broken::Cut(why)) => {
                format!("; the body broke off: {}", message::blanked(why, secrets))
            }
        };
        let status = answer.status;
        let told = Detail::Told(format!(
            "the server answered {status}{unsaid}{elsewhere}{broken}{told_of}"
        ));
        let (outcome, again) = match verdict {
            Verdict::Succeeded => (Outcome::Succeeded(told), Again::AsTheRuleSays),
            Verdict::Later(None) => (Outcome::Failed(told), Again::AsTheRuleSays),
            Verdict::Later(Some(wait)) => (Outcome::Failed(told), Again::NotBefore(wait)),
            Verdict::Refused => (Outcome::Failed(told), Again::Useless),
        };
        let body = String::from_utf8_lossy(&answer.body);
        Sent {
            outcome,
            again,
            output: message::blanked(&body, secrets).into_bytes(),
        }
    }
}

/// What came of sending.
struct Sent {
    outcome: Outcome,
    again: Again,
    output: Vec<u8>,
}

impl Sent {
    fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            again: Again::AsTheRuleSays,
            output: Vec::new(),
        }
    }
}

impl Action for HttpAction {
    fn kind(&self) -> &'static str {
        self.call.service().map_or(KIND, |service| service.name)
    }

    fn asks(&self) -> Asks {
        self.asks.clone()
    }

    fn check(&self) -> Checkup {
        checkup(&self.files)
    }

    fn describe(&self, event: &Event, values: &Arc<Values>) -> Description {
        let method = &self.call.method;
        let scope = scope(event, &unborn(&self.rule), values);
        let parts = self.call.parts(&scope, &Others::default());
        let parts = match parts {
            Ok(parts) => parts,
            Err(why) => {
                let line = format!("{method}, which cannot be filled in: {why}");
                return Description {
                    line,
                    whole: (
                        "request",
                        json!({"method": method.as_str(), "problem": why}),
                    ),
                    losses: Vec::new(),
                };
            }
        };
        let url = match (&parts.url, &self.call.address) {
            (Some(url), _) => http::display_url(url),
            (None, Address::File(path)) => format!("the address in {}", path.display()),
            (None, Address::Template(_)) => String::new(),
        };
        let headers = parts.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), Value::from(value))
        });
        let headers: serde_json::Map<_, _> = headers.collect();
        let body = parts
            .body
            .as_ref()
            .map_or_else(String::new, |body| format!(" {body}"));
        let is_cut = parts.is_cut;
        let losses =
            is_cut.then(|| "the message is longer than the service takes: it is cut".into());
        let losses = losses.into_iter().collect();
        Description {
            line: format!("{method} {url}{body}"),
            whole: (
                "request",
                json!({"method": method.as_str(), "url": url, "headers": headers, "body": parts.body}),
            ),
            losses,
        }
    }

    fn perform(
        &self,
        order: Order,
        started: oneshot::Sender<String>,
        stop: CancellationToken,
    ) -> BoxFuture<'_, Performed> {
        Box::pin(async move {
            let begin = Instant::now();
            let sent = stop
                .run_until_cancelled(self.send(&order, started, &stop))
                .await;
            let sent = sent.unwrap_or_else(|| {
                let why = "the service stopped while the request was under way";
                Sent::of(Outcome::Interrupted(why.to_owned()))
            });
            Performed {
                again: sent.again,
                output: sent.output,
                ..Performed::new(sent.outcome, begin.elapsed())
            }
        })
    }
}

/// Requests end with the service that sent them.
#[derive(Clone, Copy, Debug)]
struct HttpRecovery(&'static str);

impl Recovery for HttpRecovery {
    fn kind(&self) -> &'static str {
        self.0
    }

    fn interrupted(&self) -> &'static str {
        "the service ended while the request was under way"
    }

    fn end(&mut self, _: Vec<OpenAttempt>) -> BoxFuture<'_, Result<Vec<Living>, String>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}
