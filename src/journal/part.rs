//! A kind of journal, as a row of the table of parts; and how one is opened in the folder of a service.

use std::path::Path;
use std::sync::Arc;

use super::{Answer, Journal, Work};
use crate::state::{Access, Folder};

/// A kind of journal.
#[derive(Clone, Copy, Debug)]
pub struct JournalPart {
    /// What the names of its files in the state folder begin with. The one of just this name is there if there is a
    /// journal.
    pub file: &'static str,
    /// Opens the journal of a folder that is fit for use. A service makes it if there is none, and brings an older
    /// one up to date.
    pub within: fn(&Arc<Folder>) -> Answer<Arc<dyn Journal>>,
}

impl JournalPart {
    /// Opens the journal in `state_dir`, which a service gets for itself.
    ///
    /// # Errors
    /// [`InUse`](super::JournalError::InUse) if another service has the folder, or this journal in another one;
    /// [`Unusable`](super::JournalError::Unusable) if there is no journal to open [`Access::Beside`] a service, or
    /// if somebody has to look at folder or files; [`Unsuitable`](super::JournalError::Unsuitable) for their file
    /// system; [`Unavailable`](super::JournalError::Unavailable) for what may pass.
    pub fn open(&self, state_dir: &Path, access: Access) -> Answer<Opened> {
        open(state_dir, access, self.file, self.within)
    }
}

/// An open journal.
#[derive(Debug)]
pub struct Opened<J = Arc<dyn Journal>> {
    /// The journal. The last handle to go waits until what was asked for is on disk.
    pub journal: J,
    /// Where it was opened. A service holds the folder as long as it has this, or the journal does.
    pub folder: Arc<Folder>,
}

/// Opens a journal of any kind. The folder and its locks come first, whatever the journal keeps there; the lock on
/// its name as soon as that is known.
pub(super) fn open<J: Work>(
    state_dir: &Path,
    access: Access,
    file: &str,
    within: impl FnOnce(&Arc<Folder>) -> Answer<J>,
) -> Answer<Opened<J>> {
    let folder = Arc::new(Folder::open(state_dir, access, file)?);
    let journal = within(&folder)?;
    folder.take_name(journal.name())?;
    Ok(Opened { journal, folder })
}
