//! The requests to AWX, each with one answer.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Request, RequestBuilder, StatusCode, Url};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::MARK;
use super::answers::{self, Finished, JobRef, Kind, Template};
use crate::actions::answer::{Verdict, verdict};
use crate::actions::statuses::Statuses;
use crate::core::retry::Again;
use crate::http::{self, Deadline, LateClient, Login, Trust, message};

/// So many bytes of an answer are read: a page of jobs with their variables, for the most.
const LONGEST: usize = 32 * 1024 * 1024;

/// So many jobs are listed at once: what AWX allows.
const PAGE: u64 = 200;

/// So many pages are looked through for a job.
const PAGES: u64 = 50;

/// A server, and how it is asked.
#[derive(Debug)]
pub(super) struct Server {
    /// The root of its API, without a slash at its end.
    pub(super) base: Url,
    pub(super) login: Option<Login>,
    pub(super) trust: Trust,
    /// How long one request may take.
    pub(super) timeout: Duration,
    /// Made when it is first needed: a file that it takes may come later.
    pub(super) client: LateClient,
}

/// An answer, without secrets.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: StatusCode,
    /// What the status means for a request that is to be sent again or not.
    pub(super) verdict: Verdict,
    /// Null if it is no JSON.
    pub(super) body: Value,
    pub(super) text: String,
    message: String,
}

impl Said {
    /// In words, with what to look at.
    pub(super) fn told(&self) -> String {
        let remedy = match self.status {
            StatusCode::UNAUTHORIZED => "; check the token or the password",
            StatusCode::FORBIDDEN => "; give this login the role to execute it",
            StatusCode::NOT_FOUND => {
                "; check `url`, the template, and whether this login may see it"
            }
            status if status.is_redirection() => "; redirects are not followed: correct `url`",
            _ => "",
        };
        format!("{}: {}{remedy}", self.status, self.message)
    }
}

/// Where a job stands.
#[derive(Debug)]
pub(super) enum State {
    Runs,
    Over(Finished),
    /// There is no such job any more.
    Gone,
}

impl Server {
    /// The root of its API, as it is shown.
    pub(super) fn root(&self) -> String {
        http::display_url(&self.base)
            .trim_end_matches('/')
            .to_owned()
    }

    /// The address of a job.
    pub(super) fn url_of(&self, job: JobRef) -> String {
        job.handle(&self.root())
    }

