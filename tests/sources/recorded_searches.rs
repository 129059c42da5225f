//! The 106 recorded cases of Automaton Engine (`tests/data/automaton`): what was right stays right, what was a defect
//! goes right, and what is another part's, or none of ours, says why.
//!
//! All searches are sources of one service, over real HTTP, each with the answers that were recorded: those that fail are
//! beside those that do not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::http_server::{HttpServer, Step, answer};
use crate::support::scene::{Service, wait_until};
use crate::support::stage::Stage;

mod table;

use table::{CASES, Ours};

/// A recorded case.
struct Case {
    number: usize,
    file: Value,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/automaton");
    let files = fs::read_dir(folder).expect("the recorded cases");
    let mut cases: Vec<Case> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let name = path.file_name().and_then(|name| name.to_str());
            let number = name.and_then(|name| name[..3].parse().ok());
            let text = fs::read_to_string(&path).expect("text");
            Case {
                number: number.expect("a number"),
                file: serde_json::from_str(&text).expect("JSON"),
            }
        })
        .collect();
    cases.sort_by_key(|case| case.number);
    cases
}

impl Case {
    fn answers(&self) -> Vec<&Value> {
        let answers = self.file["answers"]["es"].as_array();
        answers.into_iter().flatten().collect()
    }

    /// The buckets of the first answer, with the names that the program gave their fields: what it handed to its actions.
    fn handed_over(&self) -> Vec<Value> {
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
        let requests = self.file["requests"].as_array().expect("requests");
        for request in requests.iter().filter(|request| request["to"] == "awx") {
            let body: Value =
                serde_json::from_str(request["body"].as_str().expect("a body")).expect("JSON");
            let sent = &body["extra_vars"];
            assert!(handed_over.contains(sent), "{}: {sent}", self.number);
        }
        handed_over
    }

    fn query(&self) -> &Value {
        &self.file["config"]["automatons"][0]["elasticsearch_query"]
    }

