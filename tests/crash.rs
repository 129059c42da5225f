//! kill -9 of the service: nothing lost, every repeat on record, nothing beside its own repeat.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::support::captured::{self, Driver};
use super::support::repeats::{TIMED, assert_nothing_is_lost, assert_order, starts};
use super::support::scene::{FULFILL, Scene, Service, lives, notification, wait_until};

const NODES: usize = 10;
const MESSAGES: usize = 200;

#[test]
fn five_kills_amid_two_hundred_messages_lose_nothing_and_explain_every_repeat() {
    let mut scene = Scene::new("five-kills");
    // Intake goes on for a while: few deliveries are under way at a time.
    scene.default("prefetch = 20");
    scene.script("timed.sh", TIMED);
    scene.rule(
        "timed",
        &format!("events = {FULFILL}\nscript = timed.sh\nscript_params = node_uuid,purpose"),
    );
    let first = notification(FULFILL);
    let bodies: Vec<String> = (0..MESSAGES)
        .map(|number| {
            let node = format!("node-{}", number % NODES);
            let message = first.with("node_uuid", node);
            message.with("purpose", number.to_string()).fresh().body
        })
        .collect();
    let (before, during) = bodies.split_at(MESSAGES / 2);
    scene.publish_all(before);
    let mut killed = Vec::new();
    thread::scope(|threads| {
        threads.spawn(|| {
            for body in during {
                scene.publish(body);
                thread::sleep(Duration::from_millis(10));
            }
        });
        for enough in [1, 30, 60, 90, 120] {
            let service = scene.listen();
            wait_until("some scripts to start", || starts(&scene) >= enough);
            killed.push(service.kill());
        }
    });
    scene.drain();
    assert_eq!(scene.waiting(), Some(0));
    let recovered = |log: &&String| log.contains("they will run again");
    assert!(killed.iter().filter(recovered).count() >= 2, "{killed:?}");
    let repeats = assert_nothing_is_lost(&scene, MESSAGES);
    assert!(repeats > 0, "no kill met a script: nothing was shown");
    assert_order(&scene, NODES);
}

/// Ends a process that a test has left running on purpose.
struct Stray(String);

impl Drop for Stray {
    fn drop(&mut self) {
        drop(Command::new("kill").args(["-s", "KILL", &self.0]).status());
    }
}

#[test]
fn what_a_killed_service_left_running_is_ended_before_the_repeat() {
    let mut scene = Scene::new("leftovers");
    scene.script(
        "daemon.sh",
        r#"sleep 1000 >/dev/null 2>&1 & echo "daemon $!" >>"$LOG""#,
    );
    // The children: in the group; out of it, twice removed; deaf to all that can be ignored.
    scene.script(
        "stubborn.sh",
        r#"for pid in $(cut -d' ' -f2 left 2>/dev/null); do
  case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) in
    ''|Z*|X*) ;;
    *) echo "beside $pid" >>"$LOG" ;;
  esac
done
if [ "$ESI_ATTEMPT" -gt 1 ]; then echo "again $ESI_ATTEMPT" >>"$LOG"; exit; fi
trap '' HUP
sleep 1001 & echo "child $!" >>left
(setsid sh -c 'sleep 1002 & echo "grandchild $!" >>left; echo "session $$" >>left; wait' >/dev/null 2>&1 &)
(trap '' HUP INT TERM; echo "deaf $(exec sh -c 'echo $PPID')" >>left; while :; do sleep 1; done) &
echo "leader $$" >>left
while [ "$(wc -l <left)" -lt 5 ]; do sleep 0.01; done
echo "stuck" >>"$LOG"
wait"#,
    );
    scene.rule(
        "daemon",
        &format!(
            "events = {FULFILL}\nscript = daemon.sh\nfilter_params = {{\"purpose\": \"daemon\"}}"
        ),
    );
    scene.rule("stubborn", &format!("events = {FULFILL}\nscript = stubborn.sh\nfilter_params = {{\"purpose\": \"stubborn\"}}"));
    let service = scene.listen();
    scene.publish(notification(FULFILL).with("purpose", "daemon").body);
    let log = scene.wait_for_log(1);
    let daemon = Stray(log[0].split(' ').nth(1).expect("a pid").to_owned());
    wait_until("the first run to end", || scene.states() == ["succeeded"]);
    scene.publish(notification(FULFILL).with("purpose", "stubborn").body);
    scene.wait_for_log(2);
    service.kill();

    let left = fs::read_to_string(scene.path("left")).expect("what the script left");
    let left: Vec<&str> = left
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    assert_eq!(left.len(), 5);
    assert!(left.iter().all(|pid| lives(pid)), "{left:?}");

    let output = scene.drain();
    assert_eq!(scene.log()[1..], ["stuck", "again 2"]);
    assert!(!left.iter().any(|pid| lives(pid)), "{left:?}");
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(
        printed.contains("killed a process that was left of it"),
        "{printed}"
    );
    // Whoever belongs to an attempt that is over is nobody's business.
    assert!(lives(&daemon.0));
    assert_eq!(scene.states(), ["succeeded", "succeeded"]);
    let detail = scene.run_detail(2);
    let outcome = detail["attempt_records"][0]["outcome"].as_str();
    assert!(
        outcome.is_some_and(|outcome| outcome.starts_with("interrupted")),
        "{detail}"
    );
}

