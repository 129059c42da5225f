//! Folder, files, rights, versions and the lock.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use rusqlite::Connection;

use super::{accept, claim_as, journal};
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{JournalError, Owner, Work};
use crate::state::{Access, InUse};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The message and the remedy of a journal that cannot be used.
fn unusable(folder: &Path, access: Access) -> (String, String) {
    match SqliteJournal::open(folder, access) {
        Err(JournalError::Unusable { message, remedy }) => (message, remedy),
        other => panic!("expected an unusable journal, found {other:?}"),
    }
}

#[tokio::test]
async fn a_new_journal_is_closed_to_others() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state/esi");
    let journal = SqliteJournal::open(&folder, Access::Service).unwrap();
    accept(&journal, "e", &[("r", "k")], 0).await;
    assert_eq!(mode(&folder), 0o700);
    for file in [
        "journal.sqlite",
        "journal.sqlite-wal",
        "journal.sqlite-shm",
        "service.lock",
    ] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    drop(journal);
    assert!(
        !folder.join("journal.sqlite-wal").exists(),
        "the log is worked in on close"
    );
}

#[test]
fn what_others_could_read_is_closed() {
    let (folder, first) = journal();
    drop(first);
    for access in [Access::Service, Access::Beside] {
        set_mode(folder.path(), 0o755);
        set_mode(&folder.path().join("journal.sqlite"), 0o664);
        SqliteJournal::open(folder.path(), access).unwrap();
        assert_eq!(mode(folder.path()), 0o700, "{access:?}");
        assert_eq!(
            mode(&folder.path().join("journal.sqlite")),
            0o600,
            "{access:?}"
        );
    }
}

#[test]
fn a_folder_with_other_things_in_it_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("listener.conf"), "").unwrap();
    set_mode(folder.path(), 0o755);
    SqliteJournal::open(folder.path(), Access::Service).unwrap();
    assert_eq!(mode(folder.path()), 0o755);
    assert_eq!(mode(&folder.path().join("journal.sqlite")), 0o600);
}

#[test]
fn root_makes_files_for_the_owner_of_the_folder() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give files away; without it the owner is this user either way.
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state");
    fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(4242), Some(4242)).unwrap();
    SqliteJournal::open(&folder, Access::Service).unwrap();
    for file in ["journal.sqlite", "service.lock"] {
        let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder.join(file)).unwrap());
        assert_eq!(owner, 4242, "{file}");
    }
}

#[test]
fn a_command_does_not_make_a_journal() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state");
    let (message, remedy) = unusable(&folder, Access::Beside);
    assert_eq!(
        message,
        format!(
            "there is no journal {} yet",
            folder.join("journal.sqlite").display()
        )
    );
    assert!(remedy.contains("listen"), "{remedy}");
    assert!(!folder.exists());
}

#[test]
fn a_second_service_learns_which_process_holds_it_and_a_command_is_not_kept_out() {
    let (folder, first) = journal();
    match SqliteJournal::open(folder.path(), Access::Service) {
        Err(JournalError::InUse(InUse {
            folder: named,
            pid,
            poller,
            elsewhere,
        })) => {
            assert!(!poller && !elsewhere);
            assert_eq!(
                (named, pid),
                (
                    folder.path().display().to_string(),
                    std::process::id().to_string()
                )
            );
        }
        other => panic!("expected a journal in use, found {other:?}"),
    }
    SqliteJournal::open(folder.path(), Access::Beside).unwrap();
    let clone = first.clone();
    drop(first);
    assert!(
        SqliteJournal::open(folder.path(), Access::Service).is_err(),
        "a handle is left"
    );
    drop(clone);
    SqliteJournal::open(folder.path(), Access::Service).unwrap();
}

#[test]
fn the_name_stays_and_differs_from_journal_to_journal() {
    let (folder, first) = journal();
    let name = first.name().to_owned();
    assert!(
        name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{name}"
    );
    drop(first);
    assert_eq!(
        SqliteJournal::open(folder.path(), Access::Service)
            .unwrap()
            .name(),
        name
    );
    assert_ne!(journal().1.name(), name);
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let garbage: [(&str, Vec<u8>); 3] = [
        ("short", b"hello".to_vec()),
        ("long", b"no database at all ".repeat(1000)),
        (
            "almost",
            [b"SQLite format 3\0".to_vec(), vec![0xff; 8000]].concat(),
        ),
    ];
    for (case, bytes) in garbage {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("journal.sqlite");
        fs::write(&file, &bytes).unwrap();
        for access in [Access::Service, Access::Beside] {
            let (message, remedy) = unusable(folder.path(), access);
            assert!(message.contains("journal.sqlite"), "{case}: {message}");
            assert!(!remedy.is_empty(), "{case}");
        }
        assert_eq!(fs::read(&file).unwrap(), bytes, "{case}");
    }
}

#[test]
fn other_databases_and_newer_versions_are_refused_and_left_alone() {
    let cases = [
        (
            "CREATE TABLE notes (text); PRAGMA user_version = 1;",
            "is the database of another program",
        ),
        (
            "PRAGMA application_id = 7;",
            "is the database of another program",
        ),
        (
            "PRAGMA application_id = 0x4553494A; PRAGMA user_version = 99;",
            "is of version 99",
        ),
        (
            "PRAGMA application_id = 0x4553494A; PRAGMA user_version = -1;",
            "is of version -1",
        ),
    ];
    for (sql, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("journal.sqlite");
        Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&file).unwrap();
        for access in [Access::Service, Access::Beside] {
            let (message, _) = unusable(folder.path(), access);
            assert!(message.contains(expected), "{sql}: {message}");
        }
        assert_eq!(fs::read(&file).unwrap(), before, "{sql}");
    }
}

#[tokio::test]
async fn damage_found_later_is_named_as_such() {
    let (folder, first) = journal();
    for number in 0..50 {
        accept(&first, &format!("event-{number}"), &[("r", "k")], 0).await;
    }
    drop(first);
    let file = folder.path().join("journal.sqlite");
    let mut bytes = fs::read(&file).unwrap();
    // The schema's pages stay whole; every page after them is overwritten.
    let schema = 4096 * 4;
    bytes[schema..].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    let journal = match SqliteJournal::open(folder.path(), Access::Service) {
        Ok(journal) => journal,
        Err(JournalError::Unusable { .. }) => return,
        Err(other) => panic!("expected an unusable journal, found {other}"),
    };
    let error = claim_as(&journal, Owner(1), 8, 0).await.unwrap_err();
    assert!(
        matches!(&error, JournalError::Unusable { message, .. } if message.contains("is damaged")),
        "{error}"
    );
}
