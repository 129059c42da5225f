//! Whatever is killed, lost or not answered: one run has one job.

use super::{drain, outcomes, run_of, stage, stage_at};
use crate::support::awx::{Awx, Fault, Hold};
use crate::support::http_server::{Step, answer};
use crate::support::service::Service;
use crate::support::stage::wait_until;

/// So short that a launch that may be under way is waited for no longer.
const SHORT: &str = "request_timeout = 400ms";

#[test]
fn killed_at_any_request_the_run_has_one_job_which_the_next_start_follows() {
    let mut requests = 0;
    for number in 1.. {
        for hold in [Hold::Lost, Hold::Before, Hold::After] {
            let awx = Awx::new();
            awx.hold_request(number, hold);
            let stage = stage(&awx, "request_timeout = 1s\nretries = 0");
            let mut service = Service::start(stage.program("listen").arg("--until-idle"));
            wait_until("the request, or the end", || {
                awx.is_holding() || !service.is_alive()
            });
            if !awx.is_holding() {
                // There is no such request: the run has ended before.
                assert_eq!(stage.states(), ["succeeded"]);
                requests = number - 1;
                break;
            }
            service.kill();
            awx.let_go();
            let log = drain(&stage);
            assert_eq!(stage.states(), ["succeeded"], "{number} {hold:?}: {log}");
            let jobs = awx.jobs();
            assert_eq!(jobs.len(), 1, "{number} {hold:?}: {jobs:?} {log}");
            let run = stage.run_detail(1);
            let outcomes = outcomes(&run);
            assert_eq!(outcomes.len(), 2, "{outcomes:?}");
            assert!(
                outcomes[0].starts_with("interrupted: the service ended while "),
                "{outcomes:?}"
            );
        }
        if requests > 0 {
            break;
        }
    }
    // The template, the launch, three states, the output.
    assert!(requests >= 6, "{requests}");
}

#[test]
fn a_launch_without_an_answer_is_looked_for() {
    let awx = || {
        let awx = Awx::new();
        awx.hold_jobs();
        // Others of the template, so that there are several pages.
        for _ in 0..5 {
            assert!(run_of(&stage(&awx, "follow = no"))["state"] == "succeeded");
        }
        awx.release_jobs(&[]);
        awx
    };
    let said = |status: &str, body: &str| answer(status, &[], body);
    for fault in [
        vec![],
        vec![Step::Hold],
        said("502 Bad Gateway", "<h1>bad gateway</h1>"),
        said("201 Created", "{\"id\": "),
        said("200 OK", "{}"),
    ] {
        let awx = awx();
        awx.fail("/launch/", Fault::Done(fault.clone()));
        let run = run_of(&stage(&awx, SHORT));
        let told = format!("job 22 successful: {}/api/v2/jobs/22/", awx.url());
        assert_eq!(outcomes(&run), [told], "{fault:?}");
        assert_eq!(awx.jobs().len(), 6);
    }
    // Of a workflow, and of slices.
    for (slices, options) in [(1, "workflow = 8"), (2, "template = 7")] {
        let awx = Awx::new();
        awx.slice(slices);
        awx.fail("/launch/", Fault::Done(vec![]));
        let run = run_of(&stage_at(&awx.url(), &format!("{options}\n{SHORT}")));
        assert!(
            outcomes(&run)[0].starts_with("workflow job 17 successful"),
            "{run}"
        );
    }
}

#[test]
fn a_launch_that_did_not_come_about_is_made_by_the_next_attempt() {
    let awx = Awx::new();
    awx.fail("/launch/", Fault::Undone(vec![]));
    let run = run_of(&stage(&awx, &format!("{SHORT}\nretries = 1")));
    let outcomes = outcomes(&run);
    assert!(
        outcomes[0].starts_with("it is not known whether AWX launched job template `clean`"),
        "{run}"
    );
    assert!(outcomes[1].starts_with("job 17 successful"), "{run}");
    assert_eq!(awx.jobs().len(), 1);
}

/// The launch came about, but nobody could see the job before the attempt was given up.
#[test]
fn a_later_attempt_finds_the_job_of_an_earlier_one_and_launches_none_while_it_cannot_look() {
    let awx = Awx::new();
    awx.fail("/launch/", Fault::Done(vec![]));
    for _ in 0..5000 {
        let away = answer("503 Service Unavailable", &[], "");
        awx.fail("/7/jobs/", Fault::Undone(away));
    }
    let stage = stage(&awx, &format!("{SHORT}\nretries = 20"));
    let service = Service::start(&mut stage.program("listen"));
    let attempts = || outcomes(&stage.run_detail(1)).len();
    service.wait_for("failed to look for the job");
    wait_until("two attempts to look in vain", || attempts() >= 2);
    awx.mend();
    wait_until("the run to end", || stage.states() == ["succeeded"]);
    service.stop();
    let run = stage.run_detail(1);
    let outcomes = outcomes(&run);
    let (last, before) = outcomes.split_last().expect("attempts");
    for outcome in before {
        assert!(outcome.starts_with("failed to look for the job"), "{run}");
    }
    assert!(last.starts_with("job 17 successful"), "{run}");
    assert_eq!(awx.jobs().len(), 1);
}

/// Stops a service as soon as it follows the job.
fn stop_when_followed(service: Service, awx: &Awx) {
    wait_until("the job to be followed", || {
        awx.received()
            .iter()
            .any(|it| it.line.contains("/jobs/17/"))
    });
    service.stop();
}

#[test]
fn a_stop_leaves_the_job_and_the_next_start_follows_it() {
    let awx = Awx::new();
    awx.hold_jobs();
    let stage = stage(&awx, "");
    let service = Service::start(&mut stage.program("listen"));
    stop_when_followed(service, &awx);
    assert_eq!(stage.states(), ["due"]);
    assert_eq!(awx.jobs()[0].status, "pending");
    awx.release_jobs(&[]);
    let run = run_of(&stage);
    let outcomes = outcomes(&run);
    assert!(
        outcomes[0].contains("which the next attempt follows"),
        "{run}"
    );
    assert!(outcomes[1].starts_with("job 17 successful"), "{run}");
    assert_eq!(awx.jobs().len(), 1);
}

#[test]
fn a_job_of_another_server_is_not_asked_for_here() {
    let awx = Awx::new();
    awx.hold_jobs();
    let mut stage = stage(&awx, "");
    let service = Service::start(&mut stage.program("listen"));
    stop_when_followed(service, &awx);
    let other = Awx::new();
    stage.no_rules();
    stage.rule("source:tick", "type = timer\nevery = 1h\nlimit = 1");
    stage.rule(
        "clean",
        &format!(
            "events = tick\naction = awx\nurl = {}\ntemplate = 7\npoll_every = 20ms",
            other.url()
        ),
    );
    let run = run_of(&stage);
    assert!(
        outcomes(&run)[1].contains("/api/v2/jobs/17/, which is not below `url` any more"),
        "{run}"
    );
    assert!(other.received().is_empty());
    // Somebody has looked.
    assert!(stage.run(&["runs", "retry", "1"]).status.success());
    assert_eq!(run_of(&stage)["state"], "succeeded");
    assert_eq!((awx.jobs().len(), other.jobs().len()), (1, 1));
}
