//! Who besides the service and root can read its secrets or decide what it runs.
//!
//! Warnings, shown by `check`, at the start and at a reload: the service cannot know what is meant on a machine
//! that it does not own. Who may do what is judged from modes and owners; only [`PermissionCheck`] looks at
//! files. Access control lists are not looked at.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::config::{Problem, Problems, Purpose, SecretPlace};

const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;

/// Who may do what with a file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ownership {
    mode: u32,
    owner: u32,
    group: u32,
}

/// Who may write where only the service and root should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UntrustedWriter {
    Anybody,
    Group(u32),
    User(u32),
}

/// Who may change a file and is not trusted; or may replace what a folder holds, whose owner is `below`.
///
/// A group is trusted if it is root's, or the owner's own: the group with the number of the user, as
/// systems have it that give everybody a umask of 002.
fn untrusted_writer(
    ownership: Ownership,
    below: Option<u32>,
    trusted: &[u32],
) -> Option<UntrustedWriter> {
    let Ownership { mode, owner, group } = ownership;
    if !trusted.contains(&owner) {
        return Some(UntrustedWriter::User(owner));
    }
    // Like /tmp: everybody may add files, but only remove their own.
    if mode & STICKY != 0 && below.is_some_and(|owner| trusted.contains(&owner)) {
        return None;
    }
    if mode & 0o002 != 0 {
        return Some(UntrustedWriter::Anybody);
    }
    (mode & 0o020 != 0 && group != ROOT && group != owner).then_some(UntrustedWriter::Group(group))
}

/// Whether everybody can read a file: it and all folders above it, its own folder first.
///
/// Its group may read it: a file that is root's, with the service's group, is one that the service can
/// read and not write.
fn anybody_reads(file: Ownership, folders: &[Ownership]) -> bool {
    file.mode & 0o004 != 0 && folders.iter().all(|folder| folder.mode & 0o001 != 0)
}

/// Checks files one by one, and reports each file or folder that others can change once.
#[derive(Debug)]
pub(super) struct PermissionCheck {
    trusted: Vec<u32>,
    reported: BTreeSet<PathBuf>,
    problems: Problems,
}

impl PermissionCheck {
    /// Of files for the service that this process is, or whose configuration it looks at.
    pub(super) fn new(configuration: &Path) -> Self {
        let user = geteuid().as_raw();
        let mut trusted = vec![ROOT, user];
        // Root looks at what is another's too; the owner of the configuration says what is run.
        if user == ROOT
            && let Ok(metadata) = fs::metadata(configuration)
        {
            trusted.push(metadata.uid());
        }
        Self {
            trusted,
            reported: BTreeSet::new(),
            problems: Problems::default(),
        }
    }

    /// Looks at the configuration file.
    pub(super) fn configuration(&mut self, file: &Path, secret: Option<&SecretPlace>) {
        if let Some(SecretPlace {
            option,
            section,
            position,
        }) = secret
            && let Some(problem) = readable(file, option)
        {
            self.problems.push(problem.at(*position).within(section));
        }
        if let Some(problem) = self.writable(file) {
            self.problems.push(problem);
        }
    }

    /// Looks at a file of its own; `place` puts a problem where the file is named.
    pub(super) fn file(
        &mut self,
        file: &Path,
        purpose: Purpose,
        place: impl FnOnce(Problem) -> Problem,
    ) {
        let readable = match purpose {
            Purpose::Program => None,
            Purpose::Secret(secret) => readable(file, secret),
        };
        if let Some(problem) = readable.or_else(|| self.writable(file)) {
            self.problems.push(place(problem));
        }
    }

    /// What was found.
    pub(super) fn end(self) -> Problems {
        self.problems
    }

    /// The first file or folder that others can change, from the file upwards, unless it has been reported: by the
    /// path as it is written, then by the path that links lead to.
    fn writable(&mut self, file: &Path) -> Option<Problem> {
        let mut paths = vec![path_and_parents(&absolute(file))];
        let real = fs::canonicalize(file).ok();
        paths.extend(real.map(|real| path_and_parents(&real)));
        let (path, writer) = paths.iter().find_map(|path_and_parents| {
            let mut below = None;
            path_and_parents.iter().find_map(|(path, ownership)| {
                let found = untrusted_writer(*ownership, below, &self.trusted);
                below = Some(ownership.owner);
                found.map(|writer| (path, writer))
            })
        })?;
        self.reported
            .insert(path.clone())
            .then(|| weak(file, path, writer))
    }
}

fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

/// A file and all folders above it. What cannot be looked at is left out: what needs the file says
/// so.
fn path_and_parents(file: &Path) -> Vec<(PathBuf, Ownership)> {
    let ownership = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some(Ownership {
            mode: metadata.mode(),
            owner: metadata.uid(),
            group: metadata.gid(),
        })
    };
    file.ancestors()
        .filter_map(|path| Some((path.to_owned(), ownership(path)?)))
        .collect()
}

