//! What is told over HTTP of how the service is doing: metrics, health and readiness.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};

use esi_event_actions::os::limits::allow_many_open_files;
use serde_json::Value;

use super::support::amqp::Declaration;
use super::support::broker::Broker;
use super::support::scene::{FULFILL, Scene, Service, notification, wait_until};
use super::support::sender::{free_port, request, send};
use super::support::stage::PATIENCE;
use super::support::timer::timer;

/// The status and the body of the answer to a request for this path.
fn asked(port: u16, path: &str) -> (u16, String) {
    let (status, answer) =
        send(port, &request(&format!("GET {path}"), &[], "")).expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    (status, body.to_owned())
}

/// The samples of a scrape by name and labels.
fn samples(port: u16) -> BTreeMap<String, String> {
    let (status, text) = asked(port, "/metrics");
    assert_eq!(status, 200, "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a sample");
        (name.to_owned(), value.to_owned())
    };
    lines.map(sample).collect()
}

#[test]
fn a_service_is_healthy_at_once_ready_once_events_come_in_and_counts_what_it_does() {
    let port = free_port();
    let mut scene = Scene::on(Broker::shared(), "health");
    scene.default(&format!("http = 127.0.0.1:{port}"));
    scene.script("fails.sh", "exit 3");
    scene.rule("r", &format!("events = {FULFILL}\nscript = record.sh"));
    scene.rule("fails", &format!("events = {FULFILL}\nscript = fails.sh"));
    let fifth = "threshold = 5 within 1h";
    scene.rule(
        "fifth",
        &format!("events = {FULFILL}\nscript = record.sh\n{fifth}"),
    );
    let service = Service::listen(&scene);
    service.wait_for("answering /metrics, /healthz and /readyz at ");
    assert_eq!(asked(port, "/healthz"), (200, "ok\n".to_owned()));
    let waiting = format!("waiting for {}\n", scene.queue);
    wait_until("the missing queue is told", || {
        asked(port, "/readyz") == (503, waiting.clone())
    });
    assert_eq!(samples(port)["esi_source_ready{source=\"bus\"}"], "0");

    scene.declare(Declaration::Transient);
    wait_until("events come in", || asked(port, "/readyz").0 == 200);
    scene.publish(notification(FULFILL).body);
    scene.publish("no notification");
    wait_until(
        "both runs have ended, and one delivery is in quarantine",
        || {
            let all = samples(port);
            let counts = [
                r#"esi_attempts_total{outcome="succeeded",rule="r"}"#,
                r#"esi_attempts_total{outcome="failed",rule="fails"}"#,
                r#"esi_deliveries_total{result="matched",source="bus"}"#,
                r#"esi_deliveries_total{result="quarantined",source="bus"}"#,
                r#"esi_held_back_total{rule="fifth"}"#,
                r#"esi_runs{state="succeeded"}"#,
                r#"esi_runs{state="discarded"}"#,
                r#"esi_attempt_seconds_count{rule="r"}"#,
                "esi_quarantined",
            ];
            counts
                .iter()
                .all(|name| all.get(*name).is_some_and(|count| count == "1"))
        },
    );
    let all = samples(port);
    assert_eq!(all["esi_reload_successful"], "1");
    assert_ne!(all["esi_accept_seconds_count"], "0");
    assert_eq!(all[r#"esi_source_ready{source="bus"}"#], "1");

    for (line, status) in [
        ("GET /", 404),
        ("GET /metrics/x", 200),
        ("POST /metrics", 405),
    ] {
        let (found, answer) = send(port, &request(line, &[], "")).expect("an answer");
        assert_eq!(found, status, "{line}: {answer}");
    }
    // What waits for the queue, a broker or anything else ends with the service.
    service.stop();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    scene.delete_queue();
}

#[test]
fn an_address_that_is_taken_is_told_and_keeps_nothing_from_being_done() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let mut stage = timer("every = 1s");
    stage.default(&format!("http = 127.0.0.1:{port}"));
    let service = Service::listen(&stage);
    service.wait_for("nobody is told of metrics and health until that is possible");
    service.wait_for("stop what listens there (`ss -ltnp` shows it), or choose another port");
    stage.wait_for_log(1);
    drop(taken);
    service.wait_for("answering /metrics, /healthz and /readyz at ");
    service.stop();
}

#[test]
fn a_unix_socket_is_asked_by_whoever_may_and_goes_with_the_service() {
    let mut stage = timer("at = 2999-01-01T00:00Z");
    let path = stage.path("http.sock");
    stage.default(&format!("http = unix:{}", path.display()));
    let ready = || {
        let mut socket = UnixStream::connect(&path).expect("a socket");
        socket
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("a request");
        std::io::read_to_string(socket).expect("an answer")
    };
    let service = Service::listen(&stage);
    service.wait_for("answering /metrics, /healthz and /readyz at unix:/");
    wait_until("it is ready", || ready().starts_with("HTTP/1.1 200 "));
    let mode = fs::metadata(&path).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    service.kill();
    // What a killed service left is no obstacle; what another one has is.
    let service = Service::listen(&stage);
    service.wait_for("answering /metrics, /healthz and /readyz at unix:/");
    service.stop();
    assert!(!path.exists());
    let taken = UnixListener::bind(&path).expect("a socket");
    let service = Service::listen(&stage);
    service.wait_for("stop what listens there (`ss -lxp` shows it)");
    service.kill();
    drop(taken);
    fs::remove_file(&path).expect("a file");
    fs::write(&path, "mine").expect("a file");
    let service = Service::listen(&stage);
    service.wait_for("a file of this name that is not a socket");
    service.kill();
    assert_eq!(fs::read_to_string(&path).expect("a file"), "mine");
}

#[test]
fn a_thousand_requests_of_twenty_clients_are_answered() {
    let port = free_port();
    let mut stage = timer("at = 2999-01-01T00:00Z");
    stage.default(&format!("http = 127.0.0.1:{port}"));
    let service = Service::listen(&stage);
    service.wait_for("answering /metrics, /healthz and /readyz at ");
    std::thread::scope(|scope| {
        let ask = || {
            for _ in 0..50 {
                assert_eq!(asked(port, "/metrics").0, 200);
            }
        };
        for _ in 0..20 {
            scope.spawn(ask);
        }
    });
    assert_eq!(
        samples(port)["esi_source_ready{source=\"timer:nightly\"}"],
        "1"
    );
    service.stop();
}

#[test]
fn a_thousand_clients_at_once_are_answered_in_bounded_memory_while_work_goes_on() {
    allow_many_open_files();
    let port = free_port();
    let mut stage = timer("every = 1s");
    stage.default(&format!("http = 127.0.0.1:{port}"));
    let service = Service::listen(&stage);
    service.wait_for("answering /metrics, /healthz and /readyz at ");
    let metrics = request("GET /metrics", &[], "");
    let connect = |_| {
        let mut client = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        client.set_read_timeout(Some(PATIENCE)).expect("a socket");
        client.write_all(&metrics).expect("a request");
        client
    };
    let clients: Vec<TcpStream> = (0..1_000).map(connect).collect();
    // None of them reads yet.
    stage.wait_for_log(stage.log().len() + 2);
    for mut client in clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("esi_source_ready{"), "{answer}");
    }
    let size = service.largest_size();
    assert!(size < 128, "{size} MiB");
    service.stop();
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c));
    words.filter(|word| word.starts_with("esi_")).collect()
}

