//! What becomes of each event of a sequence, and how throttles are shown.

use serde_json::{Value, json};

use super::*;

mod oracle;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

fn throttled(kind: Kind, seconds: u64) -> Throttled {
    let window = Duration::from_secs(seconds);
    Throttled {
        throttle: Throttle { kind, window },
        group: Some(Key::node("n")),
    }
}

/// What becomes of events that are accepted at these seconds, with numbers from 1 for their runs. A run that is put
/// off starts when its time has come. `-` is held back, `now` and a second are when a run starts.
fn story(throttled: &Throttled, seconds: &[i64]) -> Vec<String> {
    let mut known: Option<Window> = None;
    let decide = |(run, second): (i64, &i64)| {
        if let Some(window) = &mut known {
            window.run_waits &= at(*second) < window.ends_at;
        }
        let (decision, mut window) = throttled.decide(known, at(*second));
        let told = match &decision {
            Decision::Start => "now".to_owned(),
            Decision::StartAt(due) => (due.as_second() - at(0).as_second()).to_string(),
            Decision::HoldBack(_) => "-".to_owned(),
        };
        if told != "-" {
            window.run = Some(run);
            window.run_waits = told != "now";
        }
        known = Some(window);
        told
    };
    (1..).zip(seconds).map(decide).collect()
}

#[test]
fn windows_begin_with_an_event_and_do_not_move() {
    let (once, after) = (Kind::OnceWithin, Kind::OnceAfter);
    let cases: &[(Kind, &[i64], &[&str])] = &[
        (
            once,
            &[0, 1, 9, 10, 11, 20],
            &["now", "-", "-", "now", "-", "now"],
        ),
        (once, &[0, 9, 18, 27], &["now", "-", "now", "-"]),
        (
            after,
            &[0, 1, 9, 10, 11, 20],
            &["10", "-", "-", "20", "-", "30"],
        ),
        (after, &[0, 30], &["10", "40"]),
        (
            Kind::Batch,
            &[0, 1, 9, 10, 11, 20],
            &["10", "-", "-", "20", "-", "30"],
        ),
        (Kind::Threshold(1), &[0, 1, 10], &["now", "-", "now"]),
        (
            Kind::Threshold(3),
            &[0, 1, 2, 3, 4, 5],
            &["-", "-", "now", "-", "-", "-"],
        ),
        (Kind::Threshold(3), &[0, 9, 13, 17], &["-", "-", "-", "-"]),
        (
            Kind::Threshold(2),
            &[0, 9, 10, 11],
            &["-", "now", "-", "now"],
        ),
        // A clock that is set back: no window lasts longer than its length from then.
        (once, &[1000, 0, 9, 10], &["now", "-", "-", "now"]),
        (after, &[1000, 0, 9, 10], &["1010", "-", "-", "20"]),
        (
            Kind::Threshold(3),
            &[1000, 0, 9, 9],
            &["-", "-", "now", "-"],
        ),
        // One that is set forward ends them.
        (once, &[0, 1000, 1], &["now", "now", "-"]),
    ];
    for (kind, seconds, expected) in cases {
        let throttled = throttled(*kind, 10);
        assert_eq!(
            story(&throttled, seconds),
            *expected,
            "{kind:?} {seconds:?}"
        );
    }
}

#[test]
fn a_run_that_waits_no_longer_stands_for_nothing() {
    let after = throttled(Kind::OnceAfter, 10);
    let (_, window) = after.decide(None, at(0));
    for (run_waits, held) in [(true, true), (false, false)] {
        let known = Window {
            run: Some(7),
            run_waits,
            ..window
        };
        let (decision, next) = after.decide(Some(known), at(5));
        assert_eq!(matches!(decision, Decision::HoldBack(_)), held);
        assert_eq!(next.ends_at, at(if held { 10 } else { 15 }));
        assert_eq!(next.events, if held { 2 } else { 1 });
    }
}

