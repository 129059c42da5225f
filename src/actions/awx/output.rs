//! The output of a job that has ended: its last lines, or how the jobs of a workflow ended.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::answers::{JobRef, Kind};
use super::server::Server;
use crate::core::printable::printable;
use crate::http::{self, Deadline, message};

/// So many bytes are kept for the journal.
const KEPT: usize = 64 * 1024;

impl Server {
    /// The end of the output, and how many bytes were before it. What cannot be read is told in its place: the job
    /// has ended all the same.
    pub(super) async fn output(&self, job: JobRef, poll_every: Duration) -> (Vec<u8>, u64) {
        let read = match job.kind {
            Kind::Job => {
                self.until_whole(job, poll_every).await;
                self.last_lines(job).await
            }
            Kind::Workflow => self.nodes(job).await.map(|text| (text.into_bytes(), 0)),
        };
        read.unwrap_or_else(|why| {
            let told = format!("failed to read the output of {}: {why}", self.url_of(job));
            (told.into_bytes(), 0)
        })
    }

    /// AWX may still be taking the output in when the job has ended. It is not waited for longer than for a request.
    async fn until_whole(&self, job: JobRef, poll_every: Duration) {
        let until = Instant::now() + self.timeout;
        let id = job.id.to_string();
        while Instant::now() < until {
            match self.get(&[job.kind.jobs(), &id], &[]).await {
                Ok(said) if said["event_processing_finished"] == false => {}
                // What else is wrong, reading tells.
                Ok(_) | Err(_) => return,
            }
            sleep(poll_every).await;
        }
    }

    async fn last_lines(&self, job: JobRef) -> Result<(Vec<u8>, u64), String> {
        let id = job.id.to_string();
        let path = [job.kind.jobs(), &id, "stdout"];
        // Unlike `txt`, which is refused above a size.
        let query = [("format", "txt_download")];
        let (client, request, secrets) = self.request(Method::GET, &path, &query, None)?;
        let secrets: Vec<_> = secrets.iter().collect();
        let deadline = Deadline::after(self.timeout);
        let names = self.trust.names;
        let answer = http::exchange_for_end(client, names, request, KEPT, deadline).await;
        let (answer, dropped) =
            answer.map_err(|why| message::blanked(&why.to_string(), &secrets))?;
        if !answer.status.is_success() {
            let said = message::server_message(&answer.body, &secrets);
            return Err(format!("{}: {said}", answer.status));
        }
        let mut text = message::blanked(&String::from_utf8_lossy(&answer.body), &secrets);
        if answer.broken.is_some() {
            text.push_str("\n(the output breaks off here)");
        }
        Ok((text.into_bytes(), dropped))
    }

    async fn nodes(&self, job: JobRef) -> Result<String, String> {
        let id = job.id.to_string();
        let path = [job.kind.jobs(), &id, "workflow_nodes"];
        let query = [("order_by", "id"), ("page_size", "200")];
        let said = self.get(&path, &query).await.map_err(|(why, _)| why)?;
        Ok(shown(&said))
    }
}

/// How the nodes of a workflow ended, a line each.
pub(super) fn shown(said: &Value) -> String {
    let nodes = said["results"].as_array().into_iter().flatten();
    let lines = nodes.map(|node| {
        let job = &node["summary_fields"]["job"];
        let text = |value: &Value| printable(value.as_str().unwrap_or("?").as_bytes());
        if let Some(id) = job["id"].as_u64() {
            let (name, status) = (text(&job["name"]), text(&job["status"]));
            format!("job {id} {name}: {status}\n")
        } else {
            let template = &node["summary_fields"]["unified_job_template"]["name"];
            format!("{}: not run\n", text(template))
        }
    });
    let more = said["next"].as_str().map(|_| "and more\n".to_owned());
    lines.chain(more).collect()
}
