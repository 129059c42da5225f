//! What the tests of actions share: orders, performing them, and a process of one's own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::script::ScriptAction;
use super::{Action, Order, Performed};
use crate::core::event::{Event, PayloadPath};
use crate::core::retry::RetryPolicy;
use crate::core::rules::{EventPattern, Rule, Script};
use crate::os::process::ProcessIdentity;
pub(super) use crate::os::tests::{LONG, alone, until};

/// Attempt 2 of run 7, which calls `words` with the values at `params` in `data`.
pub(super) fn order(words: &[&str], params: &[&str], data: &Value) -> Order {
    let paths = params.iter().map(|path| PayloadPath::parse(path).unwrap());
    Order {
        run: 7,
        attempt: 2,
        rule: Arc::new(Rule {
            name: "deploy".into(),
            events: vec![EventPattern::parse("esi_leap.*").unwrap()],
            filters: vec![],
            script: Script {
                words: words.iter().map(ToString::to_string).collect(),
                params: paths.collect(),
            },
            order_by: None,
            timeout: None,
            kill_grace: LONG,
            retry: RetryPolicy {
                retries: 0,
                first_delay: Duration::ZERO,
            },
            enabled: true,
        }),
        event: Arc::new(Event::new(
            "94e02d82".into(),
            "esi_leap.lease.fulfill.end".into(),
            "2026-11-21 08:50:08.227045".into(),
            Some("esi-leap-manager.host".into()),
            json!({"esi_leap_object.data": data}),
        )),
    }
}

/// An order to run a few lines of shell.
pub(super) fn shell(lines: &str) -> Order {
    order(&["sh", "-c", lines], &[], &json!({}))
}

/// The same order with these limits.
pub(super) fn limited(mut order: Order, timeout: Option<Duration>, grace: Duration) -> Order {
    let rule = Arc::get_mut(&mut order.rule).unwrap();
    (rule.timeout, rule.kill_grace) = (timeout, grace);
    order
}

/// Performs an order in `folder`, whose path is also the journal's name.
pub(super) async fn perform(
    order: Order,
    folder: &Path,
    stop: &CancellationToken,
) -> (Performed, Option<ProcessIdentity>) {
    let action = ScriptAction::new(folder.into(), folder.display().to_string());
    let (started, handle) = oneshot::channel();
    let performed = action.perform(order, started, stop.clone()).await;
    let handle = handle.await.ok();
    let identity = handle.map(|text| serde_json::from_str(&text).unwrap());
    (performed, identity)
}
