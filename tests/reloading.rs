//! The configuration is read again, by SIGHUP, while the service works.

use std::fs;

use super::support::scene::{DELETE, FULFILL, Scene, Service, lease, notification, wait_until};

/// Writes down which of the configurations it was started by, and for what.
const TOLD: &str = r#"echo "$1 $2" >>"$LOG""#;

fn rule(word: &str) -> String {
    format!("events = {FULFILL}\nscript = told.sh {word}\nscript_params = purpose")
}

/// A stage with one rule, whose script writes `word` down.
fn stage(name: &str, word: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.script("told.sh", TOLD);
    scene.rule("r", &rule(word));
    scene
}

/// Puts this rule in the place of all others, and has the service read it.
fn reload(scene: &mut Scene, service: &Service, options: &str) {
    scene.no_rules();
    scene.rule("r", options);
    scene.config();
    service.signal("HUP");
}

#[test]
fn new_rules_are_in_force_for_what_comes_then() {
    let mut scene = stage("reloaded", "former");
    let service = scene.listen();
    scene.publish(lease("one", "a"));
    scene.wait_for_log(1);
    reload(&mut scene, &service, &rule("new"));
    service.wait_for("was read again: from now on its 1 rules are in force");
    scene.publish(lease("two", "a"));
    assert_eq!(scene.wait_for_log(2), ["former one", "new two"]);

    // A rule for other events: those that it wants run, and those that only the former one wanted do not.
    let other = format!("events = {DELETE}\nscript = told.sh other\nscript_params = purpose");
    reload(&mut scene, &service, &other);
    wait_until("the other rule", || {
        service.log().matches("was read again").count() == 2
    });
    scene.publish(lease("three", "a"));
    scene.publish(notification(DELETE).with("purpose", "four").body);
    assert_eq!(scene.wait_for_log(3)[2], "other four");
    service.stop();
    assert_eq!(scene.states(), vec!["succeeded"; 3]);
}

#[test]
fn a_configuration_with_errors_changes_nothing_and_each_is_logged() {
    let mut scene = stage("reload-refused", "former");
    let service = scene.listen();
    reload(
        &mut scene,
        &service,
        "events = \"a\"\nscript = told.sh new\ntimeout = soon",
    );
    service.wait_for("nothing of it is taken over, its former rules stay in force");
    let log = service.log();
    for part in [
        "expected a type of event in `events`",
        "expected a length of time above 0 in `timeout`",
    ] {
        assert!(log.contains(part), "no `{part}` in {log}");
    }
    assert!(log.contains("listener.conf:"), "{log}");
    scene.publish(lease("one", "a"));
    assert_eq!(scene.wait_for_log(1), ["former one"]);

    fs::remove_file(scene.path("listener.conf")).expect("the configuration");
    service.signal("HUP");
    service.wait_for("failed to read");
    scene.publish(lease("two", "a"));
    assert_eq!(scene.wait_for_log(2)[1], "former two");
    service.stop();
}

#[test]
fn what_needs_a_new_start_is_logged_by_name_and_without_its_value() {
    let mut scene = stage("reload-service", "former");
    let service = scene.listen();
    scene.default("max_parallel = 7");
    scene.replace("state_dir", "reload-hunter2");
    reload(&mut scene, &service, &rule("new"));
    service.wait_for("only in force once the service is started again: max_parallel, state_dir");
    scene.publish(lease("one", "a"));
    assert_eq!(scene.wait_for_log(1), ["new one"]);
    assert!(!service.stop().contains("hunter2"));
}

#[test]
fn under_load_nothing_is_lost_or_decided_twice() {
    const MESSAGES: usize = 300;
    let mut scene = stage("reload-load", "even");
    let service = scene.listen();
    for part in 0..10 {
        let purposes = part * MESSAGES / 10..(part + 1) * MESSAGES / 10;
        scene.publish_all(
            purposes.map(|number| lease(&number.to_string(), &format!("n{}", number % 7))),
        );
        let word = if part % 2 == 0 { "odd" } else { "even" };
        reload(&mut scene, &service, &rule(word));
    }
    let mut log = scene.wait_for_log(MESSAGES);
    service.stop();
    let mut purposes: Vec<usize> = Vec::new();
    for line in log.drain(..) {
        let (word, purpose) = line.split_once(' ').expect("two words");
        assert!(matches!(word, "odd" | "even"), "{line}");
        purposes.push(purpose.parse().expect("a number"));
    }
    purposes.sort_unstable();
    assert_eq!(purposes, (0..MESSAGES).collect::<Vec<_>>());
    assert_eq!(scene.runs().len(), MESSAGES);
}
