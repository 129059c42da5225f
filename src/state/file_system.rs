//! Which file system a path is on, and what it lacks.
//!
//! A service and its journal need locks, shared memory, and a write that has reached the disk when the
//! kernel says so. Network file systems lack some of them, or have them only between processes of one
//! host.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::StateError;

/// The types, as the kernel calls them, of file systems that lie on another machine.
const NETWORK: &[&str] = &[
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "panfs",
    "pvfs2",
    "smb3",
    "smbfs",
    "vboxsf",
    "virtiofs",
];

/// The same, of programs that serve a file system through FUSE, behind `fuse.`.
const NETWORK_FUSE: &[&str] = &[
    "ceph",
    "curlftpfs",
    "davfs",
    "gcsfuse",
    "glusterfs",
    "juicefs",
    "lizardfs",
    "mfs",
    "moosefs",
    "rclone",
    "s3fs",
    "seaweedfs",
    "sshfs",
];

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileSystem {
    kind: String,
    mounted_at: PathBuf,
}

impl fmt::Display for FileSystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at {}", self.kind, self.mounted_at.display())
    }
}

impl FileSystem {
    /// The one that holds `path`, or the nearest folder above it that exists.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let absolute = std::path::absolute(path).ok()?;
        let real = absolute
            .ancestors()
            .find_map(|path| fs::canonicalize(path).ok())?;
        Self::among(&fs::read("/proc/self/mountinfo").ok()?, &real)
    }

    /// The one that holds the real path `path`, among those of a `mountinfo`: of the mounts on the way
    /// the deepest, of several at one place the last.
    fn among(mountinfo: &[u8], path: &Path) -> Option<Self> {
        let mounts = mountinfo.split(|byte| *byte == b'\n').filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ');
            let mounted_at = PathBuf::from(OsString::from_vec(unescaped(fields.nth(4)?)));
            let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
            let kind = String::from_utf8_lossy(kind).into_owned();
            Some(Self { kind, mounted_at })
        });
        mounts
            .filter(|mount| path.starts_with(&mount.mounted_at))
            .max_by_key(|mount| mount.mounted_at.components().count())
    }

    /// Whether it lies on another machine.
    fn is_on_network(&self) -> bool {
        match self.kind.strip_prefix("fuse.") {
            Some(program) => NETWORK_FUSE.contains(&program),
            None => NETWORK.contains(&self.kind.as_str()),
        }
    }
}

/// `mountinfo` writes blanks and the like as `\040`.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, behind @ ..] = rest {
        let octal = (*first == b'\\').then(|| behind.get(..3)).flatten();
        let escaped =
            octal.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = &behind[if escaped.is_some() { 3 } else { 0 }..];
    }
    bytes
}

/// The network file system that holds `folder`, if it is one.
pub(crate) fn network(folder: &Path) -> Option<FileSystem> {
    FileSystem::of(folder).filter(FileSystem::is_on_network)
}

/// What to say of a state folder on a network file system, and what to do.
#[must_use]
pub fn network_warning(folder: &Path) -> Option<(String, String)> {
    let found = network(folder)?;
    Some((
        format!(
            "the state folder {} is on a network file system ({found}): its locks may not hold between \
             hosts, and after a failure of the network accepted events can be lost",
            folder.display()
        ),
        LOCAL.to_owned(),
    ))
}

const LOCAL: &str = "set `state_dir` to a folder on a local disk";

/// The file system of `path` lacks `what`.
pub(crate) fn lacks(what: &str, path: &Path, error: &dyn fmt::Display) -> StateError {
    let name = match FileSystem::of(path) {
        Some(found) => format!("the file system of {} ({found})", path.display()),
        None => format!("the file system of {}", path.display()),
    };
    StateError::Unsuitable {
        message: format!("{name} has no {what}, which a journal needs: {error}"),
        remedy: LOCAL.to_owned(),
    }
}

/// Whether an error says that a file system has no locks.
pub(in crate::state) fn means_no_locks(error: &io::Error) -> bool {
    use rustix::io::Errno;
    Errno::from_io_error(error)
        .is_some_and(|errno| [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP].contains(&errno))
}

/// What the kernel says to a write in `folder` now, if it refuses it. The database knows no more than
/// that there was an error; this names a full disk, a quota, a file system that became read-only.
pub(crate) fn refusal_of_writes(folder: &Path) -> Option<String> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let written = openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR)
        .map_err(io::Error::from)
        .and_then(|file| fs::File::from(file).write_all(&[0; 4096]));
    let error = written.err()?;
    let telling = [
        io::ErrorKind::StorageFull,
        io::ErrorKind::QuotaExceeded,
        io::ErrorKind::ReadOnlyFilesystem,
    ];
    if !telling.contains(&error.kind()) {
        return None;
    }
    Some(match FileSystem::of(folder) {
        Some(found) => format!("{error}, {found}"),
        None => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:40 / /home rw,relatime shared:2 - nfs4 server:/home rw,vers=4.2
41 40 0:41 / /home/a\\040b rw - fuse.sshfs host: rw
42 22 0:42 / /over rw - ext4 /dev/sdb1 rw
43 42 0:43 / /over rw master:3 propagate_from:2 - lustre mds:/x rw
44 22 0:44 / /ntfs rw - fuseblk /dev/sdc1 rw
45 22 0:45 / /merged rw - fuse.mergerfs a:b rw
";

    #[test]
    fn the_file_system_of_a_path_is_the_last_of_the_deepest_mounts() {
        let cases = [
            ("/var/lib/x", "ext4 at /", false),
            ("/home/c", "nfs4 at /home", true),
            ("/homes", "ext4 at /", false),
            ("/home/a b/state", "fuse.sshfs at /home/a b", true),
            ("/over/x", "lustre at /over", true),
            ("/ntfs/x", "fuseblk at /ntfs", false),
            ("/merged", "fuse.mergerfs at /merged", false),
        ];
        for (path, name, network) in cases {
            let found = FileSystem::among(MOUNTINFO.as_bytes(), Path::new(path)).unwrap();
            assert_eq!(found.to_string(), name, "{path}");
            assert_eq!(found.is_on_network(), network, "{path}");
        }
    }

    #[test]
    fn a_path_that_does_not_exist_yet_is_on_that_of_the_folder_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let there = FileSystem::of(folder.path()).unwrap();
        assert_eq!(FileSystem::of(&folder.path().join("a/b")), Some(there));
        assert_eq!(refusal_of_writes(folder.path()), None);
    }
}
