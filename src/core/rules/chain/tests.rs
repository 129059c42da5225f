use serde_json::json;

use super::*;

fn step(name: &str, on_success: Option<&str>, on_failure: Option<&str>) -> Step {
    Step {
        name: name.to_owned(),
        retry: RetryPolicy::default(),
        retry_on: RetryOn::default(),
        on_success: on_success.map(str::to_owned),
        on_failure: on_failure.map(str::to_owned),
        results: Vec::new(),
    }
}

/// `r` is followed by `r/tell`, or by `r/undo` and then `r/tell`.
fn chain(handled_is_success: bool) -> Chain {
    Chain::new(
        step("r", Some("r/tell"), Some("r/undo")),
        vec![
            step("r/tell", None, None),
            step("r/undo", Some("r/tell"), None),
        ],
        handled_is_success,
    )
}

/// The steps that a run takes whose steps end so, and how the run ends.
fn walk(chain: &Chain, ends: &[Transition]) -> (Vec<String>, Transition, Option<Stand>) {
    let mut stand = None;
    let mut steps = Vec::new();
    for end in ends {
        let step = chain.step(stand.as_ref()).unwrap();
        steps.push(step.name.clone());
        let onward = chain.after(step, stand.as_ref(), *end, Map::new());
        stand = onward.stand;
        if onward.transition != Transition::Proceed {
            assert_eq!(steps.len(), ends.len(), "{ends:?}");
            return (steps, onward.transition, stand);
        }
    }
    panic!("{ends:?} ends nothing");
}

/// Whether a failure that was handled is success, how the steps end, which they are, how the run ends, and
/// the step that failed before others.
type Case = (
    bool,
    &'static [Transition],
    &'static [&'static str],
    Transition,
    Option<&'static str>,
);

#[test]
fn a_run_goes_from_step_to_step_and_a_failure_that_was_dealt_with_stays_one() {
    use Transition::{Discard, Succeed};
    let cases: [Case; 7] = [
        (false, &[Succeed, Succeed], &["r", "r/tell"], Succeed, None),
        (false, &[Succeed, Discard], &["r", "r/tell"], Discard, None),
        (
            false,
            &[Discard, Succeed, Succeed],
            &["r", "r/undo", "r/tell"],
            Discard,
            Some("r"),
        ),
        (
            true,
            &[Discard, Succeed, Succeed],
            &["r", "r/undo", "r/tell"],
            Succeed,
            Some("r"),
        ),
        // What was to deal with it failed too.
        (
            false,
            &[Discard, Discard],
            &["r", "r/undo"],
            Discard,
            Some("r"),
        ),
        (
            true,
            &[Discard, Discard],
            &["r", "r/undo"],
            Discard,
            Some("r"),
        ),
        (
            true,
            &[Discard, Succeed, Discard],
            &["r", "r/undo", "r/tell"],
            Discard,
            Some("r"),
        ),
    ];
    for (handled_is_success, ends, expected, end, failed) in cases {
        let (steps, transition, stand) = walk(&chain(handled_is_success), ends);
        assert_eq!(steps, expected, "{ends:?}");
        assert_eq!(transition, end, "{ends:?}");
        assert_eq!(stand.unwrap().failed.as_deref(), failed, "{ends:?}");
    }
}

#[test]
fn a_rule_of_one_step_keeps_no_stand() {
    let chain = Chain::single("r", RetryPolicy::default());
    let step = chain.step(None).unwrap();
    for end in [
        Transition::Succeed,
        Transition::Discard,
        Transition::Fail,
        Transition::Interrupt,
        Transition::Cancel,
    ] {
        let onward = chain.after(step, None, end, Map::new());
        assert_eq!((onward.transition, onward.stand), (end, None));
    }
}

#[test]
fn another_round_begins_at_the_step_that_failed() {
    let (_, _, stand) = walk(
        &chain(false),
        &[
            Transition::Discard,
            Transition::Succeed,
            Transition::Succeed,
        ],
    );
    let retried = stand.unwrap().retried();
    assert_eq!((retried.step.as_deref(), retried.failed), (Some("r"), None));
    assert_eq!(retried.results.len(), 3);

    let (_, _, stand) = walk(&chain(false), &[Transition::Succeed, Transition::Discard]);
    assert_eq!(stand.unwrap().retried().step.as_deref(), Some("r/tell"));
}

#[test]
fn a_step_that_the_rule_lacks_by_now_is_none() {
    let stand = Stand {
        step: Some("r/gone".to_owned()),
        ..Stand::default()
    };
    assert_eq!(chain(false).step(Some(&stand)), None);
}

#[test]
fn results_are_in_the_last_line_that_is_an_object_or_in_the_whole() {
    let mut step = step("r", None, None);
    step.results = vec![
        ("ip".to_owned(), PayloadPath::parse("$.ip").unwrap()),
        ("rack".to_owned(), PayloadPath::parse("where.rack").unwrap()),
    ];
    let cases = [
        (
            "{\"ip\": 1}\n{\"ip\": 2}\nbye\n[3]\n",
            json!({"ip": 2, "rack": null}),
        ),
        (
            "{\n  \"ip\": 1,\n  \"where\": {\"rack\": \"r\"}\n}",
            json!({"ip": 1, "rack": "r"}),
        ),
        ("no JSON", json!({"ip": null, "rack": null})),
        ("", json!({"ip": null, "rack": null})),
    ];
    for (output, expected) in cases {
        let told = Outcome::Succeeded(Detail::Told("200 OK".into()));
        let found = Value::from(step.results_of(&told, output.as_bytes()));
        assert_eq!(found, expected, "{output}");
    }
    let found = step.results_of(&Outcome::exited(3), b"");
    assert_eq!(found["exit_status"], 3);
}

#[test]
fn which_failures_are_tried_again_is_the_steps_affair() {
    let outcomes = [
        Outcome::exited(1),
        Outcome::TimedOut(std::time::Duration::ZERO),
    ];
    for (failure, timeout) in [(true, false), (false, true)] {
        let mut step = step("r", None, None);
        step.retry_on = RetryOn { failure, timeout };
        let again = outcomes
            .each_ref()
            .map(|outcome| step.retries_after(outcome));
        assert_eq!(again, [failure, timeout]);
    }
}
