//! What ansible-rulebook's throttles really do (`tests/data/eda/temporal.json`, recorded): every case is equal, or
//! listed here with the reason why ours differs.

use std::collections::BTreeMap;

use super::*;

const FILE: &str = include_str!("../../../../tests/data/eda/temporal.json");

const SEVERAL: &str =
    "a rule of ours is about one event: no `all`, `any`, `not_all`, facts or timeouts";
const OWN_WINDOW: &str = "each group of ours has a window of its own, which begins with its own first event; theirs \
                          begins with the first of the rule";
const WHOLE_WINDOW: &str = "a window of ours lasts until its end, so that a storm is told once; theirs ends when \
                            the number is reached, and counting begins anew";
const DURATIONS: &str =
    "durations are written as in every option of ours: `1s`, and a bare number means seconds";
const POSITIVE: &str = "a window of no length throttles nothing: a problem when the file is read";
const ONE_KIND: &str =
    "two throttles in a rule are a problem when the file is read; theirs takes one silently";
const LOST: &str = "theirs loses timed results of more than 128 KiB, and all after them";
const NO_GROUP: &str =
    "without `throttle_by`, ours groups by the key of the runs: there is no group of all events";
const OPTIONAL: &str = "`throttle_by` may be left out, and is then the key of the runs";

/// The cases in which ours differs.
const DIFFERENT: &[(&str, &[u32])] = &[
    (
        SEVERAL,
        &[
            10, 11, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46,
        ],
    ),
    (OPTIONAL, &[8]),
    (NO_GROUP, &[9]),
    (OWN_WINDOW, &[12, 13]),
    (WHOLE_WINDOW, &[19, 21]),
    (ONE_KIND, &[23]),
    (DURATIONS, &[27, 28]),
    (POSITIVE, &[29, 30]),
    (LOST, &[47, 48]),
];

/// What ours makes of a case: which events have a run, and when it starts in tenths of a second; or that the throttle
/// is refused.
type Told = Result<Vec<(Value, i64)>, ()>;

/// The throttle of a case in our words, if it has one that we have words for.
fn throttling(case: &Value) -> Result<Throttling, ()> {
    let [rule] = &case["rules"].as_array().unwrap()[..] else {
        return Err(());
    };
    let throttle = rule["throttle"].as_object().ok_or(())?;
    if !rule["condition"].is_string() {
        return Err(());
    }
    let kinds = ["once_within", "once_after", "accumulate_within"];
    let said: Vec<_> = kinds
        .iter()
        .filter_map(|kind| Some((*kind, throttle.get(*kind)?)))
        .collect();
    let [(kind, window)] = said[..] else {
        return Err(());
    };
    let kind = match kind {
        "once_within" => Kind::OnceWithin,
        "once_after" => Kind::OnceAfter,
        _ => Kind::Threshold(
            u32::try_from(
                throttle
                    .get("threshold")
                    .and_then(Value::as_u64)
                    .ok_or(())?,
            )
            .unwrap(),
        ),
    };
    let (number, unit) = window.as_str().unwrap().split_once(' ').ok_or(())?;
    let number: u64 = number.parse().map_err(|_| ())?;
    let unit = match unit.trim_end_matches('s') {
        "millisecond" => 1,
        "second" => 1_000,
        "minute" => 60_000,
        other => panic!("{other}"),
    };
    if number == 0 {
        return Err(());
    }
    let by = throttle
        .get("group_by_attributes")
        .and_then(Value::as_array);
    let by = by.into_iter().flatten().map(|path| {
        let path = path.as_str().unwrap();
        PayloadPath::parse(path.strip_prefix("event.").unwrap()).unwrap()
    });
    Ok(Throttling {
        throttle: Throttle {
            kind,
            window: Duration::from_millis(number * unit),
        },
        by: by.collect(),
    })
}

/// What ours does with the events of a case.
fn ours(case: &Value) -> Told {
    let throttling = throttling(case)?;
    let mut windows: BTreeMap<String, Window> = BTreeMap::new();
    let mut told = Vec::new();
    for step in case["steps"].as_array().into_iter().flatten() {
        let payload = &step["event"];
        // The condition of all of them.
        if payload["i"] != 1 {
            continue;
        }
        let millis = (step["at_second"].as_f64().unwrap() * 1000.0).round();
        #[expect(clippy::cast_possible_truncation, reason = "some seconds")]
        let now = Timestamp::from_millisecond(millis as i64).unwrap();
        let event = Event::new("1".into(), "t".into(), "now".into(), None, payload.clone());
        // Other events of the key: the group of a rule without `throttle_by`.
        let throttled = throttling.of(&event, &Key::node(payload["host"].to_string()));
        let group = throttled.group.as_ref().map(|group| group.text.clone());
        let known = group.as_ref().and_then(|group| windows.get(group)).copied();
        let (decision, mut window) = throttled.decide(known, now);
        let starts = match decision {
            Decision::Start => Some(now),
            Decision::StartAt(due) => Some(due),
            Decision::HoldBack(_) => None,
        };
        window.run_waits |= starts.is_some_and(|starts| starts > now);
        told.extend(starts.map(|starts| (payload.clone(), (starts.as_millisecond() + 50) / 100)));
        windows.extend(group.map(|group| (group, window)));
    }
    told.sort_by_key(|(_, starts)| *starts);
    Ok(told)
}

/// What theirs did.
fn theirs(case: &Value) -> Told {
    if case.get("refused").is_some() {
        return Err(());
    }
    let mut told = Vec::new();
    for fired in case["fired"].as_array().into_iter().flatten() {
        #[expect(clippy::cast_possible_truncation, reason = "some seconds")]
        let starts = (fired["after_seconds"].as_f64().unwrap() * 10.0).round() as i64;
        for (_, event) in fired["matched"].as_object().unwrap() {
            let mut event = event.clone();
            // Added by the engine.
            event.as_object_mut().unwrap().remove("meta");
            told.push((event, starts));
        }
    }
    Ok(told)
}

/// Times were measured, to a tenth of a second or two.
fn are_equal(ours: &Told, theirs: &Told) -> bool {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|((ours, at), (theirs, then))| ours == theirs && (at - then).abs() <= 2)
        }
        (Err(()), Err(())) => true,
        _ => false,
    }
}

#[test]
fn every_recorded_case_is_equal_or_listed_with_the_reason() {
    let file: Value = serde_json::from_str(FILE).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 48);
    for (number, case) in (1_u32..).zip(cases) {
        let id = case["id"].as_str().unwrap();
        assert_eq!(id, format!("temporal-{number:03}"));
        let reason = DIFFERENT
            .iter()
            .find(|(_, numbers)| numbers.contains(&number));
        let (ours, theirs) = (ours(case), theirs(case));
        match reason {
            None => assert!(
                are_equal(&ours, &theirs),
                "{id}: {ours:?}, theirs {theirs:?}"
            ),
            // Of these, what theirs refuses for another reason looks the same.
            Some((SEVERAL | OPTIONAL | DURATIONS, _)) => {}
            Some((reason, _)) => assert!(
                !are_equal(&ours, &theirs),
                "{id} is equal, and listed: {reason}"
            ),
        }
    }
}
