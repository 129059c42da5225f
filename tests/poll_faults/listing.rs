//! The client fails to list the history: the pass fails and says why, what was accepted before runs
//! all the same, and the next pass that succeeds finds everything as it was.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::history::{accepted, history, retry};
use crate::support::openstack::{At, Fault, captured, group_lives};
use crate::support::poller::Poller;
use crate::support::scene::FULFILL;

/// A stage that has read one event, whose run has succeeded.
fn stage() -> Poller {
    let poller = Poller::recording(FULFILL);
    history(&poller, [1], |id| id);
    poller.pass(&["--from-start"]);
    assert_eq!(poller.log().len(), 1);
    poller
}

/// A pass that fails, for this reason, while a new event is there and an old run is due; `spoil`
/// before it, `mend` after it.
fn fails(
    poller: &mut Poller,
    what: &str,
    reasons: &[&str],
    spoil: impl FnOnce(&mut Poller),
    mend: impl FnOnce(&mut Poller),
) {
    let before = accepted(poller);
    let last = *before.last().expect("an event");
    history(poller, 1..=last + 1, |id| id);
    let logged = poller.log();
    retry(poller, 1);
    spoil(poller);
    let calls = poller.openstack.calls().len();

    let printed = poller.ends(&[], 75);
    let status = &poller.status()[0];
    let kept = status["failure"].as_str().expect("a reason");
    for reason in reasons {
        assert!(printed.contains(reason), "{what}: {printed}");
        assert!(kept.contains(reason), "{what}: {kept}");
    }
    assert!(printed.contains("\nhint: "), "{what}: {printed}");
    assert_eq!(status["failures"], 1, "{what}");
    assert_eq!(poller.cursor(), Some(last), "{what}");
    assert_eq!(accepted(poller), before, "{what}");
    // What was due already ran, and nothing else.
    let now = poller.log();
    assert_eq!(now.len(), logged.len() + 1, "{what}");
    assert!(now[logged.len()].starts_with("1|"), "{what}: {now:?}");
    for call in &poller.openstack.calls()[calls..] {
        assert!(!group_lives(call.pid), "{what} is left: {call:?}");
    }

    mend(poller);
    poller.pass(&[]);
    assert_eq!(poller.cursor(), Some(last + 1), "{what}");
    assert_eq!(poller.status()[0]["failures"], 0, "{what}");
    // Exactly once, however often it is looked at.
    poller.pass(&[]);
    let new = &poller.log()[now.len()..];
    assert_eq!(new.len(), 1, "{what}: {new:?}");
    assert!(
        new[0].starts_with(&format!("{}|", last + 1)),
        "{what}: {new:?}"
    );
}

#[test]
fn any_answer_that_is_not_rows_moves_nothing_and_is_reported() {
    let mut poller = stage();
    let told_by_the_client = |name: &str| {
        let stderr = captured(name)["stderr"].as_str().expect("text").to_owned();
        stderr.trim_end().replace('\n', "\\n")
    };
    let server_error = "InternalServerError: 500: Server Error for url: http://api/v1/events, \
                        Internal Server Error";
    let expected = "expected a JSON array of rows with \"ID\"";
    let bad_request = told_by_the_client("11-event-list-last-not-a-number");
    let unauthorized = told_by_the_client("34-bad-password");
    let unreachable = told_by_the_client("35-keystone-down");
    let cases: [(&str, Fault, &[&str]); 10] = [
        (
            "400",
            Fault::captured("11-event-list-last-not-a-number"),
            &["exit status 1", &bad_request],
        ),
        (
            "401",
            Fault::captured("34-bad-password"),
            &["exit status 1", &unauthorized],
        ),
        (
            "no Keystone",
            Fault::captured("35-keystone-down"),
            &["exit status 1", &unreachable],
        ),
        (
            "500",
            Fault::Exit(1, format!("{server_error}\n")),
            &["exit status 1", server_error],
        ),
        (
            "text",
            Fault::Prints("Welcome to the cloud!\n".into()),
            &[expected, "near `Welcome to the cloud!`"],
        ),
        ("cut", Fault::Cut, &[expected, "EOF while parsing"]),
        (
            "an object",
            Fault::Prints("{}\n".into()),
            &[expected, "invalid type: map"],
        ),
        (
            "rows of something else",
            Fault::Prints("[{\"ID\": 2}]\n".into()),
            &[expected, "missing field `Event Type`"],
        ),
        (
            "nothing",
            Fault::Prints(String::new()),
            &[expected, "it is empty"],
        ),
        (
            "a failure without a word",
            Fault::Exit(70, String::new()),
            &["exit status 70", "nothing on standard error"],
        ),
    ];
    for (what, fault, reasons) in cases {
        let spoil = |poller: &mut Poller| poller.openstack.fault(At::Events, fault);
        let mend = |poller: &mut Poller| poller.openstack.mend(At::Events);
        fails(&mut poller, what, reasons, spoil, mend);
    }
}