    /// The section that says the same to our program.
    fn section(&self, url: &str, ours: &Ours) -> String {
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
    fn steps(&self) -> Vec<Vec<Step>> {
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

#[test]
fn each_recorded_case_has_its_row_and_each_row_its_reason() {
    let cases = cases();
    let numbers: Vec<usize> = cases.iter().map(|case| case.number).collect();
    let rows: Vec<usize> = CASES.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, rows);
    for (case, (number, ours, why)) in cases.iter().zip(CASES) {
        let is_same = matches!(ours, Ours::Same);
        assert!(is_same || !why.is_empty(), "{number} needs a reason");
        // Whatever differs from what was right has one that says so.
        let verdict = case.file["verdict"].as_str();
        let is_elsewhere = matches!(ours, Ours::Elsewhere);
        assert!(
            verdict == Some("fine") || is_elsewhere || !why.is_empty(),
            "{number} was no {verdict:?}"
        );
    }
}

#[test]
fn searches_that_were_recorded_go_as_they_should() {
    let mut stage = Stage::new("");
    stage.script("keep.sh", r#"line=$(cat); printf '%s\n' "$line" >>"$LOG""#);
    stage.rule("found", "events = c*.found\nscript = keep.sh");
    let mut servers = Vec::new();
    for (case, (number, ours, _)) in cases().iter().zip(CASES) {
        if matches!(ours, Ours::Elsewhere | Ours::Refused(_)) {
            continue;
        }
        let server = HttpServer::start(case.steps());
        // Where nobody was to answer.
        let url = match case.answers().len() {
            0 => "http://127.0.0.1:1".to_owned(),
            _ => server.url(),
        };
        stage.rule(&format!("source:c{number}"), &case.section(&url, ours));
        servers.push((number, server));
    }
    let service = Service::start(&mut stage.program("listen"));
    let cases = cases();
    let mut missing = Vec::new();
    wait_until("all that is expected", || {
        let (log, found) = (service.log(), found(&stage));
        let came = |number: usize| found.get(&number).map_or(0, Vec::len);
        let asked = |number: usize| {
            let mut servers = servers.iter();
            servers.any(|(it, server)| **it == number && !server.received().is_empty())
        };
        let is_there = |case: &Case, number: usize, ours: &Ours| match ours {
            Ours::Elsewhere | Ours::Refused(_) => true,
            Ours::Same => asked(number) && came(number) >= case.handed_over().len(),
            Ours::Found(count) | Ours::FoundBy(_, _, count) | Ours::Often(count, _) => {
                came(number) >= *count
            }
            Ours::Fails(part) => {
                let begin = format!("elasticsearch c{number}: ");
                let mut lines = log.lines().filter(|line| line.contains(&begin));
                lines.any(|line| line.contains(part))
            }
        };
        let rows = cases.iter().zip(CASES);
        let missing_now = rows.filter(|(case, (number, ours, _))| !is_there(case, *number, ours));
        let missing_now: Vec<usize> = missing_now.map(|(_, (number, ..))| *number).collect();
        if missing_now != missing {
            println!("missing: {missing_now:?}");
            missing = missing_now;
        }
        missing.is_empty()
    });
    let log = service.stop();
    assert!(!log.contains("panicked"), "{log}");
    let mut found = found(&stage);
    for (case, (number, ours, _)) in cases.iter().zip(CASES) {
        let events = found.remove(number).unwrap_or_default();
        let payload = |event: &Value| {
            let mut payload = event["payload"].clone();
            let fields = payload.as_object_mut().expect("fields");
            fields.remove("identity");
            payload
        };
        let payloads: Vec<Value> = events.iter().map(payload).collect();
        match ours {
            Ours::Same => {
                let expected = case.handed_over();
                assert_eq!(payloads.len(), expected.len(), "{number}");
                assert!(
                    expected.iter().all(|it| payloads.contains(it)),
                    "{number}: {payloads:?}"
                );
            }
            Ours::Found(count) | Ours::FoundBy(_, _, count) => {
                assert_eq!(payloads.len(), *count, "{number}: {payloads:?}");
            }
            Ours::Often(_, apart) => {
                let mut times: Vec<jiff::Timestamp> = events
                    .iter()
                    .map(|event| event["time"].as_str().and_then(|time| time.parse().ok()))
                    .map(|time| time.expect("a time"))
                    .collect();
                times.sort();
                let mut pairs = times.windows(2);
                assert!(
                    pairs.all(|pair| pair[1].duration_since(pair[0]).as_secs() >= *apart),
                    "{number}: {times:?}"
                );
            }
            Ours::Fails(_) => assert_eq!(payloads, [] as [Value; 0], "{number}"),
            Ours::Elsewhere | Ours::Refused(_) => {}
        }
    }
    // No redirect is followed.
    let of_redirect = servers.iter().find(|(number, _)| **number == 33);
    let received = of_redirect.expect("the redirect").1.received();
    assert!(
        received
            .iter()
            .all(|request| request.line.starts_with("POST /_search"))
    );
}

/// The events that were found, by the case.
fn found(stage: &Stage) -> BTreeMap<usize, Vec<Value>> {
    let mut found: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
    for line in stage.log() {
        let event: Value = serde_json::from_str(&line).expect("an event");
        let name = event["type"].as_str().expect("a type");
        let number = name[1..]
            .split('.')
            .next()
            .and_then(|number| number.parse().ok());
        found
            .entry(number.expect("a case"))
            .or_default()
            .push(event);
    }
    found
}

#[test]
fn configurations_that_were_wrong_are_told_before_they_are_used() {
    for (case, (number, ours, _)) in cases().iter().zip(CASES) {
        let Ours::Refused(part) = ours else {
            continue;
        };
        let mut stage = Stage::new("");
        let url = case.file["config"]["automatons"][0]["elasticsearch"]["url"].as_str();
        stage.rule("source:s", &case.section(url.unwrap_or_default(), ours));
        stage.rule("r", "events = s.found\nscript = record.sh");
        let output = stage.run(&["check"]);
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8(told).expect("UTF-8");
        assert_eq!(output.status.code(), Some(78), "{number}: {told}");
        assert!(told.contains(part), "{number}: no `{part}` in {told}");
    }
}
