//! The options of `[DEFAULT]` that say how to ask ESI Leap: for the event history, and for leases.

use std::time::Duration;

use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, command, positive_duration};
use crate::core::retry::RetryPolicy;

/// The options that say how to ask ESI Leap.
pub const OPTIONS: [OptionRow; 7] = [
    OptionRow {
        name: "client",
        scope: Scope::Service,
        kind: Kind::Choice(&["openstack", "native"]),
        default: Some("openstack"),
        meaning: "how ESI Leap is asked, by `poll` and for `recheck`: with the program `openstack`, or with the \
                  built-in client (`native`)",
    },
    OptionRow {
        name: "cloud",
        scope: Scope::Service,
        kind: Kind::Text,
        default: None,
        meaning: "the cloud of `clouds.yaml` that is asked; `poll --cloud` goes before it. Without it: `$OS_CLOUD`",
    },
    OptionRow {
        name: "openstack_command",
        scope: Scope::Service,
        kind: Kind::Command,
        default: Some("openstack"),
        meaning: "the program that `client = openstack` runs, with its first arguments",
    },
    OptionRow {
        name: "client_timeout",
        scope: Scope::Service,
        kind: Kind::PositiveDuration,
        default: Some("60s"),
        meaning: "how long one request to ESI Leap may take",
    },
    OptionRow {
        name: "history_overlap",
        scope: Scope::Service,
        kind: Kind::Number(0, 1_000_000),
        default: Some("200"),
        meaning: "how many ids before the last one `poll` reads again each time, because events may appear \
                  late",
    },
    OptionRow {
        name: "lease_retries",
        scope: Scope::Service,
        kind: Kind::Number(0, 1_000_000),
        default: Some("6"),
        meaning: "how often a lease that cannot be shown is asked for again",
    },
    OptionRow {
        name: "lease_retry_delay",
        scope: Scope::Service,
        kind: Kind::Duration,
        default: Some("1m"),
        meaning: "how long to wait before a lease is asked for again; the delay doubles each time, up to \
                  an hour",
    },
];

/// How to ask ESI Leap, and how to read its event history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Who asks ESI Leap.
    pub client: HistoryClient,
    /// The cloud, if the file names one.
    pub cloud: Option<String>,
    /// The limit of one question.
    pub client_timeout: Duration,
    /// How many ids before the cursor are asked for again each time.
    pub overlap: i64,
    /// What follows when a lease cannot be shown.
    pub lease_retry: RetryPolicy,
}

/// Who asks ESI Leap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryClient {
    /// The `openstack` program: its words, of which there is at least one.
    Openstack(Vec<String>),
    /// Our own.
    Native,
}

/// Reads them; what is wrong is a problem and has its default.
pub fn read(options: &mut Options<'_>) -> History {
    let hint =
        "leave it out for the `openstack` program, or write `native` for the built-in client";
    let native = options.parse("client", hint, |text| {
        match text.to_ascii_lowercase().as_str() {
            "openstack" => Some(false),
            "native" => Some(true),
            _ => None,
        }
    });
    let command = command(options, "openstack_command", "openstack");
    let client = if native == Some(true) {
        HistoryClient::Native
    } else {
        HistoryClient::Openstack(
            command.map_or_else(|| vec!["openstack".to_owned()], |(words, _)| words),
        )
    };
    let limit = options.parse(
        "client_timeout",
        "write it like `60s`, the default",
        positive_duration,
    );
    History {
        client,
        cloud: options.text("cloud").map(str::to_owned),
        client_timeout: limit.unwrap_or_default(),
        overlap: options.number("history_overlap"),
        lease_retry: RetryPolicy {
            retries: options.number("lease_retries"),
            first_delay: options.duration("lease_retry_delay"),
        },
    }
}
