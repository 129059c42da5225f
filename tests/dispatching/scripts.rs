//! One attempt: what a script is given, how it fails, its limit, its output, and its repeats.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::scene::{FULFILL, Scene, lives, notification, wait_until};

fn lease(node: &str, purpose: &str) -> String {
    let message = notification(FULFILL).with("node_uuid", node);
    message.with("purpose", purpose).body
}

fn attempts(scene: &Scene, run: u64) -> Vec<Value> {
    let detail = scene.run_detail(run);
    detail["attempt_records"]
        .as_array()
        .expect("attempts")
        .clone()
}

fn outcomes(scene: &Scene, run: u64) -> Vec<String> {
    let records = attempts(scene, run);
    records
        .iter()
        .map(|record| record["outcome"].as_str().unwrap_or("none").to_owned())
        .collect()
}

#[test]
fn a_script_is_told_everything_of_the_event_and_of_its_run() {
    let mut scene = Scene::new("told");
    scene.script(
        "told.sh",
        r#"cat >stdin; env >env; pwd >>"$LOG"; echo "$#:$*" >>"$LOG""#,
    );
    scene.rule("the rule", &format!("events = {FULFILL}\nscript = told.sh"));
    let message = notification(FULFILL);
    scene.publish(&message.body);
    scene.drain();
    let folder = scene.path("").canonicalize().expect("a folder");
    assert_eq!(scene.log(), [folder.to_str().expect("text"), "0:"]);
    let env = fs::read_to_string(scene.path("env")).expect("the environment");
    for line in [
        "ESI_RULE=the rule",
        &format!("ESI_EVENT_TYPE={FULFILL}"),
        &format!("ESI_EVENT_ID={}", message.message_id),
        "ESI_RUN_ID=1",
        "ESI_ATTEMPT=1",
    ] {
        assert!(env.lines().any(|other| other == line), "no {line} in {env}");
    }
    let stdin = fs::read(scene.path("stdin")).expect("the event");
    let event: Value = serde_json::from_slice(&stdin).expect("JSON");
    let sent = message.notification();
    assert_eq!(event["id"], message.message_id);
    assert_eq!(event["type"], FULFILL);
    assert_eq!(event["time"], sent["timestamp"]);
    assert_eq!(event["publisher"], sent["publisher_id"]);
    assert_eq!(event["payload"], sent["payload"]);
    let fields: Vec<&String> = event.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["id", "type", "time", "publisher", "payload"]);
    assert_eq!(scene.run_detail(1)["event"], event);
}

#[test]
fn a_run_that_waits_for_its_retry_keeps_its_place_before_later_ones() {
    let mut scene = Scene::new("retries");
    scene.script(
        "second.sh",
        r#"echo "$1 $2 $ESI_ATTEMPT" >>"$LOG"; [ "$2" != fails ] || [ "$ESI_ATTEMPT" -ge 3 ]"#,
    );
    scene.rule("r", &format!("events = {FULFILL}\nscript = second.sh\nscript_params = node_uuid,purpose\nretries = 2\nretry_delay = 500ms"));
    scene.publish_all([
        lease("a", "fails"),
        lease("a", "later"),
        lease("b", "other"),
        lease("a", "last"),
    ]);
    let service = scene.listen();
    // Others go on while it waits.
    wait_until("the other node", || {
        scene.log().contains(&"b other 1".to_owned())
    });
    let log = scene.wait_for_log(6);
    service.stop();
    let of_a: Vec<&String> = log.iter().filter(|line| line.starts_with('a')).collect();
    assert_eq!(
        of_a,
        [
            "a fails 1",
            "a fails 2",
            "a fails 3",
            "a later 1",
            "a last 1"
        ]
    );
    assert_eq!(
        outcomes(&scene, 1),
        ["exit status 1", "exit status 1", "exit status 0"]
    );
    let moment = |record: &Value, field: &str| -> jiff::Timestamp {
        record[field]
            .as_str()
            .expect("a moment")
            .parse()
            .expect("a moment")
    };
    let records = attempts(&scene, 1);
    for (pair, least) in records.windows(2).zip([250, 500]) {
        let pause = moment(&pair[1], "started_at").duration_since(moment(&pair[0], "ended_at"));
        assert!(pause.as_millis() >= least, "{pause:?}");
    }
}

