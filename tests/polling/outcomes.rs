//! What the end of a pass tells: its exit code, its words, and what `--status` shows of it.

use serde_json::{Value, json};

use super::{LEASE, NODE, recorded, rows};
use crate::support::openstack::{At, Fault, lease_of};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, wait_until};

/// A stage with one row, whose script fails at so many attempts; its rule has these options.
fn failing(attempts: u32, options: &str) -> Poller {
    let mut poller = Poller::new();
    poller.script(
        "fails.sh",
        &format!(r#"echo "$1 $ESI_ATTEMPT" >>"$LOG"; [ "$ESI_ATTEMPT" -gt {attempts} ]"#),
    );
    poller.rule(
        "r",
        &format!("events = {FULFILL}\nscript = fails.sh\nscript_params = event_id\n{options}"),
    );
    poller.openstack.rows(&rows([1]));
    poller
}

#[test]
fn a_pass_leaves_a_retry_to_the_pass_that_runs_when_it_is_due() {
    let poller = failing(1, "retries = 1\nretry_delay = 4s");
    poller.pass(&["--from-start"]);
    assert_eq!(poller.states(), ["retryable"]);
    assert_eq!(poller.log(), ["1 1"]);
    wait_until("the retry", || {
        poller.pass(&[]);
        poller.states() == ["succeeded"]
    });
    assert_eq!(poller.log(), ["1 1", "1 2"]);
}

#[test]
fn a_run_that_is_given_up_is_reported_by_that_pass() {
    let poller = failing(9, "");
    poller.openstack.rows(&rows([1, 2]));
    let printed = poller.ends(&["--from-start"], 1);
    assert!(
        printed.contains("error: 2 runs were given up\n"),
        "{printed}"
    );
    assert!(printed.contains("runs list --state discarded"), "{printed}");
    assert_eq!(poller.states(), ["discarded", "discarded"]);
    assert_eq!(poller.pass(&[]), "");
}

#[test]
fn a_cloud_that_fails_holds_up_no_run_that_is_due() {
    let poller = failing(1, "retries = 1\nretry_delay = 1h");
    poller.pass(&["--from-start"]);
    let retried = poller.run(&["runs", "retry", "1"]);
    assert!(retried.status.success(), "{retried:?}");
    poller
        .openstack
        .fault(At::Events, Fault::captured("34-bad-password"));
    let printed = poller.ends(&[], 75);
    assert!(
        printed.contains("The request you have made requires authentication"),
        "{printed}"
    );
    assert!(printed.contains("hint: nothing is lost"), "{printed}");
    assert_eq!(poller.log(), ["1 1", "1 2"]);
    assert_eq!(poller.states(), ["succeeded"]);
}

#[test]
fn a_configuration_with_errors_reads_nothing() {
    let mut poller = Poller::recording(FULFILL);
    poller.default("history_overlap = some\nlease_retrys = 3");
    poller.rule("no", "script = record.sh");
    let printed = poller.ends(&["--from-start"], 78);
    for part in [
        "`history_overlap`",
        "`lease_retrys`",
        "`events`",
        "listener.conf:",
    ] {
        assert!(printed.contains(part), "{printed}");
    }
    assert!(poller.openstack.calls().is_empty());
    assert!(!poller.state().exists());
}

#[test]
fn a_pass_without_news_says_nothing_at_all() {
    let poller = Poller::recording(FULFILL);
    poller.openstack.lease(LEASE, lease_of(LEASE, NODE));
    poller.openstack.rows(&rows([1, 2]));
    assert!(poller.pass(&["--from-start"]).contains("succeeded in"));
    assert_eq!(poller.pass(&[]), "");
    poller.openstack.rows(&rows([1, 2, 3]));
    assert_eq!(poller.pass(&["--quiet"]), "");
    assert_eq!(poller.log().len(), 3);
    // What a cloud's program warns of is no news either.
    poller
        .openstack
        .fault(At::Events, Fault::Warns("deprecated\n".into()));
    assert_eq!(poller.pass(&[]), "");
}

/// The status for people, its cells without borders, a line each.
fn table(poller: &Poller) -> Vec<Vec<String>> {
    let output = poller.poll(&["--status"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let cells = |line: &str| {
        line.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .map(str::to_owned)
            .collect()
    };
    text.lines().map(cells).collect()
}

#[test]
fn the_status_tells_how_far_a_history_is_read_and_what_failed_last() {
    let poller = Poller::recording(FULFILL);
    let output = poller.poll(&["--status"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("there is no journal"),
        "{output:?}"
    );
    // This one made a journal, and read nothing.
    poller.ends(&[], 2);
    assert_eq!(poller.status(), Vec::<Value>::new());
    assert_eq!(table(&poller), [["no event history has been read yet"]]);

    poller.openstack.fault(At::Events, Fault::Cut);
    poller.openstack.rows(&rows([7, 3]));
    poller.ends(&["--from-start"], 75);
    let status = &poller.status()[0];
    assert_eq!(status["cloud"], "openstack");
    assert_eq!(status["last_event_id"], Value::Null);
    assert_eq!(status["passed_at"], Value::Null);
    assert_eq!(status["failures"], 1);
    let why = status["failure"].as_str().expect("a failure");
    assert!(why.contains("EOF"), "{why}");
    let shown = table(&poller);
    let head = "cloud, last event id, last pass, last failure, failures since, why";
    assert_eq!(shown[0].join(", "), head);
    assert_eq!(shown[1][..3], ["openstack", "none", "never"]);

    poller.openstack.mend(At::Events);
    poller.pass(&["--from-start"]);
    let read = poller.status();
    assert_eq!(read[0]["last_event_id"], 7);
    assert!(read[0]["passed_at"].is_string(), "{read:?}");
    assert_eq!(read[0]["failures"], 0);
    assert_eq!(read[0]["failure"], status["failure"]);
    assert_eq!(read[0]["failed_at"], status["failed_at"]);

    poller
        .openstack
        .fault(At::Events, Fault::Exit(1, "no such cloud".into()));
    for failures in 1..=3 {
        poller.ends(&[], 75);
        let failed = poller.status();
        assert_eq!(failed[0]["failures"], failures);
        assert_eq!(failed[0]["last_event_id"], 7);
        assert_eq!(failed[0]["passed_at"], read[0]["passed_at"]);
        assert_ne!(failed[0]["failed_at"], read[0]["failed_at"]);
    }
    let shown = table(&poller);
    assert_eq!(shown[1][..2], ["openstack", "7"]);
    assert_eq!(shown[1][4], "3");
    assert!(shown[1][5].contains("no such cloud"), "{shown:?}");

    poller.openstack.mend(At::Events);
    poller.pass(&[]);
    assert_eq!(poller.status()[0]["failures"], 0);
}

#[test]
fn each_cloud_has_its_status_also_while_a_poller_is_at_work() {
    let poller = Poller::recording(FULFILL);
    poller.openstack.rows(&rows([7, 3]));
    poller.pass(&["--from-start"]);
    poller.openstack.fault(At::Events, Fault::Gate);
    let mut other = poller.start(&["--cloud", "other", "--from-start"]);
    let held = poller.openstack.wait_for_held(1);
    assert_eq!(held[0].argv[..2], ["--os-cloud", "other"]);
    assert_eq!(poller.cursor(), Some(7));
    poller.openstack.mend(At::Events);
    let (ended, told) = other.wait();
    assert!(ended.success(), "{told}");
    let both: Vec<Value> = poller
        .status()
        .iter()
        .map(|cloud| json!([cloud["cloud"], cloud["last_event_id"]]))
        .collect();
    assert_eq!(both, [json!(["openstack", 7]), json!(["other", 7])]);
    // The same id is another event there.
    assert_eq!(poller.log(), recorded(&[3, 7, 3, 7]));
}
