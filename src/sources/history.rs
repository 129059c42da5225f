//! The feed for tenants: ESI Leap's event history, read row by row since the last event id.

mod client;
mod openstack;

pub use client::{Client, ClientError};
pub use openstack::OpenstackClient;
