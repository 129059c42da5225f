//! Runs that start later, or never: the life of a lease on the bus, and what the operator says to it.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::support::scene::{DELETE, FULFILL, Scene, Service, notification, wait_until};

const BEGIN: &str = "esi_leap.lease.fulfill.start";

/// `minutes` from now, as ESI Leap writes it.
fn from_now(minutes: i64) -> String {
    let time = Timestamp::now() + SignedDuration::from_mins(minutes);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A notification about a lease that was sent so many minutes ago, and whose lease ends so many from now.
fn sent(event_type: &str, lease: &str, ago: i64, end: i64) -> String {
    let at = Timestamp::now() - SignedDuration::from_mins(ago);
    let at = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let message = notification(event_type).with("uuid", lease);
    let message = message.with("end_time", from_now(end).as_str());
    message.sent_at(&at).body
}

fn cancelled(scene: &Scene) -> Vec<String> {
    let runs = scene.runs();
    let cancelled = runs.iter().filter(|run| run["state"] == "cancelled");
    let reasons = cancelled.map(|run| run["reason"].as_str().unwrap_or_default().to_owned());
    reasons.collect()
}

fn told(scene: &Scene, arguments: &[&str]) -> String {
    let output = scene.run(arguments);
    let bytes = if output.status.success() {
        output.stdout
    } else {
        output.stderr
    };
    String::from_utf8(bytes).expect("text")
}

/// "Not fulfilled after ten minutes": one lease was, another was not.
#[test]
fn what_was_not_fulfilled_in_time_is_overdue() {
    let mut scene = Scene::new("overdue");
    scene.rule(
        "overdue",
        &format!(
            "events = {BEGIN}\nstart_at = time + 10m\ncancelled_by = {FULFILL}\nscript = record.sh\n\
             script_params = uuid"
        ),
    );
    scene.publish(sent(BEGIN, "fine", 2, 100));
    scene.drain();
    assert_eq!(scene.states(), ["scheduled"]);
    let shown = told(&scene, &["runs", "show", "1"]);
    assert!(shown.contains("run 1 is scheduled\n"), "{shown}");
    assert!(shown.contains("\n  starts    "), "{shown}");
    assert!(told(&scene, &["runs", "list"]).contains("starts at "));
    scene.publish(sent(FULFILL, "fine", 0, 100));
    scene.publish(sent(BEGIN, "late", 9, 100));
    scene.publish(sent(BEGIN, "stuck", 11, 100));
    scene.drain();
    assert_eq!(scene.log(), ["stuck|"]);
    assert_eq!(scene.states(), ["cancelled", "scheduled", "succeeded"]);
    let why = cancelled(&scene);
    assert!(
        why[0].starts_with("cancelled by esi_leap.lease.fulfill.end, event "),
        "{why:?}"
    );
    // An operator may start one now.
    told(&scene, &["runs", "retry", "2"]);
    scene.drain();
    assert_eq!(scene.log(), ["stuck|", "late|"]);
}

/// A service that is there when the time comes wakes for it.
#[test]
fn a_service_starts_a_scheduled_run_when_it_is_due_and_not_before() {
    let mut scene = Scene::new("scheduled");
    scene.rule(
        "r",
        &format!(
            "events = {BEGIN}\nstart_at = time + 10m\nscript = record.sh\nscript_params = uuid"
        ),
    );
    let service = scene.listen();
    let at = Timestamp::now() - SignedDuration::from_secs(10 * 60 - 3);
    let at = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let message = notification(BEGIN).with("uuid", "soon").sent_at(&at);
    let due = Timestamp::now() + Duration::from_secs(1);
    scene.publish(message.body);
    assert_eq!(scene.wait_for_log(1), ["soon|"]);
    let started = &scene.run_detail(1)["attempt_records"][0]["started_at"];
    let started: Timestamp = started.as_str().expect("text").parse().expect("a time");
    assert!(started >= due, "{started} {due}");
    service.stop();
}

#[test]
fn a_reminder_before_the_end_is_cancelled_by_an_early_delete() {
    let mut scene = Scene::new("reminder");
    scene.rule(
        "remind",
        &format!(
            "events = {FULFILL}\nstart_at = end_time - 30m\nmax_age = 20m\ncancelled_by = {DELETE}\n\
             script = record.sh\nscript_params = uuid"
        ),
    );
    for (lease, end) in [("early", 60), ("near", 25), ("over", -40), ("later", 90)] {
        scene.publish(sent(FULFILL, lease, 0, end));
    }
    scene.publish(sent(DELETE, "early", 0, 60));
    scene.publish(notification(FULFILL).with("end_time", "soon").body);
    scene.drain();
    assert_eq!(scene.log(), ["near|"]);
    let states = scene.states();
    assert_eq!(
        states,
        [
            "cancelled",
            "succeeded",
            "cancelled",
            "scheduled",
            "cancelled"
        ]
    );
    let why = cancelled(&scene);
    assert!(
        why[0].starts_with("cancelled by esi_leap.lease.delete.end, event "),
        "{why:?}"
    );
    assert!(
        why[1].starts_with("too old: by `max_age` it was to start by "),
        "{why:?}"
    );
    assert_eq!(
        why[2],
        "`start_at` expected a time at `end_time`, but found the text \"soon\""
    );
    let output = told(
        &scene,
        &["runs", "cancel", "4", "--reason", "moved to Friday"],
    );
    assert_eq!(output, "1 run is cancelled\n");
    let why = cancelled(&scene);
    assert!(why.contains(&"cancelled by the operator: moved to Friday".to_owned()));
    let output = told(&scene, &["runs", "cancel", "4"]);
    assert!(
        output.contains("run 4: cannot cancel it: it is `cancelled`"),
        "{output}"
    );
}

/// A rule whose script goes on until it is ended.
fn endless(name: &str, more: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.script(
        "endless.sh",
        r#"trap 'echo "ended $1" >>"$LOG"; exit 0' TERM
echo "start $1" >>"$LOG"
while [ ! -e gate ]; do sleep 0.02; done
echo "end $1" >>"$LOG""#,
    );
    scene.rule(
        "r",
        &format!(
            "events = {FULFILL}\nscript = endless.sh\nscript_params = uuid\nretries = 5\n{more}"
        ),
    );
    scene
}

#[test]
fn a_delete_ends_the_script_of_its_lease_and_the_next_one_of_the_node_starts() {
    let mut scene = endless(
        "cancel-running",
        &format!("cancelled_by = {DELETE}\ncancel_running = yes\nlimit = 1"),
    );
    scene.rule(
        "told",
        &format!("events = {DELETE}\nscript = record.sh\nscript_params = uuid"),
    );
    let service = scene.listen();
    scene.publish(sent(FULFILL, "a", 0, 60));
    assert_eq!(scene.wait_for_log(1), ["start a"]);
    scene.publish(sent(FULFILL, "b", 0, 60));
    scene.publish(sent(DELETE, "a", 0, 60));
    let log = scene.wait_for_log(3);
    assert_eq!(log, ["start a", "ended a", "start b"]);
    std::fs::write(scene.path("gate"), "").expect("a gate");
    wait_until("all", || {
        scene.states() == ["cancelled", "succeeded", "succeeded"]
    });
    let run = scene.run_detail(1);
    let why = run["reason"].as_str().unwrap_or_default();
    assert!(
        why.starts_with("cancelled by esi_leap.lease.delete.end, event "),
        "{run}"
    );
    let outcome = run["attempt_records"][0]["outcome"]
        .as_str()
        .unwrap_or_default();
    assert!(
        outcome.starts_with("interrupted: cancelled by "),
        "{outcome}"
    );
    service.stop();
}

/// What an operator cancels is ended by whichever service has it, and never starts again, wherever that dies.
#[test]
fn a_cancelled_run_never_starts_again_wherever_the_service_dies() {
    for point in ["end-asked", "process-ended", "outcome-uncommitted"] {
        let scene = endless(&format!("cancel-{point}"), "");
        let mut command = scene.program("listen");
        let mut service = Service::start(command.env("ESI_CRASH_POINT", point));
        service.wait_for(&format!("consuming queue {}", scene.queue));
        scene.publish(sent(FULFILL, "a", 0, 60));
        assert_eq!(scene.wait_for_log(1), ["start a"]);
        let output = told(&scene, &["runs", "cancel", "1"]);
        assert!(
            output.starts_with("1 run is running: the service ends"),
            "{output}"
        );
        let (status, log) = service.wait();
        assert_eq!(status.signal(), Some(9), "{point}: {log}");
        assert_eq!(scene.states(), ["running"], "{point}");
        scene.drain();
        assert_eq!(scene.states(), ["cancelled"], "{point}");
        assert_eq!(cancelled(&scene), ["cancelled by the operator"], "{point}");
        let starts = scene
            .log()
            .iter()
            .filter(|line| line.starts_with("start"))
            .count();
        assert_eq!(starts, 1, "{point}");
    }
}

/// The event that cancels is lost with its commit, and comes again.
#[test]
fn what_an_event_cancels_is_cancelled_once_wherever_the_service_dies() {
    for point in [
        "cancelled-uncommitted",
        "accepted-uncommitted:2",
        "accepted:2",
    ] {
        let mut scene = Scene::new("cancel-crash");
        scene.rule(
            "r",
            &format!("events = {FULFILL}\nstart_at = end_time\ncancelled_by = {DELETE}\nscript = record.sh"),
        );
        let mut command = scene.program("listen");
        let mut service = Service::start(command.env("ESI_CRASH_POINT", point));
        service.wait_for(&format!("consuming queue {}", scene.queue));
        scene.publish(sent(FULFILL, "a", 0, 60));
        wait_until("the run", || scene.states() == ["scheduled"]);
        scene.publish(sent(DELETE, "a", 0, 60));
        let (status, log) = service.wait();
        assert_eq!(status.signal(), Some(9), "{point}: {log}");
        scene.publish(sent(FULFILL, "a", 0, 60));
        scene.drain();
        let mut states = scene.states();
        states.sort();
        assert_eq!(states, ["cancelled", "scheduled"], "{point}");
        assert_eq!(scene.runs()[0]["state"], "cancelled", "{point}");
    }
}

#[test]
fn a_limit_is_kept_over_nodes_and_in_order() {
    let scene = endless("limit", "limit = 2\norder_by = uuid");
    let service = scene.listen();
    for lease in ["a", "b", "c", "d"] {
        scene.publish(sent(FULFILL, lease, 0, 60));
    }
    scene.wait_for_log(2);
    wait_until("all", || {
        scene.states() == ["running", "running", "due", "due"]
    });
    std::fs::write(scene.path("gate"), "").expect("a gate");
    wait_until("all", || {
        scene.states().iter().all(|state| state == "succeeded")
    });
    let starts: Vec<_> = scene
        .log()
        .into_iter()
        .filter(|line| line.starts_with("start"))
        .collect();
    assert_eq!(starts.len(), 4);
    service.stop();
}

#[test]
fn explain_tells_when_a_run_would_start_and_what_would_cancel_it() {
    let mut scene = Scene::new("explain-when");
    scene.rule(
        "remind",
        &format!(
            "events = {FULFILL}\nstart_at = end_time - 30m\nmax_age = 20m\ncancelled_by = {DELETE}\n\
             cancel_running = yes\nlimit = 2\nlimit_by = purpose\nscript = record.sh"
        ),
    );
    let message = notification(FULFILL)
        .with("end_time", "2126-11-21T08:50:00Z")
        .with("purpose", "p");
    std::fs::write(scene.path("message"), message.body).expect("a file");
    let file = scene.path("message");
    let file = file.to_str().expect("text");
    let explained = told(&scene, &["explain", file, "--format", "json"]);
    let explained: serde_json::Value = serde_json::from_str(&explained).expect("JSON");
    let rule = &explained["rules"][0];
    let why = rule["why"].as_str().unwrap_or_default();
    for part in [
        ", at 2126-11-21T08:20:00Z (`end_time - 30m`)",
        ", if it starts by 2126-11-21T08:40:00Z",
        ", unless esi_leap.lease.delete.end comes before, also while it runs",
        ", at most 2 at once with `purpose` p",
    ] {
        assert!(why.contains(part), "{part} in {why}");
    }
    assert_eq!(rule["start_at"], "2126-11-21T08:20:00Z");
    assert_eq!(
        (&rule["limit"], &rule["limit_by"]),
        (&2.into(), &"p".into())
    );
    let message = notification(DELETE).body;
    std::fs::write(file, message).expect("a file");
    let explained = told(&scene, &["explain", file]);
    assert!(
        explained.contains("earlier runs of this rule"),
        "{explained}"
    );
}
