//! Where the first pass begins, and that no history is read again unasked.

use std::fs;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use super::{recorded, rows};
use crate::support::openstack::{At, Fault};
use crate::support::poller::Poller;
use crate::support::scene::FULFILL;

const SAMPLE: &str = ".esi-last-event-id";
const TAKEN_OVER: &str = ".esi-last-event-id.taken-over";

/// A stage whose history has these rows.
fn stage() -> Poller {
    let poller = Poller::recording(FULFILL);
    poller.openstack.rows(&rows([12, 1, 9, 10]));
    poller
}

/// Polls in this folder.
fn poll_in(folder: &Path, poller: &Poller) -> Output {
    let mut command = poller.polling(&[]);
    command.current_dir(folder).output().expect("the program")
}

#[test]
fn without_a_start_nothing_is_asked_and_the_remedy_is_printed() {
    let poller = stage();
    for arguments in [&[][..], &["--every", "1s"]] {
        let printed = poller.ends(arguments, 2);
        assert!(
            printed.contains(
                "error: the event history of openstack has not been read before, or the journal is \
                 gone: where is it to be read from?"
            ),
            "{printed}"
        );
        for remedy in ["`poll --from-now`", "--from-id ID", "--from-start"] {
            assert!(printed.contains(remedy), "{printed}");
        }
    }
    assert!(poller.openstack.calls().is_empty());
    assert!(poller.runs().is_empty());
}

#[test]
fn a_beginning_is_where_it_is_asked_for() {
    let cases: [(&[&str], &[i64], i64); 5] = [
        (&["--from-now"], &[], 12),
        (&["--from-id", "9"], &[10, 12], 12),
        (&["--from-id", "12"], &[], 12),
        (&["--from-id", "20"], &[], 20),
        (&["--from-start"], &[1, 9, 10, 12], 12),
    ];
    for (arguments, ran, cursor) in cases {
        let poller = stage();
        let printed = poller.pass(arguments);
        assert_eq!(poller.log(), recorded(ran), "{arguments:?}");
        assert_eq!(poller.cursor(), Some(cursor), "{arguments:?}");
        let doubt = printed.contains("ends at id 12, before 20, where");
        assert_eq!(doubt, cursor == 20, "{printed}");
        // From there it goes on.
        poller.openstack.rows(&rows([12, 1, 9, 10, 22, 21]));
        poller.pass(&[]);
        let ran = [ran, &[21, 22]].concat();
        assert_eq!(poller.log(), recorded(&ran), "{arguments:?}");
    }
}

#[test]
fn a_history_that_has_been_read_is_started_over_only_by_force() {
    let poller = stage();
    poller.pass(&["--from-id", "10"]);
    for arguments in [&["--from-now"][..], &["--from-start"], &["--from-id", "0"]] {
        let printed = poller.ends(arguments, 2);
        assert!(
            printed.contains("has been read up to id 12 already"),
            "{printed}"
        );
        assert!(printed.contains("`--force`"), "{printed}");
    }
    assert_eq!(poller.log(), recorded(&[12]));
    assert_eq!(poller.cursor(), Some(12));
    // What has run already is known.
    poller.pass(&["--from-start", "--force"]);
    assert_eq!(poller.log(), recorded(&[12, 1, 9, 10]));
    assert_eq!(poller.cursor(), Some(12));
}

#[test]
fn the_samples_file_is_taken_over_once() {
    let poller = stage();
    let work = TempDir::new().expect("a folder");
    let files = [work.path().join(SAMPLE), poller.path(SAMPLE)];
    fs::write(&files[0], "10\n").expect("a file");
    // Behind the one where it is run.
    fs::write(&files[1], "1").expect("a file");
    // Until there is a cursor it is left as it is.
    poller
        .openstack
        .fault(At::Events, Fault::Exit(1, String::new()));
    let output = poll_in(work.path(), &poller);
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    poller.openstack.mend(At::Events);
    let output = poll_in(work.path(), &poller);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(poller.log(), recorded(&[12]));
    assert!(files.iter().all(|file| file.exists()));

    let output = poll_in(work.path(), &poller);
    assert!(output.status.success(), "{output:?}");
    assert!(!files[0].exists());
    let kept = fs::read_to_string(work.path().join(TAKEN_OVER)).expect("a file");
    assert_eq!(kept, "10\n");

    let other = stage();
    fs::write(other.path(SAMPLE), "9").expect("a file");
    other.pass(&[]);
    other.pass(&[]);
    assert_eq!(other.log(), recorded(&[10, 12]));
    assert!(!other.path(SAMPLE).exists());
    // Which is no longer where to begin.
    fs::remove_dir_all(other.state()).expect("a folder");
    other.ends(&[], 2);
    assert!(other.path(TAKEN_OVER).exists());
}

#[test]
fn an_invalid_id_in_the_samples_file_is_reported() {
    let poller = stage();
    for text in ["", "twelve", "-3", "12.5", "12 13", "99999999999999999999"] {
        fs::write(poller.path(SAMPLE), text).expect("a file");
        let printed = poller.ends(&[], 2);
        assert!(printed.contains("expected an event id in "), "{printed}");
        assert!(
            printed.contains(&format!("but found {text:?}")),
            "{printed}"
        );
        assert!(printed.contains("--from-start"), "{printed}");
    }
    assert!(poller.openstack.calls().is_empty());
    // The command line goes before it.
    poller.pass(&["--from-id", "10"]);
    assert_eq!(poller.log(), recorded(&[12]));
}

#[test]
fn a_journal_that_is_gone_replays_nothing() {
    let poller = stage();
    poller.pass(&["--from-start"]);
    let calls = poller.openstack.calls().len();
    fs::remove_dir_all(poller.state()).expect("a folder");
    let printed = poller.ends(&[], 2);
    assert!(printed.contains("or the journal is gone"), "{printed}");
    assert_eq!(poller.log(), recorded(&[1, 9, 10, 12]));
    assert_eq!(poller.openstack.calls().len(), calls);
}
