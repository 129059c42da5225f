//! A lease that cannot be shown: what needs it waits for it, and nothing else does.

use serde_json::Value;

use crate::support::history::{event, lease, node, outcomes, retry, show};
use crate::support::http_server::{HttpServer, answer};
use crate::support::openstack::{At, Fault};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, wait_until};

/// A rule that needs the lease; and one before it that needs only the row, if that is asked for.
fn stage(with_row: bool) -> Poller {
    let mut poller = Poller::new();
    let mut rule = |name: &str, params: &str| {
        poller.rule(
            name,
            &format!("events = {FULFILL}\nscript = record.sh {name}\nscript_params = {params}"),
        );
    };
    if with_row {
        rule("row", "event_id,resource_uuid,lessee_id");
    }
    rule("full", "event_id,purpose,properties.vendor");
    poller
}

/// Polls until the only retry there is has come and brought this about, with this exit code.
fn pass_until(poller: &Poller, code: i32, is_so: impl Fn(&Poller) -> bool) {
    wait_until("a retry", || {
        let output = poller.poll(&[]);
        let is_so = is_so(poller);
        let expected = if is_so { code } else { 0 };
        assert_eq!(output.status.code(), Some(expected), "{output:?}");
        is_so
    });
}

fn attempts(poller: &Poller, run: usize) -> u64 {
    poller.runs()[run - 1]["attempts"]
        .as_u64()
        .expect("a number")
}

#[test]
fn what_needs_only_the_row_runs_and_the_rest_is_retried_with_the_reason() {
    let poller = stage(true);
    // Unknown, by an answer that could as well be a fault of the server; denied; fine.
    poller
        .openstack
        .rows(&[event(1, 1, 1), event(2, 2, 2), event(3, 3, 3)]);
    poller.openstack.deny(&lease(2));
    show(&poller, 3, 3);
    poller.pass(&["--from-start"]);

    let mut log = poller.log();
    log.sort();
    let row = |id: i64| format!("row|{id}|{}|33333333333343338333333333333333|", node(id));
    assert_eq!(log, ["full|3|test|foo|".to_owned(), row(1), row(2), row(3)]);
    let states = ["succeeded", "retryable", "succeeded", "retryable"];
    assert_eq!(poller.states()[..4], states);
    let reasons = [
        (2, lease(1), "'NoneType' object has no attribute 'owner_id'"),
        (4, lease(2), "Access was denied to lease"),
    ];
    for (run, lease, why) in &reasons {
        let outcomes = outcomes(&poller, *run);
        let [outcome] = &outcomes[..] else {
            panic!("{outcomes:?}")
        };
        let begins = format!("not started: the lease {lease} cannot be shown: No Lease found for");
        assert!(outcome.starts_with(&begins), "{outcome}");
        assert!(outcome.contains(why), "{outcome}");
        assert!(poller.run_detail(*run)["due_at"].is_string());
    }
    // That is no failure of the client, and nothing that the cursor waits for.
    let status = &poller.status()[0];
    assert_eq!(status["last_event_id"], 3);
    assert!(status["failure"].is_null(), "{status}");

    // Before its time nothing is asked; then it runs with the whole lease.
    let asked = poller.leases_asked();
    poller.pass(&[]);
    assert_eq!(poller.leases_asked(), asked);
    for (run, number) in [(2, 1), (4, 2)] {
        show(&poller, number, number);
        retry(&poller, run);
    }
    poller.pass(&[]);
    assert_eq!(poller.states(), ["succeeded"; 6]);
    let mut log = poller.log().split_off(4);
    log.sort();
    assert_eq!(log, ["full|1|test|foo|", "full|2|test|foo|"]);
    let event: Value = poller.run_detail(2)["event"].clone();
    assert_eq!(
        event["payload"]["esi_leap_object.data"]["status"],
        "deleted"
    );
}

#[test]
fn a_run_that_awaits_its_lease_keeps_its_place_while_other_nodes_go_on() {
    let poller = stage(false);
    poller
        .openstack
        .rows(&[event(1, 1, 1), event(2, 2, 1), event(3, 3, 3)]);
    show(&poller, 2, 1);
    show(&poller, 3, 3);
    poller.pass(&["--from-start"]);
    assert_eq!(poller.log(), ["full|3|test|foo|"]);
    assert_eq!(poller.states(), ["retryable", "due", "succeeded"]);
    // Later events of the same lease and of the same node wait too, however often.
    poller.openstack.rows(&[
        event(1, 1, 1),
        event(2, 2, 1),
        event(3, 3, 3),
        event(4, 1, 1),
        event(5, 5, 5),
    ]);
    show(&poller, 5, 5);
    poller.pass(&[]);
    assert_eq!(poller.log()[1..], ["full|5|test|foo|"]);
    assert_eq!(poller.cursor(), Some(5));

    show(&poller, 1, 1);
    retry(&poller, 1);
    poller.pass(&[]);
    let expected = ["full|1|test|foo|", "full|2|test|foo|", "full|4|test|foo|"];
    assert_eq!(poller.log()[2..], expected);
    assert_eq!(poller.states(), ["succeeded"; 5]);
}

