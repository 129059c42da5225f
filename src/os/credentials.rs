//! Files with secrets: where a service finds them, and how they are read.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// Where a file with a secret is that an option names: among the service's credentials, which systemd lays
/// there, if there is one of that name; else from `folder`, the configuration file's.
#[must_use]
pub fn credential_file(name: &Path, folder: &Path) -> PathBuf {
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
        .map(|credentials| Path::new(&credentials).join(name))
        .filter(|path| path.exists());
    credential.unwrap_or_else(|| folder.join(name))
}

/// The first line of such a file, read now, so that a changed secret needs no restart.
///
/// # Errors
/// Why it cannot be read: the message names the file and the `option` that names it.
pub fn first_line(path: &Path, option: &str) -> Result<SecretString, String> {
    let text = read(path, option)?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.into()),
        _ => Err(named(
            path,
            option,
            &"expected a secret in its first line, but found nothing",
        )),
    }
}

/// The lines of such a file that say something: several secrets hold at the same time while one is replaced by another.
///
/// # Errors
/// Why it cannot be read, or that there are none.
pub fn lines(path: &Path, option: &str) -> Result<Vec<SecretString>, String> {
    let text = read(path, option)?;
    let lines: Vec<SecretString> = (text.lines().map(str::trim))
        .filter(|line| !line.is_empty())
        .map(Into::into)
        .collect();
    if lines.is_empty() {
        return Err(named(
            path,
            option,
            &"expected a secret in it, but found none",
        ));
    }
    Ok(lines)
}

fn read(path: &Path, option: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => named(
            path,
            option,
            &"expected text in UTF-8, but found other bytes",
        ),
        _ => format!("failed to read {}", named(path, option, &error)),
    })
}

fn named(path: &Path, option: &str, why: &dyn fmt::Display) -> String {
    format!("{} (`{option}`): {why}", path.display())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn the_first_line_is_the_secret_and_an_empty_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            first_line(&path, "password_file").map(|secret| secret.expose_secret().to_owned())
        };
        assert_eq!(read("a b \nrest").as_deref(), Ok("a b "));
        for empty in ["", "\n", "\nlater"] {
            let why = read(empty).unwrap_err();
            assert!(
                why.ends_with("expected a secret in its first line, but found nothing"),
                "{why}"
            );
        }
    }
}
