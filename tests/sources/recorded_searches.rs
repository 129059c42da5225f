//! The 106 recorded cases of Automaton Engine (`tests/data/automaton`): what was right stays right, what was a defect
//! goes right, and what is another part's, or none of ours, says why.
//!
//! All searches are sources of one service, over real HTTP, each with the answers that were recorded: those that fail are
//! beside those that do not. Six were recorded with a server of documents, and are asked of the same one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::http_server::HttpServer;
use crate::support::osmem::Osmem;
use crate::support::scene::{Service, wait_until};
use crate::support::stage::Stage;

mod case;
mod table;

use case::{Case, cases};
use table::{CASES, Ours};

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
        if let Ours::Played(file, test) = ours {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests")
                .join(file);
            let text = fs::read_to_string(path).expect("a file with tests");
            let begin = format!("\n#[test]\nfn {test}() {{\n");
            let behind = text.split_once(&begin).map(|(_, behind)| behind);
            let test = behind.and_then(|behind| behind.split("\n}\n").next());
            let names_it = test.is_some_and(|test| test.contains(&format!("\"{}\"", case.name)));
            assert!(names_it, "{number} is not in {file}");
        }
    }
}

/// The documents that the cases were recorded with.
fn orders() -> Osmem {
    let server = Osmem::start();
    server.make("orders-1", &[("host", "keyword"), ("@timestamp", "date")]);
    let at = jiff::Timestamp::now().to_string();
    let order = |number: usize| {
        let host = format!("h{:02}", number % 12);
        let state = if number < 20 {
            "order_succeeded"
        } else {
            "order_failed"
        };
        json!({"@timestamp": at, "host": host, "tags": state})
    };
    let orders: Vec<Value> = (0..25).map(order).collect();
    server.fill("orders-1", &orders);
    server
}

/// How far the source of this case has come, in words, if it has had an answer.
fn reached(stage: &Stage, number: usize) -> Option<String> {
    let listed = stage.run(&["sources", "list", "--format", "json"]).stdout;
    // There is none before there is a journal.
    let sources: Vec<Value> = serde_json::from_slice(&listed).ok()?;
    let name = format!("elasticsearch:c{number}");
    let mut of_case = sources.iter().filter(|one| one["source"] == *name);
    of_case.next()?["reached"].as_str().map(str::to_owned)
}

/// A stage with the sources of all cases that are asked here, and the server of each.
fn asking(real: &Osmem) -> (Stage, Vec<(usize, HttpServer)>) {
    let mut stage = Stage::new("");
    stage.script("keep.sh", r#"line=$(cat); printf '%s\n' "$line" >>"$LOG""#);
    stage.rule("found", "events = c*.found\nscript = keep.sh");
    let mut servers = Vec::new();
    for (case, (number, ours, _)) in cases().iter().zip(CASES) {
        if matches!(ours, Ours::Elsewhere | Ours::Refused(_) | Ours::Played(..)) {
            continue;
        }
        let server = HttpServer::start(case.steps());
        let url = match case.answers().len() {
            _ if case.is_real() => real.url(),
            // Where nobody was to answer.
            0 => "http://127.0.0.1:1".to_owned(),
            _ => server.url(),
        };
        stage.rule(&format!("source:c{number}"), &case.section(&url, ours));
        servers.push((*number, server));
    }
    (stage, servers)
}

#[test]
fn searches_that_were_recorded_go_as_they_should() {
    let real = orders();
    let (stage, servers) = asking(&real);
    let service = Service::start(&mut stage.program("listen"));
    let cases = cases();
    let mut missing = Vec::new();
    wait_until("all that is expected", || {
        let (log, found) = (service.log(), found(&stage));
        let came = |number: usize| found.get(&number).map_or(0, Vec::len);
        let asked = |number: usize| {
            let mut servers = servers.iter();
            servers.any(|(it, server)| *it == number && !server.received().is_empty())
        };
        let is_there = |case: &Case, number: usize, ours: &Ours| match ours {
            Ours::Elsewhere | Ours::Refused(_) | Ours::Played(..) => true,
            Ours::Same => {
                (asked(number) || case.is_real()) && came(number) >= case.handed_over().len()
            }
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
    // Of the real server nobody else tells whom it has answered.
    let of_real = cases.iter().zip(CASES);
    for (case, _) in
        of_real.filter(|(case, (_, ours, _))| case.is_real() && matches!(ours, Ours::Same))
    {
        wait_until("an answer of the real server", || {
            reached(&stage, case.number).is_some_and(|it| it.starts_with("asked for "))
        });
    }
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
            Ours::Elsewhere | Ours::Refused(_) | Ours::Played(..) => {}
        }
    }
    // No redirect is followed.
    let of_redirect = servers.iter().find(|(number, _)| *number == 33);
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

#[test]
fn an_action_that_there_is_not_is_told_before_it_is_used() {
    let cases = cases();
    let case = cases.iter().find(|case| case.name == "061-action-unknown");
    let actions = &case.expect("a case").file["config"]["automatons"][0]["actions"];
    let actions = actions.as_array().expect("actions");
    let unknown = actions
        .iter()
        .filter_map(|action| action["name"].as_str())
        .find(|name| name.ends_with("slack"))
        .expect("the one that there is not");
    let mut stage = Stage::new("");
    stage.rule("source:tick", "type = timer\nevery = 1h");
    stage.rule("r", &format!("events = tick\naction = {unknown}"));
    let output = stage.run(&["check"]);
    let told = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains(&format!("but found `{unknown}`")), "{told}");
}
