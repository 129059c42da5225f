//! The scenarios: one file a concern.

mod broker;
mod broker_faults;
mod captured;
mod clock;
mod commands;
mod configparser;
mod crash;
mod crash_points;
mod disk;
mod dispatching;
mod enrichment;
mod fuzzing;
mod golden;
mod hostile;
mod logging;
mod native_client;
mod openstack_client;
mod original_gap;
mod poll_faults;
mod polling;
mod processes;
mod python_json;
mod python_patterns;
mod stopping;
mod support;
mod thin_thread;
