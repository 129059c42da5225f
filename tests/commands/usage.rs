//! The command line itself: what it refuses, completions and manual pages, readers that leave.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{CONFIG, assert_refused, call, called, folder, text};
use crate::support::scene::program;

#[test]
fn a_command_line_that_is_not_understood_exits_with_2() {
    let folder = folder(CONFIG);
    let cases: [(&[&str], &str); 12] = [
        (&[], "Usage: "),
        (&["lissen"], "a similar subcommand exists: 'listen'"),
        (&["listen", "--until-idel"], "--until-idle"),
        (&["explain"], "<EVENT>"),
        (&["runs"], "Usage: "),
        (&["runs", "show"], "<ID>"),
        (&["runs", "show", "one"], "invalid"),
        (&["runs", "retry"], "<IDS>..."),
        (
            &["runs", "list", "--state", "done"],
            "expected one of due, running, succeeded",
        ),
        (&["quarantine", "list", "--format", "yaml"], "table, json"),
        (&["quarantine", "drop"], "<IDS>..."),
        (&["completions", "csh"], "bash"),
    ];
    for (arguments, part) in cases {
        assert_refused(&call(folder.path(), arguments), 2, &[part]);
    }
    for (arguments, part) in [
        (&["--version"][..], env!("CARGO_PKG_VERSION")),
        (&["--help"], "Exit codes:"),
    ] {
        let output = Command::new(program())
            .args(arguments)
            .output()
            .expect("the program");
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains(part));
    }
}

#[test]
fn a_configuration_is_never_looked_for_in_the_current_folder() {
    const NAME: &str = "esi-event-action-listener.conf";
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("home/.config/esi-event-actions");
    let check = |arguments: &[&str], relative: &str| {
        Command::new(program())
            .args(arguments)
            .current_dir(folder.path())
            .env("HOME", folder.path().join("home"))
            .env("XDG_CONFIG_HOME", relative)
            .output()
            .expect("the program")
    };
    let looked_for = format!(
        "looked for {}, then /etc/esi-event-actions/{NAME}",
        own.join(NAME).display()
    );
    assert_refused(&check(&["check"], ""), 78, &[&looked_for, "--config"]);
    // Anybody's file in the current folder, and one that a relative path leads to.
    for beside in [
        folder.path().to_owned(),
        folder.path().join("esi-event-actions"),
    ] {
        fs::create_dir_all(&beside).expect("a folder");
        fs::write(beside.join(NAME), "[broken").expect("a file");
    }
    let named = ["check", "--config", "./esi-event-action-listener.conf"];
    for command in ["check", "listen", "poll", "runs"] {
        let arguments: &[&str] = if command == "runs" {
            &["runs", "list"]
        } else {
            &[command]
        };
        for relative in ["", "."] {
            let refused = check(arguments, relative);
            assert_refused(&refused, 78, &[&looked_for, named[2]]);
        }
    }
    assert_refused(&check(&named, ""), 78, &["[broken"]);
}

#[test]
fn completions_and_manual_pages_are_complete() {
    let folder = folder(CONFIG);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = call(folder.path(), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        for word in ["quarantine", "until-idle"] {
            assert!(text(&output.stdout).contains(word), "{shell}");
        }
    }
    let script = call(folder.path(), &["completions", "bash"]).stdout;
    let mut bash = Command::new("bash")
        .arg("-n")
        .stdin(Stdio::piped())
        .spawn()
        .expect("bash");
    bash.stdin
        .take()
        .expect("a pipe")
        .write_all(&script)
        .expect("bash reads");
    assert!(bash.wait().expect("bash").success());

    let page = call(folder.path(), &["man"]).stdout;
    for part in [
        ".TH esi-event-actions 1",
        "esi\\-event\\-actions\\-listen(1)",
        "Exit codes:",
    ] {
        assert!(text(&page).contains(part), "no `{part}` in {}", text(&page));
    }
    let pages = folder.path().join("pages");
    fs::create_dir(&pages).expect("a folder");
    let output = call(folder.path(), &["man", pages.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for page in [
        "",
        "-listen",
        "-check",
        "-explain",
        "-runs",
        "-runs-list",
        "-runs-retry",
        "-quarantine-retry",
        "-quarantine-drop",
        "-completions",
        "-man",
    ] {
        let file = pages.join(format!("esi-event-actions{page}.1"));
        assert!(file.is_file(), "{}", file.display());
    }
    let conf =
        fs::read(pages.join("esi-event-actions.conf.5")).expect("the page of the configuration");
    for part in [
        ".TH esi-event-actions.conf 5",
        "\\fBrabbit_login_method\\fR = \\fIPLAIN, AMQPLAIN or EXTERNAL\\fR",
        "Default: \\fB30d\\fR",
    ] {
        assert!(text(&conf).contains(part), "no `{part}` in {}", text(&conf));
    }
    assert_eq!(call(folder.path(), &["man", "conf"]).stdout, conf);
    let output = call(folder.path(), &["man", "/no/such/folder"]);
    assert_refused(&output, 1, &["failed to write", "hint: "]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = folder(CONFIG);
    let mut command = called(folder.path(), &["completions", "zsh"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
