//! For tests of several sources.

pub(in crate::sources) mod recorded;
