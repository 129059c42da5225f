//! What is told of answers, one after the other.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::sources::elasticsearch::memory::{LARGEST, MOST, Open, Tell, Telling};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

/// What is told at each second whose answer has these identities, with `?` for an answer that is not whole and `-` for one
/// that failed: `+x` where `x` is found, `!x` where it is over.
fn told(telling: Telling, answers: &[&str]) -> Vec<String> {
    let mut open = BTreeMap::new();
    let mut lines = Vec::new();
    for (second, answer) in (0..).zip(answers) {
        if *answer == "-" {
            lines.push(String::new());
            continue;
        }
        let is_whole = !answer.contains('?');
        let found: Vec<String> = answer
            .chars()
            .filter(char::is_ascii_alphabetic)
            .map(String::from)
            .collect();
        let decided = telling
            .decide(&open, &found, at(second), is_whole)
            .expect("few");
        let told = decided.tells.iter().map(|tell| match tell {
            Tell::Found(place) => format!("+{}", found[*place]),
            Tell::Resolved(identity, _) => format!("!{identity}"),
        });
        lines.push(told.collect());
        // As it is kept.
        let kept = serde_json::to_string(&decided.open).expect("JSON");
        open = serde_json::from_str(&kept).expect("what was kept");
    }
    lines
}

fn telling(backoff: Option<i64>, resolve_after: Option<u32>) -> Telling {
    Telling {
        backoff: backoff.map(SignedDuration::from_secs),
        resolve_after,
    }
}

#[test]
fn what_is_found_is_told_as_often_as_the_options_say() {
    for (backoff, resolve_after, answers, expected) in [
        // Once, as long as each answer has it.
        (None, None, "a|a|ab|b||a", "+a||+b|||+a"),
        // Once between two answers that lack it long enough.
        (None, Some(2), "a||a|||a", "+a||||!a|+a"),
        (None, Some(1), "ab|b||b", "+a+b|!a|!b|+b"),
        // An answer that is not whole, or none at all, lacks nothing.
        (None, Some(1), "a|?|-||", "+a|||!a|"),
        (None, None, "a|?|a||a", "+a||||+a"),
        (None, None, "a|b?|ab", "+a|+b|"),
        // Recorded as 073: at the first answer after the back-off.
        (Some(3), None, "a|a|a|a|a|a|a", "+a|||+a|||+a"),
        // 074.
        (Some(0), None, "a|a|a", "+a|+a|+a"),
        // 076: another one meanwhile.
        (Some(3), None, "a|b|a|ab|b", "+a|+b||+a|+b"),
        // 077: found again after a silence that is longer, and after one that is not.
        (Some(2), None, "a|||||a", "+a|||||+a"),
        (Some(4), None, "a|||a|a", "+a||||+a"),
        // What was resolved and comes again is news.
        (Some(9), Some(1), "a|a||a", "+a||!a|+a"),
        // The same twice in one answer.
        (Some(0), None, "aa|a", "+a|+a"),
    ] {
        let answers: Vec<&str> = answers.split('|').collect();
        let told = told(telling(backoff, resolve_after), &answers).join("|");
        assert_eq!(told, expected, "{backoff:?} {resolve_after:?} {answers:?}");
    }
}

#[test]
fn what_is_over_says_since_when_it_was_and_when_it_was_told() {
    let telling = telling(Some(2), Some(1));
    let mut open = BTreeMap::new();
    for second in 0..4 {
        let decided = telling.decide(&open, &["a".to_owned()], at(second), true);
        open = decided.expect("one").open;
    }
    let decided = telling.decide(&open, &[], at(9), true).expect("none");
    let was = Open {
        since: at(0),
        told: at(2),
        absent: 1,
    };
    assert_eq!(decided.tells, [Tell::Resolved("a".to_owned(), was)]);
    assert!(decided.open.is_empty());
}

#[test]
fn a_clock_that_was_ahead_keeps_nothing_quiet() {
    let telling = telling(Some(60), None);
    let ahead = telling.decide(&BTreeMap::new(), &["a".to_owned()], at(1_000_000), true);
    let open = ahead.expect("one").open;
    for (second, is_told) in [(0, true), (999_990, false)] {
        let decided = telling.decide(&open, &["a".to_owned()], at(second), true);
        assert_eq!(!decided.expect("one").tells.is_empty(), is_told, "{second}");
    }
}

#[test]
fn more_than_can_be_remembered_is_refused_and_what_was_is_kept() {
    let telling = Telling::default();
    let many = |count: usize, length: usize| -> Vec<String> {
        (0..count).map(|it| format!("{it:0length$}")).collect()
    };
    for (found, is_taken) in [
        (many(MOST, 8), true),
        (many(MOST + 1, 8), false),
        (many(LARGEST / 1024, 1024), true),
        (many(LARGEST / 1024 + 1, 1024), false),
    ] {
        let decided = telling.decide(&BTreeMap::new(), &found, at(0), true);
        assert_eq!(decided.is_ok(), is_taken, "{}", found.len());
    }
    // What was told and is still within its back-off counts, too.
    let telling = self::telling(Some(60), None);
    let open = telling.decide(&BTreeMap::new(), &many(MOST, 8), at(0), true);
    let why = telling.decide(&open.expect("enough").open, &["x".to_owned()], at(1), true);
    assert!(why.is_err_and(|why| why.contains("let the query find less")));
}
