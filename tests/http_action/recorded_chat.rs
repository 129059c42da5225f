//! What Automaton Engine's `notify.rocketchat_webhook` did in eleven recorded cases: what was right is right here, and what
//! was a defect is not one.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;

use super::{drain, outcomes, remember};
use crate::support::cloud_api::Authority;
use crate::support::drained::secret;
use crate::support::http_server::{HttpServer, Step, answer};
use crate::support::stage::Stage;

/// A recorded case.
struct Case(Value);

impl Case {
    fn read(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/automaton");
        let text = fs::read_to_string(folder.join(format!("{name}.json"))).expect("a case");
        Self(serde_json::from_str(&text).expect("JSON"))
    }

    /// The answers of Rocket.Chat, in order.
    fn answers(&self) -> Vec<Vec<Step>> {
        let answers = self.0["answers"]["rocketchat"].as_array();
        let steps = |said: &Value| {
            let status = said["status"].as_u64().unwrap_or(200);
            let late = said.get("delay").map(|_| Step::Hold);
            let said = answer(&format!("{status} Recorded"), &[], said["json"].to_string());
            late.into_iter().chain(said).collect()
        };
        answers.into_iter().flatten().map(steps).collect()
    }

    /// What was sent first, if anything was: the path and the text.
    fn sent(&self) -> Option<(&str, String)> {
        let requests = self.0["requests"].as_array()?;
        let sent = requests.iter().find(|it| it["to"] == "rocketchat")?;
        let body: Value = serde_json::from_str(sent["body"].as_str()?).ok()?;
        Some((sent["path"].as_str()?, body["text"].as_str()?.to_owned()))
    }

    /// The first bucket: what its action was told.
    fn bucket(&self) -> (&str, String) {
        let bucket = &self.0["answers"]["es"][0]["json"]["aggregations"]["q"]["buckets"][0];
        let key = bucket["key"].as_str().expect("a key");
        (key, bucket["doc_count"].to_string())
    }

    /// Rules that send what the engine sent, this many, and one behind them that says that it ran.
    fn stage(&self, url: &str, rules: usize, options: &str) -> Stage {
        let action = &self.0["config"]["automatons"][0]["actions"][0]["parameters"];
        let message = action["rocketchat_message"].as_str().map(|text| {
            format!(
                "message = {text}\n  action metadata: {{'order_state': '{{{{ store.state }}}}', \
                 'order_rate': {{{{ store.rate }}}}}}\n"
            )
        });
        let message = message.unwrap_or_default();
        let timeout = action["rocketchat_timeout"].as_u64();
        let timeout = timeout.map(|it| format!("request_timeout = {it}s\n"));
        let timeout = timeout.unwrap_or_default();
        let mut stage = Stage::new("");
        stage.rule("source:tick", "type = timer\nevery = 1h\nlimit = 1");
        for number in 1..=rules {
            stage.rule(
                &format!("tell-{number}"),
                &format!(
                    "events = tick\naction = rocketchat\nurl_file = hook\nretry_delay = 10ms\n\
                     {message}{timeout}{options}"
                ),
            );
        }
        stage.rule("next", "events = tick\nscript = record.sh next");
        secret(&stage, "hook", url);
        stage
    }

    /// With the values of the bucket, all there is to do done.
    fn play(&self, url: &str, rules: usize, options: &str) -> Stage {
        let stage = self.stage(url, rules, options);
        let (state, rate) = self.bucket();
        remember(&stage, &[("state", state), ("rate", &rate)]);
        drain(&stage);
        stage
    }
}

const SUCCESS: &str = r#"{"success": true}"#;

