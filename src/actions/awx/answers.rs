//! What AWX says, read. Pure.

use std::fmt;

use reqwest::StatusCode;
use serde_json::Value;

use crate::core::printable::printable;
use crate::core::retry::Again;
use crate::core::run::{Detail, Outcome};

/// What is launched, and what comes of it. A template for jobs may make a workflow: if its jobs are sliced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Job,
    Workflow,
}

impl Kind {
    /// The option that names the template.
    pub(super) fn option(self) -> &'static str {
        match self {
            Self::Job => "template",
            Self::Workflow => "workflow",
        }
    }

    /// In words.
    pub(super) fn of_template(self) -> &'static str {
        match self {
            Self::Job => "job template",
            Self::Workflow => "workflow template",
        }
    }

    /// Where its templates are.
    pub(super) fn templates(self) -> &'static str {
        match self {
            Self::Job => "job_templates",
            Self::Workflow => "workflow_job_templates",
        }
    }

    /// Where its jobs are, at the root and at a template.
    pub(super) fn jobs(self) -> &'static str {
        match self {
            Self::Job => "jobs",
            Self::Workflow => "workflow_jobs",
        }
    }
}

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JobRef {
    pub(super) kind: Kind,
    pub(super) id: u64,
}

impl JobRef {
    /// By what the journal knows it: its address.
    pub(super) fn handle(self, root: &str) -> String {
        format!("{root}/{}/{}/", self.kind.jobs(), self.id)
    }

    /// The job with this handle; `None` if it is not below this root.
    pub(super) fn from_handle(handle: &str, root: &str) -> Option<Self> {
        let path = handle.strip_prefix(root)?.strip_prefix('/')?;
        let (jobs, id) = path.strip_suffix('/')?.split_once('/')?;
        let kind = [Kind::Job, Kind::Workflow];
        let kind = kind.into_iter().find(|kind| kind.jobs() == jobs)?;
        let id = id.parse().ok()?;
        Some(Self { kind, id })
    }
}

impl fmt::Display for JobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.kind {
            Kind::Job => "job",
            Kind::Workflow => "workflow job",
        };
        write!(f, "{word} {}", self.id)
    }
}

/// A template as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) id: u64,
    pub(super) name: String,
    /// Whether any variable may be given at the launch.
    pub(super) takes_variables: bool,
    /// Whether a launch makes a workflow of several jobs.
    pub(super) is_sliced: bool,
}

/// Reads a template.
pub(super) fn template(said: &Value) -> Option<Template> {
    Some(Template {
        id: said["id"].as_u64()?,
        name: printable(said["name"].as_str()?.as_bytes()),
        takes_variables: said["ask_variables_on_launch"] == true,
        is_sliced: said["job_slice_count"].as_u64() > Some(1),
    })
}

/// The one template of a list that was asked for by its name.
///
/// # Errors
/// Why there is none, or more than one.
pub(super) fn only_template(kind: Kind, name: &str, said: &Value) -> Result<Template, String> {
    let what = kind.of_template();
    let Some(found) = said["results"].as_array() else {
        return Err(format!(
            "expected a list of {what}s, but found something else: check whether `url` leads to AWX"
        ));
    };
    match &found[..] {
        [] => Err(format!(
            "expected a {what} named `{name}`, but AWX shows none: check the name, and whether this login may \
             execute it"
        )),
        [only] => template(only).ok_or_else(|| {
            let found = printable(only.to_string().as_bytes());
            format!("expected a {what}, but found {found}")
        }),
        several => {
            let shown = several.iter().map(|it| {
                let organization = it["summary_fields"]["organization"]["name"].as_str();
                let of = organization.map_or_else(String::new, |of| format!(" of {of}"));
                printable(format!("{}{of}", it["id"]).as_bytes())
            });
            let shown: Vec<_> = shown.collect();
            Err(format!(
                "expected one {what} named `{name}`, but AWX has several: write its number ({})",
                shown.join(", ")
            ))
        }
    }
}

/// What came of a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Launch {
    /// A job, and the variables that it does not have.
    Made(JobRef, Vec<String>),
    /// None.
    Refused,
    /// A job or none.
    Unknown,
}

