//! What Automaton Engine's `awx.api_call` did in fourteen recorded cases: what was right is right here, and what was a
//! defect is not one.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{outcomes, run_of, secret, stage_at};
use crate::support::awx::{Awx, Fault};
use crate::support::cloud_api::Authority;
use crate::support::http_server::{HttpServer, Step, answer};

fn case(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/automaton");
    let text = fs::read_to_string(folder.join(format!("{name}.json"))).expect("a case");
    serde_json::from_str(&text).expect("JSON")
}

/// The variables that the engine sent, or would have sent: its buckets, by the names of its mapping.
fn buckets(case: &Value) -> Vec<Value> {
    let buckets = &case["answers"]["es"][0]["json"]["aggregations"]["q"]["buckets"];
    let named = |it: &Value| json!({"order_state": it["key"], "order_rate": it["doc_count"]});
    buckets
        .as_array()
        .expect("buckets")
        .iter()
        .map(named)
        .collect()
}

/// The launches that the engine sent.
fn sent(case: &Value) -> Vec<Value> {
    let requests = case["requests"].as_array().expect("requests");
    let launches = requests.iter().filter(|it| it["to"] == "awx");
    let body = |it: &Value| serde_json::from_str(it["body"].as_str()?).ok();
    launches.filter_map(body).collect()
}

/// A rule that launches with these variables.
fn options(variables: &Value) -> String {
    format!("template = 7\nrequest_timeout = 1s\nretries = 1\nextra_vars = {variables}")
}

#[test]
fn the_variables_are_those_that_the_engine_sent() {
    let case = case("008-buckets-3-awx-first");
    assert_eq!((buckets(&case).len(), sent(&case).len()), (3, 3));
    for (variables, sent) in buckets(&case).iter().zip(sent(&case)) {
        let awx = Awx::new();
        let run = run_of(&stage_at(&awx.url(), &options(variables)));
        assert_eq!(run["state"], "succeeded", "{run}");
        let mut launched = awx.jobs()[0].variables.clone();
        // The mark is new.
        launched
            .as_object_mut()
            .expect("variables")
            .remove("esi_run");
        assert_eq!(json!({"extra_vars": launched}), sent);
    }
}

/// How the launch was answered, what is made of it here, and how many jobs there are then.
#[test]
fn an_answer_to_a_launch_ends_the_attempt_in_its_words() {
    for (name, told, jobs) in [
        // Only 201 says that there is a job: it is looked for, and launched by the next attempt.
        (
            "051-awx-200",
            "not known whether AWX launched job template `clean`: 200 OK",
            1,
        ),
        (
            "052-awx-202",
            "not known whether AWX launched job template `clean`: 202 Accepted",
            1,
        ),
        // Kept with the attempt, and not tried again.
        ("053-awx-400", "400 Bad Request: x", 0),
        ("054-awx-401", "401 Unauthorized: x; check the token", 0),
        (
            "055-awx-403",
            "403 Forbidden: x; give this login the role",
            0,
        ),
        ("056-awx-404", "404 Not Found: x; check `url`", 0),
        // Tried again.
        ("057-awx-500", "500 Internal Server Error: x", 1),
    ] {
        let case = case(name);
        let said = &case["answers"]["awx"][0];
        let status = format!("{} Recorded", said["status"]);
        let awx = Awx::new();
        awx.fail(
            "/launch/",
            Fault::Undone(answer(&status, &[], said["json"].to_string())),
        );
        let run = run_of(&stage_at(&awx.url(), &options(&buckets(&case)[0])));
        let outcomes = outcomes(&run);
        assert!(outcomes[0].contains(told), "{name}: {outcomes:?}");
        assert_eq!(
            (outcomes.len(), awx.jobs().len()),
            (1 + jobs, jobs),
            "{name}"
        );
        if jobs == 0 {
            assert_eq!(
                run["attempt_records"][0]["output"],
                said["json"].to_string(),
                "{name}"
            );
        } else {
            assert_eq!(run["state"], "succeeded", "{name}");
        }
    }
}

#[test]
fn ignored_variables_are_a_failure() {
    let case = case("058-awx-ignored-fields");
    let awx = Awx::new();
    awx.ignore(case["answers"]["awx"][0]["json"]["ignored_fields"].clone());
    let run = run_of(&stage_at(&awx.url(), &options(&buckets(&case)[0])));
    assert_eq!(run["state"], "discarded");
    assert!(
        outcomes(&run)[0].contains("without `order_state`, which it ignored"),
        "{run}"
    );
}

#[test]
fn a_late_answer_leads_to_no_second_job() {
    let case = case("059-awx-timeout");
    let awx = Awx::new();
    awx.fail("/launch/", Fault::Done(vec![Step::Hold]));
    let run = run_of(&stage_at(&awx.url(), &options(&buckets(&case)[0])));
    assert_eq!((outcomes(&run).len(), awx.jobs().len()), (1, 1), "{run}");
    assert_eq!(run["state"], "succeeded");
}

#[test]
fn a_certificate_of_somebody_else_is_refused() {
    let case = case("060-awx-tls-self-signed");
    let tls = Authority::new().server_for("localhost", |_| {});
    let server = HttpServer::start_with_tls(tls, [answer("200 OK", &[], "{}")]);
    let url = format!("https://localhost:{}", server.port());
    let run = run_of(&stage_at(&url, &options(&buckets(&case)[0])));
    assert!(outcomes(&run)[0].contains("set `ssl_ca_file`"), "{run}");
    assert!(server.received().is_empty());
}

/// Plain or encoded credentials in the configuration, or none: a login is a file here, or there is none.
#[test]
fn credentials_are_a_file_with_user_and_password_as_they_are_or_absent() {
    for (name, sent) in [
        (
            "048-awx-plain-credentials",
            Some("Basic YXV0b21hdG9uOnNlY3JldA=="),
        ),
        (
            "049-awx-plain-credentials-decodable",
            Some("Basic dXNlcjphYmNk"),
        ),
        ("050-awx-no-auth", None),
    ] {
        let has_login = sent.is_some();
        let case = case(name);
        let action = &case["config"]["automatons"][0]["actions"][0]["parameters"]["awx_auth"];
        let text = |part: &str| action[part].as_str().map(str::to_owned);
        let awx = Awx::new();
        let login = if has_login {
            "\nbasic_file = login"
        } else {
            ""
        };
        let stage = stage_at(
            &awx.url(),
            &format!("{}{login}", options(&buckets(&case)[0])),
        );
        if has_login {
            let (user, password) = (text("username"), text("password"));
            secret(
                &stage,
                "login",
                &format!(
                    "{}:{}",
                    user.expect("a user"),
                    password.expect("a password")
                ),
            );
        }
        let run = run_of(&stage);
        assert_eq!(run["state"], "succeeded", "{name}: {run}");
        let received = awx.received();
        assert!(
            received
                .iter()
                .all(|it| it.headers.get("authorization").map(String::as_str) == sent),
            "{name}"
        );
    }
}
