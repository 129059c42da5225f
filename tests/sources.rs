//! Sources in sections of their own, with the real program.

mod alerts;
mod facts;
mod faults;
mod messages;
mod plugins;
mod programs;
mod ready;
mod recorded_searches;
mod reloads;
mod searches;
mod sensors;
mod shown;
mod timers;
mod topics;
mod urls;
mod watching;
mod webhooks;