/// How the first run's attempts ended, in each case in which something answers; and how the runs are, with the one behind.
#[test]
fn what_answers_in_a_recorded_case_ends_no_service_and_holds_up_nothing_else() {
    type Expected = (
        &'static str,
        usize,
        u8,
        &'static [&'static str],
        &'static str,
        usize,
    );
    let cases: [Expected; 7] = [
        // Success is looked for in the body.
        (
            "037-rocketchat-success-false",
            1,
            2,
            &["discarded"],
            "`\"success\": true`: invalid",
            1,
        ),
        // Given up at once: the same request would be refused again.
        (
            "038-rocketchat-400",
            1,
            2,
            &["discarded"],
            "400 Bad Request",
            1,
        ),
        (
            "039-rocketchat-404",
            1,
            2,
            &["discarded"],
            "404 Not Found",
            1,
        ),
        // Tried again.
        (
            "040-rocketchat-500",
            1,
            2,
            &["succeeded"],
            "500 Internal Server Error",
            2,
        ),
        (
            "041-rocketchat-429-third",
            3,
            1,
            &["succeeded"; 3],
            "200 OK",
            4,
        ),
        // It may have arrived: told, and tried again.
        (
            "043-rocketchat-timeout",
            1,
            1,
            &["succeeded"],
            "time limit of 1s",
            2,
        ),
        // There is a default.
        (
            "047-rocketchat-no-timeout",
            1,
            0,
            &["succeeded"],
            "200 OK",
            1,
        ),
    ];
    for (name, rules, retries, states, told, requests) in cases {
        let case = Case::read(name);
        let mut answers = case.answers();
        answers.push(answer("200 OK", &[], SUCCESS));
        let server = HttpServer::start(answers);
        let url = format!("{}/hooks/abc/def", server.url());
        let stage = case.play(&url, rules, &format!("retries = {retries}"));
        let mut expected = states.to_vec();
        expected.push("succeeded");
        assert_eq!(stage.states(), expected, "{name}");
        assert_eq!(stage.log(), ["next|"], "{name}");
        let run = stage.run_detail(1);
        assert!(outcomes(&run)[0].contains(told), "{name}: {run}");
        let received = server.received();
        assert_eq!(received.len(), requests, "{name}");
        // The requests themselves were right.
        if let Some((path, text)) = case.sent() {
            let body: Value = serde_json::from_slice(&received[0].body).expect("JSON");
            assert_eq!(received[0].line, format!("POST {path} HTTP/1.1"), "{name}");
            assert_eq!(received[0].headers["content-type"], "application/json");
            assert_eq!(body, serde_json::json!({"text": text}), "{name}");
        }
    }
}

#[test]
fn a_new_start_sends_nothing_again() {
    let case = Case::read("042-rocketchat-429-third-restart");
    let server = HttpServer::start(case.answers());
    let stage = case.play(&format!("{}/hooks/abc/def", server.url()), 3, "retries = 0");
    for _ in 0..2 {
        drain(&stage);
        let states = ["succeeded", "succeeded", "discarded", "succeeded"];
        assert_eq!(stage.states(), states);
        assert_eq!(server.received().len(), 3);
    }
}

#[test]
fn who_cannot_be_reached_or_trusted_is_tried_again_and_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!(
        "http://{}/hooks/x",
        listener.local_addr().expect("an address")
    );
    drop(listener);
    let authority = Authority::new();
    let fine = [answer("200 OK", &[], SUCCESS)];
    let other = HttpServer::start_with_tls(authority.server_for("localhost", |_| {}), fine);
    let other = format!("https://localhost:{}/hooks/x", other.port());
    for (name, url, told) in [
        ("044-rocketchat-refused", nobody, "refused"),
        ("045-rocketchat-tls-self-signed", other, "set `ssl_ca_file`"),
    ] {
        let stage = Case::read(name).play(&url, 1, "retries = 1");
        let run = stage.run_detail(1);
        let outcomes = outcomes(&run);
        assert_eq!(
            (&run["state"], outcomes.len()),
            (&"discarded".into(), 2),
            "{run}"
        );
        assert!(outcomes.iter().all(|it| it.contains(told)), "{outcomes:?}");
        assert_eq!(stage.log(), ["next|"], "{name}");
    }
}

#[test]
fn a_missing_message_is_told_before_anything_happens() {
    let case = Case::read("046-rocketchat-no-message");
    let output = case
        .stage("http://127.0.0.1:9/hooks/x", 1, "")
        .run(&["check"]);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(
        told.contains("expected `message` in the rule, but found none"),
        "{told}"
    );
}
