//! The examples in `conf/examples` are carried out: only addresses and names are those of the tests.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::awx::Awx;
use crate::support::drained::secret;
use crate::support::http_server::{HttpServer, answer};
use crate::support::scene::{Service, wait_until};
use crate::support::search;
use crate::support::sender::{free_port, request, send_until_taken};
use crate::support::stage::Stage;

/// A stage with this example, in which each of these texts is replaced.
fn stage(example: &str, replaced: &[(&str, &str)]) -> Stage {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = here.join("conf/examples").join(example);
    let mut text = fs::read_to_string(path).expect("the example");
    for (from, to) in replaced {
        assert!(text.contains(from), "{example} lacks {from}");
        text = text.replace(from, to);
    }
    let (_, sections) = text.split_once("\n[").expect("a section");
    let (first, others) = sections.split_once("]\n").expect("its name");
    let mut stage = Stage::new("");
    stage.rule(first, others);
    stage
}

fn assert_no_problems(stage: &Stage) {
    let output = stage.run(&["check"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!said.contains("warning"), "{said}");
}

/// A channel, and its webhook in the file `chat-webhook`.
fn channel(stage: &Stage) -> HttpServer {
    let server = HttpServer::start([answer("200 OK", &[], r#"{"success": true}"#)]);
    secret(stage, "chat-webhook", &format!("{}/hook\n", server.url()));
    server
}

/// The messages that came.
fn messages(channel: &HttpServer) -> Vec<String> {
    let text = |body: &[u8]| -> Value { serde_json::from_slice(body).expect("JSON") };
    let received = channel.received();
    let texts = received.iter().map(|it| text(&it.body)["text"].clone());
    texts
        .map(|text| text.as_str().expect("a text").to_owned())
        .collect()
}

#[test]
fn an_alert_has_the_node_cleaned_and_the_channel_told() {
    let port = free_port();
    let stage = stage(
        "alert-clean-tell.conf",
        &[
            ("127.0.0.1:5050", &format!("127.0.0.1:{port}")),
            ("../../scripts/examples/", ""),
        ],
    );
    secret(&stage, "alerts-token", "token\n");
    let channel = channel(&stage);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/examples/clean.sh");
    fs::copy(script, stage.path("clean.sh")).expect("the script");
    // A client that notes what it is asked; one node cannot be cleaned.
    let client = r#"echo "$*" >>"$LOG"
case $* in *show*) echo available ;; *clean*bad*) echo "clean failed" >&2; exit 1 ;; esac"#;
    stage.script("openstack", client);
    assert_no_problems(&stage);

    let path = std::env::var("PATH").expect("a path");
    let mut command = stage.program("listen");
    command.env("PATH", format!("{}:{path}", stage.path("").display()));
    let service = Service::start(&mut command);
    service.wait_for("taking requests at");
    let alert = |name: &str, node: &str| json!({"status": "firing", "startsAt": "2027-01-01T00:00:00Z", "fingerprint": node, "labels": {"alertname": name, "node": node}});
    let body = json!({"alerts": [alert("NodeDiskFailing", "n1"), alert("NodeDown", "n3"), alert("NodeDiskFailing", "bad")]});
    let sent = request(
        "POST /",
        &["Authorization: Bearer token"],
        &body.to_string(),
    );
    send_until_taken(port, &sent);
    wait_until("two messages", || messages(&channel).len() == 2);
    let mut messages = messages(&channel);
    messages.sort();
    assert!(
        messages[0].starts_with("*n1* had a failing disk"),
        "{messages:?}"
    );
    assert!(
        messages[1].starts_with("@here *bad* has a failing disk"),
        "{messages:?}"
    );
    let asked = stage.log();
    let of_n1: Vec<_> = asked.iter().filter(|line| line.contains("n1")).collect();
    let verbs: Vec<_> = of_n1
        .iter()
        .map(|line| line.split(' ').nth(2).expect("a verb"))
        .collect();
    assert_eq!(verbs, ["show", "manage", "clean", "provide"]);
    assert!(!asked.iter().any(|line| line.contains("n3")), "{asked:?}");
    service.stop();
}

#[test]
fn too_many_orders_scale_up_by_a_job_and_down_again_when_that_is_over() {
    let of_shop = |shops: &[&str]| {
        let bucket = |shop: &&str| json!({"key": shop, "doc_count": 700});
        let buckets: Vec<Value> = shops.iter().map(bucket).collect();
        search::ok(&json!({
            "timed_out": false,
            "_shards": {"total": 1, "failed": 0},
            "aggregations": {"shops": {"sum_other_doc_count": 0, "buckets": buckets}},
        }))
    };
    let (orders, awx) = (HttpServer::start([of_shop(&["berlin"])]), Awx::new());
    let stage = stage(
        "orders-scale.conf",
        &[
            (
                "https://es1.example.org:9200, https://es2.example.org:9200",
                &orders.url(),
            ),
            ("https://awx.example.org", &awx.url()),
            ("template = Scale up", "template = 7\npoll_every = 20ms"),
            ("template = Scale down", "template = 7\npoll_every = 20ms"),
            ("every = 1m", "every = 1s"),
        ],
    );
    secret(&stage, "es-key", "key\n");
    secret(&stage, "awx-token", "token\n");
    let channel = channel(&stage);
    assert_no_problems(&stage);
    let service = Service::start(&mut stage.program("listen"));
    wait_until("a job", || awx.jobs().len() == 1);
    orders.answer_with([of_shop(&[])]);
    wait_until("another job", || awx.jobs().len() == 2);
    wait_until("the ends of both", || {
        stage.states() == ["succeeded", "succeeded"]
    });
    let jobs = awx.jobs();
    let given: Vec<_> = jobs.iter().map(|job| &job.variables["shop"]).collect();
    assert_eq!(given, ["berlin", "berlin"]);
    assert_eq!(jobs[0].variables["orders"], 700);
    assert_eq!(messages(&channel), [""; 0]);
    service.stop();
}
