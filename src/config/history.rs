//! The options of `[DEFAULT]` that say how to read the event history.

use std::time::Duration;

use super::command::command;
use super::options::Options;
use super::settings::{History, HistoryClient};
use crate::retry::RetryPolicy;

/// Reads them; what is wrong is a problem and has its default.
pub(super) fn history(options: &mut Options<'_>) -> History {
    let hint =
        "leave it out for the `openstack` program, or write `native` for the built-in client";
    let native = options.parse("client", "`openstack` or `native`", hint, |text| match text
        .to_ascii_lowercase()
        .as_str()
    {
        "openstack" => Some(false),
        "native" => Some(true),
        _ => None,
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
        "a length of time above 0",
        "write it like `60s`, which it is by default",
        |text| super::options::duration(text).filter(|limit| !limit.is_zero()),
    );
    let overlap = options.number("history_overlap", 0, 1_000_000);
    let retries = options.number("lease_retries", 0, 1_000_000);
    let first_delay = options.duration("lease_retry_delay");
    History {
        client,
        client_timeout: limit.unwrap_or(Duration::from_secs(60)),
        overlap: overlap.map_or(200, u64::cast_signed),
        lease_retry: RetryPolicy {
            retries: retries.map_or(6, |number| u32::try_from(number).unwrap_or(u32::MAX)),
            first_delay: first_delay.unwrap_or(Duration::from_secs(60)),
        },
    }
}