#[test]
fn a_time_limit_ends_the_whole_script_and_is_recorded() {
    let mut scene = Scene::new("limit");
    scene.script(
        "slow.sh",
        r#"echo "$$" >>pids; echo begun
sleep 1000 & echo "$!" >>pids
(trap '' TERM; echo "$(exec sh -c 'echo $PPID')" >>pids; while :; do sleep 0.1; done) &
echo "waiting" >>"$LOG"
wait"#,
    );
    scene.rule("slow", &format!("events = {FULFILL}\nscript = slow.sh\ntimeout = 1s\nkill_grace = 300ms\nfilter_params = {{\"purpose\": \"slow\"}}"));
    scene.rule(
        "next",
        &format!(
            "events = {FULFILL}\nscript = record.sh next\nfilter_params = {{\"purpose\": \"next\"}}"
        ),
    );
    scene.publish_all([lease("a", "slow"), lease("a", "next")]);
    let output = scene.run(&["listen", "--until-idle"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(scene.log(), ["waiting", "next|"]);
    assert_eq!(scene.states(), ["discarded", "succeeded"]);
    assert_eq!(outcomes(&scene, 1), ["ended after its time limit of 1s"]);
    let record = &attempts(&scene, 1)[0];
    assert_eq!(record["output"], "begun\n");
    assert!(
        record["seconds"]
            .as_f64()
            .is_some_and(|seconds| seconds >= 1.3),
        "{record}"
    );
    let pids = fs::read_to_string(scene.path("pids")).expect("pids");
    assert_eq!(pids.lines().count(), 3);
    assert!(!pids.lines().any(lives), "{pids}");
}

#[test]
fn a_script_that_cannot_be_run_is_a_failed_attempt_with_the_reason() {
    let mut scene = Scene::new("unfit");
    fs::write(scene.path("plain.txt"), "no program").expect("a file");
    fs::create_dir(scene.path("folder")).expect("a folder");
    for (name, text) in [
        ("nothing.sh", "no first line\n"),
        ("interpreter.sh", "#!/no/such/sh\n"),
        ("windows.sh", "#!/bin/sh\r\n"),
    ] {
        scene.script(name, "");
        fs::write(scene.path(name), text).expect("a script");
    }
    let cases = [
        ("./missing.sh", "missing.sh does not exist"),
        ("missing-everywhere", "nor on PATH"),
        ("./plain.txt", "chmod +x"),
        ("./folder", "is a folder"),
        ("nothing.sh", "begin it with `#!/bin/sh`"),
        ("interpreter.sh", "`#!/no/such/sh`, which cannot be run"),
        ("windows.sh", "Unix line ends"),
    ];
    for (number, (script, _)) in cases.iter().enumerate() {
        scene.rule(
            &format!("r{number}"),
            &format!("events = {FULFILL}\nscript = {script}"),
        );
    }
    // Killed, or ended by itself in a way of its own.
    scene.script("killed.sh", "kill -s KILL $$");
    scene.script("status.sh", "exit 77");
    scene.rule("killed", &format!("events = {FULFILL}\nscript = killed.sh"));
    scene.rule("status", &format!("events = {FULFILL}\nscript = status.sh"));
    scene.rule(
        "well",
        &format!("events = {FULFILL}\nscript = record.sh well"),
    );
    scene.publish(lease("a", "x"));
    let output = scene.run(&["listen", "--until-idle"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains("error: 9 runs were given up"), "{printed}");
    let runs = scene.runs();
    for (run, (script, part)) in runs.iter().zip(&cases) {
        let reason = run["reason"].as_str().expect("a reason");
        assert!(
            reason.starts_with("not started: ") && reason.contains(part),
            "{script}: {reason}"
        );
        assert_eq!(run["state"], "discarded");
        // Told before anything came, and again when it did.
        assert_eq!(
            printed.matches(&*format!("failed: {reason}")).count(),
            1,
            "{printed}"
        );
    }
    assert_eq!(runs[7]["reason"], "ended by signal 9");
    assert_eq!(runs[8]["reason"], "exit status 77");
    assert_eq!(scene.log(), ["well|"]);
}

#[test]
fn the_last_of_the_output_is_kept_and_each_line_is_logged_with_its_run() {
    let mut scene = Scene::new("output");
    scene.script(
        "speaks.sh",
        r#"echo "to stdout"; echo "to stderr" >&2; printf 'no end'"#,
    );
    // 200,000 bytes: more than is kept.
    scene.script("floods.sh", r"number=0; while [ $number -lt 20000 ]; do number=$((number + 1)); printf '%09d\n' $number; done");
    scene.rule("speaks", &format!("events = {FULFILL}\nscript = speaks.sh"));
    scene.rule("floods", &format!("events = {FULFILL}\nscript = floods.sh"));
    scene.publish(lease("a", "x"));
    let output = scene.run(&["listen", "--until-idle", "--log", "info,output=debug"]);
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stderr);
    for line in ["to stdout", "to stderr", "no end"] {
        let logged = printed.lines().find(|other| other.contains(line));
        let logged = logged.unwrap_or_else(|| panic!("no `{line}` in {printed}"));
        assert!(
            logged.contains("run=1") && logged.contains("attempt=1") && logged.contains("speaks"),
            "{logged}"
        );
    }
    let shown = scene.run(&["runs", "show", "1"]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    // The two streams are two pipes: nobody knows what was written first.
    for part in ["to stdout", "to stderr", "no end"] {
        let quoted = |line: &str| line.starts_with("  | ") && line.contains(part);
        assert!(shown.lines().any(quoted), "no `{part}` in {shown}");
    }
    let record = &attempts(&scene, 2)[0];
    let kept = record["output"].as_str().expect("text");
    assert_eq!(kept.len(), 64 * 1024);
    assert!(kept.ends_with("000019999\n000020000\n"));
    assert_eq!(record["output_dropped"], 200_000 - 64 * 1024);
    let shown = scene.run(&["runs", "show", "2"]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(
        shown.contains("(134464 bytes before this are not kept)"),
        "{}",
        &shown[..400]
    );
    // The log is no place for a flood.
    assert!(printed.lines().count() < 1100);
    assert!(printed.contains("000001000") && !printed.contains("000002000"));
}

#[test]
fn what_a_script_leaves_in_the_background_holds_up_nothing() {
    let mut scene = Scene::new("background");
    // It holds the pipes of the script, which is over all the same.
    scene.script(
        "leaves.sh",
        r#"sleep 30 & echo $! >pid; echo "done $1" >>"$LOG""#,
    );
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = leaves.sh\nscript_params = purpose"),
    );
    scene.publish_all([lease("a", "1"), lease("a", "2")]);
    let began = std::time::Instant::now();
    scene.drain();
    assert!(
        began.elapsed() < Duration::from_secs(25),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(scene.log(), ["done 1", "done 2"]);
    assert_eq!(scene.states(), ["succeeded", "succeeded"]);
    let pid = fs::read_to_string(scene.path("pid")).expect("a pid");
    assert!(lives(pid.trim()));
    drop(Command::new("kill").arg(pid.trim()).status());
}
