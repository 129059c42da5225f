//! Sources in sections of their own, with the real program.

mod faults;
mod ready;
mod reloads;
mod shown;
mod timers;
