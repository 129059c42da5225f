//! Files that are deleted, moved, replaced or linked, under a service or before it.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::{accept, at, claim_as, event, journal};
use crate::journal::sqlite::presence::Presence;
use crate::journal::sqlite::{DATABASE, SqliteJournal};
use crate::journal::{Accept, Backup, Browse, Entry, JournalError, Owner, Work};
use crate::state::{Access, Folder, InUse};

async fn refused(journal: &SqliteJournal) -> String {
    let entries = vec![Entry::Event(event("refused", &[("r", "k")]))];
    match journal.accept(entries.into(), at(9)).await {
        Err(error @ JournalError::Unavailable { .. }) => error.to_string(),
        other => panic!("expected an unavailable journal, found {other:?}"),
    }
}

fn unusable(folder: &Path, access: Access) -> String {
    match SqliteJournal::open(folder, access) {
        Err(JournalError::Unusable { message, remedy }) => format!("{message}\n{remedy}"),
        other => panic!("expected an unusable journal, found {other:?}"),
    }
}

/// Puts something that leads to a file, or not, under a name.
type Make = fn(&Path, &Path);

/// What happens to the files of an open journal, how it is undone, and what is said.
struct Case {
    what: &'static str,
    harm: fn(&Path),
    undo: fn(&Path),
    said: &'static str,
}

fn aside(state: &Path) -> PathBuf {
    state.with_file_name("aside")
}

const CASES: [Case; 6] = [
    Case {
        what: "folder moved",
        harm: |state| fs::rename(state, aside(state)).unwrap(),
        undo: |state| fs::rename(aside(state), state).unwrap(),
        said: "was deleted or moved away while it is open",
    },
    Case {
        what: "folder moved, and another one made",
        harm: |state| {
            fs::rename(state, aside(state)).unwrap();
            drop(SqliteJournal::open(state, Access::Service).unwrap());
        },
        undo: |state| {
            fs::remove_dir_all(state).unwrap();
            fs::rename(aside(state), state).unwrap();
        },
        said: "was replaced by another file, or covered by a mount,",
    },
    Case {
        what: "database moved",
        harm: |state| fs::rename(state.join("journal.sqlite"), aside(state)).unwrap(),
        undo: |state| fs::rename(aside(state), state.join("journal.sqlite")).unwrap(),
        said: "was deleted or moved away while it is open",
    },
    Case {
        what: "database replaced by its copy",
        harm: |state| {
            let database = state.join("journal.sqlite");
            fs::rename(&database, aside(state)).unwrap();
            fs::copy(aside(state), database).unwrap();
        },
        undo: |state| fs::rename(aside(state), state.join("journal.sqlite")).unwrap(),
        said: "was replaced by another file",
    },
    Case {
        what: "a link to the database in its place",
        harm: |state| {
            fs::rename(state.join("journal.sqlite"), aside(state)).unwrap();
            symlink(aside(state), state.join("journal.sqlite")).unwrap();
        },
        undo: |state| fs::rename(aside(state), state.join("journal.sqlite")).unwrap(),
        said: "was replaced by another file",
    },
    Case {
        what: "log replaced by another one",
        harm: |state| {
            fs::rename(state.join("journal.sqlite-wal"), aside(state)).unwrap();
            fs::write(state.join("journal.sqlite-wal"), "something").unwrap();
        },
        undo: |state| fs::rename(aside(state), state.join("journal.sqlite-wal")).unwrap(),
        said: "journal.sqlite-wal was replaced by another file",
    },
];

#[tokio::test]
async fn nothing_is_written_where_it_cannot_be_found() {
    for case in &CASES {
        let parent = tempfile::tempdir().unwrap();
        let state = parent.path().join("state");
        let journal = SqliteJournal::open(&state, Access::Service).unwrap();
        accept(&journal, "before", &[("r", "k")], 0).await;
        (case.harm)(&state);
        let told = refused(&journal).await;
        assert!(told.contains(case.said), "{}: {told}", case.what);
        let claimed = claim_as(&journal, Owner(1), 1, 9).await;
        assert!(claimed.unwrap_err().is_temporary(), "{}", case.what);
        (case.undo)(&state);
        accept(&journal, "after", &[("r", "k")], 1).await;
        drop(journal);
        let journal = SqliteJournal::open(&state, Access::Service).unwrap();
        let there = |id: &str| journal.event(id.to_owned());
        assert!(there("before").await.unwrap().is_some(), "{}", case.what);
        assert!(there("after").await.unwrap().is_some(), "{}", case.what);
        assert!(there("refused").await.unwrap().is_none(), "{}", case.what);
    }
}

