//! How an attempt ends: as its job does.

use serde_json::json;

use super::{outcomes, run_of, secret, stage, stage_at};
use crate::support::awx::{Awx, Fault};
use crate::support::http_server::answer;
use crate::support::stage::wait_until;

#[test]
fn a_job_is_launched_with_its_variables_and_followed_to_its_end() {
    let awx = Awx::new();
    let options = "token_file = token\nextra_vars = {\"run\": \"{{ run.id }}\", \"of\": \"{{ event.type }}!\"}";
    let mut stage = stage_at(
        &awx.url(),
        &format!(
            "template = clean\n{options}\non_success = clean/then\nresults = {{\"ip\": \"$.ip\"}}"
        ),
    );
    stage.rule(
        "clean/then",
        "script = record.sh\nscript_params = @clean.ip",
    );
    secret(&stage, "token", "T0KEN");
    let run = run_of(&stage);
    assert_eq!(run["state"], "succeeded", "{run}");
    let told = format!("job 17 successful: {}/api/v2/jobs/17/", awx.url());
    assert_eq!(outcomes(&run)[0], told);
    // The last of the output, and how much was before it.
    let attempt = &run["attempt_records"][0];
    let output = attempt["output"].as_str().expect("text");
    assert!(output.contains("\nPLAY RECAP of job 17\n"), "{output}");
    assert!(output.len() < 70_000, "{}", output.len());
    assert_eq!(stage.log(), ["10.0.0.7|"]);
    let [job] = &awx.jobs()[..] else {
        panic!("one job")
    };
    assert_eq!(
        (&job.variables["run"], &job.variables["of"]),
        (&json!(1), &json!("tick!"))
    );
    let mark = job.variables["esi_run"].as_str().expect("a mark");
    assert!(mark.ends_with("/1/1"), "{mark}");
    let received = awx.received();
    assert!(
        received
            .iter()
            .all(|it| it.headers["authorization"] == "Bearer T0KEN")
    );
    assert_eq!(
        received[0].line,
        "GET /api/v2/job_templates/?name=clean&page_size=20 HTTP/1.1"
    );
    let log = super::drain(&stage);
    assert!(!format!("{run}{log}").contains("T0KEN"));
}

#[test]
fn a_workflow_and_a_sliced_job_are_followed_too() {
    let awx = Awx::new();
    let run = run_of(&stage_at(&awx.url(), "workflow = 8"));
    let told = format!(
        "workflow job 17 successful: {}/api/v2/workflow_jobs/17/",
        awx.url()
    );
    assert_eq!(outcomes(&run), [told]);
    let output = run["attempt_records"][0]["output"].as_str().expect("text");
    assert!(
        output.starts_with("job 31 add: successful\nundo: not run\n"),
        "{output}"
    );
    let awx = Awx::new();
    awx.slice(2);
    let run = run_of(&stage(&awx, ""));
    let told = format!(
        "workflow job 17 successful: {}/api/v2/workflow_jobs/17/",
        awx.url()
    );
    assert_eq!(outcomes(&run), [told]);
}

#[test]
fn what_failed_is_launched_again_as_the_rule_says_but_not_what_somebody_cancelled() {
    for (ends, told, jobs, state) in [
        (
            &["failed", "successful"][..],
            "job 17 failed: ",
            2,
            "succeeded",
        ),
        (
            &["error", "failed"],
            "job 17 ended with an error: ",
            2,
            "discarded",
        ),
        (&["canceled"], "job 17 was canceled: ", 1, "discarded"),
    ] {
        let awx = Awx::new();
        awx.release_jobs(ends);
        let run = run_of(&stage(&awx, "retries = 1"));
        assert_eq!(run["state"], state, "{run}");
        let outcomes = outcomes(&run);
        assert!(outcomes[0].starts_with(told), "{outcomes:?}");
        assert_eq!(
            outcomes[0].contains("(no such inventory)"),
            ends[0] == "error"
        );
        assert_eq!((outcomes.len(), awx.jobs().len()), (jobs, jobs));
    }
}

#[test]
fn who_does_not_follow_has_done_its_work_with_the_launch() {
    let awx = Awx::new();
    awx.hold_jobs();
    let run = run_of(&stage(&awx, "follow = no"));
    assert_eq!(
        outcomes(&run),
        [format!("launched job 17: {}/api/v2/jobs/17/", awx.url())]
    );
}

#[test]
fn a_job_that_takes_too_long_is_cancelled() {
    let awx = Awx::new();
    awx.hold_jobs();
    let run = run_of(&stage(&awx, "timeout = 200ms"));
    assert_eq!(outcomes(&run), ["ended after its time limit of 200ms"]);
    assert_eq!(awx.jobs()[0].status, "canceled");
}

#[test]
fn a_job_that_cannot_be_cancelled_holds_its_run_until_it_can() {
    let awx = Awx::new();
    awx.hold_jobs();
    for _ in 0..60 {
        let refused = answer("503 Service Unavailable", &[], "no");
        awx.fail("/cancel/", Fault::Undone(refused));
    }
    let stage = stage(
        &awx,
        "timeout = 200ms\nrequest_timeout = 300ms\nretries = 1",
    );
    let service = crate::support::service::Service::start(&mut stage.program("listen"));
    service.wait_for("which is to be ended");
    assert_eq!(
        (stage.states(), awx.jobs().len()),
        (vec!["running".to_owned()], 1)
    );
    awx.mend();
    wait_until("the second job to be cancelled", || {
        let jobs = awx.jobs();
        jobs.len() == 2 && jobs.iter().all(|it| it.status == "canceled")
    });
    service.stop();
}

#[test]
fn a_cancelled_run_cancels_its_job() {
    let awx = Awx::new();
    awx.hold_jobs();
    let stage = stage(&awx, "");
    let service = crate::support::service::Service::start(&mut stage.program("listen"));
    wait_until("a job", || awx.jobs().len() == 1);
    let output = stage.run(&["runs", "cancel", "1"]);
    assert!(output.status.success(), "{output:?}");
    wait_until("the run to be cancelled", || {
        stage.states() == ["cancelled"]
    });
    assert_eq!(awx.jobs()[0].status, "canceled");
    service.stop();
}

#[test]
fn a_server_that_is_away_is_asked_again_and_a_job_that_is_gone_ends_the_attempt() {
    let awx = Awx::new();
    for _ in 0..3 {
        awx.fail("/jobs/17/", Fault::Undone(vec![]));
        awx.fail(
            "/jobs/17/",
            Fault::Undone(answer("502 Bad Gateway", &[], "<h1>")),
        );
        awx.fail(
            "/jobs/17/",
            Fault::Undone(answer("401 Unauthorized", &[], "{\"detail\": \"expired\"}")),
        );
    }
    let stage = stage(&awx, "");
    let log = super::drain(&stage);
    assert_eq!(stage.states(), ["succeeded"], "{log}");
    for told in [
        "502 Bad Gateway",
        "expired; check the token",
        "the job can be followed again",
    ] {
        assert!(log.contains(told), "{log}");
    }
    let awx = Awx::new();
    awx.fail(
        "/jobs/17/",
        Fault::Undone(answer("404 Not Found", &[], "{\"detail\": \"Not found.\"}")),
    );
    let run = run_of(&super::stage(&awx, "retries = 3"));
    assert!(
        outcomes(&run)[0].starts_with("AWX has no job 17 any more"),
        "{run}"
    );
    assert_eq!(awx.jobs().len(), 1);
}
