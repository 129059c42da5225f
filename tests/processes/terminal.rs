//! The service in a terminal, and a script that wants to ask something there.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{outcome, scene};
use crate::support::scene::{lease, lives, wait_until};

#[test]
fn a_script_that_asks_on_the_terminal_is_refused_and_control_c_stops_the_service() {
    let scene = scene(
        "terminal",
        r#"echo "$$ $(cut -d' ' -f5,6 /proc/$$/stat)" >>"$LOG"
printf 'continue (yes/no)? ' >/dev/tty && read answer </dev/tty || exit 7"#,
        "",
    );
    let program = scene.program("listen");
    let words = [program.get_program()]
        .into_iter()
        .chain(program.get_args());
    let words: Vec<&str> = words.map(|word| word.to_str().expect("UTF-8")).collect();
    let command = shlex::try_join(words).expect("a command");
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
