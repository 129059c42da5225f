//! What the tests of processes share.

use std::env;
use std::process::Command;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Far longer than anything takes on the slowest machine; a test that waits so long fails.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {LONG:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Whether this process runs nothing but the test `name`. If not, starts one that does, with these
/// variables, and expects the test to pass there.
pub(crate) fn alone(name: &str, variables: &[(&str, &str)]) -> bool {
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
