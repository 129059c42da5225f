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
    Ok(text.lines().next().unwrap_or_default().into())
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
