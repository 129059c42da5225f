//! Cleaning up after this process, however it ends: by a return, a panic or a SIGKILL.

use std::process::{Child, Command, Stdio};

/// A small shell outside our process group that waits for the end of its standard input, which
/// only this process holds open, and then cleans up.
pub(crate) struct Reaper {
    shell: Child,
}

impl Reaper {
    /// Arms a reaper that will run `clean_up`, a shell command in which `$1`, `$2`, … are
    /// `arguments`. Arm it before making what it is to remove.
    ///
    /// # Panics
    /// If no shell can be started.
    pub(crate) fn arm(clean_up: &str, arguments: &[&str]) -> Self {
        use std::os::unix::process::CommandExt as _;

        let shell = Command::new("sh")
            .arg("-c")
            .arg(format!("trap '' HUP INT TERM; read -r _; {clean_up}"))
            .arg("esi-event-actions-reaper")
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("`sh` starts, to clean up after the broker");
        Self { shell }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        // `wait` closes the shell's standard input first, so it is one path for every ending.
        if let Err(error) = self.shell.wait() {
            super::say(&format!("failed to wait for the clean-up: {error}"));
        }
    }
}
