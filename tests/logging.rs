//! Whoever reads the log stands still, goes away or has no room: work goes on, and what is missing is
//! counted.

use std::fs::File;
use std::process::Stdio;

use super::support::broker::Broker;
use super::support::proxy::Proxy;
use super::support::scene::{FULFILL, Scene, Service, lease, wait_until};

/// Writes more than a pipe and what waits for it can hold, and `hang` does not end.
const NOISY: &str = r#"echo "start $1" >>"$LOG"
yes "$(printf '%4000s' "$1")" | head -n 3000
echo "last words of $1"
if [ "$1" = hang ]; then sleep 1000; fi
echo "end $1" >>"$LOG""#;

/// So that what scripts write is logged.
const OUTPUT: [&str; 2] = ["--log", "output=debug"];

fn noisy(name: &str) -> Scene {
    let mut scene = Scene::new(name);
    scene.script("noisy.sh", NOISY);
    let options = "script = noisy.sh\nscript_params = purpose\ntimeout = 5s";
    scene.rule("noisy", &format!("events = {FULFILL}\n{options}"));
    scene
}

/// Sends these, each for a node of its own, and waits for their ends.
fn all_end(scene: &Scene, purposes: &[&str]) {
    let started = || {
        let starts = |line: &String| line.starts_with("start");
        scene.log().into_iter().filter(starts).count()
    };
    let expected = started() + purposes.len();
    scene.publish_all(purposes.iter().map(|purpose| lease(purpose, purpose)));
    wait_until("all scripts to start", || started() == expected);
    let ended = |state: &String| state == "succeeded" || state == "discarded";
    wait_until("all runs to end", || scene.states().iter().all(ended));
}

#[test]
fn work_continues_while_the_log_is_not_read() {
    let scene = noisy("unread-log");
    let (mut service, stderr) = Service::unread(scene.program("listen").args(OUTPUT));
    // The time limit is kept, and each run keeps its output.
    all_end(&scene, &["one", "two", "hang", "three"]);
    let states = scene.states();
    let given_up = states.iter().filter(|state| *state == "discarded").count();
    assert_eq!(given_up, 1, "{states:?}");
    for run in 1..=4 {
        let attempt = &scene.run_detail(run)["attempt_records"][0];
        let output = attempt["output"].as_str().expect("output");
        assert!(output.contains("last words of"), "{attempt}");
    }

    service.read(stderr);
    service.wait_for("log lines were lost: standard error was not read");
    all_end(&scene, &["later"]);
    let log = service.stop();
    let (_, later) = log.split_once("log lines were lost").expect("the number");
    for line in ["succeeded in", "SIGTERM: draining"] {
        assert!(later.contains(line), "{later}");
    }
}

#[test]
fn it_stops_while_the_log_is_not_read() {
    let scene = noisy("unread-stop");
    let (service, stderr) = Service::unread(scene.program("listen").args(OUTPUT));
    all_end(&scene, &["one", "two", "three"]);
    service.stop();
    drop(stderr);
}

#[test]
fn it_continues_while_the_log_cannot_be_written() {
    let full = File::options().write(true).open("/dev/full");
    let (reader, closed) = std::io::pipe().expect("a pipe");
    drop(reader);
    let outputs = [
        ("full-log", Stdio::from(full.expect("/dev/full"))),
        ("closed-log", Stdio::from(closed)),
    ];
    for (name, stderr) in outputs {
        let scene = noisy(name);
        let service = Service::logging_to(scene.program("listen").args(OUTPUT), stderr);
        all_end(&scene, &["one", "two"]);
        assert_eq!(scene.states(), ["succeeded"; 2]);
        service.stop();
    }
}

#[test]
fn a_command_whose_output_is_not_read_ends_without_a_panic() {
    let scene = noisy("closed-output");
    for arguments in [&["runs", "list"][..], &["runs", "show", "1"], &["--help"]] {
        let (reader, closed) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = scene.program(arguments[0]);
        command.args(&arguments[1..]);
        command.stdout(closed.try_clone().expect("a pipe"));
        let status = command.stderr(closed).status().expect("the program");
        assert!(matches!(status.code(), Some(0 | 1)), "{status}");
    }
}

#[test]
fn what_libraries_say_is_logged_only_with_verbose() {
    for (name, arguments) in [("plain", &[][..]), ("verbose", &["--verbose"])] {
        let mut scene = noisy(name);
        let proxy = Proxy::to(Broker::shared());
        scene
            .replace("host", "127.0.0.1")
            .replace("port", &proxy.port().to_string());
        let service = scene.start(arguments);
        service.wait_for("consuming queue");
        proxy.reset();
        service.wait_for("lost the connection to");
        service.wait_for("trying again in");
        let log = service.stop();
        let says = log.contains("Connection error");
        assert_eq!(says, !arguments.is_empty(), "{log}");
    }
}

#[test]
fn a_run_has_one_line_and_what_its_script_writes_is_logged_if_asked_for() {
    let mut scene = Scene::new("levels");
    scene.script("says.sh", "echo 'what it says'");
    scene.rule("r", &format!("events = {FULFILL}\nscript = says.sh"));
    let logged = |arguments: &[&str], list: Option<&str>| {
        scene.publish(lease("one", "a"));
        let mut command = scene.program("listen");
        command.arg("--until-idle").args(arguments);
        if let Some(list) = list {
            command.env("ESI_LOG", list);
        }
        let output = command.output().expect("the program");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let usual = logged(&[], None);
    let of_runs = usual
        .lines()
        .filter(|line| line.contains("run=") || line.contains("runs="));
    assert_eq!(of_runs.count(), 1, "{usual}");
    assert!(
        usual.contains("succeeded in") && !usual.contains("what it says"),
        "{usual}"
    );
    for (arguments, list) in [
        (&["--log", "warn,output=debug"][..], None),
        (&[], Some("warn,output=debug")),
        (&["--log", "warn,output=debug"], Some("off")),
    ] {
        let log = logged(arguments, list);
        assert!(
            log.contains("what it says") && !log.contains("succeeded in"),
            "{log}"
        );
    }
    assert!(logged(&["--verbose"], None).contains("what it says"));

    let wrong = scene.run(&["listen", "--log", "lapin=debug"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    let why = String::from_utf8(wrong.stderr).expect("UTF-8");
    assert!(
        why.contains("error: --log: expected one of `actions`, "),
        "{why}"
    );
    assert!(why.contains("but found `lapin`\nhint: "), "{why}");
}
