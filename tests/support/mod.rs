//! What the scenarios share: a real broker, its publishers, and the captured notifications.
//!
//! Nothing here needs a test harness, so an example may take these modules in by `#[path]`.

pub(crate) mod amqp;
pub(crate) mod awx;
pub(crate) mod broker;
pub(crate) mod captured;
pub(crate) mod cloud_api;
pub(crate) mod drained;
pub(crate) mod history;
pub(crate) mod http_server;
pub(crate) mod kafka;
pub(crate) mod openstack;
pub(crate) mod orders;
pub(crate) mod ordinary;
pub(crate) mod osmem;
pub(crate) mod pack;
pub(crate) mod poller;
pub(crate) mod proxy;
pub(crate) mod repeats;
pub(crate) mod scene;
pub(crate) mod search;
pub(crate) mod sender;
pub(crate) mod service;
pub(crate) mod shim;
pub(crate) mod spool;
pub(crate) mod stage;
pub(crate) mod system;
pub(crate) mod systemd;
pub(crate) mod timer;
