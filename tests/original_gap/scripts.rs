//! Scripts that fail, are missing, take long or hang.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{NODE, lease};
use crate::support::scene::{FULFILL, Scene, wait_until};

/// Longer than a broker waits for a sign of life with `heartbeat = 1`: twice that, and a bit.
const SEVERAL_HEARTBEATS: Duration = Duration::from_secs(4);

/// A stage whose one script begins by logging its run and attempt.
fn scripted(name: &str, body: &str) -> Scene {
    let mut scene = Scene::new(name);
    let begin = r#"echo "$ESI_RUN_ID.$ESI_ATTEMPT" >>"$LOG""#;
    scene.script("case.sh", &format!("{begin}\n{body}"));
    let options = format!("events = {FULFILL}\nscript = case.sh\nscript_params = uuid");
    scene.rule("case", &options);
    scene
}

fn publish(scene: &Scene, count: usize) {
    scene.publish_all((0..count).map(|_| lease(FULFILL).body));
}

/// What is on record of a run's attempts.
fn outcomes(scene: &Scene, run: u64) -> Vec<String> {
    let detail = scene.run_detail(run);
    let attempts = detail["attempt_records"].as_array().expect("a list");
    let outcome = |attempt: &Value| attempt["outcome"].as_str().expect("an end").to_owned();
    attempts.iter().map(outcome).collect()
}

/// The original: nothing noticed, message gone. Now each failure is on record, with what it said.
#[test]
fn script_fails() {
    let scene = scripted("script-fails", "echo oops >&2; exit 3");
    publish(&scene, 2);
    let output = scene.run(&["listen", "--until-idle"]);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).expect("text");
    assert!(log.contains("error: 2 runs were given up\n"), "{log}");
    assert_eq!(scene.log(), ["1.1", "2.1"]);
    assert_eq!(scene.states(), ["discarded"; 2]);
    for run in [1, 2] {
        assert_eq!(outcomes(&scene, run), ["exit status 3"]);
        let detail = scene.run_detail(run);
        assert_eq!(detail["attempt_records"][0]["output"], "oops\n");
    }
}