#[test]
fn what_is_put_in_the_place_of_the_database_during_a_commit_is_not_taken_for_it() {
    let parent = tempfile::tempdir().unwrap();
    let state = parent.path().join("state");
    let folder = Folder::open(&state, Access::Service, DATABASE).unwrap();
    let database = state.join(DATABASE);
    fs::write(&database, "ours").unwrap();
    let mut presence = Presence::of(&database, Arc::new(folder)).unwrap();
    fs::rename(&database, aside(&state)).unwrap();
    fs::write(&database, "of somebody else").unwrap();
    presence.note();
    assert!(presence.check().is_err() && presence.is_changed());
    fs::rename(aside(&state), &database).unwrap();
    assert_eq!(presence.check(), Ok(()));
}

#[tokio::test]
async fn a_link_on_the_way_that_leads_elsewhere_now_is_noticed() {
    let parent = tempfile::tempdir().unwrap();
    let [one, two, link] = ["one", "two", "link"].map(|name| parent.path().join(name));
    drop(SqliteJournal::open(&two, Access::Service).unwrap());
    fs::create_dir(&one).unwrap();
    symlink(&one, &link).unwrap();
    let journal = SqliteJournal::open(&link, Access::Service).unwrap();
    accept(&journal, "before", &[], 0).await;
    fs::remove_file(&link).unwrap();
    symlink(&two, &link).unwrap();
    assert!(refused(&journal).await.contains("was replaced"));
}

#[tokio::test]
async fn what_lies_beside_the_database_is_made_again() {
    for suffixes in [&["-wal"][..], &["-shm"], &["-wal", "-shm"]] {
        let (folder, journal) = journal();
        for round in 0..3 {
            accept(&journal, &format!("before {round}"), &[("r", "k")], 0).await;
            for suffix in suffixes {
                fs::remove_file(folder.path().join(format!("journal.sqlite{suffix}"))).unwrap();
            }
            accept(&journal, &format!("after {round}"), &[("r", "k")], 0).await;
            // Another process finds all of it.
            let beside = SqliteJournal::open(folder.path(), Access::Beside).unwrap();
            for id in [format!("before {round}"), format!("after {round}")] {
                let found = beside.event(id.clone()).await.unwrap();
                assert!(found.is_some(), "{suffixes:?}: {id}");
            }
        }
    }
}

#[tokio::test]
async fn a_backup_that_is_copied_over_the_open_file_stays_whole() {
    let (folder, journal) = journal();
    let database = folder.path().join("journal.sqlite");
    let backup = folder.path().join("backup");
    accept(&journal, "backed up", &[("r", "k")], 0).await;
    journal.backup(backup.clone()).await.unwrap();
    accept(&journal, "later", &[("r", "k")], 0).await;
    let saved = fs::read(&backup).unwrap();
    fs::write(&database, &saved).unwrap();
    let told = refused(&journal).await;
    assert!(told.contains("another program has written to"), "{told}");
    drop(journal);
    assert_eq!(fs::read(&database).unwrap(), saved);
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(folder.path().join(format!("journal.sqlite{suffix}"))).unwrap();
    }
    let journal = SqliteJournal::open(folder.path(), Access::Service).unwrap();
    let event = |id: &str| journal.event(id.to_owned());
    assert!(event("backed up").await.unwrap().is_some());
    assert!(event("later").await.unwrap().is_none());
}

