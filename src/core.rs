//! The pure floor: no tokio, no file, no network; time is an argument.

pub mod address;
pub mod duration;
pub mod event;
pub mod ini;
pub mod limits;
pub(crate) mod line;
pub mod located;
pub mod outage;
pub mod printable;
pub mod python_json;
pub mod redact;
pub mod retention;
pub mod retry;
pub mod rules;
pub mod run;
pub mod schedule;
pub mod store;
pub mod template;
pub mod throttle;
pub mod times;
