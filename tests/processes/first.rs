//! The service as process 1 of a container, which has to take away what scripts leave.

use std::fs;
use std::process::Command;

use super::scene;
use crate::support::scene::{Service, lease, wait_until};

/// The process ids of this process's children.
fn children(pid: &str) -> Vec<String> {
    let file = format!("/proc/{pid}/task/{pid}/children");
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

fn zombies(pid: &str) -> usize {
    let is_zombie = |pid: &&String| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('Z'))
    };
    children(pid).iter().filter(is_zombie).count()
}

#[test]
fn as_process_1_it_takes_away_what_scripts_leave_and_nothing_else() {
    const RUNS: usize = 60;
    // Each leaves one that ends later, and half of them end in a way of their own.
    let scene = scene(
        "first-process",
        r#"setsid sh -c 'sleep 0.3; echo left >>"$0"' "$LOG" >/dev/null 2>&1 </dev/null &
[ "$(($1 % 2))" = 0 ] || exit 5"#,
        "",
    );
    let unshare = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.args(arguments);
        command
    };
    if !unshare(&["true"]).status().expect("unshare").success() {
        println!("NOT TRIED: only root may make a process 1");
        return;
    }
    let program = scene.program("listen");
    let mut command = unshare(&[]);
    command
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir("/");
    let service = Service::start(&mut command);
    service.wait_for(&format!("consuming queue {}", scene.queue));
    let first = children(&service.pid().to_string()).remove(0);
    let leases = (0..RUNS).map(|number| lease(&number.to_string(), &number.to_string()));
    scene.publish_all(leases);
    scene.wait_for_log(RUNS);
    wait_until("all to be taken away", || children(&first).is_empty());
    assert_eq!(zombies(&first), 0);
    let states = scene.states();
    let count = |state: &str| states.iter().filter(|one| *one == state).count();
    assert_eq!([count("succeeded"), count("discarded")], [RUNS / 2; 2]);
    for run in scene.runs() {
        let reason = run["reason"].as_str().expect("a reason");
        assert!(
            ["exit status 0", "exit status 5"].contains(&reason),
            "{run}"
        );
    }
    let stopped = Command::new("kill").args(["-s", "TERM", &first]).status();
    assert!(stopped.expect("kill").success());
    let mut service = service;
    let (status, log) = service.wait();
    assert!(status.success(), "{status}: {log}");
}
