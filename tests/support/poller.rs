//! The stage of a scenario on the event history: a stand-in for `openstack`, and what every stage
//! has. There is no bus.

use std::ops::{Deref, DerefMut};
use std::process::{Command, Output};

use serde_json::Value;

use super::openstack::Openstack;
use super::service::Service;
use super::stage::Stage;

/// The stage.
pub(crate) struct Poller {
    stage: Stage,
    /// The cloud, as far as it can be seen.
    pub(crate) openstack: Openstack,
}

impl Deref for Poller {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl DerefMut for Poller {
    fn deref_mut(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Poller {
    /// A stage whose history is empty and has not been read.
    pub(crate) fn new() -> Self {
        let mut stage = Stage::new("");
        let openstack = Openstack::new(&stage.path("cloud"));
        stage.default(&format!("openstack_command = {}", openstack.command()));
        Self { stage, openstack }
    }

    /// A stage with one rule, `r`: events of this type are recorded with their ids and their nodes.
    pub(crate) fn recording(events: &str) -> Self {
        let mut poller = Self::new();
        poller.rule(
            "r",
            &format!(
                "events = {events}\nscript = record.sh\nscript_params = event_id, resource_uuid"
            ),
        );
        poller
    }

    /// Polls with these arguments, to the end.
    pub(crate) fn poll(&self, arguments: &[&str]) -> Output {
        self.polling(arguments).output().expect("the program")
    }

    /// Polls with these arguments, which has to end well, and tells what was logged.
    pub(crate) fn pass(&self, arguments: &[&str]) -> String {
        self.ends(arguments, 0)
    }

    /// Polls with these arguments, which has to end with this exit code, and tells what was logged.
    pub(crate) fn ends(&self, arguments: &[&str], code: i32) -> String {
        let output = self.poll(arguments);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    }

    /// Starts to poll with these arguments.
    pub(crate) fn start(&self, arguments: &[&str]) -> Service {
        Service::start(&mut self.polling(arguments))
    }

    /// `poll` with these arguments, of the cloud that there is when nothing names one.
    pub(crate) fn polling(&self, arguments: &[&str]) -> Command {
        let mut command = self.program("poll");
        command.args(arguments);
        for variable in ["OS_CLOUD", "OS_AUTH_URL"] {
            command.env_remove(variable);
        }
        command
    }

    /// What `poll --status` tells machines.
    pub(crate) fn status(&self) -> Vec<Value> {
        let output = self.poll(&["--status", "--format", "json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("a JSON list")
    }

    /// The last event id of the only history that has been read.
    pub(crate) fn cursor(&self) -> Option<i64> {
        match &self.status()[..] {
            [cloud] => cloud["last_event_id"].as_i64(),
            clouds => panic!("expected one history, but found {clouds:?}"),
        }
    }

    /// Behind which ids the history was asked for, from the first call to the last.
    pub(crate) fn asked(&self) -> Vec<i64> {
        let calls = self.openstack.calls();
        let after = calls.iter().filter_map(|call| {
            let option = call
                .argv
                .iter()
                .position(|word| word == "--last-event-id")?;
            call.argv.get(option + 1)?.parse().ok()
        });
        after.collect()
    }

    /// How often a lease was asked for.
    pub(crate) fn leases_asked(&self) -> usize {
        let calls = self.openstack.calls();
        let of_lease = |argv: &[String]| argv.iter().any(|word| word == "lease");
        calls.iter().filter(|call| of_lease(&call.argv)).count()
    }
}
