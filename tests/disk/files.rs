//! A journal that is damaged or not of this version: refused with a remedy, and left as it is, byte
//! for byte; what comes waits.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use rusqlite::Connection;

use crate::support::history::history;
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, Scene, notification};
use crate::support::stage::Stage;

/// What was done to a file, and what is said of it.
struct Case {
    what: &'static str,
    harm: fn(Vec<u8>) -> Vec<u8>,
    said: &'static str,
    hint: &'static str,
}

const CASES: [Case; 5] = [
    Case {
        what: "a newer version",
        // The number at offset 60 is the version.
        harm: |mut bytes| {
            bytes[63] = 99;
            bytes
        },
        said: "is of version 99, but this program knows versions up to",
        hint: "install the program that wrote it, or a newer one",
    },
    Case {
        what: "another program's",
        harm: |mut bytes| {
            bytes[68..72].copy_from_slice(b"ABCD");
            bytes
        },
        said: "is the database of another program",
        hint: "set `state_dir` to a folder of its own",
    },
    Case {
        what: "no database",
        harm: |mut bytes| {
            bytes[..16].fill(0xa5);
            bytes
        },
        said: "is not a journal",
        hint: "set `state_dir` to a folder of its own",
    },
    Case {
        what: "cut off",
        harm: |mut bytes| {
            bytes.truncate(bytes.len() / 2);
            bytes
        },
        said: "is damaged",
        hint: "repair a copy with `sqlite3 journal.sqlite .recover`",
    },
    Case {
        what: "overwritten behind its tables' names",
        harm: |mut bytes| {
            bytes[4096 * 4..].fill(0xa5);
            bytes
        },
        said: "is damaged",
        hint: "repair a copy with `sqlite3 journal.sqlite .recover`",
    },
];

fn database(stage: &Stage) -> PathBuf {
    stage.state().join("journal.sqlite")
}

/// The database in one file, as it is after a checkpoint.
fn whole(stage: &Stage) -> Vec<u8> {
    let connection = Connection::open(database(stage)).expect("the database");
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("a checkpoint");
    drop(connection);
    fs::read(database(stage)).expect("the database")
}

/// Every file of the state folder that is worth anything.
fn kept(stage: &Stage) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(stage.state()).expect("the folder");
    files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.to_string_lossy().contains("journal.sqlite"))
        // It only says where in the log things are, and every process makes it anew.
        .filter(|path| !path.to_string_lossy().ends_with("-shm"))
        .map(|path| (path.clone(), fs::read(path).expect("a file")))
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect()
}

fn is_refused(stage: &Stage, case: &Case, whole: &[u8], run: impl Fn() -> Output) {
    fs::write(database(stage), (case.harm)(whole.to_vec())).expect("the database");
    let before = kept(stage);
    for _ in 0..2 {
        let output = run();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{}: {printed}", case.what);
        let error = printed.lines().find(|line| line.starts_with("error: "));
        let hint = printed.lines().find(|line| line.starts_with("hint: "));
        assert!(
            error.is_some_and(|line| line.contains(case.said) && line.contains("journal.sqlite")),
            "{}: {printed}",
            case.what
        );
        assert!(
            hint.is_some_and(|line| line.contains(case.hint)),
            "{}: {printed}",
            case.what
        );
        assert!(before == kept(stage), "{}: written to", case.what);
    }
}

#[test]
fn a_damaged_or_newer_journal_is_refused_and_never_written_to() {
    let mut scene = Scene::new("damaged");
    scene.rule(
        "r",
        &format!("events = {FULFILL}\nscript = record.sh\nscript_params = purpose"),
    );
    for number in 0..100 {
        scene.publish(
            notification(FULFILL)
                .with("purpose", format!("before {number}"))
                .body,
        );
    }
    scene.drain();
    let good = whole(&scene);
    scene.publish(notification(FULFILL).with("purpose", "after").body);
    for case in &CASES {
        is_refused(&scene, case, &good, || {
            scene.run(&["listen", "--until-idle"])
        });
        assert_eq!(scene.waiting(), Some(1), "{}", case.what);
    }
    fs::write(database(&scene), good).expect("the database");
    scene.drain();
    assert_eq!(scene.log().len(), 101);
}

#[test]
fn pollers_refuse_it_too_and_ask_nothing() {
    let poller = Poller::recording(FULFILL);
    history(&poller, 1..=60, |id| id % 5);
    poller.pass(&["--from-start"]);
    let good = whole(&poller);
    history(&poller, 1..=61, |id| id % 5);
    for case in &CASES {
        is_refused(&poller, case, &good, || poller.poll(&[]));
    }
    fs::write(database(&poller), good).expect("the database");
    poller.pass(&[]);
    assert_eq!(poller.cursor(), Some(61));
    assert_eq!(poller.log().len(), 61);
}
