//! One event and 10, 1,000 or 10,000 rules: of types of their own, with plain filters and with operators; all of the
//! event's type; and all of its type with filters, or operators, of which only the last refuses.

use std::fmt::Write as _;
use std::path::Path;

use criterion::{BatchSize, Criterion};
use esi_event_actions::app::parts;
use esi_event_actions::core::event::Event;
use esi_event_actions::core::rules::{Given, RuleSet, Verdict};
use esi_event_actions::engine::intake::Decision;
use esi_event_actions::sources::Arrival;
use jiff::Timestamp;
use serde_json::json;

/// The type of the event. With rules of types of their own it is that of the last rule.
const TYPE: &str = "esi_leap.lease.fulfill.end";

/// All of them hold for the event but the last.
const LATE: &str = r#"{"purpose": "bench", "node_name": "node-[0-9]+", "properties.vendor": "acme", "properties.cpus": "64", "project_id": "p", "status": "never"}"#;

/// The same with operators, over a list and times, too.
const OPERATORS: &str = r#"{"purpose": {"in": ["bench", "test"], "neq": "ci"}, "node_name": {"matchwildcard": "node-*"}, "properties.cpus": {"gte": 32, "lt": 128}, "end_time": {"newer_than": "1h"}, "properties.disks": {"any": {"size": {"gt": 500}}}, "status": {"icontains": "never"}}"#;

/// Operators that hold.
const HOLDING: &str = r#"{"purpose": {"in": ["bench", "test"]}, "properties.cpus": {"gte": 32, "lt": 128}, "end_time": {"newer_than": "1h"}, "properties.disks": {"any": {"size": {"gt": 500}}}}"#;

const REFUSING: &str = r#"{"purpose": "nobody"}"#;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("match");
    for count in [10, 1_000, 10_000] {
        let distinct = |holding, others| {
            move |place: usize| {
                if place + 1 == count {
                    (TYPE.to_owned(), holding)
                } else {
                    (format!("esi_leap.lease.type-{place}"), others)
                }
            }
        };
        let plain = distinct(r#"{"purpose": "bench"}"#, REFUSING);
        let cases = [
            ("distinct types", rules(count, plain)),
            (
                "distinct types, operators",
                rules(count, distinct(HOLDING, OPERATORS)),
            ),
            ("one type", rules(count, |_| (TYPE.to_owned(), REFUSING))),
            ("refused late", rules(count, |_| (TYPE.to_owned(), LATE))),
            ("operators", rules(count, |_| (TYPE.to_owned(), OPERATORS))),
        ];
        let [plain, holding, one, late, operators] = &cases;
        for distinct in [plain, holding] {
            assert!(matches!(last_verdict(&distinct.1), Verdict::Run { .. }));
        }
        assert_eq!(refused_at(&one.1), "purpose");
        assert_eq!(refused_at(&late.1), "status");
        assert_eq!(refused_at(&operators.1), "status");
        for (name, rules) in cases {
            group.bench_function(format!("{name}/{count}"), |bencher| {
                bencher.iter_batched(
                    || Arrival::whole(event()),
                    |arrival| Decision::of(&rules, arrival, &given()),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

/// So many rules, each with its type of event and its filters.
fn rules(count: usize, rule: impl Fn(usize) -> (String, &'static str)) -> RuleSet {
    let mut text = String::from("[DEFAULT]\nscript = /bin/true\n");
    for place in 0..count {
        let (events, filters) = rule(place);
        writeln!(
            text,
            "[rule-{place}]\nevents = {events}\nfilter_params = {filters}"
        )
        .expect("memory");
    }
    let reading = parts::read(&text, Path::new("/etc/file"));
    let report = reading.problems.report("file").to_string();
    reading.config.unwrap_or_else(|| panic!("{report}")).rules
}

/// What the last of the rules says of the event.
fn last_verdict(rules: &RuleSet) -> Verdict {
    rules
        .all()
        .last()
        .expect("rules")
        .verdict(&event(), &given())
}

/// The path whose filter refuses it.
fn refused_at(rules: &RuleSet) -> String {
    match last_verdict(rules) {
        Verdict::Refused(mismatch) => mismatch.path,
        verdict => panic!("{verdict:?}"),
    }
}

fn given() -> Given<'static> {
    Given::at(Timestamp::UNIX_EPOCH)
}

fn event() -> Event {
    let lease = json!({
        "uuid": "c0b8", "node_uuid": "8b3e", "node_name": "node-17", "purpose": "bench", "project_id": "p",
        "properties": {"vendor": "acme", "cpus": "64", "disks": [{"size": 240}, {"size": 960}]}, "status": "active",
        "end_time": "2026-11-21 08:50:08.227045",
    });
    let payload = json!({ "esi_leap_object.data": lease });
    Event::new("1".into(), TYPE.into(), "now".into(), None, payload)
}
