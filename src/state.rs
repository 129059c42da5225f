//! The service's folder on disk, and that one service has it.
//!
//! A service takes its [`Folder`] before it opens a journal, whatever kind that is: the folder is made, closed to
//! others, and locked. Nothing here knows what a journal keeps in it. The journal says how the names of its files
//! begin, and may leave a line in `service.lock` that means something to it alone.

mod error;
pub(crate) mod file_system;
pub(crate) mod files;
mod folder;
mod lock;
mod note;
#[cfg(test)]
mod tests;

pub(crate) use self::error::SERVICE_MAKES_IT;
pub use self::error::{InUse, StateError};
pub use self::file_system::network_warning;
pub(crate) use self::folder::is_own;
pub use self::folder::{Access, Folder, is_listened_in};
