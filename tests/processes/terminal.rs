//! The service in a terminal, and a script that wants to ask something there.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{outcome, scene};
use crate::support::scene::{lease, lives, wait_until};
use crate::support::shim::Shim;
use crate::support::timer::timer;

/// A command as somebody types it.
fn typed(command: &Command) -> String {
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let words: Vec<&str> = words.map(|word| word.to_str().expect("UTF-8")).collect();
    shlex::try_join(words).expect("a command")
}

#[test]
fn a_script_that_asks_on_the_terminal_is_refused_and_control_c_stops_the_service() {
    let scene = scene(
        "terminal",
        r#"echo "$$ $(cut -d' ' -f5,6 /proc/$$/stat)" >>"$LOG"
printf 'continue (yes/no)? ' >/dev/tty && read answer </dev/tty || exit 7"#,
        "",
    );
    let program = scene.program("listen");
    let command = typed(&program);
    // `script` is the terminal; its shell waits for the service, as one at a prompt does.
    let log = scene.path("service.log");
    let command = format!(
        "trap : INT; timeout --foreground --kill-after=1 120 {command} 2>'{}'; echo \"status $?\" >>\"$LOG\"",
        log.display()
    );
    let mut terminal = Command::new("script")
        .args(["--quiet", "--command", &command, "/dev/null"])
        .env("LOG", scene.path("log"))
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("script, which is in the package bsdutils");
    scene.publish(lease("one", "a"));
    let logged = scene.wait_for_log(1);
    let [script, group, session] = logged[0].split(' ').collect::<Vec<_>>()[..] else {
        panic!("{logged:?}");
    };
    assert_eq!([group, session], [script, script]);
    wait_until("the run to end", || scene.states() == ["discarded"]);
    assert_eq!(outcome(&scene, 1), "exit status 7");
    let mut keyboard = terminal.stdin.take().expect("a pipe");
    keyboard.write_all(b"\x03").expect("Ctrl-C");
    keyboard.flush().expect("Ctrl-C");
    assert_eq!(scene.wait_for_log(2)[1], "status 0");
    let written = fs::read_to_string(&log).expect("a log");
    assert!(written.contains("SIGINT: draining"), "{written}");
    drop(keyboard);
    wait_until("the end of the terminal", || {
        !lives(&terminal.id().to_string())
    });
    terminal.wait().expect("a child");
}

#[test]
fn a_long_command_tells_on_a_terminal_that_it_is_at_work() {
    let stage = timer("at = 2099-01-01T00:00Z");
    let output = stage.run(&["listen", "--until-idle"]);
    assert!(output.status.success(), "{output:?}");
    let shim = Shim::new(&stage);
    shim.slow_down(Duration::from_secs(1));
    let mut backup = stage.program("journal");
    backup.arg("backup").arg(stage.path("copy"));
    let mut terminal = Command::new("script");
    terminal.args([
        "--quiet",
        "--return",
        "--command",
        &typed(&backup),
        "/dev/null",
    ]);
    let shown = shim.below(&mut terminal).stdin(Stdio::null()).output();
    let shown = shown.expect("script, which is in the package bsdutils");
    assert!(shown.status.success(), "{shown:?}");
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains("\rcopying the journal: "), "{shown:?}");
    assert!(shown.contains("holds the journal"), "{shown:?}");
    // Where nobody looks, nothing is told.
    let again = stage.run(&["journal", "check"]);
    assert_eq!(again.stderr, b"");
}
