//! The operating system: processes and their groups, programs, names of hosts, files with secrets.

pub(crate) mod clock;
pub mod credentials;
pub mod limits;
pub(crate) mod lookup;
pub mod process;
pub mod program;

#[cfg(test)]
pub(crate) mod tests;

/// What this host calls itself.
#[must_use]
pub fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
