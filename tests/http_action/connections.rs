//! Servers that do not answer, and those that are not who they should be.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use rcgen::date_time_ymd;

use super::{outcomes, run_of, stage};
use crate::support::cloud_api::Authority;
use crate::support::http_server::{HttpServer, Step, answer};

/// How the only attempt ended for a rule with these options.
fn only_outcome(options: &str) -> String {
    let run = run_of(&stage(options));
    assert_eq!(run["state"], "discarded", "{run}");
    outcomes(&run)[0].to_owned()
}

fn assert_told(outcome: &str, parts: &[&str]) {
    for part in parts {
        assert!(outcome.contains(part), "no `{part}` in {outcome}");
    }
}

#[test]
fn who_does_not_answer_in_time_is_given_up() {
    let slow_head = vec![Step::Say("HTTP/1.1 200 OK\r\nX-A".into()), Step::Hold];
    for steps in [vec![Step::Hold], slow_head] {
        let server = HttpServer::start([steps]);
        let began = Instant::now();
        let outcome = only_outcome(&format!("url = {}\nrequest_timeout = 700ms", server.url()));
        assert_told(&outcome, &["ended after its time limit of 700ms"]);
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn an_answer_that_is_cut_in_its_head_is_none() {
    for said in ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nX-A: b\r\n"] {
        let server = HttpServer::start([vec![Step::Say(said.into())]]);
        let url = server.url();
        let run = run_of(&stage(&format!(
            "url = {url}\nretries = 1\nretry_delay = 10ms"
        )));
        let outcomes = outcomes(&run);
        // It may have been received: the rule says whether it is sent again.
        assert_eq!(outcomes.len(), 2, "{run}");
        assert_told(outcomes[0], &[&format!("no answer from {url}: ")]);
        assert_eq!(server.received().len(), 2);
    }
}

#[test]
fn who_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let outcome = only_outcome(&format!("url = {url}/secret-path"));
    assert_told(&outcome, &[&url, "refused"]);
    let outcome = only_outcome("url = http://no-such-host.invalid/x");
    assert_told(&outcome, &["no answer from http://no-such-host.invalid: "]);
}

#[test]
fn tls_is_verified_and_a_remedy_told() {
    let authority = Authority::new();
    let expired = |params: &mut rcgen::CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    };
    let fine = [answer("200 OK", &[], "")];
    let ours = HttpServer::start_with_tls(authority.server_for("localhost", |_| {}), fine.clone());
    let other =
        HttpServer::start_with_tls(authority.server_for("other.example", |_| {}), fine.clone());
    let old = HttpServer::start_with_tls(authority.server_for("localhost", expired), fine.clone());
    let plain = HttpServer::start(fine);
    let at = |scheme: &str, server: &HttpServer| {
        format!("url = {scheme}://localhost:{}/", server.port())
    };
    let trusting = |options: String| {
        let stage = stage(&format!("{options}\nssl_ca_file = ca.pem"));
        std::fs::write(stage.path("ca.pem"), authority.pem()).expect("a file");
        run_of(&stage)
    };

    let run = trusting(at("https", &ours));
    assert_eq!(run["state"], "succeeded", "{run}");
    for (run, parts) in [
        (
            run_of(&stage(&at("https", &ours))),
            ["certificate", "set `ssl_ca_file`"],
        ),
        (
            trusting(at("https", &other)),
            ["certificate", "name the host as its certificate does"],
        ),
        (
            trusting(at("https", &old)),
            ["expired", "have the certificate of the server renewed"],
        ),
        (
            trusting(at("https", &plain)),
            ["no answer", "try `http://`"],
        ),
        (
            trusting(at("http", &ours)),
            ["no answer", "one with TLS: try `https://`"],
        ),
    ] {
        assert_eq!(run["state"], "discarded", "{run}");
        assert_told(outcomes(&run)[0], &parts);
    }
    let run = run_of(&stage(&format!(
        "{}\nssl_ca_file = gone.pem",
        at("https", &ours)
    )));
    assert_told(
        outcomes(&run)[0],
        &["not started", "gone.pem (`ssl_ca_file`)"],
    );
    for (server, requests) in [(&ours, 1), (&other, 0), (&old, 0), (&plain, 0)] {
        assert_eq!(server.received().len(), requests);
    }
}
