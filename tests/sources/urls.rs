//! URLs: each change is told once, also over restarts and from while the service was down.

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
