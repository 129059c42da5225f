//! Files with secrets: where a service finds them, and how they are read.

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
    let named = |why: &dyn std::fmt::Display| format!("{} (`{option}`): {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => named(&"expected text in UTF-8, but found other bytes"),
        _ => format!("failed to read {}", named(&error)),
    })?;
    Ok(text.lines().next().unwrap_or_default().into())
}