#[test]
fn retries_come_by_themselves_on_later_passes() {
    let mut poller = stage(false);
    poller.default("lease_retry_delay = 300ms");
    poller.openstack.rows(&[event(1, 1, 1)]);
    poller.pass(&["--from-start"]);
    assert_eq!(poller.states(), ["retryable"]);
    pass_until(&poller, 0, |poller| attempts(poller, 1) > 1);
    show(&poller, 1, 1);
    pass_until(&poller, 0, |poller| poller.states() == ["succeeded"]);
    assert_eq!(poller.log(), ["full|1|test|foo|"]);
}

#[test]
fn filters_that_need_the_lease_are_decided_when_it_is_shown() {
    let mut poller = Poller::new();
    for (rule, purpose) in [("refuses", "oth"), ("takes", "te")] {
        poller.rule(
            rule,
            &format!(
                "events = {FULFILL}\nscript = record.sh {rule}\nscript_params = event_id\n\
                 filter_params = {{\"purpose\": \"{purpose}\", \"owner_id\": \"2\"}}"
            ),
        );
    }
    poller.openstack.rows(&[event(1, 1, 1)]);
    poller.pass(&["--from-start"]);
    assert_eq!(poller.states(), ["retryable", "due"]);
    show(&poller, 1, 1);
    retry(&poller, 1);
    // That a filter refuses is no failure.
    poller.pass(&[]);
    assert_eq!(poller.states(), ["cancelled", "succeeded"]);
    assert_eq!(poller.log(), ["takes|1|"]);
    let last = outcomes(&poller, 1).pop().expect("an attempt");
    assert!(
        last.contains("the lease does not match filter_params:") && last.contains("purpose"),
        "{last}"
    );
}

#[test]
fn after_the_last_retry_a_run_is_discarded_with_the_reason_and_its_node_goes_on() {
    let mut poller = stage(false);
    poller.default("lease_retries = 2\nlease_retry_delay = 200ms");
    poller.openstack.rows(&[event(1, 1, 1), event(2, 2, 1)]);
    show(&poller, 2, 1);
    poller.pass(&["--from-start"]);
    pass_until(&poller, 1, |poller| poller.states()[0] == "discarded");
    let outcomes = outcomes(&poller, 1);
    assert_eq!(outcomes.len(), 3);
    assert!(
        outcomes.iter().all(|outcome| outcome.contains("NoneType")),
        "{outcomes:?}"
    );
    assert_eq!(poller.states(), ["discarded", "succeeded"]);
    assert_eq!(poller.log(), ["full|2|test|foo|"]);
    // Nobody asks any more.
    let asked = poller.leases_asked();
    poller.pass(&[]);
    assert_eq!(poller.leases_asked(), asked);
}

#[test]
fn no_retries_at_all_can_be_asked_for() {
    let mut poller = stage(true);
    poller.default("lease_retries = 0");
    poller.openstack.rows(&[event(1, 1, 1)]);
    let printed = poller.ends(&["--from-start"], 1);
    assert!(printed.contains("error: 1 run was given up\n"), "{printed}");
    assert_eq!(poller.states(), ["succeeded", "discarded"]);
    assert_eq!(poller.leases_asked(), 1);
}

#[test]
fn the_operator_s_retry_is_another_round() {
    let mut poller = stage(false);
    poller.default("lease_retries = 1\nlease_retry_delay = 200ms");
    poller.openstack.rows(&[event(1, 1, 1)]);
    poller.pass(&["--from-start"]);
    pass_until(&poller, 1, |poller| poller.states() == ["discarded"]);
    assert_eq!(attempts(&poller, 1), 2);
    retry(&poller, 1);
    poller.pass(&[]);
    assert_eq!(poller.states(), ["retryable"]);
    pass_until(&poller, 1, |poller| poller.states() == ["discarded"]);
    assert_eq!(attempts(&poller, 1), 4);

    show(&poller, 1, 1);
    retry(&poller, 1);
    poller.pass(&[]);
    assert_eq!(poller.states(), ["succeeded"]);
    assert_eq!(poller.log(), ["full|1|test|foo|"]);
}

