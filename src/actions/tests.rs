//! What the tests of actions share: orders, performing them, and a process of one's own.

use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::script::ScriptAction;
use super::{Action, Order, Performed};
use crate::event::{Event, PayloadPath};
use crate::journal::ProcessIdentity;
use crate::retry::RetryPolicy;
use crate::rules::{EventPattern, Rule, Script};

/// Far longer than anything takes on the slowest machine; a test that waits so long fails.
pub(super) const LONG: Duration = Duration::from_secs(60);

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
    let (started, identity) = oneshot::channel();
    let performed = action.perform(order, started, stop.clone()).await;
    (performed, identity.await.ok())
}

/// Waits until `condition` holds.
pub(super) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {LONG:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Whether this process runs nothing but the test `name`. If not, starts one that does, with these
/// variables, and expects the test to pass there.
pub(super) fn alone(name: &str, variables: &[(&str, &str)]) -> bool {
    const SIGN: &str = "ESI_TEST_ALONE";
    if env::var_os(SIGN).is_some() {
        return true;
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(SIGN, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("1 passed"), "{text}{errors}");
    false
}
