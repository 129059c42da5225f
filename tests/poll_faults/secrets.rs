//! What the client is given and what it says: no password of the environment and no token comes out
//! with it, and nothing it says steers a terminal.

use std::fs;
use std::process::{Command, Output};

use crate::support::history::{event, history, lease};
use crate::support::openstack::{At, Fault};
use crate::support::poller::Poller;
use crate::support::scene::FULFILL;

const PASSWORD: &str = "PASSWORDSECRET$x%/@:x";
const TOKEN: &str = "gAAAAATOKENSECRET9f86d081884c";

/// The environment of somebody without `clouds.yaml`.
fn with_secrets(command: &mut Command) -> &mut Command {
    command.envs([
        ("OS_PASSWORD", PASSWORD),
        ("OS_TOKEN", TOKEN),
        ("OS_APPLICATION_CREDENTIAL_SECRET", "SECRETSECRET"),
        ("OS_AUTH_URL", "https://keystone.example/v3"),
        ("OS_USERNAME", "alice"),
    ])
}

fn assert_silent(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for trace in ["PASSWORDSECRET", "TOKENSECRET", "SECRETSECRET"] {
        assert!(!text.contains(trace), "{what} tells {trace}: {text}");
    }
}

fn assert_output_silent(what: &str, output: &Output) {
    assert_silent(what, &output.stdout);
    assert_silent(what, &output.stderr);
}

fn poll(poller: &Poller, arguments: &[&str]) -> Output {
    let mut command = poller.polling(arguments);
    with_secrets(&mut command).output().expect("the program")
}

/// Nothing of it in what commands show, nor in any file of the journal's.
fn assert_nothing_is_reported(poller: &Poller) {
    for arguments in [
        &["poll", "--status"][..],
        &["poll", "--status", "--format", "json"],
        &["runs", "list"],
        &["runs", "show", "1"],
        &["runs", "show", "1", "--format", "json"],
        &["check", "--feed", "history"],
    ] {
        let mut command = poller.program(arguments[0]);
        command.args(&arguments[1..]);
        let output = with_secrets(&mut command).output().expect("the program");
        assert_output_silent(&arguments.join(" "), &output);
    }
    let files = fs::read_dir(poller.state()).expect("a folder");
    let mut count = 0;
    for file in files {
        let file = file.expect("a file").path();
        let bytes = fs::read(&file).expect("a file");
        assert_silent(&file.display().to_string(), &bytes);
        count += 1;
    }
    assert!(count > 1);
}

#[test]
fn only_the_client_gets_the_password() {
    let poller = Poller::recording(FULFILL);
    history(&poller, [1, 2], |id| id);
    let output = poll(&poller, &["--from-start", "--verbose"]);
    assert!(output.status.success(), "{output:?}");
    assert_output_silent("a pass", &output);
    for call in poller.openstack.calls() {
        assert_eq!(call.env["OS_PASSWORD"], PASSWORD);
        assert_eq!(call.env["OS_TOKEN"], TOKEN);
    }
    assert_eq!(poller.log().len(), 2);
    assert_nothing_is_reported(&poller);

    // The client repeats what it was given, as some do when they are asked to explain.
    let repeats = format!(
        "curl -H \"X-Auth-Token: {TOKEN}\" ... password='{PASSWORD}' secret=SECRETSECRET\n"
    );
    history(&poller, 1..=3, |id| id);
    for fault in [
        Fault::Exit(1, repeats.clone()),
        Fault::Prints(repeats.clone()),
        Fault::Warns(repeats.clone()),
    ] {
        poller.openstack.fault(At::Events, fault.clone());
        let output = poll(&poller, &["--verbose"]);
        assert_output_silent("a failure", &output);
        assert_nothing_is_reported(&poller);
    }
    poller.openstack.mend(At::Events);
    history(&poller, 1..=4, |id| id);
    let fourth = lease(4);
    let refusal = format!("No Lease found for {fourth}: {repeats}");
    for fault in [Fault::Exit(1, refusal), Fault::Exit(1, repeats)] {
        poller.openstack.fault(At::Leases, fault);
        let output = poll(&poller, &["--verbose"]);
        assert_output_silent("a lease", &output);
        assert_nothing_is_reported(&poller);
        history(&poller, 1..=5, |id| id);
    }
}

