//! docs/tenants.md, followed by a user who knows nothing of the bus, with a cloud that stands in.

use serde_json::{Value, json};

use super::following::Follower;
use crate::packages::install;
use crate::support::cloud_api::{Asked, CREDENTIAL_ID, CREDENTIAL_SECRET, CloudApi};
use crate::support::history::{event, lease, node};
use crate::support::openstack::lease_of;
use crate::support::stage::wait_until;
use crate::support::system::System;

/// The cloud, as the `openstack` program and as the built-in client see it.
struct Cloud<'a> {
    system: &'a System,
    api: CloudApi,
    rows: Vec<Value>,
    leases: Value,
}

impl<'a> Cloud<'a> {
    fn new(system: &'a System) -> Self {
        let program = include_str!("../support/openstack.py");
        let program = format!("#!/usr/bin/python3 -SE\n{program}");
        system.write(&program, "/opt/cloud/openstack", "755");
        system.write("{}", "/opt/cloud/faults.json", "644");
        // It tells of its calls, whoever calls it.
        system.write("", "/opt/cloud/calls.log", "666");
        let on_path = "#!/bin/sh\nexec /opt/cloud/openstack \"$@\"\n";
        system.write(on_path, "/usr/bin/openstack", "755");
        let api = CloudApi::start();
        let mut cloud = Self {
            system,
            api,
            rows: Vec::new(),
            leases: json!({}),
        };
        cloud.fulfill(1);
        cloud
    }

    /// The lease of this number is fulfilled.
    fn fulfill(&mut self, number: i64) {
        let row = event(number, number, number);
        let shown = lease_of(&lease(number), &node(number));
        self.api.rows([row.clone()]).lease(shown.clone());
        self.rows.push(row);
        self.leases[lease(number)] = shown;
        for (content, file) in [
            (&self.leases, "leases.json"),
            (&json!(self.rows), "rows.json"),
        ] {
            let place = format!("/opt/cloud/{file}");
            self.system.write(&content.to_string(), &place, "644");
        }
    }
}

#[test]
fn the_page_for_tenants_is_followed_word_for_word() {
    let share_network = ["--network=host"];
    let Some(system) = System::boot("docs/tenants.md is not followed", &share_network) else {
        return;
    };
    install(&system);
    let mut cloud = Cloud::new(&system);
    let values = [
        ("mycloud", "tenant-a".to_owned()),
        ("https://keystone.example.org:5000/v3", cloud.api.auth_url()),
        ("CREDENTIAL_ID", CREDENTIAL_ID.to_owned()),
        ("CREDENTIAL_SECRET", CREDENTIAL_SECRET.to_owned()),
    ];
    let mut tenant = Follower::new(&system, "tenant", "docs/tenants.md", values);

    tenant.follow_to("set-it-up");
    cloud.fulfill(2);
    tenant.follow_to("see-it-work");

    let listed = |tenant: &Follower, command| {
        let listed = tenant.type_in(command);
        listed.matches("succeeded").count()
    };
    cloud.fulfill(3);
    tenant.follow_to("by-cron");
    assert_eq!(listed(&tenant, "esi-event-actions runs list"), 2);

    tenant.follow_to("by-systemd");
    cloud.fulfill(4);
    let of_timer =
        "esi-event-actions runs list --state-dir ~/.local/state/esi-event-actions/mycloud";
    wait_until("the timer's run", || listed(&tenant, of_timer) == 1);

    assert_eq!(cloud.api.seen(Asked::Token), 0);
    tenant.follow_to("without-python");
    assert_eq!(listed(&tenant, "esi-event-actions runs list"), 3);
    assert!(cloud.api.seen(Asked::Events) > 0);
    tenant.end();
}
