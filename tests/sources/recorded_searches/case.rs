//! The cases: what they were, and what says the same to our program.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::table::Ours;
use crate::support::http_server::{Step, answer};

/// A recorded case.
pub(super) struct Case {
    pub(super) number: usize,
    /// The number and what it is about.
    pub(super) name: String,
    pub(super) file: Value,
}

pub(super) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/automaton");
    let files = fs::read_dir(folder).expect("the recorded cases");
    let mut cases: Vec<Case> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let name = path.file_stem().and_then(|name| name.to_str());
            let name = name.expect("a name").to_owned();
            let text = fs::read_to_string(&path).expect("text");
            Case {
                number: name[..3].parse().expect("a number"),
                name,
                file: serde_json::from_str(&text).expect("JSON"),
            }
        })
        .collect();
    cases.sort_by_key(|case| case.number);
    cases
}

impl Case {
    pub(super) fn answers(&self) -> Vec<&Value> {
        let answers = self.file["answers"]["es"].as_array();
        answers.into_iter().flatten().collect()
    }

    /// Whether it was recorded with a server of documents.
    pub(super) fn is_real(&self) -> bool {
        self.name[4..].starts_with("real-")
    }

    /// The variables of the jobs that its action launched.
    fn launched(&self) -> Vec<Value> {
        let requests = self.file["requests"].as_array().expect("requests");
        let launches = requests.iter().filter(|request| request["to"] == "awx");
        let variables = launches.map(|request| {
            let body = request["body"].as_str().expect("a body");
            let body: Value = serde_json::from_str(body).expect("JSON");
            body["extra_vars"].clone()
        });
        variables.collect()
    }

    /// The buckets of the first answer, with the names that the program gave their fields: what it handed to its actions.
    pub(super) fn handed_over(&self) -> Vec<Value> {
        if self.is_real() {
            return self.launched();
        }
        let query = self.query();
        let buckets = &self.answers()[0]["json"]["aggregations"]["q"]["buckets"];
        let names = query["query_response_mapping"].as_object();
        let renamed = |bucket: &Value| {
            let fields = bucket.as_object().expect("a bucket").iter();
            let renamed = fields.map(|(name, value)| {
                let named = names.and_then(|names| names.get(name)?.as_str());
                (named.unwrap_or(name).to_owned(), value.clone())
            });
            Value::Object(renamed.collect())
        };
        let buckets = buckets.as_array().expect("a list of buckets");
        let handed_over: Vec<Value> = buckets.iter().map(renamed).collect();
        // As the requests show that were recorded.
        for sent in self.launched() {
            assert!(handed_over.contains(&sent), "{}: {sent}", self.number);
        }
        handed_over
    }

    fn query(&self) -> &Value {
        &self.file["config"]["automatons"][0]["elasticsearch_query"]
    }

    /// The section that says the same to our program.
    pub(super) fn section(&self, url: &str, ours: &Ours) -> String {
        let automaton = &self.file["config"]["automatons"][0];
        let query = self.query();
        let mut lines = vec!["type = elasticsearch".to_owned()];
        let mut say = |name: &str, value: String| lines.push(format!("{name} = {value}"));
        if !automaton["elasticsearch"]["url"].is_null() {
            say("url", url.to_owned());
        }
        let path = query["query_endpoint"].as_str().unwrap_or_default();
        if let Some((index, _)) = path[1..].split_once("/_search") {
            say("index", index.to_owned());
        }
        let (each, body) = if let Ours::FoundBy(each, body, _) = ours {
            ((*each).to_owned(), (*body).to_owned())
        } else {
            let name = query["query_name"].as_str().expect("a name");
            (format!("aggs.{name}"), query["query_payload"].to_string())
        };
        say("each", each);
        say("query", body);
        // Theirs says which name a field gets, ours which field a name has.
        let map = query["query_response_mapping"].as_object().expect("names");
        let map: Vec<String> = map
            .iter()
            .map(|(field, name)| format!("{name}: {}", json!(field)))
            .collect();
        say("map", format!("{{{}}}", map.join(", ")));
        match (ours, &query["query_interval"]) {
            (Ours::Refused(_), Value::Null) => {}
            (Ours::Often(..) | Ours::Refused(_), interval) => say("every", format!("{interval}s")),
            _ => say("every", "1h".to_owned()),
        }
        if let Ours::Often(..) = ours {
            let backoff = &automaton["actions"][0]["backoff_seconds"];
            say("backoff", format!("{backoff}s"));
        }
        if let Some(option) = automaton["elasticsearch"].get("no_such_option") {
            say("no_such_option", option.to_string());
        }
        say("request_timeout", "2s".to_owned());
        lines.join("\n")
    }

    /// What a server does that answers as recorded.
    pub(super) fn steps(&self) -> Vec<Vec<Step>> {
        let step = |it: &Value| {
            if it.get("drop").is_some() {
                return Vec::new();
            }
            let timeout = &self.file["config"]["automatons"][0]["elasticsearch"]["timeout"];
            if it["delay"].as_u64() > timeout.as_u64() {
                return vec![Step::Hold];
            }
            let status = match it["status"].as_u64() {
                None => "200 OK".to_owned(),
                Some(status) => format!("{status} Status"),
            };
            let headers = it["headers"].as_object().into_iter().flatten();
            let headers: Vec<String> = headers
                .map(|(name, value)| format!("{name}: {}", value.as_str().expect("text")))
                .collect();
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let body = match (&it["json"], &it["text"]) {
                (Value::Null, text) => text.as_str().unwrap_or_default().to_owned(),
                (body, _) => body.to_string(),
            };
            let mut steps = answer(&status, &headers, &body);
            if it.get("truncate").is_some()
                && let Some(Step::Say(bytes)) = steps.first_mut()
            {
                bytes.truncate(bytes.len() - body.len() / 2);
            }
            steps
        };
        self.answers().into_iter().map(step).collect()
    }
}
