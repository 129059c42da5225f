//! A stand-in of AWX over HTTP that really has jobs: each moves on when it is asked for, once tests let it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::http_server::{HttpServer, Received, Step, answer, locked};
use super::stage::wait_until;

/// What a job did.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) is_workflow: bool,
    /// What it was launched with.
    pub(crate) variables: Value,
    pub(crate) status: &'static str,
}

/// What befalls one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is done, and this is said instead; with nothing to say the connection is closed.
    Done(Vec<Step>),
    /// It is not done, and this is said.
    Undone(Vec<Step>),
}

/// Where a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Before anything is done, and then nothing is.
    Lost,
    /// Before anything is done, which is done afterwards.
    Before,
    /// When it is done, before the answer.
    After,
}

#[derive(Default)]
struct Office {
    jobs: Vec<Job>,
    /// How jobs end, in order; those after the last are successful.
    ends: VecDeque<&'static str>,
    /// Faults of requests whose path ends so.
    faults: Vec<(&'static str, Fault)>,
    /// Whether jobs come to their ends.
    is_released: bool,
    takes_variables: bool,
    slices: u64,
    ignored: Value,
    /// The requests that came, and which of them is held.
    count: usize,
    hold: Option<(usize, Hold)>,
    is_held: bool,
}

/// The stand-in. Job template 7 and workflow template 8 are there, and two job templates `twice`.
pub(crate) struct Awx {
    server: HttpServer,
    office: Arc<Mutex<Office>>,
}

impl Awx {
    pub(crate) fn new() -> Self {
        let office = Office {
            is_released: true,
            takes_variables: true,
            slices: 1,
            ..Office::default()
        };
        let office = Arc::new(Mutex::new(office));
        let of_server = Arc::clone(&office);
        let server = HttpServer::answering(move |received| respond(&of_server, received));
        Self { server, office }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.server.received()
    }

    pub(crate) fn jobs(&self) -> Vec<Job> {
        locked(&self.office).jobs.clone()
    }

    /// Jobs stay as they are.
    pub(crate) fn hold_jobs(&self) {
        locked(&self.office).is_released = false;
    }

