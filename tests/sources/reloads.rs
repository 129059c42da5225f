//! SIGHUP stops, starts and restarts sources and the bus, and touches none that is the same.

use crate::support::scene::{FULFILL, Scene, Service, lease, wait_until};
use crate::support::stage::Stage;
use crate::support::timer::recorded;

/// Has the service read what the stage says now.
fn reload(stage: &Stage, service: &Service) {
    let count = || service.log().matches("was read again").count();
    let before = count();
    stage.config();
    service.signal("HUP");
    wait_until("the configuration to be read again", || count() > before);
}

/// A stage whose timers have these options; without a bus there has to be one.
fn say(stage: &mut Stage, timers: &[(&str, &str)]) {
    stage.no_rules();
    recorded(stage);
    stage.rule(
        "other",
        "events = other\nscript = record.sh other\nscript_params = i",
    );
    for (name, options) in timers {
        stage.rule(
            &format!("source:{name}"),
            &format!("type = timer\n{options}"),
        );
    }
}

const NEVER: &str = "at = 2999-01-01T00:00Z";

#[test]
fn a_timer_is_added_changed_and_removed() {
    let mut stage = Stage::new("");
    say(&mut stage, &[("other", NEVER)]);
    let service = Service::start(&mut stage.program("listen"));
    service.wait_for("timer:other: at 2999-01-01T00:00:00Z");

    say(&mut stage, &[("other", NEVER), ("nightly", "every = 1h")]);
    reload(&stage, &service);
    assert!(stage.wait_for_log(1)[0].starts_with("1|"));

    say(&mut stage, &[("other", NEVER), ("nightly", "every = 1s")]);
    reload(&stage, &service);
    service.wait_for("timer:nightly has changed: starting it anew");
    // It goes on from where it was.
    let log = stage.wait_for_log(3);
    assert!(
        log[1].starts_with("2|") && log[2].starts_with("3|"),
        "{log:?}"
    );

    say(&mut stage, &[("other", NEVER)]);
    reload(&stage, &service);
    service.wait_for("timer:nightly is no longer in the configuration: stopping it");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let count = stage.log().len();
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(stage.log().len(), count);
    let log = service.stop();
    assert_eq!(log.matches("timer:other").count(), 1, "{log}");
}

#[test]
fn an_error_in_a_source_changes_nothing_and_all_problems_are_told() {
    let mut stage = Stage::new("");
    say(&mut stage, &[("nightly", "every = 1s")]);
    let service = Service::start(&mut stage.program("listen"));
    stage.wait_for_log(1);
    say(
        &mut stage,
        &[
            ("nightly", "cron = 0 25 * * *\ntimezone = Europe/Berln"),
            ("other", "evry = 1s"),
        ],
    );
    stage.config();
    service.signal("HUP");
    service.wait_for("nothing of it is taken over, its former rules stay in force");
    let log = service.log();
    for part in [
        "expected a cron pattern in `cron`",
        "did you mean `Europe/Berlin`?",
        "did you mean `every`?",
        "expected `every`, `cron` or `at` in the timer",
    ] {
        assert!(log.contains(part), "no `{part}` in {log}");
    }
    let count = stage.log().len();
    stage.wait_for_log(count + 2);
    let log = service.stop();
    assert!(!log.contains("has changed"), "{log}");
}

#[test]
fn a_bus_that_changes_under_load_loses_nothing_and_decides_nothing_twice() {
    const ROUNDS: usize = 8;
    const EACH: usize = 30;
    let mut scene = Scene::new("reload-bus");
    let rule = format!("events = {FULFILL}\nscript = record.sh\nscript_params = purpose");
    scene.rule("r", &rule);
    scene.rule("source:nightly", &format!("type = timer\n{NEVER}"));
    scene.rule("n", "events = nightly\nscript = record.sh");
    let service = scene.listen();
    for round in 0..ROUNDS {
        let purposes = round * EACH..(round + 1) * EACH;
        scene.publish_all(purposes.map(|it| lease(&it.to_string(), &format!("n{}", it % 5))));
        scene.replace("prefetch", &(3 + round).to_string());
        reload(&scene, &service);
    }
    let mut purposes: Vec<usize> = scene
        .wait_for_log(ROUNDS * EACH)
        .iter()
        .map(|line| line.trim_end_matches('|').parse().expect("a number"))
        .collect();
    purposes.sort_unstable();
    assert_eq!(purposes, (0..ROUNDS * EACH).collect::<Vec<_>>());
    wait_until("all to be settled", || {
        scene.states() == vec!["succeeded"; ROUNDS * EACH]
    });
    let log = service.stop();
    assert!(log.contains("bus has changed: starting it anew"), "{log}");
    assert_eq!(log.matches("timer:nightly").count(), 1, "{log}");
    assert!(!log.contains("started again"), "{log}");
    assert_eq!(scene.waiting(), Some(0));
}