/// That everybody can read the file that holds a secret of this name.
fn readable(file: &Path, secret: &str) -> Option<Problem> {
    let real = fs::canonicalize(file).ok()?;
    let all = path_and_parents(&real).into_iter();
    let all: Vec<Ownership> = all.map(|(_, ownership)| ownership).collect();
    let (file, folders) = all.split_first()?;
    anybody_reads(*file, folders).then(|| {
        Problem::warning(
            format!(
                "every user of this machine can read the secret of `{secret}`: {} has mode {:04o}",
                real.display(),
                file.mode & 0o7777
            ),
            format!(
                "run `chmod o= {}`, and let the service read it as its owner or by its group",
                quoted(&real)
            ),
        )
    })
}

fn weak(file: &Path, path: &Path, writer: UntrustedWriter) -> Problem {
    let shown = quoted(path);
    let (who, remedy) = match writer {
        UntrustedWriter::Anybody => ("everybody".to_owned(), format!("run `chmod o-w {shown}`")),
        UntrustedWriter::Group(group) => {
            (format!("group {group}"), format!("run `chmod g-w {shown}`"))
        }
        UntrustedWriter::User(user) => (
            format!("user {user}"),
            format!("run `chown root {shown}`, or keep the file elsewhere"),
        ),
    };
    let subject = if absolute(file) == path {
        path.display().to_string()
    } else {
        format!("{}, on the way to {},", path.display(), file.display())
    };
    Problem::warning(
        format!("{subject} can be changed by {who}, who so decides what is run here"),
        remedy,
    )
}

/// As one can type it.
fn quoted(path: &Path) -> String {
    let shown = path.display().to_string();
    shlex::try_quote(&shown).map_or_else(|_| shown.clone(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: u32 = 997;
    const OTHER: u32 = 1000;

    fn ownership(mode: u32, owner: u32, group: u32) -> Ownership {
        Ownership { mode, owner, group }
    }

    #[test]
    fn who_may_write_and_is_not_trusted_is_found() {
        let trusted = [ROOT, SERVICE];
        let cases = [
            ((0o755, ROOT, 0), None, None),
            ((0o644, SERVICE, 50), None, None),
            ((0o666, ROOT, 0), None, Some(UntrustedWriter::Anybody)),
            ((0o002, SERVICE, 0), None, Some(UntrustedWriter::Anybody)),
            ((0o664, ROOT, 50), None, Some(UntrustedWriter::Group(50))),
            ((0o664, ROOT, 0), None, None),
            ((0o775, SERVICE, SERVICE), None, None),
            ((0o600, OTHER, 0), None, Some(UntrustedWriter::User(OTHER))),
            ((0o777, OTHER, 0), None, Some(UntrustedWriter::User(OTHER))),
            // Folders, by the owner of what is in them.
            ((0o1777, ROOT, 0), Some(SERVICE), None),
            ((0o1777, ROOT, 0), Some(ROOT), None),
            ((0o1775, ROOT, 50), Some(ROOT), None),
            (
                (0o1777, ROOT, 0),
                Some(OTHER),
                Some(UntrustedWriter::Anybody),
            ),
            (
                (0o777, ROOT, 0),
                Some(SERVICE),
                Some(UntrustedWriter::Anybody),
            ),
            (
                (0o1777, OTHER, 0),
                Some(SERVICE),
                Some(UntrustedWriter::User(OTHER)),
            ),
            // The sticky bit of a file means nothing.
            ((0o1666, ROOT, 0), None, Some(UntrustedWriter::Anybody)),
        ];
        for ((mode, owner, group), below, expected) in cases {
            let found = untrusted_writer(ownership(mode, owner, group), below, &trusted);
            assert_eq!(found, expected, "{mode:o} {owner}:{group}, {below:?}");
        }
    }

    #[test]
    fn a_file_is_read_by_everybody_if_the_way_to_it_is_open() {
        let cases = [
            (0o644, &[0o755, 0o755][..], true),
            (0o604, &[0o711], true),
            (0o640, &[0o755], false),
            (0o600, &[0o755], false),
            (0o644, &[0o700, 0o755], false),
            (0o644, &[0o755, 0o750], false),
            (0o620, &[0o755], false),
        ];
        for (mode, folders, expected) in cases {
            let of_root = |mode| ownership(mode, ROOT, 0);
            let folders_of: Vec<_> = folders.iter().copied().map(of_root).collect();
            let found = anybody_reads(of_root(mode), &folders_of);
            assert_eq!(found, expected, "{mode:o} in {folders:?}");
        }
    }
}
