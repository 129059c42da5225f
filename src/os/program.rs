//! Which file an option that names a program means: the same answer for `check` and for a run.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Why a program cannot be run as things stand. Shown in one line it is both parts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {remedy}")]
pub struct Unfit {
    /// What is wrong: a lower-case fragment.
    pub what: String,
    /// What to do about it, as an imperative.
    pub remedy: String,
}

/// Finds the program that `word`, the first one of the option `option`, names: relative to `folder`, the
/// configuration file's, if there is a `/` in it or a file of this name in there; else on `PATH`.
/// The answer is absolute, and may be executed by this user.
///
/// # Errors
/// [`Unfit`] if no such program exists, or none may be executed.
pub fn locate(folder: &Path, word: &str, option: &str) -> Result<PathBuf, Unfit> {
    locate_in(
        folder,
        word,
        option,
        &env::var_os("PATH").unwrap_or_default(),
    )
}

/// What the first line of a script says behind `#!`, up to its end; nothing, if it does not begin so.
///
/// # Errors
/// When the file cannot be read.
pub fn interpreter_line(program: &Path) -> io::Result<Option<Vec<u8>>> {
    /// As much of the first line as the kernel reads.
    const LONGEST: u64 = 256;
    let mut head = Vec::new();
    File::open(program)?.take(LONGEST).read_to_end(&mut head)?;
    let line = head.strip_prefix(b"#!");
    let line = line.and_then(|rest| rest.split(|byte| *byte == b'\n').next());
    Ok(line.map(<[u8]>::to_vec))
}

fn locate_in(folder: &Path, word: &str, option: &str, search: &OsStr) -> Result<PathBuf, Unfit> {
    if word.is_empty() {
        return Err(unfit(
            format!("`{option}` names no program"),
            "write its name or its path".into(),
        ));
    }
    let path = std::path::absolute(folder.join(word)).map_err(|error| {
        unfit(
            format!("failed to find the current folder: {error}"),
            "name the configuration file by its absolute path".into(),
        )
    })?;
    match fs::metadata(&path) {
        Ok(metadata) if word.contains('/') || metadata.is_file() => check(path, &metadata),
        Err(error) if !is_absent(&error) => Err(unreadable(&path, &error)),
        Err(_) if word.contains('/') => Err(unfit(
            format!("{} does not exist", path.display()),
            format!(
                "correct the path in `{option}`, which is relative to the configuration file's folder \
                 unless it begins with `/`"
            ),
        )),
        _ => on_path(&path, word, option, search),
    }
}

/// As a shell would: what may not be executed is passed over, but remembered as the reason. There is
/// nothing at `beside`, the place in the configuration file's folder.
fn on_path(beside: &Path, word: &str, option: &str, search: &OsStr) -> Result<PathBuf, Unfit> {
    let mut reason = None;
    // A relative entry would mean another folder whenever the service is started from elsewhere.
    for entry in env::split_paths(search).filter(|entry| entry.is_absolute()) {
        let path = entry.join(word);
        let found = match fs::metadata(&path) {
            Ok(metadata) => check(path, &metadata),
            Err(error) if is_absent(&error) => continue,
            Err(error) => Err(unreadable(&path, &error)),
        };
        match found {
            Ok(path) => return Ok(path),
            Err(why) => reason = reason.or(Some(why)),
        }
    }
    Err(reason.unwrap_or_else(|| {
        let folder = beside.parent().unwrap_or(beside);
        unfit(
            format!("`{word}` is neither in {} nor on PATH", folder.display()),
            format!("put the program there, or write its absolute path in `{option}`"),
        )
    }))
}

fn check(path: PathBuf, metadata: &Metadata) -> Result<PathBuf, Unfit> {
    if metadata.is_dir() {
        return Err(unfit(
            format!("{} is a folder", path.display()),
            "name the program in it".into(),
        ));
    }
    if access(&path, Access::EXEC_OK).is_ok() {
        return Ok(path);
    }
    let shown = path.display().to_string();
    let quoted = shlex::try_quote(&shown).unwrap_or(shown.as_str().into());
    Err(if metadata.permissions().mode() & 0o111 == 0 {
        unfit(
            format!("{shown} is not executable"),
            format!("run `chmod +x {quoted}`"),
        )
    } else {
        unfit(
            format!("{shown} is not executable for the user of the service"),
            format!(
                "look at its owner and mode (`ls -l {quoted}`), and whether its file system is \
                 mounted `noexec`"
            ),
        )
    })
}

/// Nothing there, or a file where the path has a folder.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidInput)
}

fn unreadable(path: &Path, error: &io::Error) -> Unfit {
    unfit(
        format!("failed to look at {}: {error}", path.display()),
        "let the user of the service enter its folder".into(),
    )
}

fn unfit(what: String, remedy: String) -> Unfit {
    Unfit { what, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path, and its mode; `None` for a folder.
    type File = (&'static str, Option<u32>);

    fn folder_with(files: &[File]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in files {
            let path = folder.path().join(name);
            let Some(mode) = mode else {
                fs::create_dir_all(path).unwrap();
                continue;
            };
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        folder
    }

    #[test]
    fn a_program_is_found_in_the_folder_or_on_path_or_the_reason_is_reported() {
        let folder = folder_with(&[
            ("conf/own.sh", Some(0o755)),
            ("conf/both", Some(0o755)),
            ("conf/sub/deep.sh", Some(0o700)),
            ("conf/a b.sh", Some(0o644)),
            ("conf/tool", None),
            ("bin/both", Some(0o755)),
            ("bin/tool", Some(0o755)),
            ("bin/late", Some(0o644)),
            ("bin/flat", Some(0o644)),
            ("bin/heap", None),
            ("sbin/late", Some(0o755)),
        ]);
        let at = |name: &str| folder.path().join(name);
        let search = env::join_paths([at("nowhere"), "rel".into(), at("bin"), at("sbin")]).unwrap();
        let absolute = at("bin/tool").display().to_string();
        let cases = [
            ("own.sh", Ok("conf/own.sh")),
            ("./own.sh", Ok("conf/own.sh")),
            ("both", Ok("conf/both")),
            ("sub/deep.sh", Ok("conf/sub/deep.sh")),
            (absolute.as_str(), Ok("bin/tool")),
            ("tool", Ok("bin/tool")),
            ("late", Ok("sbin/late")),
            ("flat", Err("bin/flat is not executable: run `chmod +x ")),
            ("heap", Err("bin/heap is a folder: name the program in it")),
            (
                "a b.sh",
                Err("conf/a b.sh is not executable: run `chmod +x '"),
            ),
            (
                "./tool",
                Err("conf/tool is a folder: name the program in it"),
            ),
            (
                "sub/none.sh",
                Err("conf/sub/none.sh does not exist: correct the path"),
            ),
            (
                "own.sh/x",
                Err("conf/own.sh/x does not exist: correct the path"),
            ),
            (
                "none",
                Err("conf nor on PATH: put the program there, or write"),
            ),
            ("", Err("`script` names no program: write its name")),
        ];
        for (word, expected) in cases {
            match (locate_in(&at("conf"), word, "script", &search), expected) {
                (Ok(path), Ok(name)) => assert_eq!(path, at(name), "{word}"),
                (Err(why), Err(part)) => assert!(why.to_string().contains(part), "{word}: {why}"),
                (found, expected) => panic!("{word}: {found:?}, expected {expected:?}"),
            }
        }
    }
}
