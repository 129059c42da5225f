//! Scripts that do what they like with their processes, pipes and files: recorded, bounded, and the
//! service goes on.

mod another_user;
mod first;
mod shortage;
mod terminal;

use std::fs;
use std::process::Command;

use crate::support::scene::{FULFILL, Scene, Service, lease, lives, wait_until};

const MIB: u64 = 1024 * 1024;

/// A stage with one rule, whose script is this and gets the purpose of the lease.
fn scene(name: &str, script: &str, options: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.script("script.sh", script);
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = script.sh\nscript_params = purpose\n{options}"),
    );
    scene
}

/// What nothing may be left of, and so much is open when nothing runs.
fn at_rest(scene: &Scene, service: &Service) -> usize {
    scene.publish(lease("well", "rest"));
    wait_until("the first run", || scene.states() == ["succeeded"]);
    wait_until("rest", || service.zombies() == 0);
    service.files_at_rest()
}

fn all_ended(scene: &Scene, runs: usize) {
    wait_until("all runs to end", || {
        let states = scene.states();
        states.len() == runs
            && !states
                .iter()
                .any(|state| state == "due" || state == "running")
    });
}

fn leaves_nothing(service: &Service, before: usize) {
    wait_until("no zombies", || service.zombies() == 0);
    wait_until("no more files than before", || {
        service.open_files().len() <= before
    });
}

fn outcome(scene: &Scene, run: u64) -> String {
    let detail = scene.run_detail(run);
    let outcome = &detail["attempt_records"][0]["outcome"];
    outcome.as_str().expect("an outcome").to_owned()
}

/// Ends in every way there is.
const ANY_END: &str = r"case $1 in
*1) exit 3 ;;
*2) kill -s KILL $$ ;;
*3) (sleep 0.2 &) ;;
*4) exec <&- >&- 2>&- ;;
*5) echo some output; cat >/dev/null ;;
esac";

#[test]
fn three_hundred_runs_leave_neither_zombies_nor_files() {
    const RUNS: usize = 300;
    let scene = scene("many-runs", ANY_END, "");
    let service = scene.listen();
    let before = at_rest(&scene, &service);
    let size = service.size_now();
    let purposes = (0..RUNS).map(|number| (number.to_string(), format!("node-{}", number % 30)));
    scene.publish_all(purposes.map(|(purpose, node)| lease(&purpose, &node)));
    all_ended(&scene, RUNS + 1);
    let well = scene
        .states()
        .iter()
        .filter(|state| *state == "succeeded")
        .count();
    assert_eq!(well, 1 + RUNS * 8 / 10);
    let grown = service.size_now().saturating_sub(size);
    assert!(grown < 32 * 1024, "{grown} KiB more than before");
    leaves_nothing(&service, before);
    service.stop();
}

#[test]
fn floods_without_an_end_of_line_need_no_memory() {
    let scene = scene(
        "floods",
        r#"[ "$1" = well ] || head -c "$1" /dev/urandom"#,
        "",
    );
    let service = scene.listen();
    let before = at_rest(&scene, &service);
    let size = service.largest_size();
    let floods = [("a", 1024 * MIB), ("b", 64 * MIB), ("c", 64 * MIB)];
    scene.publish_all(floods.map(|(node, flood)| lease(&flood.to_string(), node)));
    all_ended(&scene, 1 + floods.len());
    for (run, (_, flood)) in (2..).zip(floods) {
        let record = &scene.run_detail(run)["attempt_records"][0];
        assert_eq!(record["outcome"], "exit status 0");
        assert_eq!(record["output_dropped"], flood - 64 * 1024);
    }
    let grown = service.largest_size() - size;
    assert!(grown < 32, "{grown} MiB more than before");
    // Nobody knows where a line of it would have ended.
    let logged = service.log().len();
    assert!(logged < 40 * 1024 * 1024, "{logged} bytes of log");
    leaves_nothing(&service, before);
    service.stop();
}

#[test]
fn a_process_that_ignores_signals_and_leaves_the_group_holds_up_no_run() {
    // In a session of its own, twice removed; deaf; it holds all pipes, and writes for ever.
    let scene = scene(
        "stubborn",
        r#"[ "$1" = stubborn ] || { echo "$1" >>"$LOG"; exit 0; }
trap '' TERM INT HUP
(setsid sh -c 'echo $$ >>pids; while echo on; do sleep 0.05; done' &)
(echo "$(exec sh -c 'echo $PPID')" >>pids; while :; do sleep 0.1; done) &
echo $$ >>pids
while :; do sleep 0.1; done"#,
        "timeout = 1s\nkill_grace = 200ms",
    );
    let service = scene.listen();
    let before = at_rest(&scene, &service);
    scene.publish_all(["stubborn", "next"].map(|purpose| lease(purpose, "a")));
    let log = scene.wait_for_log(2);
    assert_eq!(log, ["well", "next"]);
    all_ended(&scene, 3);
    assert_eq!(outcome(&scene, 2), "ended after its time limit of 1s");
    let pids = fs::read_to_string(scene.path("pids")).expect("pids");
    assert_eq!(pids.lines().count(), 3, "{pids}");
    // Nobody listens to it: SIGPIPE ends the one that left.
    wait_until("all of it to end", || !pids.lines().any(lives));
    leaves_nothing(&service, before);
    service.stop();
}

#[test]
fn an_event_that_is_not_read_though_its_pipe_is_held_holds_up_no_run() {
    let scene = scene(
        "unread",
        r#"echo "$ESI_RUN_ID" >>"$LOG"
[ "$ESI_RUN_ID" = 1 ] || { exec 3<&0; sleep 1000 <&3 3<&- >/dev/null 2>&1 & echo $! >>pids; }"#,
        "",
    );
    // More than a pipe takes, less than an argument may be.
    let large = "p".repeat(100 * 1024);
    let service = scene.listen();
    let before = at_rest(&scene, &service);
    scene.publish_all([lease(&large, "a"), lease(&large, "a")]);
    assert_eq!(scene.wait_for_log(3), ["1", "2", "3"]);
    wait_until("all runs to succeed", || scene.states() == ["succeeded"; 3]);
    leaves_nothing(&service, before);
    let pids = fs::read_to_string(scene.path("pids")).expect("pids");
    for pid in pids.lines() {
        assert!(lives(pid), "{pid}");
        drop(Command::new("kill").arg(pid).status());
    }
    service.stop();
}

#[test]
fn a_script_that_is_replaced_while_it_runs_ends_as_it_began() {
    let old = r#"echo "old begins $1" >>"$LOG"
while [ ! -e gate ]; do sleep 0.02; done
echo "old ends $1" >>"$LOG""#;
    let scene = scene("replaced", old, "");
    let service = scene.listen();
    scene.publish_all(["one", "two"].map(|purpose| lease(purpose, "a")));
    scene.wait_for_log(1);
    scene.script("script.sh", r#"echo "new $1" >>"$LOG""#);
    // One that begins meanwhile is the new one.
    scene.publish(lease("three", "b"));
    scene.wait_for_log(2);
    fs::write(scene.path("gate"), "").expect("a gate");
    let expected = ["old begins one", "new three", "old ends one", "new two"];
    assert_eq!(scene.wait_for_log(4), expected);
    wait_until("all runs to succeed", || scene.states() == ["succeeded"; 3]);
    service.stop();
}
