//! `check`, `explain`, reloads, and a service that cannot ask.

use super::{Rechecking, line};
use crate::support::scene::{FULFILL, Scene, notification, wait_until};

fn said(scene: &Scene, arguments: &[&str]) -> String {
    let output = scene.run(arguments);
    let (stdout, stderr) = (output.stdout, output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    )
}

const RULE: &str = "script = record.sh r\nscript_params = uuid\nrecheck = {\"status\": \"active\"}";

#[test]
fn check_tells_of_a_client_that_is_not_there_if_a_rule_needs_it() {
    let mut scene = Scene::new("recheck-check");
    scene.default("openstack_command = no-such-program");
    scene.rule("off", &format!("events = {FULFILL}\nenabled = no\n{RULE}"));
    scene.rule("r", &format!("events = {FULFILL}\nscript = record.sh"));
    let told = said(&scene, &["check"]);
    assert!(!told.contains("openstack_command"), "{told}");
    let rule = format!("{RULE}\nevents = {FULFILL}").replace("status", "node_power_state");
    scene.rule("asks", &rule);
    let told = said(&scene, &["check"]);
    for part in [
        "warning: `openstack_command`: ",
        "`recheck` asks for `node_power_state`, which ESI Leap does not show of a lease",
    ] {
        assert!(told.contains(part), "no `{part}` in {told}");
    }
}

#[test]
fn explain_says_what_will_be_asked() {
    let mut scene = Scene::new("recheck-explain");
    scene.rule("r", &format!("events = *\n{RULE}"));
    let event = scene.path("event.json");
    std::fs::write(&event, notification(FULFILL).body).expect("a file");
    let event = event.to_str().expect("UTF-8");
    let told = scene.run(&["explain", event, "--format", "json"]).stdout;
    let told: serde_json::Value = serde_json::from_slice(&told).expect("JSON");
    let rule = &told["rules"][0];
    assert_eq!(rule["recheck"]["status"], "active", "{rule}");
    let why = rule["why"].as_str().expect("text");
    let expected = "if ESI Leap shows the lease with {\"status\":\"active\"} when it is asked just before that (`recheck`)";
    assert!(why.contains(expected), "{why}");
    let told = said(
        &scene,
        &["explain", "--event-type", "tick", "--format", "json"],
    );
    assert!(told.contains("the event is about no lease"), "{told}");
}

#[test]
fn a_first_recheck_takes_effect_with_a_reload() {
    let mut stage = Rechecking::new("recheck-reload");
    stage.rule(
        "r",
        &format!("events = {FULFILL}\nscript = record.sh none\nscript_params = uuid"),
    );
    stage.show(1, "active");
    stage.show(2, "deleted");
    let service = stage.listen();
    stage
        .no_rules()
        .rule("r", &format!("events = {FULFILL}\n{RULE}"));
    stage.config();
    service.signal("HUP");
    service.wait_for("was read again");
    (1..=2).for_each(|number| stage.fulfilled(number, number));
    wait_until("both runs to end", || {
        stage.states() == ["succeeded", "cancelled"]
    });
    service.stop();
    assert_eq!(stage.log(), [line("r", 1)]);
}

#[test]
fn a_service_without_a_cloud_does_not_start() {
    let mut scene = Scene::new("recheck-no-cloud");
    scene.rule("r", &format!("events = {FULFILL}\n{RULE}"));
    scene.default("client = native\ncloud = nowhere");
    let mut command = scene.program("listen");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("OS_")) {
            command.env_remove(name);
        }
    }
    let clouds = scene.path("clouds.yaml");
    std::fs::write(&clouds, "clouds: {other: {auth: {auth_url: 'http://k'}}}").expect("a file");
    let output = command
        .env("OS_CLIENT_CONFIG_FILE", clouds)
        .output()
        .expect("the program");
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("nowhere"), "{told}");
}
