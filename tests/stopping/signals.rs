//! Signals that do not stop the service, and what scripts have of them.

use std::process::Command;

use super::{open_gate, stage};
use crate::support::scene::{FULFILL, Scene, Service, lease, wait_until};

/// Writes which signals it has ignored or blocked.
const TELL: &str = r#"grep -E '^Sig(Ign|Blk)' /proc/self/status >>"$LOG""#;

/// The same command, begun with these options of `env`.
fn with_signals(command: &Command, options: &[&str]) -> Command {
    let mut env = Command::new("env");
    env.args(options)
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir("/");
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            env.env(name, value);
        }
    }
    env
}

fn telling(name: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.script("signals.sh", TELL);
    scene.rule("r", &format!("events = {FULFILL}\nscript = signals.sh"));
    scene.publish(lease("one", "a"));
    scene
}

/// The signals that a script has found ignored, and those it has found blocked.
fn masks(scene: &Scene) -> Vec<u64> {
    // The C library keeps signals 32 and 33 to itself.
    let reserved: u64 = 0b11 << 31;
    let of_programs = |line: &String| {
        let (_, mask) = line.split_once('\t').expect("a mask");
        u64::from_str_radix(mask, 16).expect("a mask") & !reserved
    };
    scene.log().iter().map(of_programs).collect()
}

#[test]
fn no_other_signal_ends_the_service() {
    let scene = stage("other-signals", "");
    let mut service = scene.listen();
    let names = [
        "USR1", "USR2", "ALRM", "IO", "STKFLT", "XCPU", "VTALRM", "PROF", "PWR",
    ];
    for name in names {
        service.signal(name);
        service.wait_for(&format!("SIG{name}: ignored"));
    }
    for number in [34, 35, 50, 64] {
        service.signal(&number.to_string());
        service.wait_for(&format!("real-time signal {number}: ignored"));
    }
    // What a failed write sends is told by the failure; and a timer may send one again and again.
    for name in ["PIPE", "XFSZ", "ALRM", "ALRM", "WINCH", "URG", "CONT"] {
        service.signal(name);
    }
    assert!(service.is_alive());
    scene.publish(lease("one", "a"));
    open_gate(&scene);
    wait_until("the script to end", || scene.states() == ["succeeded"]);
    let log = service.stop();
    assert!(log.contains("SIGTERM: draining"), "{log}");
    assert_eq!(log.matches(": ignored").count(), names.len() + 4, "{log}");
}

#[test]
fn a_script_begins_with_every_signal_as_the_system_has_it() {
    let scene = telling("dispositions");
    scene.drain();
    assert_eq!(masks(&scene), [0, 0], "{:?}", scene.log());
}

#[test]
fn what_the_starting_process_ignored_or_blocked_changes_nothing() {
    let scene = telling("inherited");
    // As `nohup`, a shell's background job or a thread of another program leave them.
    let options = [
        "--ignore-signal=HUP,INT,QUIT,TERM,CHLD,TSTP,TTIN,TTOU,WINCH,USR1,PIPE",
        "--block-signal=HUP,INT,QUIT,TERM,CHLD,USR2",
    ];
    let command = with_signals(&scene.program("listen"), &options);
    let mut service = Service::start(&mut { command });
    scene.wait_for_log(2);
    assert_eq!(masks(&scene), [0, 0], "{:?}", scene.log());
    wait_until("the script to be reaped", || service.zombies() == 0);
    service.signal("HUP");
    service.wait_for("was read again");
    assert!(service.is_alive());
    service.stop();
}
