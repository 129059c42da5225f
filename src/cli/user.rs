//! What the system says of users. It asks whatever it asks: files, LDAP, systemd.

use std::process::Command;

use rustix::process::geteuid;

/// The name of the current user, for a message.
pub(super) fn own_name() -> String {
    let uid = geteuid().as_raw();
    let name = id(&["-nu"], &uid.to_string()).ok();
    name.unwrap_or_else(|| format!("with the number {uid}"))
}

/// What `id` says of a user.
pub(super) fn id(options: &[&str], user: &str) -> Result<String, String> {
    answer(Command::new("id").args(options).args(["--", user]))
}

/// What a program says, or why it says nothing.
pub(super) fn answer(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .map_err(|error| format!("failed to run `{program}`: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().trim_start_matches("id: ");
        return Err(if said.is_empty() {
            format!("`{program}` ended with {}", output.status)
        } else {
            said.to_owned()
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
