//! Who besides the service and root can read its secrets or decide what it runs.
//!
//! Warnings, told by `check` and at the start: the service cannot know what is meant on a machine
//! that it does not own. Who may do what is judged from modes and owners; only [`Survey`] looks at
//! files. Access control lists are not looked at.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::config::{Problem, Problems, Purpose, SecretPlace};
use crate::core::ini::merged::DEFAULT;

const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;

/// A file or a folder, as far as it says who may do what there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    mode: u32,
    owner: u32,
    group: u32,
}

/// Who may write where only the service and root should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stranger {
    Anybody,
    Group(u32),
    User(u32),
}

/// The stranger who may change a file, or put something else in the place of what a folder holds,
/// whose owner is `below`.
///
/// A group is no stranger if it is root's, or its owner's own: one that has the same number, as
/// systems make them that give everybody a umask of 002.
fn stranger(standing: Standing, below: Option<u32>, trusted: &[u32]) -> Option<Stranger> {
    let Standing { mode, owner, group } = standing;
    if !trusted.contains(&owner) {
        return Some(Stranger::User(owner));
    }
    // Like /tmp: everybody may add, but nobody take away what is another's.
    if mode & STICKY != 0 && below.is_some_and(|owner| trusted.contains(&owner)) {
        return None;
    }
    if mode & 0o002 != 0 {
        return Some(Stranger::Anybody);
    }
    (mode & 0o020 != 0 && group != ROOT && group != owner).then_some(Stranger::Group(group))
}

/// Whether everybody can read a file: it, and the way to it, which begins with its folder.
///
/// That its group can is no fault: to be `root`'s and readable by the service's group is how a file
/// is read by the service and not written by it.
fn anybody_reads(file: Standing, folders: &[Standing]) -> bool {
    file.mode & 0o004 != 0 && folders.iter().all(|folder| folder.mode & 0o001 != 0)
}

/// Looks at files one by one, and tells of each weak place once.
#[derive(Debug)]
pub(super) struct Survey {
    trusted: Vec<u32>,
    told: BTreeSet<PathBuf>,
    problems: Problems,
}

impl Survey {
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
            told: BTreeSet::new(),
            problems: Problems::default(),
        }
    }

    /// Looks at the configuration file.
    pub(super) fn configuration(&mut self, file: &Path, secret: Option<&SecretPlace>) {
        if let Some(SecretPlace { option, position }) = secret
            && let Some(problem) = readable(file, option)
        {
            self.problems.push(problem.at(*position).within(DEFAULT));
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

    /// The first weak place from the file upwards, by the path as it is written and as it leads over
    /// links, unless it is known.
    fn writable(&mut self, file: &Path) -> Option<Problem> {
        let mut ways = vec![way(&absolute(file))];
        ways.extend(fs::canonicalize(file).ok().map(|real| way(&real)));
        let (path, stranger) = ways.iter().find_map(|way| {
            let mut below = None;
            way.iter().find_map(|(path, standing)| {
                let found = stranger(*standing, below, &self.trusted);
                below = Some(standing.owner);
                found.map(|stranger| (path, stranger))
            })
        })?;
        self.told
            .insert(path.clone())
            .then(|| weak(file, path, stranger))
    }
}

fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

/// A file and all folders above it. What cannot be looked at is left out: what needs the file says
/// so.
fn way(file: &Path) -> Vec<(PathBuf, Standing)> {
    let standing = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some(Standing {
            mode: metadata.mode(),
            owner: metadata.uid(),
            group: metadata.gid(),
        })
    };
    file.ancestors()
        .filter_map(|path| Some((path.to_owned(), standing(path)?)))
        .collect()
}

/// That everybody can read the file that holds a secret of this name.
fn readable(file: &Path, secret: &str) -> Option<Problem> {
    let real = fs::canonicalize(file).ok()?;
    let way: Vec<Standing> = way(&real).into_iter().map(|(_, it)| it).collect();
    let (file, folders) = way.split_first()?;
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

fn weak(file: &Path, path: &Path, stranger: Stranger) -> Problem {
    let shown = quoted(path);
    let (who, remedy) = match stranger {
        Stranger::Anybody => ("everybody".to_owned(), format!("run `chmod o-w {shown}`")),
        Stranger::Group(group) => (format!("group {group}"), format!("run `chmod g-w {shown}`")),
        Stranger::User(user) => (
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

    fn standing(mode: u32, owner: u32, group: u32) -> Standing {
        Standing { mode, owner, group }
    }

    #[test]
    fn strangers_are_told_from_those_who_may() {
        let trusted = [ROOT, SERVICE];
        let cases = [
            ((0o755, ROOT, 0), None, None),
            ((0o644, SERVICE, 50), None, None),
            ((0o666, ROOT, 0), None, Some(Stranger::Anybody)),
            ((0o002, SERVICE, 0), None, Some(Stranger::Anybody)),
            ((0o664, ROOT, 50), None, Some(Stranger::Group(50))),
            ((0o664, ROOT, 0), None, None),
            ((0o775, SERVICE, SERVICE), None, None),
            ((0o600, OTHER, 0), None, Some(Stranger::User(OTHER))),
            ((0o777, OTHER, 0), None, Some(Stranger::User(OTHER))),
            // Folders, by the owner of what is in them.
            ((0o1777, ROOT, 0), Some(SERVICE), None),
            ((0o1777, ROOT, 0), Some(ROOT), None),
            ((0o1775, ROOT, 50), Some(ROOT), None),
            ((0o1777, ROOT, 0), Some(OTHER), Some(Stranger::Anybody)),
            ((0o777, ROOT, 0), Some(SERVICE), Some(Stranger::Anybody)),
            (
                (0o1777, OTHER, 0),
                Some(SERVICE),
                Some(Stranger::User(OTHER)),
            ),
            // The sticky bit of a file means nothing.
            ((0o1666, ROOT, 0), None, Some(Stranger::Anybody)),
        ];
        for ((mode, owner, group), below, expected) in cases {
            let found = stranger(standing(mode, owner, group), below, &trusted);
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
            let of_root = |mode| standing(mode, ROOT, 0);
            let folders_of: Vec<_> = folders.iter().copied().map(of_root).collect();
            let found = anybody_reads(of_root(mode), &folders_of);
            assert_eq!(found, expected, "{mode:o} in {folders:?}");
        }
    }
}