    /// Jobs go on, and end like this in order; those after the last are successful.
    pub(crate) fn release_jobs(&self, ends: &[&'static str]) {
        let mut office = locked(&self.office);
        office.is_released = true;
        office.ends.extend(ends);
    }

    /// The next request whose path ends so has this fault.
    pub(crate) fn fail(&self, path: &'static str, fault: Fault) {
        locked(&self.office).faults.push((path, fault));
    }

    /// From now on there are no faults but those named after.
    pub(crate) fn mend(&self) {
        locked(&self.office).faults.clear();
    }

    pub(crate) fn take_no_variables(&self) {
        locked(&self.office).takes_variables = false;
    }

    pub(crate) fn slice(&self, count: u64) {
        locked(&self.office).slices = count;
    }

    /// Launches ignore these fields.
    pub(crate) fn ignore(&self, fields: Value) {
        locked(&self.office).ignored = fields;
    }

    /// Holds the request of this number, counted from 1.
    pub(crate) fn hold_request(&self, number: usize, hold: Hold) {
        locked(&self.office).hold = Some((number, hold));
    }

    /// Whether the request is held.
    pub(crate) fn is_holding(&self) -> bool {
        locked(&self.office).is_held
    }

    /// Lets it go, and waits until it has gone.
    pub(crate) fn let_go(&self) {
        locked(&self.office).hold = None;
        wait_until("the request to go", || !self.is_holding());
    }
}

/// Until the request of this number is let go.
fn wait(office: &Mutex<Office>, number: usize) {
    locked(office).is_held = true;
    while locked(office).hold.is_some_and(|(of, _)| of == number) {
        thread::sleep(Duration::from_millis(5));
    }
}

fn respond(office: &Mutex<Office>, received: &Received) -> Vec<Step> {
    let mut words = received.line.split(' ');
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (number, hold, fault) = {
        let mut office = locked(office);
        office.count += 1;
        let number = office.count;
        let hold = office.hold.filter(|(of, _)| *of == number);
        let fault = office
            .faults
            .iter()
            .position(|(end, _)| path.ends_with(end));
        let fault = fault.map(|at| office.faults.remove(at).1);
        (number, hold.map(|(_, hold)| hold), fault)
    };
    if matches!(hold, Some(Hold::Lost | Hold::Before)) {
        wait(office, number);
    }
    let said = match (hold, fault) {
        (Some(Hold::Lost), _) => vec![],
        (_, Some(Fault::Undone(said))) => said,
        (_, fault) => {
            let said = locked(office).answer(method, path, query, &received.body);
            match fault {
                Some(Fault::Done(instead)) => instead,
                _ => said,
            }
        }
    };
    if hold == Some(Hold::After) {
        wait(office, number);
    }
    if hold.is_some() {
        locked(office).is_held = false;
    }
    said
}

fn json_answer(status: &str, body: &Value) -> Vec<Step> {
    answer(
        status,
        &["Content-Type: application/json"],
        body.to_string(),
    )
}

fn not_found() -> Vec<Step> {
    json_answer("404 Not Found", &json!({"detail": "Not found."}))
}

impl Office {
    fn answer(&mut self, method: &str, path: &str, query: &str, body: &[u8]) -> Vec<Step> {
        let decode = |text: &str| {
            percent_decode_str(&text.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        let query: BTreeMap<_, _> = query
            .split('&')
            .filter_map(|it| it.split_once('='))
            .map(|(name, value)| (name, decode(value)))
            .collect();
        let Some(path) = path
            .strip_prefix("/api/v2/")
            .and_then(|it| it.strip_suffix('/'))
        else {
            return not_found();
        };
        let parts: Vec<_> = path.split('/').collect();
        match (method, &parts[..]) {
            ("GET", ["job_templates"]) => self.named(&query["name"]),
            ("GET", ["job_templates", "7" | "Clean++Lab"]) => {
                json_answer("200 OK", &self.template(7, "clean", "Lab"))
            }
            ("GET", ["workflow_job_templates", "8"]) => {
                json_answer("200 OK", &self.template(8, "scale", "Lab"))
            }
            ("POST", ["job_templates", "7", "launch"]) => self.launch(self.slices > 1, body),
            ("POST", ["workflow_job_templates", "8", "launch"]) => self.launch(true, body),
            ("GET", ["job_templates", "7", "jobs"]) => self.list(false, &query),
            (
                "GET",
                ["job_templates", "7", "slice_workflow_jobs"]
                | ["workflow_job_templates", "8", "workflow_jobs"],
            ) => self.list(true, &query),
            ("GET", [kind @ ("jobs" | "workflow_jobs"), id]) => {
                let ends = &mut self.ends;
                let is_workflow = *kind == "workflow_jobs";
                let job = self
                    .jobs
                    .iter_mut()
                    .find(|it| it.id.to_string() == *id && it.is_workflow == is_workflow);
                let Some(job) = job else { return not_found() };
                if self.is_released {
                    job.status = match job.status {
                        "pending" => "waiting",
                        "waiting" => "running",
                        "running" => ends.pop_front().unwrap_or("successful"),
                        over => over,
                    };
                }
                json_answer("200 OK", &shown(job))
            }
            ("GET", ["jobs", id, "stdout"]) if query["format"] == "txt_download" => {
                let text = format!(
                    "{}PLAY RECAP of job {id}\n",
                    "an earlier line\n".repeat(5000)
                );
                answer("200 OK", &[], text)
            }
            ("GET", ["workflow_jobs", _, "workflow_nodes"]) => json_answer(
                "200 OK",
                &json!({"count": 2, "next": null, "results": [
                    {"id": 1, "summary_fields": {"job": {"id": 31, "name": "add", "status": "successful", "type": "job"}}},
                    {"id": 2, "summary_fields": {"unified_job_template": {"name": "undo"}}},
                ]}),
            ),
            ("POST", ["jobs" | "workflow_jobs", id, "cancel"]) => {
                let job = self.jobs.iter_mut().find(|it| it.id.to_string() == *id);
                let Some(job) = job else { return not_found() };
                if is_over(job.status) {
                    return json_answer("405 Method Not Allowed", &json!({"detail": "over"}));
                }
                job.status = "canceled";
                json_answer("202 Accepted", &json!({}))
            }
            _ => not_found(),
        }
    }

    fn template(&self, id: u64, name: &str, organization: &str) -> Value {
        json!({
            "id": id, "name": name, "ask_variables_on_launch": self.takes_variables,
            "job_slice_count": self.slices,
            "summary_fields": {"organization": {"name": organization}},
        })
    }

    fn named(&self, name: &str) -> Vec<Step> {
        let found = match name {
            "clean" => vec![self.template(7, "clean", "Lab")],
            "twice" => vec![
                self.template(3, "twice", "Lab"),
                self.template(4, "twice", "Ops"),
            ],
            _ => vec![],
        };
        let page = json!({"count": found.len(), "next": null, "results": found});
        json_answer("200 OK", &page)
    }

    fn launch(&mut self, is_workflow: bool, body: &[u8]) -> Vec<Step> {
        let body: Value = serde_json::from_slice(body).expect("JSON");
        let id = 17 + self.jobs.len() as u64;
        let mut variables = body["extra_vars"].clone();
        if !self.ignored.is_null() {
            variables = json!({});
        }
        self.jobs.push(Job {
            id,
            is_workflow,
            variables,
            status: "pending",
        });
        let ignored = if self.ignored.is_null() {
            json!({})
        } else {
            self.ignored.clone()
        };
        let (kind, name) = if is_workflow {
            ("workflow_job", "workflow_job")
        } else {
            ("job", "job")
        };
        let said = json!({
            "id": id, "type": kind, name: id, "ignored_fields": ignored, "status": "pending",
        });
        json_answer("201 Created", &said)
    }

    /// Two a page, so that there are several.
    fn list(&self, is_workflow: bool, query: &BTreeMap<&str, String>) -> Vec<Step> {
        assert_eq!(query["order_by"], "-id");
        assert!(query["created__gte"].ends_with('Z'), "{query:?}");
        let page: usize = query["page"].parse().expect("a number");
        let jobs: Vec<_> = self
            .jobs
            .iter()
            .rev()
            .filter(|it| it.is_workflow == is_workflow)
            .collect();
        let next = (jobs.len() > page * 2).then(|| format!("?page={}", page + 1));
        let results: Vec<_> = jobs
            .iter()
            .skip((page - 1) * 2)
            .take(2)
            .map(|it| shown(it))
            .collect();
        json_answer(
            "200 OK",
            &json!({"count": jobs.len(), "next": next, "results": results}),
        )
    }
}

fn is_over(status: &str) -> bool {
    matches!(status, "successful" | "failed" | "error" | "canceled")
}

fn shown(job: &Job) -> Value {
    let explanation = if job.status == "error" {
        "no such inventory"
    } else {
        ""
    };
    json!({
        "id": job.id, "status": job.status, "extra_vars": job.variables.to_string(),
        "finished": is_over(job.status).then_some("2026-01-15T12:00:00Z"),
        "event_processing_finished": true, "job_explanation": explanation, "result_traceback": "",
        "artifacts": if is_over(job.status) { json!({"ip": "10.0.0.7"}) } else { json!({}) },
    })
}
