//! What is launched for nobody, and why.

use serde_json::json;

use super::{outcomes, run_of, secret, stage, stage_at};
use crate::support::awx::{Awx, Fault};
use crate::support::http_server::answer;

#[test]
fn a_refusal_is_told_with_its_remedy_and_not_tried_again() {
    let said = |status: &str, detail: &str| {
        Fault::Undone(answer(status, &[], json!({"detail": detail}).to_string()))
    };
    for (status, detail, told) in [
        (
            "400 Bad Request",
            "no inventory",
            "400 Bad Request: no inventory",
        ),
        (
            "401 Unauthorized",
            "T0KEN-1 is not valid",
            "*** is not valid; check the token",
        ),
        (
            "403 Forbidden",
            "no permission",
            "no permission; give this login the role",
        ),
        (
            "404 Not Found",
            "Not found.",
            "Not found.; check `url`, the template",
        ),
        ("302 Found", "", "redirects are not followed: correct `url`"),
    ] {
        for path in ["/7/", "/launch/"] {
            let awx = Awx::new();
            awx.fail(path, said(status, detail));
            let stage = stage(&awx, "retries = 2\ntoken_file = token");
            secret(&stage, "token", "T0KEN-1");
            let run = run_of(&stage);
            let outcomes = outcomes(&run);
            assert_eq!(outcomes.len(), 1, "{outcomes:?}");
            assert!(
                outcomes[0].starts_with("not started: ") && outcomes[0].contains(told),
                "{outcomes:?}"
            );
            assert!(awx.jobs().is_empty());
        }
    }
}

#[test]
fn what_may_pass_is_tried_again() {
    for path in ["/7/", "/launch/"] {
        let awx = Awx::new();
        let busy = answer("429 Too Many Requests", &["Retry-After: 1"], "{}");
        awx.fail(path, Fault::Undone(busy));
        let begun = std::time::Instant::now();
        let run = run_of(&stage(&awx, "retries = 1"));
        assert_eq!(
            (&run["state"], outcomes(&run).len()),
            (&json!("succeeded"), 2),
            "{run}"
        );
        assert!(begun.elapsed().as_secs() >= 1);
        assert_eq!(awx.jobs().len(), 1);
    }
}

#[test]
fn a_template_has_to_be_there_to_be_one_and_to_take_variables() {
    for (template, told) in [
        (
            "gone",
            "expected a job template named `gone`, but AWX shows none",
        ),
        (
            "twice",
            "AWX has several: write its number (3 of Lab, 4 of Ops)",
        ),
        ("9", "404 Not Found"),
    ] {
        let awx = Awx::new();
        let run = run_of(&stage_at(
            &awx.url(),
            &format!("template = {template}\nretries = 1"),
        ));
        assert!(outcomes(&run)[0].contains(told), "{run}");
        assert_eq!((outcomes(&run).len(), awx.jobs().len()), (1, 0));
    }
    let awx = Awx::new();
    awx.take_no_variables();
    let run = run_of(&stage(&awx, ""));
    assert!(
        outcomes(&run)[0].contains("takes no variables at its launch"),
        "{run}"
    );
    assert!(
        outcomes(&run)[0].contains("tick \"Prompt on launch\""),
        "{run}"
    );
    assert!(awx.jobs().is_empty());
    let awx = Awx::new();
    assert_eq!(
        run_of(&stage_at(&awx.url(), "template = Clean++Lab"))["state"],
        "succeeded"
    );
}

#[test]
fn a_job_without_its_variables_is_cancelled_and_names_them() {
    let awx = Awx::new();
    awx.ignore(json!({"extra_vars": {"node": "n1", "esi_run": "x"}, "limit": "n1"}));
    let run = run_of(&stage(&awx, "extra_vars = {\"node\": \"n1\"}\nretries = 2"));
    let outcomes = outcomes(&run);
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    let told = "without `node`, `esi_run`, `limit`, which it ignored; it is cancelled: ";
    assert!(outcomes[0].contains(told), "{outcomes:?}");
    assert_eq!(awx.jobs()[0].status, "canceled");
}

#[test]
fn check_connect_looks_for_the_template_and_launches_nothing() {
    let awx = Awx::new();
    let asked = stage(&awx, "token_file = token");
    secret(&asked, "token", "T0KEN-1");
    let (code, told) = asked.connects();
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("rule clean: job template 7: exists at http://"),
        "{told}"
    );
    awx.take_no_variables();
    let (code, told) = asked.connects();
    assert_eq!(code, Some(75), "{told}");
    assert!(told.contains("takes no variables at its launch"), "{told}");
    let (code, told) = stage_at(&awx.url(), "template = 9").connects();
    assert_eq!(code, Some(75), "{told}");
    assert!(
        told.contains("404 Not Found") && told.contains("rule [clean]"),
        "{told}"
    );
    assert!(awx.jobs().is_empty());
}
