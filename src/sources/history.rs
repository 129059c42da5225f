//! The feed for tenants: ESI Leap's event history, read row by row since the last event id.

mod client;

pub use client::{Client, ClientError};
