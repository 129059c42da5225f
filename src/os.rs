//! What is the operating system's: processes and their groups, names of hosts, files with secrets.

pub mod credentials;
pub(crate) mod lookup;
pub mod process;

#[cfg(test)]
pub(crate) mod tests;