#[test]
fn the_reason_says_what_holds_it_back_and_since_when() {
    let cases = [
        (
            Kind::OnceWithin,
            2,
            "once_within = 10s: run 7 was let through at 2026-09-21T14:13:20Z",
        ),
        (
            Kind::OnceAfter,
            2,
            "once_after = 10s: run 7 stands for it, at 2026-09-21T14:13:30Z",
        ),
        (
            Kind::Threshold(3),
            2,
            "threshold = 3 within 10s: its event is number 2 since 2026-09-21T14:13:20Z",
        ),
        (
            Kind::Threshold(3),
            5,
            "threshold = 3 within 10s: its event is number 5 since 2026-09-21T14:13:20Z, and run 7 was let through",
        ),
    ];
    for (kind, number, expected) in cases {
        let throttled = throttled(kind, 10);
        let window = Window {
            began_at: at(0),
            ends_at: at(10),
            events: number - 1,
            run: Some(7),
            run_waits: true,
        };
        let (decision, _) = throttled.decide(Some(window), at(5));
        let expected = format!("held back by {expected}");
        assert_eq!(decision, Decision::HoldBack(expected));
    }
    let alone = Throttled {
        group: None,
        ..throttled(Kind::Threshold(3), 10)
    };
    let expected = "held back by threshold = 3 within 10s: its event has nothing at `throttle_by`, and is counted alone";
    let (decision, _) = alone.decide(None, at(0));
    assert_eq!(decision, Decision::HoldBack(expected.to_owned()));
}

#[test]
fn of_a_batch_the_reason_says_who_tells_of_the_event() {
    let batch = throttled(Kind::Batch, 10);
    let cases = [
        (2, "told of by run 7, at 2026-09-21T14:13:30Z (batch = 10s)"),
        (
            101,
            "only counted by run 7, at 2026-09-21T14:13:30Z (batch = 10s): its event is number 101 since \
             2026-09-21T14:13:20Z, and at most 100 are told of",
        ),
    ];
    for (number, expected) in cases {
        let window = Window {
            began_at: at(0),
            ends_at: at(10),
            events: number - 1,
            run: Some(7),
            run_waits: true,
        };
        let (decision, _) = batch.decide(Some(window), at(5));
        assert_eq!(decision, Decision::HoldBack(expected.to_owned()));
    }
}

#[test]
fn throttles_are_shown_in_the_largest_unit() {
    let cases = [
        (1, "1ms"),
        (1_500, "1500ms"),
        (90_000, "90s"),
        (600_000, "10m"),
        (5_400_000, "90m"),
        (7_200_000, "2h"),
        (86_400_000, "1d"),
    ];
    for (window, expected) in cases {
        let kind = Kind::Threshold(3);
        let window = Duration::from_millis(window);
        let shown = Throttle { kind, window }.to_string();
        assert_eq!(shown, format!("threshold = 3 within {expected}"));
    }
}

#[test]
fn groups_are_of_the_key_or_of_values_with_their_types() {
    let group = |by: &[&str], payload: Value| {
        let by = by.iter().map(|path| PayloadPath::parse(path).unwrap());
        let throttle = throttled(Kind::OnceWithin, 1).throttle;
        let throttling = Throttling {
            throttle,
            by: by.collect(),
        };
        let event = Event::new("1".into(), "t".into(), "now".into(), None, payload);
        throttling.of(&event, &Key::node("n")).group
    };
    let values = |by: &[&str], payload: Value| group(by, payload).map(|key| key.text);
    assert_eq!(group(&[], json!({"a": 1})), Some(Key::node("n")));
    let cases = [
        (&["a"][..], json!({"a": "x"}), Some("\"x\"")),
        (&["a"], json!({"a": 1}), Some("1")),
        (&["a"], json!({"a": "1"}), Some("\"1\"")),
        (&["a"], json!({"a": ["x", "y"]}), Some("[\"x\",\"y\"]")),
        (&["a", "b"], json!({"a": 1, "b": true}), Some("1,true")),
        (
            &["$.l[*].n"],
            json!({"l": [{"n": 1}, {"n": 2}]}),
            Some("[1,2]"),
        ),
        (&["a"], json!({}), None),
        (&["a"], json!({"a": null}), None),
        (&["a", "b"], json!({"a": 1}), None),
    ];
    for (by, payload, expected) in cases {
        assert_eq!(
            values(by, payload.clone()).as_deref(),
            expected,
            "{by:?} {payload}"
        );
    }
    assert_ne!(
        group(&["a"], json!({"a": 1})),
        group(&["b"], json!({"b": 1}))
    );
    let long = group(&["a"], json!({"a": "x".repeat(100_000)}));
    assert!(long.is_some_and(|key| key.text.len() <= crate::core::limits::LONGEST_NAME));
}
