//! What a service has of its folder and its locks, whichever kind of journal it opens.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use crate::app::parts::JOURNALS;
use crate::journal::{JournalError, JournalPart, Opened, sqlite};
use crate::state::{Access, Folder, InUse, StateError};

/// A journal that has nothing to do with the state folder, but for a file that says that there is one: as one that
/// is on another host. It holds no lock of that folder.
const AWAY: JournalPart = JournalPart {
    file: "memory",
    within: |folder| {
        let state = folder.real_path();
        if folder.access().serves() {
            fs::write(state.join("memory"), "").expect("a folder for us to write to");
        }
        let away = state.with_file_name("away");
        let away = Folder::open(&away, folder.access(), sqlite::PART.file)?;
        (sqlite::PART.within)(&Arc::new(away))
    },
};

#[test]
fn folder_and_locks_are_the_services_whichever_journal_it_opens() {
    for part in JOURNALS.into_iter().chain([AWAY]) {
        let parent = tempfile::tempdir().unwrap();
        let state = parent.path().join("state");
        match part.open(&state, Access::Beside) {
            Err(error @ JournalError::Unusable { .. }) => {
                let expected = format!(
                    "there is no journal {} yet",
                    state.join(part.file).display()
                );
                assert_eq!(error.to_string(), expected);
            }
            other => panic!("expected no journal, found {:?}", other.err()),
        }

        let opened = part.open(&state, Access::Poller).unwrap();
        let mode = fs::metadata(&state).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{part:?}");
        let note = fs::read_to_string(state.join("service.lock")).unwrap();
        let holder = format!("{} poll", std::process::id());
        assert_eq!(note.lines().next(), Some(&*holder), "{part:?}");
        match part.open(&state, Access::Service) {
            Err(JournalError::InUse(InUse {
                folder,
                poller: true,
                elsewhere: false,
                ..
            })) => assert_eq!(folder, state.display().to_string()),
            other => panic!("expected a journal in use, found {:?}", other.err()),
        }
        part.open(&state, Access::Beside).unwrap();
        let copy = Folder::open(&parent.path().join("copy"), Access::Service, part.file).unwrap();
        match copy.take_name(opened.journal.name()) {
            Err(StateError::InUse(InUse {
                elsewhere: true, ..
            })) => {}
            other => panic!("expected a name in use, found {other:?}"),
        }

        let Opened { journal, folder } = opened;
        drop(journal);
        assert!(folder.is_held().unwrap(), "{part:?}");
        drop(folder);
        part.open(&state, Access::Service).unwrap();
    }
}
