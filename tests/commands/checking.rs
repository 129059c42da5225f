//! `check`: whose files it looks at, and what only one feed has.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use tempfile::TempDir;

use super::{CONFIG, assert_refused, call, folder, text};

/// A user that owns nothing but what it is given here.
const NOBODY: u32 = 65_534;

const OF_SERVICE: &str = "[DEFAULT]
user = esi
password_file = password
host = 127.0.0.1
queues = some
state_dir = state

[fulfil]
events = esi_leap.lease.fulfill.end
script = ./s.sh
";

fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("a file of ours");
}

/// What root has installed for a service that runs as nobody; `None` if root is not who tests.
fn installed() -> Option<TempDir> {
    let folder = folder(OF_SERVICE);
    set_mode(folder.path(), 0o755);
    for (name, text, mode) in [
        ("listener.conf", OF_SERVICE, 0o644),
        ("password", "secret", 0o600),
        ("s.sh", "#!/bin/sh\n", 0o755),
    ] {
        fs::write(folder.path().join(name), text).expect("a file");
        set_mode(&folder.path().join(name), mode);
    }
    let state = folder.path().join("state");
    fs::create_dir(&state).expect("a folder");
    set_mode(&state, 0o700);
    chown(&state, Some(NOBODY), Some(NOBODY)).ok()?;
    Some(folder)
}

#[test]
fn root_looks_at_files_as_the_user_of_the_service() {
    let Some(folder) = installed() else {
        return;
    };
    let at = |name: &str| folder.path().join(name);
    let check = |arguments: &[&str]| call(folder.path(), &[&["check"], arguments].concat());

    let fine = check(&[]);
    assert_eq!(fine.status.code(), Some(0), "{fine:?}");
    assert!(text(&fine.stdout).contains("no problems"), "{fine:?}");
    let printed = text(&fine.stderr);
    assert!(
        printed.contains(", the owner of ") && printed.contains("looking at files as user "),
        "{printed}"
    );
    assert!(printed.contains("systemd hands it on"), "{printed}");

    // The broker is asked as that user, too, who has the password from systemd alone.
    let asked = check(&["--connect"]);
    assert_eq!(asked.status.code(), Some(75), "{asked:?}");
    let printed = text(&asked.stderr);
    for part in [
        "error: failed to connect to the broker: ",
        "Permission denied",
        "check --connect --user root",
    ] {
        assert!(printed.contains(part), "no `{part}` in {printed}");
    }

    set_mode(&at("s.sh"), 0o700);
    let part = "s.sh is not executable for the user of the service";
    assert_refused(&check(&[]), 78, &[part]);
    let own = check(&["--user", "root"]);
    assert_eq!(own.status.code(), Some(0), "{own:?}");
    assert!(own.stderr.is_empty(), "{own:?}");

    // May be executed, but the shell cannot read it.
    set_mode(&at("s.sh"), 0o711);
    let unread = check(&[]);
    assert!(
        text(&unread.stdout).contains("may be executed, but not read"),
        "{unread:?}"
    );
    set_mode(&at("s.sh"), 0o755);

    fs::write(at("s.sh"), "#!/no/such/python3\n").expect("a script");
    assert_refused(&check(&[]), 78, &["/no/such/python3 does not exist"]);
    fs::write(at("s.sh"), "#!/bin/sh\n").expect("a script");

    set_mode(&at("listener.conf"), 0o600);
    assert_refused(
        &check(&[]),
        78,
        &["failed to read the configuration", "Permission denied"],
    );
    set_mode(&at("listener.conf"), 0o644);

    // As systemd has it: a number without a name.
    chown(at("state"), Some(54_321), Some(54_321)).expect("a folder of ours");
    let nameless = check(&[]);
    assert_eq!(nameless.status.code(), Some(0), "{nameless:?}");
    assert!(
        text(&nameless.stderr).contains("looking at files as user 54321"),
        "{nameless:?}"
    );

    chown(at("state"), Some(0), Some(0)).expect("a folder of ours");
    let uid = NOBODY.to_string();
    assert_refused(
        &check(&["--user", &uid]),
        78,
        &["the state folder", "cannot be used"],
    );
    assert_refused(
        &check(&["--user", "no-such-user"]),
        2,
        &["there is no user `no-such-user`"],
    );

    fs::remove_dir(at("state")).expect("an empty folder");
    let unknown = check(&[]);
    assert_eq!(unknown.status.code(), Some(0), "{unknown:?}");
    let printed = text(&unknown.stderr);
    assert!(
        printed.contains("looked at files as user root"),
        "{printed}"
    );
    assert!(
        printed.contains("is not known") && printed.contains("--user"),
        "{printed}"
    );
}

#[test]
fn check_tells_what_only_the_history_has() {
    let folder = folder(&CONFIG.replace("node_name, purpose", "node_name, lessee_id, event_id"));
    let output = call(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = text(&output.stdout);
    for part in [
        "`script_params` asks for `lessee_id`, which only the event history has",
        "use `project_id`",
        "`script_params` asks for `event_id`",
    ] {
        assert!(printed.contains(part), "no `{part}` in {printed}");
    }
    let history = call(folder.path(), &["check", "--feed", "history"]);
    assert!(!text(&history.stdout).contains("which only"), "{history:?}");
}

#[test]
fn files_and_folders_of_sources_may_come_later_but_are_told_of() {
    let folder = folder(
        "[DEFAULT]\nscript = /bin/true\n\
         [source:f]\ntype = facts\nfiles = here.yml, gone.yml, folder\n\
         [source:w]\ntype = watch\npaths = folder, gone, here.yml\n\
         [r]\nevents = f, w\n",
    );
    let at = |name: &str| folder.path().join(name);
    fs::write(at("here.yml"), "a: 1\n").expect("a file");
    fs::create_dir(at("folder")).expect("a folder");
    let output = call(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = text(&output.stdout);
    let told: Vec<&str> = printed
        .lines()
        .filter(|line| line.contains("failed to read"))
        .collect();
    let part = |name: &str, option: &str, why: &str| {
        format!(
            "warning: failed to read {} (`{option}`): {why}",
            at(name).display()
        )
    };
    let expected = [
        part(
            "gone.yml",
            "files",
            "No such file or directory (os error 2)",
        ),
        part("folder", "files", "expected a file"),
        part("gone", "paths", "No such file or directory (os error 2)"),
        part("here.yml", "paths", "Not a directory (os error 20)"),
    ];
    assert_eq!(told, expected);
    for remedy in [
        "put the file there",
        "put the folder there",
        "[source:f]",
        "[source:w]",
    ] {
        assert!(printed.contains(remedy), "no `{remedy}` in {printed}");
    }

    fs::write(at("gone.yml"), "a: 1\n").expect("a file");
    fs::create_dir(at("gone")).expect("a folder");
    // Root may read all there is; this looks as somebody else does.
    for (name, mode) in [("gone.yml", 0o600), ("gone", 0o700)] {
        set_mode(&at(name), mode);
    }
    set_mode(folder.path(), 0o755);
    let printed_to = |arguments: &[&str]| {
        let output = call(folder.path(), arguments);
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(!printed_to(&["check"]).contains("gone"));
    if chown(at("gone"), Some(0), Some(0)).is_ok() {
        let uid = NOBODY.to_string();
        let printed = printed_to(&["check", "--user", &uid]);
        assert_eq!(printed.matches("Permission denied").count(), 2, "{printed}");
    }
}
