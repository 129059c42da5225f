//! A wall clock that is set a day ahead or back, again and again: it changes no order, loses no retry
//! and ends no script early. What is scheduled goes by it: never before its time, and never not at all.

use std::fs;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::history::{accepted, history, outcomes};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, Scene, Service, lease, notification, wait_until};
use crate::support::shim::Shim;
use crate::support::stage::Stage;

const DAY: i64 = 24 * 60 * 60;

fn start(scene: &Scene, shim: &Shim) -> Service {
    let service = Service::start(shim.below(&mut scene.program("listen")));
    service.wait_for(&format!("consuming queue {}", scene.queue));
    service
}

/// Sets the clock, and waits until the service has noticed.
fn set(stage: &Stage, shim: &Shim, service: &Service, seconds: i64) {
    let count = || service.log().matches("system clock changed").count();
    let before = count();
    shim.set_clock(seconds);
    // The kernel, whose clock stays, tells nobody. Any command has the service look.
    stage.runs();
    wait_until("the step to be noticed", || count() > before);
}

/// When the first attempt of a run was started, by the wall clock of the service.
fn started(stage: &Stage, run: u64) -> Timestamp {
    let detail = stage.run_detail(run);
    let at = &detail["attempt_records"][0]["started_at"];
    at.as_str()
        .and_then(|at| at.parse().ok())
        .expect("a moment")
}

#[test]
fn steps_of_a_day_change_no_order_and_end_no_script_early() {
    let mut scene = Scene::new("clock-order");
    scene.script(
        "held.sh",
        r#"echo "start $1" >>"$LOG"
while [ "$1" = held ] && [ ! -e gate ]; do sleep 0.02; done
echo "end $1" >>"$LOG""#,
    );
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = held.sh\nscript_params = purpose\ntimeout = 1h"),
    );
    let shim = Shim::new(&scene);
    let service = start(&scene, &shim);
    scene.publish(lease("held", "a"));
    scene.wait_for_log(1);
    for (round, seconds) in [DAY, -DAY, 0, -DAY].into_iter().enumerate() {
        set(&scene, &shim, &service, seconds);
        let names = ["a", "b"].map(|node| (format!("{node}{round}"), node));
        scene.publish_all(names.map(|(purpose, node)| lease(&purpose, node)));
        scene.wait_for_log(1 + 2 * (round + 1));
    }
    fs::write(scene.path("gate"), "").expect("a gate");
    wait_until("all runs to succeed", || {
        scene.states() == vec!["succeeded"; 9]
    });
    service.stop();

    let of_node = |node: char| -> Vec<String> {
        let ends = scene.log();
        let ends = ends.iter().filter_map(|line| line.strip_prefix("end "));
        ends.filter(|purpose| purpose.starts_with(node))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(of_node('a'), ["a0", "a1", "a2", "a3"]);
    assert_eq!(of_node('b'), ["b0", "b1", "b2", "b3"]);
    assert_eq!(outcomes(&scene, 1), ["exit status 0"]);
    let seconds = scene.run_detail(1)["attempt_records"][0]["seconds"].as_f64();
    assert!(
        seconds.is_some_and(|seconds| seconds < 3600.0),
        "{seconds:?}"
    );
    // It really was that day for the service.
    let second = scene.runs().iter().position(|run| run["key"] == "b");
    let second = u64::try_from(second.expect("a run") + 1).expect("a number");
    let apart = started(&scene, second).duration_since(started(&scene, 1));
    assert!(apart.as_hours() >= 23, "{apart:?}");
}

#[test]
fn no_step_of_a_day_loses_a_retry() {
    let mut scene = Scene::new("clock-retries");
    scene.script(
        "second.sh",
        r#"echo "$1 $ESI_ATTEMPT" >>"$LOG"; [ "$ESI_ATTEMPT" -ge 2 ]"#,
    );
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = second.sh\nscript_params = purpose\nretries = 1\nretry_delay = 4s"),
    );
    let shim = Shim::new(&scene);
    let mut service = start(&scene, &shim);
    let mut logged = 0;
    for (round, seconds) in [-DAY, DAY].into_iter().enumerate() {
        for while_it_is_down in [false, true] {
            let purpose = format!("{round}-{while_it_is_down}");
            scene.publish(lease(&purpose, &purpose));
            wait_until("the failure to be on record", || {
                scene
                    .states()
                    .last()
                    .is_some_and(|state| state == "retryable")
            });
            if while_it_is_down {
                service.kill();
                shim.set_clock(0);
                service = start(&scene, &shim);
            } else {
                set(&scene, &shim, &service, seconds);
            }
            logged += 2;
            assert_eq!(
                scene.wait_for_log(logged)[logged - 2..],
                [format!("{purpose} 1"), format!("{purpose} 2")]
            );
        }
    }
    wait_until("all runs to succeed", || {
        scene.states() == vec!["succeeded"; 4]
    });
    let attempts = |run: &Value| run["attempts"].as_u64();
    assert!(scene.runs().iter().all(|run| attempts(run) == Some(2)));
}

