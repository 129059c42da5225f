//! `recheck`: what ESI Leap says of a lease just before a run begins, in `listen` and in `poll`.

mod configuring;
mod listening;
mod outages;
mod polling;

use std::ops::{Deref, DerefMut};

use super::support::history::{lease, node};
use super::support::openstack::{Openstack, lease_of};
use super::support::scene::{FULFILL, Scene, notification};

/// A stage with the bus, and a cloud that `listen` asks.
struct Rechecking {
    scene: Scene,
    openstack: Openstack,
}

impl Deref for Rechecking {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl DerefMut for Rechecking {
    fn deref_mut(&mut self) -> &mut Scene {
        &mut self.scene
    }
}

impl Rechecking {
    fn new(name: &str) -> Self {
        let mut scene = Scene::new(name);
        let openstack = Openstack::new(&scene.path("cloud"));
        let command = openstack.command();
        scene.default(&format!(
            "openstack_command = {command}\nlease_retry_delay = 200ms"
        ));
        Self { scene, openstack }
    }

    /// The same with the rule `r`, which records leases that are active.
    fn active(name: &str, options: &str) -> Self {
        let mut stage = Self::new(name);
        stage.rule(
            "r",
            &format!(
                "events = {FULFILL}\nscript = record.sh r\nscript_params = uuid\n\
                 recheck = {{\"status\": \"active\"}}\n{options}"
            ),
        );
        stage
    }

    /// From now on the lease with this number is shown with this status.
    fn show(&self, number: i64, status: &str) {
        show(&self.openstack, number, status);
    }

    /// Publishes that the lease with this number is fulfilled on the node with that one.
    fn fulfilled(&self, of_lease: i64, on_node: i64) {
        self.publish(notified(FULFILL, of_lease, on_node));
    }

    /// Which leases were asked for, in the order of the calls.
    fn asked(&self) -> Vec<String> {
        asked(&self.openstack)
    }
}

fn show(openstack: &Openstack, number: i64, status: &str) {
    let uuid = lease(number);
    let mut shown = lease_of(&uuid, &node(number));
    shown["status"] = status.into();
    openstack.lease(&uuid, shown);
}

fn asked(openstack: &Openstack) -> Vec<String> {
    let calls = openstack.calls().into_iter();
    let of_leases = calls.filter(|call| call.argv.iter().any(|word| word == "lease"));
    of_leases
        .map(|call| call.argv[call.argv.len() - 3].clone())
        .collect()
}

/// A notification about the lease with this number, on the node with that one.
fn notified(event_type: &str, of_lease: i64, on_node: i64) -> String {
    let message = notification(event_type).with("uuid", lease(of_lease));
    message.with("node_uuid", node(on_node)).body
}

/// The line that the rule of this name writes for this lease.
fn line(rule: &str, of_lease: i64) -> String {
    format!("{rule}|{}|", lease(of_lease))
}