/// Reads the answer to a launch. Only 201 says that there is a job, and only what AWX itself answers that there is none.
pub(super) fn launch(status: StatusCode, said: &Value) -> Launch {
    if status == StatusCode::CREATED {
        let of_workflow = said["workflow_job"].as_u64();
        let is_workflow = said["type"] == "workflow_job" || of_workflow.is_some();
        let id = said["id"].as_u64();
        let Some(id) = id.or(of_workflow).or_else(|| said["job"].as_u64()) else {
            return Launch::Unknown;
        };
        let kind = if is_workflow {
            Kind::Workflow
        } else {
            Kind::Job
        };
        return Launch::Made(JobRef { kind, id }, ignored(&said["ignored_fields"]));
    }
    let is_in_doubt =
        status.is_success() || status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
    if is_in_doubt {
        Launch::Unknown
    } else {
        Launch::Refused
    }
}

/// What was ignored, by name.
fn ignored(fields: &Value) -> Vec<String> {
    let fields = fields.as_object().into_iter().flatten();
    let names = fields.flat_map(|(field, value)| match value.as_object() {
        Some(variables) if field == "extra_vars" => variables.keys().map(|it| shown(it)).collect(),
        _ => vec![shown(field)],
    });
    names.collect()
}

fn shown(name: &str) -> String {
    format!("`{}`", printable(name.as_bytes()))
}

/// Of a page of jobs, newest first, the first one with one of these marks under this variable.
pub(super) fn marked(page: &Value, variable: &str, marks: &[String]) -> Option<u64> {
    let jobs = page["results"].as_array()?;
    let is_marked = |job: &&Value| {
        let variables = job["extra_vars"].as_str();
        let variables = variables.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let mark = variables.as_ref().and_then(|it| it[variable].as_str());
        mark.is_some_and(|mark| marks.iter().any(|one| one == mark))
    };
    jobs.iter().find(is_marked)?["id"].as_u64()
}

/// How a job can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Successful,
    Failed,
    Error,
    Canceled,
}

/// A job that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) status: Status,
    /// What AWX says of it besides.
    pub(super) explanation: String,
    /// What the playbook has set for others.
    pub(super) artifacts: Value,
}

/// Reads a job; `None` while it has not ended.
pub(super) fn finished(said: &Value) -> Option<Finished> {
    let status = match said["status"].as_str()? {
        "successful" => Status::Successful,
        "failed" => Status::Failed,
        "error" => Status::Error,
        "canceled" => Status::Canceled,
        _ => return None,
    };
    let words = [&said["job_explanation"], &said["result_traceback"]];
    let words = words.map(|it| it.as_str().unwrap_or_default().trim());
    let explanation = words.into_iter().find(|it| !it.is_empty());
    Some(Finished {
        status,
        explanation: printable(explanation.unwrap_or_default().as_bytes()),
        artifacts: said["artifacts"].clone(),
    })
}

impl Finished {
    /// What that means for the attempt. Another one does not help where somebody has cancelled the job.
    pub(super) fn means(&self, job: JobRef, url: &str) -> (Outcome, Again) {
        let (word, again) = match self.status {
            Status::Successful => ("successful", Again::AsTheRuleSays),
            Status::Failed => ("failed", Again::AsTheRuleSays),
            Status::Error => ("ended with an error", Again::AsTheRuleSays),
            Status::Canceled => ("was canceled", Again::Useless),
        };
        let why = match &self.explanation[..] {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        let told = Detail::Told(format!("{job} {word}: {url}{why}"));
        let outcome = match self.status {
            Status::Successful => Outcome::Succeeded(told),
            Status::Failed | Status::Error | Status::Canceled => Outcome::Failed(told),
        };
        (outcome, again)
    }
}

/// All that is understood of these bytes, whichever question they answer, in words.
#[must_use]
pub fn read_any(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let said: Value = serde_json::from_str(&text).unwrap_or_default();
    let mut words = Vec::new();
    for kind in [Kind::Job, Kind::Workflow] {
        words.push(match only_template(kind, "name", &said) {
            Ok(template) => template.name,
            Err(why) => why,
        });
    }
    words.extend(template(&said).map(|template| template.name));
    for status in [StatusCode::CREATED, StatusCode::OK, StatusCode::BAD_REQUEST] {
        if let Launch::Made(job, ignored) = launch(status, &said) {
            assert_eq!(JobRef::from_handle(&job.handle("/api"), "/api"), Some(job));
            words.extend(ignored);
        }
    }
    let marked = marked(&said, "mark", &["of us".to_owned()]);
    words.extend(marked.map(|id| id.to_string()));
    if let Some(finished) = finished(&said) {
        let job = JobRef {
            kind: Kind::Job,
            id: 1,
        };
        let (outcome, _) = finished.means(job, "https://awx/1");
        let (Outcome::Succeeded(Detail::Told(told)) | Outcome::Failed(Detail::Told(told))) =
            outcome
        else {
            return words;
        };
        words.push(told);
    }
    words
}

#[cfg(test)]
mod tests;