#[test]
fn a_password_among_the_words_of_the_command_is_blanked() {
    let mut poller = Poller::recording(FULFILL);
    let command = poller.openstack.command();
    let secret = PASSWORD.replace('%', "%%");
    poller.replace(
        "openstack_command",
        &format!("env OS_PASSWORD='{secret}' {command}"),
    );
    poller
        .openstack
        .fault(At::Events, Fault::Exit(1, "no\n".into()));
    let output = poll(&poller, &["--from-start", "--verbose"]);
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    assert_eq!(poller.openstack.calls()[0].env["OS_PASSWORD"], PASSWORD);
    assert_output_silent("a failure", &output);
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(printed.contains("[blanked]"), "{printed}");
    assert_nothing_is_reported(&poller);
}

/// Clears the screen, colours, rings, turns the text around, begins a line of the log.
const EVIL: &str =
    "\u{1b}[2J\u{1b}[31mred\u{7}\u{1b}]0;title\u{7}\r\u{9b}1m\u{202e}\u{2028}x\nERROR forged";

fn assert_harmless(what: &str, output: &Output) {
    for bytes in [&output.stdout, &output.stderr] {
        let text = std::str::from_utf8(bytes).unwrap_or_else(|why| panic!("{what}: {why}"));
        let harmful = |character: char| {
            (character.is_control() && character != '\n')
                || matches!(character, '\u{2028}' | '\u{202e}')
        };
        assert!(!text.contains(harmful), "{what}: {text:?}");
        let forged = |line: &str| line.trim_start().starts_with("ERROR forged");
        assert!(!text.lines().any(forged), "{what}: {text}");
    }
}

#[test]
fn what_the_cloud_says_steers_no_terminal() {
    let mut poller = Poller::new();
    poller.rule(
        "r",
        "events = *\nscript = record.sh\nscript_params = event_id,purpose",
    );
    let first = lease(1);
    let faults = [
        (At::Events, Fault::Exit(1, format!("{EVIL}\n"))),
        (At::Events, Fault::Prints(EVIL.into())),
        (At::Events, Fault::Warns(EVIL.into())),
        (At::Leases, Fault::Exit(1, EVIL.into())),
        (
            At::Leases,
            Fault::Exit(1, format!("No Lease found for {first}: {EVIL}\n")),
        ),
        (At::Leases, Fault::Prints(format!("{{{EVIL}}}"))),
    ];
    for (number, (at, fault)) in (1..).zip(faults) {
        let mut odd = event(number, number, 1);
        odd["Event Type"] = EVIL.into();
        odd["Resource UUID"] = EVIL.into();
        let plain = event(number + 100, 1, 2);
        poller.openstack.rows(&[odd, plain]);
        poller.openstack.fault(at, fault);
        let place = ["--from-id", "0", "--force", "--verbose"];
        let output = poller.poll(&place);
        assert_harmless("a pass", &output);
        for arguments in [
            &["poll", "--status"][..],
            &["poll", "--status", "--format", "json"],
            &["runs", "list"],
            &["runs", "list", "--format", "json"],
        ] {
            assert_harmless(&arguments.join(" "), &poller.run(arguments));
        }
        for run in poller.runs() {
            assert_harmless(
                "runs show",
                &poller.run(&["runs", "show", &run["id"].to_string()]),
            );
        }
        poller.openstack.mend(at);
    }
    assert!(poller.runs().len() > 4, "nothing was shown");
}

#[test]
fn a_script_hears_whose_cloud_it_is_and_no_password() {
    let mut poller = Poller::new();
    poller.script(
        "env.sh",
        r#"env; echo "$OS_USERNAME at $OS_AUTH_URL" >>"$LOG""#,
    );
    poller.rule("r", &format!("events = {FULFILL}\nscript = env.sh"));
    history(&poller, [1], |id| id);
    let output = poll(&poller, &["--from-start"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(poller.log(), ["alice at https://keystone.example/v3"]);
    assert_output_silent("a pass", &output);
    assert_nothing_is_reported(&poller);
}
