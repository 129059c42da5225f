//! Real folders, with a made-up journal: a file `memory`, and others whose names begin so.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

fn open(folder: &Path, access: Access) -> Result<Folder, StateError> {
    Folder::open(folder, access, "memory")
}

/// A folder with a journal in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("memory"), "").unwrap();
    folder
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_folder_of_our_files_alone_is_closed_and_any_other_stays_as_it_is() {
    let cases = [
        (&["memory", "memory-2", "service.lock"][..], 0o755, 0o700),
        (&["memory"], 0o2770, 0o2700),
        (&["memory", "notes"], 0o755, 0o755),
    ];
    for (names, before, after) in cases {
        for access in [Access::Service, Access::Beside] {
            let folder = tempfile::tempdir().unwrap();
            for name in names {
                fs::write(folder.path().join(name), "").unwrap();
            }
            set_mode(folder.path(), before);
            open(folder.path(), access).unwrap();
            assert_eq!(mode(folder.path()), after, "{names:?}, {access:?}");
        }
    }
}

#[test]
fn a_folder_that_anybody_may_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o1777);
    match open(folder.path(), Access::Service) {
        Err(StateError::Unusable { message, remedy }) => {
            assert!(
                message.starts_with("anybody may write to the state folder"),
                "{message}"
            );
            assert!(remedy.contains("state_dir"), "{remedy}");
        }
        other => panic!("expected an unusable folder, found {other:?}"),
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_service_makes_the_folder_and_a_command_makes_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let state = parent.path().join("lib/state");
    let none_yet = format!("there is no journal {}/memory yet", state.display());
    let refused = || open(&state, Access::Beside).unwrap_err().to_string();
    assert_eq!(refused(), none_yet);
    assert!(!parent.path().join("lib").exists());
    open(&state, Access::Service).unwrap();
    assert_eq!((mode(&state), refused()), (0o700, none_yet));
}

#[test]
fn one_service_has_it_and_commands_use_it_beside() {
    let folder = folder();
    let own = std::process::id().to_string();
    for (access, is_poller) in [(Access::Service, false), (Access::Poller, true)] {
        let held = open(folder.path(), access).unwrap();
        match open(folder.path(), Access::Service) {
            Err(StateError::InUse(found)) => {
                assert_eq!(found.folder, folder.path().display().to_string());
                assert_eq!((found.pid, found.poller), (own.clone(), is_poller));
                assert!(!found.elsewhere);
            }
            other => panic!("expected a folder in use, found {other:?}"),
        }
        let beside = open(folder.path(), Access::Beside).unwrap();
        assert!(beside.is_held().unwrap());
        drop(held);
        assert!(!beside.is_held().unwrap());
    }
}

#[test]
fn a_name_is_served_in_one_folder() {
    let [one, two] = [folder(), folder()];
    let name = format!("{:032x}", fastrand::u128(..));
    let first = open(one.path(), Access::Service).unwrap();
    let second = open(two.path(), Access::Service).unwrap();
    first.take_name(&name).unwrap();
    match second.take_name(&name) {
        Err(StateError::InUse(found)) => {
            assert_eq!(found.folder, two.path().display().to_string());
            assert!(found.elsewhere);
        }
        other => panic!("expected a name in use, found {other:?}"),
    }
    let beside = open(two.path(), Access::Beside).unwrap();
    beside.take_name(&name).unwrap();
    drop(first);
    second.take_name(&name).unwrap();
}

#[test]
fn the_line_of_a_journal_is_there_for_whoever_opens_the_folder_next() {
    let folder = folder();
    let line = Some("of a journal".to_owned());
    let first = open(folder.path(), Access::Service).unwrap();
    assert_eq!(first.line().unwrap(), None);
    first.leave_line(line.clone());
    fs::remove_file(first.lock_path()).unwrap();
    first.keep_lock().unwrap();
    assert_eq!(first.line().unwrap(), line);
    drop(first);

    let beside = open(folder.path(), Access::Beside).unwrap();
    beside.leave_line(None);
    let second = open(folder.path(), Access::Poller).unwrap();
    assert_eq!(second.line().unwrap(), line);
    let whole = format!("{} poll\nof a journal\n", std::process::id());
    assert_eq!(fs::read_to_string(second.lock_path()).unwrap(), whole);
    second.leave_line(None);
    assert_eq!(beside.line().unwrap(), None);
}
