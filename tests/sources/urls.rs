//! URLs: each change is told once, also over restarts and from while the service was down.

use std::time::Duration;

use crate::support::http_server::{HttpServer, answer};
use crate::support::service::Service;
use crate::support::stage::{Stage, wait_until};

fn answers<const N: usize>(statuses: [&str; N]) -> HttpServer {
    HttpServer::start(statuses.map(|status| answer(status, &[], "")))
}

fn site(server: &HttpServer) -> Stage {
    let mut stage = Stage::new("");
    let options = format!("type = url\nurls = {}/health\nevery = 100ms", server.url());
    stage.rule("source:site", &options);
    let rule = "events = site\nscript = record.sh\nscript_params = url_check.status, url_check.status_code";
    stage.rule("report", rule);
    stage
}

#[test]
fn changes_are_told_once_each() {
    let server = answers(["200 OK", "200 OK", "503 Away", "503 Away", "200 OK"]);
    let stage = site(&server);
    let service = Service::start(&mut stage.program("listen"));
    assert_eq!(stage.wait_for_log(3), ["up|200|", "down|503|", "up|200|"]);
    let before = server.received().len();
    wait_until("some more requests", || {
        server.received().len() > before + 3
    });
    let log = service.stop();
    assert!(log.contains("/health every 100ms"), "{log}");
    let service = Service::start(&mut stage.program("listen"));
    let before = server.received().len();
    wait_until("some more requests", || {
        server.received().len() > before + 3
    });
    service.stop();
    assert_eq!(stage.log().len(), 3, "a restart tells nothing twice");
}

#[test]
fn a_kill_at_any_time_loses_no_change_and_repeats_none() {
    let server = answers([
        "200 OK", "500 Away", "200 OK", "500 Away", "200 OK", "404 Gone",
    ]);
    let stage = site(&server);
    for round in 0..6 {
        let service = Service::start(&mut stage.program("listen"));
        wait_until("a request", || server.received().len() > round);
        std::thread::sleep(Duration::from_millis(20 * round as u64));
        service.kill();
    }
    let service = Service::start(&mut stage.program("listen"));
    wait_until("the last answer to be told", || {
        stage
            .runs()
            .last()
            .is_some_and(|run| run["state"] == "succeeded")
            && stage.log().last().is_some_and(|line| line == "down|404|")
    });
    service.stop();
    // The same change is one event, whoever found it: no number comes twice, and none is left out.
    let ids: Vec<String> = stage
        .runs()
        .iter()
        .map(|run| run["event_id"].to_string())
        .collect();
    for (number, id) in (1..).zip(&ids) {
        assert!(id.ends_with(&format!("#{number}\"")), "{ids:?}");
    }
}
