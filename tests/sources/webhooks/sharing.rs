//! Several sources at one address, and one whose address is another's.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::{listen, recorded};
use crate::support::scene::{Service, wait_until};
use crate::support::sender::{free_port, request, send};
use crate::support::stage::Stage;

/// Has the stage say this of its webhooks: their names, and their options besides where they are.
fn say(stage: &mut Stage, port: u16, hooks: &[(&str, &str)]) {
    stage.no_rules();
    recorded(stage);
    for (name, options) in hooks {
        let mut all = format!("type = webhook\nlisten = 127.0.0.1:{port}\nauth = none\n");
        write!(all, "path = /{name}\n{options}").expect("memory");
        stage.rule(&format!("source:{name}"), &all);
    }
}

fn reload(stage: &Stage, service: &Service) {
    let count = || service.log().matches("was read again").count();
    let before = count();
    stage.config();
    service.signal("HUP");
    wait_until("the configuration to be read again", || count() > before);
}

/// The status of the answer to a request to this webhook.
fn asked(port: u16, name: &str) -> u16 {
    let request = request(&format!("POST /{name}"), &[], r#"{"n": 1}"#);
    send(port, &request).expect("an answer").0
}

#[test]
fn sources_share_an_address_and_none_is_missed_while_another_one_changes() {
    let port = free_port();
    let mut stage = Stage::new("");
    say(&mut stage, port, &[("hook", ""), ("other", "")]);
    let service = listen(&stage);
    service.wait_for("webhook:other: taking requests at");
    assert_eq!(
        (
            asked(port, "hook"),
            asked(port, "other"),
            asked(port, "none")
        ),
        (202, 202, 404)
    );
    let (is_over, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|threads| {
        threads.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(asked(port, "hook"), 202);
                taken.fetch_add(1, Ordering::Relaxed);
            }
        });
        for round in 0..5 {
            say(
                &mut stage,
                port,
                &[
                    ("hook", ""),
                    ("other", &format!("max_body = {}", 100 + round)),
                ],
            );
            reload(&stage, &service);
            // It is asked to come back, or it is there again.
            assert!(matches!(asked(port, "other"), 202 | 503));
            wait_until("the other one to be back", || asked(port, "other") == 202);
        }
        say(&mut stage, port, &[("hook", "")]);
        reload(&stage, &service);
        wait_until("the other one to be gone", || asked(port, "other") == 404);
        let before = taken.load(Ordering::Relaxed);
        wait_until("more to be taken", || {
            taken.load(Ordering::Relaxed) > before + 20
        });
        is_over.store(true, Ordering::Relaxed);
    });
    // The only one of its address, too.
    say(&mut stage, port, &[("hook", "max_body = 100")]);
    reload(&stage, &service);
    for _ in 0..50 {
        assert!(matches!(asked(port, "hook"), 202 | 503));
    }
    wait_until("it to be back", || asked(port, "hook") == 202);
    say(&mut stage, port, &[]);
    stage.rule("source:nightly", "type = timer\nat = 2999-01-01T00:00Z");
    reload(&stage, &service);
    wait_until("nobody to listen", || {
        TcpListener::bind(("127.0.0.1", port)).is_ok()
    });
    service.stop();
}

#[test]
fn an_address_that_is_taken_fails_one_source_which_is_tried_again() {
    let (port, taken) = (
        free_port(),
        TcpListener::bind("127.0.0.1:0").expect("a port"),
    );
    let other = taken.local_addr().expect("an address").port();
    let mut stage = Stage::new("");
    say(&mut stage, port, &[("hook", "")]);
    let options = format!("type = webhook\nlisten = 127.0.0.1:{other}\nauth = none");
    stage.rule("source:late", &options);
    let service = listen(&stage);
    service.wait_for(&format!(
        "webhook:late: cannot listen on 127.0.0.1:{other}: "
    ));
    service.wait_for("stop what listens there");
    assert_eq!(asked(port, "hook"), 202);
    drop(taken);
    service.wait_for("webhook:late: taking requests at");
    assert_eq!((asked(other, "x"), asked(port, "hook")), (202, 202));
    thread::sleep(Duration::from_millis(10));
    service.stop();
}
