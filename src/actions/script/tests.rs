//! Real scripts, really run.

mod calls;
mod endings;
mod resources;
