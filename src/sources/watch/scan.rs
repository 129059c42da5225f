//! Looks at the folders, and has the kernel tell when that is worth while again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::inotify;
use tokio::net::unix::pipe::Receiver;

use super::Chosen;
use super::snapshot::{Entry, Snapshot};

/// The most that is looked at, of all paths together.
const MOST: usize = 5_000;

/// What came of looking at all paths.
pub(super) struct Scan {
    /// What is there, by path; nothing for a path that cannot be looked at, with the reason.
    pub(super) found: Vec<Result<Snapshot, String>>,
    /// What is readable when something has changed since, or why nothing is.
    pub(super) watch: io::Result<Receiver>,
}

/// Looks at these paths. Each folder is watched before it is looked at, so that nothing is missed in between.
pub(super) fn scan<P: AsRef<Path>>(paths: &[P], chosen: &Chosen) -> Scan {
    let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
    let watch = inotify::init(flags).map_err(io::Error::from);
    let mut walk = Walk {
        chosen,
        watch: watch.as_ref().ok(),
        unwatched: None,
        left: MOST,
    };
    let found = paths.iter().map(|path| walk.path(path.as_ref())).collect();
    let unwatched = walk.unwatched.take();
    let watch = watch.and_then(|watch| match unwatched {
        Some(error) => Err(error),
        // What can be waited for is as good as the end of a pipe.
        None => Receiver::from_owned_fd_unchecked(watch),
    });
    Scan { found, watch }
}

/// Goes through folders.
struct Walk<'a> {
    chosen: &'a Chosen,
    watch: Option<&'a std::os::fd::OwnedFd>,
    /// Why a folder is not watched.
    unwatched: Option<io::Error>,
    left: usize,
}

impl Walk<'_> {
    fn path(&mut self, path: &Path) -> Result<Snapshot, String> {
        let mut found = BTreeMap::new();
        // A path that is deleted and made anew is seen by what is above it.
        if let Some(parent) = path.parent() {
            self.watch(parent, inotify::WatchFlags::empty());
        }
        match self.folder(path, "", &mut found) {
            Ok(()) => Ok(Snapshot(found)),
            Err(why) => Err(why),
        }
    }

    fn watch(&mut self, folder: &Path, more: inotify::WatchFlags) {
        use inotify::WatchFlags;
        let of_names = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE;
        let flags = of_names | WatchFlags::ONLYDIR | WatchFlags::MASK_ADD | more;
        let Some(watch) = self.watch else {
            return;
        };
        match inotify::add_watch(watch, folder, flags) {
            // What is not there any more is not missed.
            Ok(_) | Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => {}
            Err(error) => {
                self.unwatched.get_or_insert_with(|| error.into());
            }
        }
    }

    fn folder(
        &mut self,
        folder: &Path,
        below: &str,
        found: &mut BTreeMap<String, Entry>,
    ) -> Result<(), String> {
        use inotify::WatchFlags;
        self.watch(
            folder,
            WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE | WatchFlags::ATTRIB,
        );
        let failed =
            |error: &io::Error| format!("failed to look into {}: {error}", folder.display());
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !below.is_empty() => {
                return Ok(());
            }
            entries => entries.map_err(|error| failed(&error))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| failed(&error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let place = match below {
                "" => name.clone(),
                below => format!("{below}/{name}"),
            };
            if self.chosen.ignores(&name, &place) {
                continue;
            }
            let metadata = match entry.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata.map_err(|error| failed(&error))?,
            };
            self.left = self.left.checked_sub(1).ok_or_else(|| {
                format!(
                    "expected at most {MOST} files and folders, but found more by {}: name narrower `paths`, or \
                     `ignore` some",
                    folder.display()
                )
            })?;
            let is_folder = metadata.is_dir();
            let told = |it: (i64, i64)| if is_folder { (0, 0) } else { it };
            let seen = Entry {
                is_folder,
                file: (metadata.dev(), metadata.ino()),
                changed: told((metadata.mtime(), metadata.mtime_nsec())),
                size: if is_folder { 0 } else { metadata.size() },
            };
            found.insert(place.clone(), seen);
            if is_folder && self.chosen.recursive {
                self.folder(&entry.path(), &place, found)?;
            }
        }
        Ok(())
    }
}