#[test]
fn a_crash_in_a_later_attempt_leaves_alone_what_an_earlier_one_left_on_purpose() {
    let mut scene = Scene::new("earlier-attempt");
    scene.script(
        "daemon.sh",
        r#"case $ESI_ATTEMPT in
1) sleep 1000 >/dev/null 2>&1 & echo "daemon $!" >>"$LOG" ;;
2) echo "stuck $$" >>"$LOG"; exec sleep 1000 ;;
*) echo "again $ESI_ATTEMPT" >>"$LOG" ;;
esac"#,
    );
    scene.rule("r", &format!("events = {FULFILL}\nscript = daemon.sh"));
    let service = scene.listen();
    scene.publish(notification(FULFILL).body);
    let log = scene.wait_for_log(1);
    let daemon = Stray(log[0].split(' ').nth(1).expect("a pid").to_owned());
    wait_until("the first attempt", || scene.states() == ["succeeded"]);
    assert!(scene.run(&["runs", "retry", "1"]).status.success());
    let log = scene.wait_for_log(2);
    let stuck = log[1].split(' ').nth(1).expect("a pid").to_owned();
    service.kill();
    scene.drain();
    assert_eq!(scene.log()[2..], ["again 3"]);
    assert!(!lives(&stuck), "the attempt that was interrupted");
    assert!(lives(&daemon.0), "the attempt that had succeeded");
}

#[test]
fn a_message_that_comes_again_makes_no_second_run() {
    let mut scene = Scene::new("again");
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = record.sh\nscript_params = purpose"),
    );
    let message = notification(FULFILL).with("purpose", "one");
    // The same news in the form without an envelope.
    let bare = serde_json::to_string(&message.notification()).expect("JSON");
    scene.publish_all([&message.body, &message.body, &bare]);
    let service = scene.listen();
    service.wait_for("is known already");
    scene.publish(&message.body);
    // Killed before that is on record, it would be run again.
    wait_until("the run to end", || scene.states() == ["succeeded"]);
    service.kill();
    scene.publish_all([&bare, &message.body]);
    let other = captured::first(Driver::Messaging, FULFILL)
        .with("purpose", "two")
        .fresh();
    scene.publish(&other.body);
    scene.drain();
    assert_eq!(scene.log(), ["one|", "two|"]);
    let runs = scene.runs();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0]["event_id"], message.message_id);
    assert_eq!(runs[1]["event_id"], other.message_id);
    assert_eq!(scene.waiting(), Some(0));
}

#[test]
fn a_second_service_on_the_same_journal_learns_which_process_holds_it() {
    let mut scene = Scene::new("second");
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = record.sh\nscript_params = purpose"),
    );
    let first = scene.listen();
    for arguments in [&[][..], &["--until-idle"]] {
        let (status, log) = scene.start(arguments).wait();
        assert_eq!(status.code(), Some(75), "{log}");
        assert!(log.contains(&format!("process {}", first.pid())), "{log}");
        assert!(log.contains("hint: "), "{log}");
    }
    scene.publish(notification(FULFILL).with("purpose", "served").body);
    assert_eq!(scene.wait_for_log(1), ["served|"]);
    // A killed service holds nothing.
    first.kill();
    let successor: Service = scene.listen();
    successor.stop();
}