/// The original: a line of the shell's, message gone. Now `check` finds it, a run of it is on
/// record as failed, and can be retried when the script is there.
#[test]
fn script_missing() {
    let mut scene = Scene::new("script-missing");
    let options = format!("events = {FULFILL}\nscript = ./nowhere.sh\nscript_params = node_name");
    scene.rule("case", &options);
    let path = scene.path("nowhere.sh").display().to_string();
    let checked = scene.run(&["check"]);
    assert_eq!(checked.status.code(), Some(78));
    let report = String::from_utf8(checked.stderr).expect("text");
    let expected = format!("error: {path} does not exist\n");
    assert!(report.contains(&expected), "{report}");
    assert!(
        report.contains(":12:10, rule [case]\nhint: correct the path in `script`"),
        "{report}"
    );

    publish(&scene, 2);
    let output = scene.run(&["listen", "--until-idle"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(scene.states(), ["discarded"; 2]);
    let reason = &outcomes(&scene, 2)[0];
    assert!(
        reason.starts_with(&format!("not started: {path} does not exist")),
        "{reason}"
    );

    scene.script("nowhere.sh", r#"echo "$1" >>"$LOG""#);
    assert!(scene.run(&["runs", "retry", "1", "2"]).status.success());
    scene.drain();
    assert_eq!(scene.log(), [NODE, NODE]);
    assert_eq!(scene.states(), ["succeeded"; 2]);
}

/// The original: of five messages two were begun, the second not to its end, and none was left.
#[test]
fn script_slow() {
    let hang_once =
        r#"[ "$ESI_RUN_ID.$ESI_ATTEMPT" = 2.1 ] && { sleep 1; echo $$ >pid; exec sleep 600; }"#;
    let scene = scripted("script-slow", &format!("{hang_once}\necho done >>\"$LOG\""));
    publish(&scene, 5);
    let service = scene.listen();
    scene.wait_for_log(3);
    let left = scene.path("pid");
    wait_until("the script's id", || {
        fs::read_to_string(&left).is_ok_and(|pid| pid.ends_with('\n'))
    });
    service.kill();
    let pid = fs::read_to_string(&left).expect("an id");
    let command = Path::new("/proc").join(pid.trim()).join("cmdline");
    let hangs = || fs::read(&command).is_ok_and(|command| command.starts_with(b"sleep"));
    assert!(hangs());
    scene.drain();

    let expected = "1.1 done 2.1 2.2 done 3.1 done 4.1 done 5.1 done";
    assert_eq!(scene.log().join(" "), expected);
    assert_eq!(scene.states(), ["succeeded"; 5]);
    assert_eq!(
        outcomes(&scene, 2),
        [
            "interrupted: the service ended while the script ran",
            "exit status 0"
        ]
    );
    assert_eq!(scene.waiting(), Some(0));
    assert!(!hangs(), "the script that was left has not been ended");
}

/// The original: of five messages one was begun, and none was left. Now a script may end first;
/// one that takes longer than `stop_timeout` is interrupted, on record, and run again.
#[test]
fn script_slow_term() {
    let wait = "case $ESI_RUN_ID.$ESI_ATTEMPT in
        1.1) until [ -e go ]; do sleep 0.05; done ;;
        2.1) exec sleep 600 ;;
    esac";
    let mut scene = scripted("script-slow-term", &format!("{wait}\necho done >>\"$LOG\""));
    publish(&scene, 5);
    let mut service = scene.listen();
    scene.wait_for_log(1);
    service.signal("TERM");
    // Once all are on disk, and told to stop: nothing else begins.
    fs::write(scene.path("go"), "").expect("a file");
    assert!(service.wait().0.success());
    assert_eq!(scene.log(), ["1.1", "done"]);
    assert_eq!(scene.states()[0], "succeeded");

    scene.default("stop_timeout = 500ms");
    let mut service = scene.listen();
    scene.wait_for_log(3);
    service.signal("TERM");
    assert!(service.wait().0.success());
    assert_eq!(scene.states()[1], "due");

    scene.drain();
    let expected = "1.1 done 2.1 2.2 done 3.1 done 4.1 done 5.1 done";
    assert_eq!(scene.log().join(" "), expected);
    assert_eq!(scene.states(), ["succeeded"; 5]);
    let attempts = outcomes(&scene, 2);
    assert!(attempts[0].starts_with("interrupted: "), "{attempts:?}");
    assert_eq!(attempts[1..], ["exit status 0"]);
    assert_eq!(scene.waiting(), Some(0));
}

/// A stage whose script hangs on the node that [`lease`] is about, until there is a file `go`.
fn hanging(name: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.script(
        "hang.sh",
        r#"echo "$2" >>"$LOG"
        [ "$1" = elsewhere ] || until [ -e go ]; do sleep 0.05; done
        echo "$2 done" >>"$LOG""#,
    );
    let options = format!("events = {FULFILL}\nscript = hang.sh\nscript_params = node_uuid,uuid");
    scene.rule("case", &options).default("heartbeat = 1");
    scene
}

fn news(node: &str, uuid: &str) -> String {
    lease(FULFILL)
        .with("node_uuid", node)
        .with("uuid", uuid)
        .body
}

/// The original: everything waited, and after 180 s the broker closed the connection. Now intake
/// waits for no script: the queue is empty, another node's turn comes, and a kill loses nothing.
#[test]
fn script_hangs() {
    let scene = hanging("script-hangs");
    let service = scene.listen();
    scene.publish_all((0..10).map(|number| news("node", &number.to_string())));
    assert_eq!(scene.wait_for_log(1), ["0"]);
    std::thread::sleep(SEVERAL_HEARTBEATS);
    scene.publish(news("elsewhere", "later"));
    assert_eq!(scene.wait_for_log(3), ["0", "later", "later done"]);
    wait_until("all runs", || scene.runs().len() == 11);
    assert_eq!(scene.states()[..2], ["running", "due"]);
    let log = service.kill();
    assert_eq!(log.matches("connected to ").count(), 1, "{log}");
    assert!(!log.contains("lost the connection"), "{log}");
    // Nothing was held by the consumer that died: all of it had been acknowledged.
    assert_eq!(scene.waiting(), Some(0));

    let service = scene.listen();
    scene.wait_for_log(4);
    fs::write(scene.path("go"), "").expect("a file");
    wait_until("the end of all runs", || {
        scene.states() == ["succeeded"; 11]
    });
    service.stop();
    let mut expected: Vec<String> = ["0", "later", "later done"].map(str::to_owned).into();
    for number in 0..10 {
        expected.extend([number.to_string(), format!("{number} done")]);
    }
    assert_eq!(scene.log(), expected);
    let attempts = outcomes(&scene, 1);
    assert_eq!(attempts.len(), 2);
    assert!(attempts[0].starts_with("interrupted: "), "{attempts:?}");
}

/// The original: dead when the script had ended, because the broker had long closed the connection;
/// the message sent meanwhile stayed in the queue.
#[test]
fn script_hangs_one() {
    let scene = hanging("script-hangs-one");
    let service = scene.listen();
    scene.publish(news("node", "one"));
    scene.wait_for_log(1);
    std::thread::sleep(SEVERAL_HEARTBEATS);
    scene.publish(news("node", "later"));
    wait_until("the second run", || scene.states() == ["running", "due"]);
    fs::write(scene.path("go"), "").expect("a file");
    assert_eq!(
        scene.wait_for_log(4),
        ["one", "one done", "later", "later done"]
    );
    let log = service.stop();
    assert_eq!(scene.waiting(), Some(0));
    assert_eq!(log.matches("connected to ").count(), 1, "{log}");
    assert_eq!(scene.states(), ["succeeded"; 2]);
}
