//! What is the operating system's: processes and their groups, names of hosts.

pub(crate) mod lookup;
pub mod process;

#[cfg(test)]
pub(crate) mod tests;