#[tokio::test]
async fn the_log_of_a_database_that_was_replaced_is_not_mixed_into_the_new_one() {
    let (folder, journal) = journal();
    let database = folder.path().join("journal.sqlite");
    let backup = folder.path().join("backup");
    journal.backup(backup.clone()).await.unwrap();
    accept(&journal, "later", &[("r", "k")], 0).await;
    fs::rename(&backup, &database).unwrap();
    refused(&journal).await;
    let saved = fs::read(&database).unwrap();
    drop(journal);
    for access in [Access::Service, Access::Beside, Access::Poller] {
        let told = unusable(folder.path(), access);
        assert!(told.contains("still belongs to that one"), "{told}");
    }
    assert_eq!(fs::read(&database).unwrap(), saved);
    fs::remove_file(folder.path().join("journal.sqlite-wal")).unwrap();
    let journal = SqliteJournal::open(folder.path(), Access::Service).unwrap();
    assert!(journal.event("later".to_owned()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_copy_is_not_served_beside_its_original() {
    let (folder, journal) = journal();
    let copy = tempfile::tempdir().unwrap();
    journal
        .backup(copy.path().join("journal.sqlite"))
        .await
        .unwrap();
    match SqliteJournal::open(copy.path(), Access::Service) {
        Err(JournalError::InUse(InUse {
            elsewhere: true,
            pid,
            ..
        })) => {
            assert_eq!(pid, std::process::id().to_string());
        }
        other => panic!("expected a journal in use, found {other:?}"),
    }
    SqliteJournal::open(copy.path(), Access::Beside).unwrap();
    drop(journal);
    SqliteJournal::open(copy.path(), Access::Service).unwrap();
    drop(folder);
}

#[test]
fn links_and_other_things_in_the_place_of_files_are_refused_and_left_alone() {
    let names = [
        "journal.sqlite",
        "journal.sqlite-wal",
        "journal.sqlite-shm",
        "service.lock",
    ];
    let kinds: [(&str, Make); 5] = [
        ("symbolic link", |victim, path| {
            symlink(victim, path).unwrap();
        }),
        ("hard link", |victim, path| {
            fs::hard_link(victim, path).unwrap();
        }),
        ("directory", |_, path| fs::create_dir(path).unwrap()),
        ("FIFO", |_, path| {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        ("socket", |_, path| {
            drop(std::os::unix::net::UnixListener::bind(path).unwrap());
        }),
    ];
    for name in names {
        for (kind, make) in kinds {
            let parent = tempfile::tempdir().unwrap();
            let victim = parent.path().join("victim");
            fs::write(&victim, "of somebody else").unwrap();
            fs::set_permissions(&victim, fs::Permissions::from_mode(0o644)).unwrap();
            let state = parent.path().join("state");
            drop(SqliteJournal::open(&state, Access::Service).unwrap());
            let path = state.join(name);
            drop(fs::remove_file(&path));
            make(&victim, &path);
            let told = unusable(&state, Access::Service);
            assert!(told.contains(name), "{name}, {kind}: {told}");
            assert!(told.contains(kind), "{name}, {kind}: {told}");
            let metadata = fs::symlink_metadata(&path).unwrap();
            assert!(!metadata.file_type().is_block_device());
            assert_eq!(fs::read_to_string(&victim).unwrap(), "of somebody else");
            let mode = fs::metadata(&victim).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o644, "{name}, {kind}");
        }
    }
}

#[test]
fn what_is_not_a_journal_is_reported_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.sqlite");
    fs::write(&file, "").unwrap();
    let told = unusable(folder.path(), Access::Beside);
    assert!(told.contains("is an empty file, not a journal"), "{told}");

    // All that a young journal holds is in its log.
    let (original, journal) = journal();
    fs::copy(original.path().join("journal.sqlite"), &file).unwrap();
    for access in [Access::Beside, Access::Service] {
        let told = unusable(folder.path(), access);
        assert!(told.contains("a copy without"), "{told}");
        assert!(told.contains("journal backup FILE"), "{told}");
    }
    drop(journal);
}

#[tokio::test]
async fn a_backup_is_whole_and_replaces_nothing() {
    let (folder, journal) = journal();
    for number in 0..50 {
        accept(&journal, &format!("e{number}"), &[("r", "k")], 0).await;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("backup.sqlite");
    let beside = SqliteJournal::open(folder.path(), Access::Beside).unwrap();
    let size = beside.backup(file.clone()).await.unwrap();
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!(
        (metadata.len(), metadata.permissions().mode() & 0o777),
        (size, 0o600)
    );
    assert_eq!(
        fs::read_dir(elsewhere.path()).unwrap().count(),
        1,
        "nothing else is left"
    );
    symlink("/nowhere", elsewhere.path().join("link")).unwrap();
    let refused = [
        (file.clone(), "exists already"),
        (elsewhere.path().join("link"), "exists already"),
        (elsewhere.path().to_owned(), "exists already"),
        (elsewhere.path().join("no/such/folder"), "No such file"),
        (folder.path().join("journal.sqlite"), "exists already"),
        (
            folder.path().join("journal.sqlite-journal"),
            "kept for the journal",
        ),
    ];
    for (target, said) in refused {
        let told = beside.backup(target.clone()).await.unwrap_err().to_string();
        assert!(told.contains(said), "{}: {told}", target.display());
    }
    let name = journal.name().to_owned();
    drop((journal, beside));
    let restored = tempfile::tempdir().unwrap();
    fs::copy(&file, restored.path().join("journal.sqlite")).unwrap();
    let restored = SqliteJournal::open(restored.path(), Access::Service).unwrap();
    assert_eq!(restored.name(), name);
    assert_eq!(restored.census().await.unwrap().unfinished(), 50);
}