/// What `promtool` says with this on its standard input, which has to be nothing bad.
fn promtool(arguments: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/prometheus"
    ));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .expect("promtool, of Debian's package prometheus");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("a reader");
    drop(stdin);
    let output = child.wait_with_output().expect("a child");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && told.is_empty(),
        "{arguments:?}: {output:?}"
    );
}

#[test]
fn alerts_and_the_dashboard_ask_for_what_there_is_and_promtool_accepts_all_of_it() {
    let port = free_port();
    let mut scene = Scene::new("alerts");
    scene.default(&format!("http = 127.0.0.1:{port}"));
    scene.rule("r", &format!("events = {FULFILL}\nscript = record.sh"));
    let service = Service::listen(&scene);
    service.wait_for("answering /metrics, /healthz and /readyz at ");
    scene.publish(notification(FULFILL).body);
    scene.wait_for_log(1);
    let mut text = String::new();
    wait_until("the queue is counted, and the attempt", || {
        text = asked(port, "/metrics").1;
        text.contains("esi_queue_consumers{") && text.contains("esi_attempts_total{")
    });
    promtool(&["check", "metrics"], &text);
    promtool(
        &[
            "check",
            "rules",
            "../../../conf/prometheus/esi-event-actions.rules.yml",
        ],
        "",
    );
    promtool(&["test", "rules", "alerts.yml"], "");
    let there = names(&text);
    let conf = concat!(env!("CARGO_MANIFEST_DIR"), "/conf");
    for file in [
        "prometheus/esi-event-actions.rules.yml",
        "grafana/esi-event-actions.json",
    ] {
        let asking = fs::read_to_string(format!("{conf}/{file}")).expect("a file");
        let asked = names(&asking);
        assert!(
            !asked.is_empty() && asked.is_subset(&there),
            "{file}: {asked:?}, {there:?}"
        );
    }
    let dashboard = fs::read(format!("{conf}/grafana/esi-event-actions.json")).expect("a file");
    let dashboard: Value = serde_json::from_slice(&dashboard).expect("JSON");
    assert_eq!(dashboard["panels"].as_array().map(Vec::len), Some(10));
    service.stop();
    scene.delete_queue();
}