#[test]
fn a_list_that_never_ends_is_ended_even_if_it_does_not_want_to() {
    let mut poller = stage();
    for fault in [Fault::Hang, Fault::HangDeaf, Fault::HangWithChild] {
        let spoil = |poller: &mut Poller| {
            poller.replace("client_timeout", "1s");
            poller.openstack.fault(At::Events, fault);
        };
        let mend = |poller: &mut Poller| {
            poller.without("client_timeout");
            poller.openstack.mend(At::Events);
        };
        let reasons = ["did not end within 1s, and was ended"];
        fails(&mut poller, "a hang", &reasons, spoil, mend);
    }
}

#[test]
fn a_program_that_cannot_be_started_is_reported_with_the_remedy() {
    let mut poller = stage();
    let flat = poller.path("flat");
    fs::write(&flat, "#!/bin/sh\n").expect("a file");
    fs::set_permissions(&flat, fs::Permissions::from_mode(0o644)).expect("permissions");
    let cases = [
        (
            "no-such-openstack",
            "install python-openstackclient and python-esileapclient",
        ),
        ("./flat", "make it executable"),
    ];
    for (program, remedy) in cases {
        let spoil = |poller: &mut Poller| {
            poller.replace("openstack_command", program);
        };
        let mend = |poller: &mut Poller| {
            let command = poller.openstack.command();
            poller.replace("openstack_command", &command);
        };
        fails(
            &mut poller,
            program,
            &["failed to start `", remedy],
            spoil,
            mend,
        );
    }
}

#[test]
fn failures_are_counted_until_a_pass_succeeds_also_before_the_first() {
    let poller = Poller::recording(FULFILL);
    history(&poller, [1, 2], |id| id);
    poller
        .openstack
        .fault(At::Events, Fault::captured("34-bad-password"));
    for failures in 1..=2 {
        poller.ends(&["--from-start"], 75);
        let status = &poller.status()[0];
        assert_eq!(status["failures"], failures, "{status}");
        assert!(status["last_event_id"].is_null(), "{status}");
        assert!(status["passed_at"].is_null(), "{status}");
    }
    poller.openstack.mend(At::Events);
    poller.pass(&["--from-start"]);
    let status = &poller.status()[0];
    assert_eq!(status["failures"], 0, "{status}");
    assert_eq!(status["last_event_id"], 2, "{status}");
    // It is not forgotten, though it is over.
    assert!(
        status["failure"]
            .as_str()
            .is_some_and(|why| why.contains("401"))
    );
    assert_eq!(poller.log().len(), 2);
}

#[test]
fn a_poller_that_stays_tries_again_by_itself() {
    let poller = Poller::recording(FULFILL);
    history(&poller, [1, 2], |id| id);
    poller
        .openstack
        .fault(At::Events, Fault::captured("35-keystone-down"));
    let service = poller.start(&["--from-start", "--every", "1s"]);
    service.wait_for("Unable to establish connection");
    service.wait_for("trying again in");
    poller.openstack.mend(At::Events);
    poller.wait_for_log(2);
    service.stop();
    assert_eq!(poller.log().len(), 2);
    assert_eq!(poller.cursor(), Some(2));
}