/// The seconds from now until then.
fn until(time: &str) -> i64 {
    let time: Timestamp = time.parse().expect("a time");
    time.as_second() - Timestamp::now().as_second()
}

/// In Berlin, the night to 28 March 2027 lacks 02:00 to 03:00, and that to 31 October has it twice.
#[test]
fn what_is_scheduled_starts_at_its_time_however_the_clock_is_set() {
    let mut scene = Scene::new("clock-scheduled");
    scene.script("remind.sh", r#"echo "$1" >>"$LOG""#);
    scene.rule(
        "r",
        &format!(
            "events = {FULFILL}\nscript = remind.sh\nscript_params = node_uuid\n\
             start_at = properties.until - 24h\ntimes_without_zone = Europe/Berlin"
        ),
    );
    let shim = Shim::new(&scene);
    shim.set_clock(until("2027-03-27T12:00:00Z"));
    let service = start(&scene, &shim);
    for (node, end) in [
        ("spring", "2027-03-29T02:30:00"),
        ("autumn", "2027-10-31T02:30:00"),
    ] {
        let message = notification(FULFILL).with("node_uuid", node);
        scene.publish(message.with("properties", json!({ "until": end })).body);
    }
    let due = || {
        let runs = scene.runs();
        let scheduled = runs.iter().filter(|run| run["state"] == "scheduled");
        let times = scheduled.map(|run| run["due_at"].as_str().expect("a time").to_owned());
        let mut times: Vec<String> = times.collect();
        times.sort_unstable();
        times
    };
    let (spring, autumn) = ("2027-03-28T00:30:00Z", "2027-10-30T00:30:00Z");
    wait_until("both to be scheduled", || due() == [spring, autumn]);

    // A year back, and then to just before the first of them.
    for time in ["2026-03-28T00:30:00Z", "2027-03-28T00:29:50Z"] {
        set(&scene, &shim, &service, until(time));
    }
    assert_eq!(scene.wait_for_log(1), ["spring"]);
    assert_eq!(due(), [autumn]);
    let run = scene.runs().iter().position(|run| run["key"] == "spring");
    let run = u64::try_from(run.expect("a run") + 1).expect("a number");
    let at: Timestamp = spring.parse().expect("a time");
    assert!(started(&scene, run) >= at, "{}", started(&scene, run));

    // The time of the other one comes while nobody looks.
    service.kill();
    shim.set_clock(until("2027-10-30T00:30:01Z"));
    let service = start(&scene, &shim);
    assert_eq!(scene.wait_for_log(2), ["spring", "autumn"]);
    service.stop();
}

#[test]
fn the_history_is_read_on_in_order_of_id_whatever_day_it_is() {
    let poller = Poller::recording(FULFILL);
    let shim = Shim::new(&poller);
    history(&poller, [1], |_| 1);
    let arguments = ["--from-start", "--every", "1s"];
    let service = Service::start(shim.below(&mut poller.polling(&arguments)));
    poller.wait_for_log(1);
    for (last, seconds) in [(2, -DAY), (3, DAY), (4, -DAY)] {
        set(&poller, &shim, &service, seconds);
        history(&poller, 1..=last, |_| 1);
        wait_until("the cursor to move", || poller.cursor() == Some(last));
    }
    poller.wait_for_log(4);
    service.stop();
    assert_eq!(accepted(&poller), [1, 2, 3, 4]);
    let ids: Vec<String> = poller
        .log()
        .iter()
        .filter_map(|line| line.split('|').next().map(str::to_owned))
        .collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
}
