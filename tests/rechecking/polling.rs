//! In `poll`, and with the built-in client in both.

use std::process::Command;

use serde_json::json;

use super::{asked, line, show};
use crate::support::cloud_api::{Asked, CloudApi, Fault as ApiFault, PASSWORD, TOKEN_PREFIX};
use crate::support::history::{event, lease, node, outcomes, retry};
use crate::support::openstack::{At, Fault, lease_of};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, Scene};
use crate::support::service::Service;
use crate::support::stage::{Stage, wait_until};

fn rule(stage: &mut Stage, params: &str) {
    stage.rule(
        "r",
        &format!(
            "events = {FULFILL}\nscript = record.sh r\nscript_params = {params}\n\
             recheck = {{\"status\": \"active\"}}"
        ),
    );
}

#[test]
fn a_pass_asks_before_each_run_begins() {
    let mut poller = Poller::new();
    rule(&mut poller, "uuid");
    poller
        .openstack
        .rows(&[event(1, 1, 1), event(2, 2, 2), event(3, 3, 3)]);
    show(&poller.openstack, 1, "active");
    show(&poller.openstack, 2, "expired");
    poller.pass(&["--from-start"]);
    assert_eq!(poller.log(), [line("r", 1)]);
    assert_eq!(poller.states(), ["succeeded", "cancelled", "cancelled"]);
    let reason = poller.run_detail(3)["reason"].to_string();
    assert!(reason.contains("ESI Leap has no lease"), "{reason}");
    let mut leases = asked(&poller.openstack);
    leases.sort();
    // When it is accepted, for what scripts read, and once more before it begins.
    let twice = (1..=3).flat_map(|number| [lease(number), lease(number)]);
    assert!(leases.iter().cloned().eq(twice), "{leases:?}");
}

#[test]
fn what_completed_the_event_is_not_asked_for_twice() {
    let mut poller = Poller::new();
    rule(&mut poller, "uuid,purpose");
    poller.openstack.rows(&[event(1, 1, 1)]);
    poller.openstack.deny(&lease(1));
    poller.pass(&["--from-start"]);
    assert_eq!(poller.states(), ["retryable"]);
    let before = asked(&poller.openstack).len();
    show(&poller.openstack, 1, "active");
    retry(&poller, 1);
    poller.pass(&[]);
    assert_eq!(poller.log(), [format!("r|{}|test|", lease(1))]);
    assert_eq!(asked(&poller.openstack).len(), before + 1);

    // One that is deleted until then is refused by the same answer.
    poller.openstack.rows(&[event(1, 1, 1), event(2, 2, 2)]);
    poller.openstack.deny(&lease(2));
    poller.pass(&[]);
    show(&poller.openstack, 2, "deleted");
    retry(&poller, 2);
    poller.pass(&[]);
    assert_eq!(poller.states(), ["succeeded", "cancelled"]);
}

#[test]
fn the_cloud_fails_between_passes_and_is_back() {
    let mut poller = Poller::new();
    rule(&mut poller, "uuid");
    poller.default("lease_retry_delay = 200ms\ncloud = there");
    poller.openstack.rows(&[event(1, 1, 1)]);
    show(&poller.openstack, 1, "active");
    poller
        .openstack
        .fault(At::Leases, Fault::captured("34-bad-password"));
    let service = poller.start(&["--from-start", "--every", "1s"]);
    service.wait_for("ESI Leap cannot be asked for the lease (`recheck`): ");
    poller.openstack.mend(At::Leases);
    poller.wait_for_log(1);
    service.stop();
    let outcomes = outcomes(&poller, 1);
    assert!(outcomes[0].contains("(HTTP 401)"), "{outcomes:?}");
    // The file names the cloud, and with that the history.
    let calls = poller.openstack.calls();
    assert!(
        calls
            .iter()
            .all(|call| call.argv[..2] == ["--os-cloud", "there"]),
        "{calls:?}"
    );
    assert_eq!(poller.status()[0]["cloud"], "there");
}

/// The program with the settings of this cloud, and none of the environment's.
fn with_cloud(stage: &Stage, api: &CloudApi, command: &str, arguments: &[&str]) -> Command {
    let clouds = api.clouds_yaml(&stage.path(""));
    let mut command = stage.program(command);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("OS_")) {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .env("OS_CLIENT_CONFIG_FILE", clouds)
        .env("OS_CLIENT_SECURE_FILE", stage.path("secure.yaml"));
    command
}

/// Leases 1 and 2 are active and deleted, the third is not there; before any of that is told, the cloud fails.
fn api() -> CloudApi {
    let api = CloudApi::start();
    for (number, status) in [(1, "active"), (2, "deleted")] {
        let mut shown = lease_of(&lease(number), &node(number));
        shown["status"] = status.into();
        api.lease(shown);
    }
    let broken =
        json!({"faultcode": "Server", "faultstring": "the database is gone", "debuginfo": null});
    api.fault(Asked::Lease, ApiFault::Status(500, broken.to_string()));
    api.fault(Asked::Lease, ApiFault::Status(502, "<html>".to_owned()));
    api
}

fn check_what_came_of_it(stage: &Stage, log: &[u8], reasons: &[&str]) {
    let told = String::from_utf8_lossy(log);
    assert_eq!(stage.log(), [line("r", 1)], "{told}");
    assert_eq!(
        stage.states(),
        ["succeeded", "cancelled", "cancelled"],
        "{told}"
    );
    let all: Vec<String> = (1..=3).flat_map(|run| outcomes(stage, run)).collect();
    for part in reasons {
        let count = all.iter().filter(|outcome| outcome.contains(part)).count();
        assert!(count >= 1, "no `{part}` in {all:?}");
    }
    for secret in [PASSWORD, TOKEN_PREFIX] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[test]
fn listen_asks_by_the_built_in_client() {
    let mut scene = Scene::new("recheck-native");
    rule(&mut scene, "uuid");
    scene.default("client = native\ncloud = test\nlease_retry_delay = 200ms");
    for number in 1..=3 {
        scene.publish(super::notified(FULFILL, number, number));
    }
    let api = api();
    let output = with_cloud(&scene, &api, "listen", &["--until-idle"])
        .output()
        .expect("the program");
    assert!(output.status.success(), "{output:?}");
    let reasons = [
        "the database is gone",
        "answers 502",
        "ESI Leap has no lease",
    ];
    check_what_came_of_it(&scene, &output.stderr, &reasons);
    // One login serves.
    assert_eq!(api.seen(Asked::Token), 1);
}

#[test]
fn poll_asks_by_the_built_in_client() {
    let mut stage = Stage::new("client = native\ncloud = test\nlease_retry_delay = 200ms");
    rule(&mut stage, "uuid");
    let api = api();
    api.rows((1..=3).map(|number| event(number, number, number)));
    let mut command = with_cloud(&stage, &api, "poll", &["--from-start", "--every", "1s"]);
    let service = Service::start(&mut command);
    service.wait_for("ESI Leap cannot be asked for the lease (`recheck`)");
    wait_until("every run to end", || {
        let waits = ["retryable", "running", "due"];
        let states = stage.states();
        states.len() == 3 && states.iter().all(|state| !waits.contains(&state.as_str()))
    });
    let log = service.log();
    service.stop();
    // The first failures befell the acceptance.
    let reasons = ["answers 502", "ESI Leap has no lease"];
    check_what_came_of_it(&stage, log.as_bytes(), &reasons);
}
