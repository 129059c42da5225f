use super::*;
use jiff::tz::TimeZone;
use serde_json::json;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn lease(event_type: &str, time: &str, data: &Value) -> Event {
    let payload = json!({ "esi_leap_object.data": data });
    Event::new("1".into(), event_type.into(), time.into(), None, payload)
}

const FULFILL: &str = "esi_leap.lease.fulfill.end";

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

#[test]
fn a_path_and_a_length_of_time_make_a_start() {
    let cases = [
        ("time", Ok("2026-11-21T08:00:00Z")),
        ("time + 30s", Ok("2026-11-21T08:00:30Z")),
        ("time - 10m", Ok("2026-11-21T07:50:00Z")),
        ("end_time", Ok("2026-11-24T12:00:00Z")),
        ("end_time - 24h", Ok("2026-11-23T12:00:00Z")),
        ("end_time  -  1d", Ok("2026-11-23T12:00:00Z")),
        ("end_time -24h", Ok("2026-11-23T12:00:00Z")),
        ("$.end_time - 500ms", Ok("2026-11-24T11:59:59.5Z")),
        ("properties.a-b + 1h", Ok("2026-11-25T01:00:00Z")),
        ("$['properties']['a - b'] + 1h", Ok("2026-11-25T01:00:00Z")),
        (
            "",
            Err((
                0,
                "expected a path or `time` in `start_at`, but found nothing",
            )),
        ),
        (" + 1h", Err((0, "expected a path or `time`"))),
        (
            "end_time +",
            Err((
                10,
                "expected a length of time after `+` in `start_at`, but found nothing",
            )),
        ),
        (
            "end_time - soon",
            Err((
                11,
                "expected a length of time after `-` in `start_at`, but found `soon`",
            )),
        ),
        ("end_time - 1 week", Err((11, "found `1 week`"))),
        ("end_time - 999999999d", Err((11, "found `999999999d`"))),
        (
            "end_time-24h",
            Err((
                8,
                "expected a space before and after the sign in `start_at`, but found `-24h`",
            )),
        ),
        ("time+30", Err((4, "found `+30`"))),
        ("a..b + 1h", Err((0, "expected a dotted path"))),
        ("$[ + 1h", Err((1, "expected a JSONPath"))),
    ];
    let data = json!({
        "end_time": "2026-11-24T12:00:00Z",
        "properties": {"a-b": "2026-11-25T00:00:00", "a - b": "2026-11-25T00:00:00"},
    });
    let event = lease(FULFILL, "2026-11-21 08:00:00", &data);
    for (text, expected) in cases {
        match (StartAt::parse(text), expected) {
            (Ok(start_at), Ok(expected)) => {
                let time = start_at.time(&event, &TimeZone::UTC);
                assert_eq!(time, Ok(at(expected)), "{text}");
                assert_eq!(start_at.as_str(), text);
            }
            (Err(invalid), Err((offset, message))) => {
                assert!(invalid.message.contains(message), "{text}: {invalid:?}");
                assert_eq!(invalid.offset, offset, "{text}: {invalid:?}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn each_form_of_a_time_is_read_and_what_is_none_is_named() {
    let cases = [
        (json!("2026-11-24T12:00:00Z"), Ok("2026-11-24T12:00:00Z")),
        (
            json!("2026-11-24T12:00:00+02:00"),
            Ok("2026-11-24T10:00:00Z"),
        ),
        (
            json!("2026-11-24T12:00:00.25"),
            Ok("2026-11-24T12:00:00.25Z"),
        ),
        (json!("2026-11-24 12:00:00"), Ok("2026-11-24T12:00:00Z")),
        (json!(" 2026-11-24T12:00:00z "), Ok("2026-11-24T12:00:00Z")),
        (json!(1_790_000_000), Ok("2026-09-21T14:13:20Z")),
        (json!(1_790_000_000.5), Ok("2026-09-21T14:13:20.5Z")),
        (json!("2026-11-24"), Err("the text \"2026-11-24\"")),
        (json!("2026-11-24T12:00:00 EST"), Err("the text")),
        (json!("2026-13-24T12:00:00Z"), Err("the text")),
        (json!("soon"), Err("the text \"soon\"")),
        (json!(""), Err("the text \"\"")),
        (json!(null), Err("null")),
        (json!(true), Err("true")),
        (json!([1]), Err("the list [1]")),
        (json!({}), Err("the object {}")),
        (json!(1e300), Err("the number")),
    ];
    let start_at = StartAt::parse("when").unwrap();
    for (value, expected) in cases {
        let event = lease("t", "now", &json!({ "when": value }));
        let time = start_at.time(&event, &TimeZone::UTC);
        match (&time, expected) {
            (Ok(time), Ok(expected)) => assert_eq!(*time, at(expected), "{value}"),
            (Err(why), Err(part)) => {
                let told = format!("`start_at` expected a time at `when`, but found {part}");
                assert!(why.starts_with(&told), "{value}: {why}");
            }
            _ => panic!("{value}: {time:?}, expected {expected:?}"),
        }
    }
    let event = lease("t", "now", &json!({}));
    let missing = start_at.time(&event, &TimeZone::UTC).unwrap_err();
    assert!(missing.ends_with("but found missing"), "{missing}");
}

/// As recorded of a host in New York, which writes its own time and `Z`; here it is in Berlin.
#[test]
fn what_can_be_trusted_is_utc_and_the_rest_is_in_the_zone_that_is_said() {
    let cases = [
        // Users' times and that of a notification are UTC.
        (
            FULFILL,
            "end_time",
            "2026-11-24T12:00:00Z",
            "2026-11-24T12:00:00Z",
        ),
        (
            FULFILL,
            "end_time",
            "2026-11-24T12:00:00",
            "2026-11-24T12:00:00Z",
        ),
        (
            FULFILL,
            "start_time",
            "2026-11-24T12:00:00",
            "2026-11-24T12:00:00Z",
        ),
        // The host's own are not, whatever they say.
        (
            FULFILL,
            "fulfill_time",
            "2026-11-24T12:00:00Z",
            "2026-11-24T11:00:00Z",
        ),
        (
            FULFILL,
            "expire_time",
            "2026-11-24T12:00:00.5",
            "2026-11-24T11:00:00.5Z",
        ),
        (
            FULFILL,
            "event_time",
            "2026-11-24T12:00:00",
            "2026-11-24T11:00:00Z",
        ),
        (
            FULFILL,
            "fulfill_time",
            "2026-11-24T12:00:00-05:00",
            "2026-11-24T17:00:00Z",
        ),
        // Others mean what they say, and if they say nothing the zone.
        (
            FULFILL,
            "properties",
            "2026-11-24T12:00:00Z",
            "2026-11-24T12:00:00Z",
        ),
        (
            "hook",
            "fulfill_time",
            "2026-11-24T12:00:00Z",
            "2026-11-24T12:00:00Z",
        ),
        (
            "hook",
            "end_time",
            "2026-11-24T12:00:00",
            "2026-11-24T11:00:00Z",
        ),
    ];
    for (event_type, field, text, expected) in cases {
        let event = lease(event_type, "now", &json!({ field: text }));
        let start_at = StartAt::parse(field).unwrap();
        assert_eq!(
            start_at.time(&event, &berlin()),
            Ok(at(expected)),
            "{field} {text}"
        );
    }
    let times = [
        ("2026-11-21 08:41:21.631021", "2026-11-21T08:41:21.631021Z"),
        ("2026-11-21T08:50:08.243638", "2026-11-21T07:50:08.243638Z"),
        ("2026-11-21T08:50:08Z", "2026-11-21T08:50:08Z"),
    ];
    let start_at = StartAt::parse("time").unwrap();
    for (text, expected) in times {
        let event = lease(FULFILL, text, &json!({}));
        assert_eq!(start_at.time(&event, &berlin()), Ok(at(expected)), "{text}");
    }
}

#[test]
fn a_time_that_the_clock_skips_or_has_twice_is_one_time() {
    let cases = [
        // The night in March lacks 02:00 to 03:00, that in October has it twice.
        ("2027-03-28T01:59:59", "2027-03-28T00:59:59Z"),
        ("2027-03-28T02:30:00", "2027-03-28T01:30:00Z"),
        ("2027-03-28T03:00:00", "2027-03-28T01:00:00Z"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
        ("2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
    ];
    let day_before = StartAt::parse("when - 24h").unwrap();
    for (text, expected) in cases {
        let event = lease("t", "now", &json!({ "when": text }));
        // A day before is 24 hours before, whatever the clock does in that night.
        let expected = at(expected) - SignedDuration::from_hours(24);
        assert_eq!(day_before.time(&event, &berlin()), Ok(expected), "{text}");
    }
}

#[test]
fn a_lease_without_end_and_sums_beyond_all_times_are_the_last_time() {
    let start_at = |text: &str| StartAt::parse(text).unwrap();
    let open = lease(FULFILL, "now", &json!({"end_time": "9999-12-31T23:59:59Z"}));
    assert_eq!(
        start_at("end_time").time(&open, &TimeZone::UTC),
        Ok(Timestamp::MAX)
    );
    let before = start_at("end_time - 24h")
        .time(&open, &TimeZone::UTC)
        .unwrap();
    assert!(before > at("9999-12-29T00:00:00Z"));
    assert_eq!(
        start_at("end_time + 30000d").time(&open, &TimeZone::UTC),
        Ok(Timestamp::MAX)
    );
}

#[test]
fn an_age_counts_from_the_start_that_the_rule_says_else_from_the_event() {
    let when = |start_at: Option<&str>, max_age| When {
        start_at: start_at.map(|text| StartAt::parse(text).unwrap()),
        max_age: Some(Duration::from_secs(max_age)),
        ..When::default()
    };
    let event = lease(
        FULFILL,
        "2026-11-21 08:00:00",
        &json!({"end_time": "2026-11-24T12:00:00Z"}),
    );
    let timing = when(None, 60).timing(&event);
    assert_eq!(timing.start_at, Ok(None));
    assert_eq!(timing.start_by, Some(at("2026-11-21T08:01:00Z")));
    let timing = when(Some("end_time - 1h"), 60).timing(&event);
    assert_eq!(timing.start_at, Ok(Some(at("2026-11-24T11:00:00Z"))));
    assert_eq!(timing.start_by, Some(at("2026-11-24T11:01:00Z")));
    let timing = when(Some("fulfill_time"), 60).timing(&event);
    assert!(timing.start_at.is_err());
    assert_eq!(timing.start_by, None);
    // It must not run at any age because nobody knows how old it is.
    let timing = when(None, 60).timing(&lease("t", "now", &json!({})));
    let why = "`max_age` expected a time at `time`, but found the text \"now\"";
    assert_eq!(timing.start_at, Err(why.to_owned()));
}

#[test]
fn runs_share_by_value_only_if_there_is_a_limit() {
    let share = |limit, by: Option<&str>, data: &Value| {
        let when = When {
            limit,
            limit_by: by.map(|path| PayloadPath::parse(path).unwrap()),
            ..When::default()
        };
        when.share(&lease("t", "now", data))
    };
    let data = json!({"rack": "r1", "n": 7});
    assert_eq!(share(None, Some("rack"), &data), None);
    assert_eq!(share(Some(1), None, &data).as_deref(), Some(""));
    assert_eq!(share(Some(1), Some("rack"), &data).as_deref(), Some("r1"));
    assert_eq!(share(Some(1), Some("n"), &data).as_deref(), Some("7"));
    assert_eq!(share(Some(1), Some("nope"), &data).as_deref(), Some(""));
}