#[test]
fn a_poller_that_stays_asks_again_between_passes() {
    let mut poller = stage(false);
    poller.default("lease_retry_delay = 200ms");
    poller.openstack.rows(&[event(1, 1, 1)]);
    let service = poller.start(&["--from-start", "--every", "1h"]);
    service.wait_for("trying again in");
    wait_until("a second attempt", || attempts(&poller, 1) > 1);
    show(&poller, 1, 1);
    poller.wait_for_log(1);
    service.stop();
    assert_eq!(poller.log(), ["full|1|test|foo|"]);
    assert_eq!(poller.asked(), [0], "there was another pass");
}

#[test]
fn that_leases_cannot_be_requested_is_logged_once_for_all_runs() {
    let mut poller = stage(false);
    poller.default("lease_retry_delay = 200ms");
    poller
        .openstack
        .rows(&[event(1, 1, 1), event(2, 2, 2), event(3, 3, 3)]);
    let service = poller.start(&["--from-start", "--every", "1s"]);
    service.wait_for("trying again in");
    wait_until("every run to wait", || {
        (1..=3).all(|run| attempts(&poller, run) > 0)
    });
    poller
        .openstack
        .fault(At::Events, Fault::captured("35-keystone-down"));
    let unasked = |run| {
        let outcomes = outcomes(&poller, run);
        let down = |outcome: &&String| outcome.contains("Unable to establish connection");
        outcomes.iter().filter(down).count()
    };
    wait_until("more questions that cannot be asked", || {
        (1..=3).all(|run| unasked(run) > 1)
    });
    let log = service.log();
    let told = log.lines().filter(|line| {
        line.contains("Unable to establish connection") && line.contains("failed: not started")
    });
    assert_eq!(told.count(), 1, "{log}");
    poller.openstack.mend(At::Events);
    (1..=3).for_each(|number| show(&poller, number, 1));
    service.wait_for("leases can be requested again, after");
    poller.wait_for_log(3);
    service.stop();
}

#[test]
fn a_kill_while_a_run_asks_for_its_lease_is_an_interrupted_attempt() {
    let poller = stage(false);
    poller.openstack.rows(&[event(1, 1, 1), event(2, 2, 1)]);
    show(&poller, 2, 1);
    poller.pass(&["--from-start"]);
    retry(&poller, 1);
    let unknown = lease(1);
    poller.openstack.fault(At::Lease(&unknown), Fault::Gate);
    let service = poller.start(&[]);
    poller.openstack.wait_for_held(1);
    service.kill();
    assert_eq!(poller.states(), ["running", "due"]);
    show(&poller, 1, 1);
    poller.openstack.mend(At::Lease(&unknown));
    poller.pass(&[]);
    assert_eq!(poller.log(), ["full|1|test|foo|", "full|2|test|foo|"]);
    let outcomes = outcomes(&poller, 1);
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes[1].starts_with("interrupted"), "{outcomes:?}");
    assert_eq!(outcomes[2], "exit status 0");
}

#[test]
fn a_request_waits_for_the_lease_that_its_templates_look_up() {
    let server = HttpServer::start([answer("200 OK", &[], "")]);
    let mut poller = Poller::new();
    for (name, template) in [("row", "{{ resource_uuid }}"), ("full", "{{ purpose }}")] {
        poller.rule(
            name,
            &format!(
                "events = {FULFILL}\naction = http\nurl = {}/{name}\nbody = {{\"a\": \"{template}\"}}",
                server.url()
            ),
        );
    }
    // The broker's authority is no rule's: the file is not there.
    poller.default("ssl_ca_file = not-there.pem");
    poller.openstack.rows(&[event(1, 1, 1)]);
    poller.openstack.deny(&lease(1));
    poller.pass(&["--from-start"]);
    let paths = || -> Vec<String> {
        let received = server.received();
        received.iter().map(|one| one.line.clone()).collect()
    };
    assert_eq!(paths(), ["POST /row HTTP/1.1"]);
    assert_eq!(poller.states(), ["succeeded", "retryable"]);
    assert!(outcomes(&poller, 2)[0].contains("cannot be shown"));

    show(&poller, 1, 1);
    retry(&poller, 2);
    poller.pass(&[]);
    assert_eq!(paths()[1..], ["POST /full HTTP/1.1"]);
    assert_eq!(server.received()[1].body, br#"{"a":"test"}"#);
    assert_eq!(poller.states(), ["succeeded", "succeeded"]);
}