    /// A request for what is at this path, and what no message about it may show.
    pub(super) fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<(&Client, Request, Vec<SecretString>), String> {
        let client = self
            .client
            .of(&self.trust)
            .map_err(|problem| problem.to_string())?;
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("`http` and `https` have a path")
            .pop_if_empty()
            .extend(path)
            .push("");
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = Request::new(method, url);
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            *request.body_mut() = Some(body.to_string().into());
        }
        let mut secrets = Vec::new();
        if let Some(login) = &self.login {
            let builder = RequestBuilder::from_parts(client.clone(), request);
            request = login.add_to(builder, &mut secrets)?;
        }
        Ok((client, request, secrets))
    }

    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Said, String> {
        let (client, request, secrets) = self.request(method, path, query, body)?;
        let secrets: Vec<_> = secrets.iter().collect();
        let origin = request.url().origin().ascii_serialization();
        let deadline = Deadline::after(self.timeout);
        let answer = http::exchange(client, self.trust.names, request, LONGEST, deadline).await;
        let answer = answer.map_err(|why| {
            let why = message::blanked(&why.to_string(), &secrets);
            format!("no answer from {origin}: {why}")
        })?;
        let text = message::blanked(&String::from_utf8_lossy(&answer.body), &secrets);
        let retry_after = answer.headers.get(RETRY_AFTER);
        let verdict = verdict(
            answer.status.as_u16(),
            retry_after.and_then(|it| it.to_str().ok()),
            &Statuses::new(vec![200..=299]),
            &Statuses::new(vec![429..=429, 500..=599]),
            Timestamp::now(),
        );
        Ok(Said {
            status: answer.status,
            verdict,
            body: serde_json::from_str(&text).unwrap_or_default(),
            message: message::server_message(&answer.body, &secrets),
            text,
        })
    }

    /// What is at this path.
    ///
    /// # Errors
    /// Why nothing can be said, in words, and whether asking again can help.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, (String, Again)> {
        let said = self.ask(Method::GET, path, query, None).await;
        let said = said.map_err(|why| (why, Again::AsTheRuleSays))?;
        match said.verdict {
            Verdict::Succeeded if said.body.is_object() => Ok(said.body),
            Verdict::Succeeded => {
                let why = format!(
                    "expected JSON, but found something else: check whether `url` leads to AWX ({})",
                    said.message
                );
                Err((why, Again::Useless))
            }
            Verdict::Later(None) => Err((said.told(), Again::AsTheRuleSays)),
            Verdict::Later(Some(wait)) => Err((said.told(), Again::NotBefore(wait))),
            Verdict::Refused => Err((said.told(), Again::Useless)),
        }
    }

    /// The template of this number, this name, or this `NAME++ORGANIZATION`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) async fn template(
        &self,
        kind: Kind,
        name: &str,
    ) -> Result<Template, (String, Again)> {
        let what = kind.of_template();
        let about = |(why, again)| (format!("failed to ask for {what} `{name}`: {why}"), again);
        let is_whole = name.bytes().all(|byte| byte.is_ascii_digit()) || name.contains("++");
        if is_whole {
            let said = self.get(&[kind.templates(), name], &[]).await;
            let said = said.map_err(about)?;
            let other = || {
                (
                    format!("expected a {what}, but found {said}"),
                    Again::Useless,
                )
            };
            return answers::template(&said).ok_or_else(other);
        }
        let query = [("name", name), ("page_size", "20")];
        let said = self.get(&[kind.templates()], &query).await.map_err(about)?;
        answers::only_template(kind, name, &said).map_err(|why| (why, Again::Useless))
    }

    /// Launches a template.
    ///
    /// # Errors
    /// Why there is no answer, in words: it may have been launched all the same.
    pub(super) async fn launch(
        &self,
        kind: Kind,
        template: &Template,
        variables: &Value,
    ) -> Result<Said, String> {
        let id = template.id.to_string();
        let path = [kind.templates(), &id, "launch"];
        let body = json!({"extra_vars": variables});
        self.ask(Method::POST, &path, &[], Some(&body)).await
    }

    /// The newest job of a template with one of these marks, among those made since then.
    ///
    /// # Errors
    /// Why nobody knows, in words.
    pub(super) async fn find(
        &self,
        kind: Kind,
        template: &Template,
        marks: &[String],
        since: Timestamp,
    ) -> Result<Option<JobRef>, String> {
        let (id, since) = (template.id.to_string(), since.to_string());
        let sliced = template.is_sliced && kind == Kind::Job;
        let sliced = sliced.then_some(("slice_workflow_jobs", Kind::Workflow));
        for (list, kind) in sliced.into_iter().chain([(kind.jobs(), kind)]) {
            let mut page = 1;
            loop {
                let (number, size) = (page.to_string(), PAGE.to_string());
                let query = [
                    ("order_by", "-id"),
                    ("created__gte", &since),
                    ("page_size", &size),
                    ("page", &number),
                ];
                let path = [template_list(kind, list), &id, list];
                let said = self.get(&path, &query).await.map_err(|(why, _)| why)?;
                if let Some(id) = answers::marked(&said, MARK, marks) {
                    return Ok(Some(JobRef { kind, id }));
                }
                if said["next"].is_null() {
                    break;
                }
                if page == PAGES {
                    return Err(format!(
                        "the template has more than {} jobs since {since}",
                        PAGE * PAGES
                    ));
                }
                page += 1;
            }
        }
        Ok(None)
    }

    /// Where a job stands.
    ///
    /// # Errors
    /// Why nobody knows, in words.
    pub(super) async fn state(&self, job: JobRef) -> Result<State, String> {
        let id = job.id.to_string();
        let said = self
            .ask(Method::GET, &[job.kind.jobs(), &id], &[], None)
            .await?;
        match said.verdict {
            Verdict::Succeeded if said.body.is_object() => {
                Ok(answers::finished(&said.body).map_or(State::Runs, State::Over))
            }
            _ if said.status == StatusCode::NOT_FOUND && said.body.is_object() => Ok(State::Gone),
            _ => Err(said.told()),
        }
    }

    /// Asks AWX to cancel a job. One that is over is none to cancel.
    ///
    /// # Errors
    /// Why it does not, in words.
    pub(super) async fn cancel(&self, job: JobRef) -> Result<(), String> {
        let id = job.id.to_string();
        let path = [job.kind.jobs(), &id, "cancel"];
        let said = self.ask(Method::POST, &path, &[], None).await?;
        match said.status {
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND => Ok(()),
            status if status.is_success() => Ok(()),
            _ => Err(said.told()),
        }
    }

    /// Cancels a job, and waits for its end as long as a request may take; `None` if it is not there any more.
    ///
    /// # Errors
    /// Why it is not known to be over, in words.
    pub(super) async fn end(
        &self,
        job: JobRef,
        poll_every: Duration,
    ) -> Result<Option<Finished>, String> {
        let mut why = "it has not ended yet".to_owned();
        let ending = async {
            loop {
                if let Err(error) = self.cancel(job).await {
                    why = error;
                }
                match self.state(job).await {
                    Ok(State::Over(finished)) => return Some(finished),
                    Ok(State::Gone) => return None,
                    Ok(State::Runs) => {}
                    Err(error) => why = error,
                }
                sleep(poll_every).await;
            }
        };
        timeout(self.timeout, ending).await.map_err(|_| why)
    }
}

/// Where the templates are that have jobs in this list.
fn template_list(kind: Kind, list: &str) -> &'static str {
    if list == kind.jobs() {
        kind.templates()
    } else {
        Kind::Job.templates()
    }
}
