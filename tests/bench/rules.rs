//! What an event costs the service in processor time, with few rules and with many, each for a type of its
//! own, with a plain filter and with operators. What reading the configuration costs is not counted.

use std::fs;

use super::bus;
use super::counts::Counts;
use super::measure::{median, per, wait_for};
use super::sizes::Sizes;
use super::support::scene::{DELETE, Scene, Service, notification};
use super::table::{Goal, Row};

const FEW: usize = 10;
const MANY: usize = 10_000;

/// In which `/proc/PID/stat` counts, in microseconds: Linux shows everybody hundredths of a second.
const TICK: f64 = 10_000.0;

/// What each rule asks for, and no event has.
const PLAIN: &str = r#"{"purpose": "never"}"#;

/// The same with operators, of which the last refuses.
const OPERATORS: &str = r#"{"end_time": {"exists": true}, "properties": {"neq": "none"}, "node_name": {"nregex": "^never"}, "purpose": {"in": ["never", "nowhere"]}}"#;

pub(crate) fn measure(sizes: &Sizes) -> Vec<Row> {
    let cases = [
        ("10,000 rules of distinct types, cost per event", PLAIN),
        (
            "10,000 rules of distinct types with operators, cost per event",
            OPERATORS,
        ),
    ];
    let row = |(name, filters): (&'static str, &str)| {
        let (mut few, mut many) = (Vec::new(), Vec::new());
        for _ in 0..sizes.rounds {
            few.push(cost(FEW, filters, sizes.for_rules));
            many.push(cost(MANY, filters, sizes.for_rules));
        }
        Row::of(
            name,
            "µs",
            median(&many),
            ("10 rules", median(&few)),
            Goal::AtMost(1.5),
        )
    };
    cases.map(row).into()
}

/// In microseconds an event.
fn cost(rules: usize, filters: &str, events: usize) -> f64 {
    let mut scene = Scene::new("bench-rules");
    scene.default("keep_events = 1000000");
    for place in 0..rules {
        scene.rule(
            &format!("rule-{place}"),
            &format!("events = bench.type-{place}\nscript = /bin/true\nfilter_params = {filters}"),
        );
    }
    scene.rule("last", &format!("events = {DELETE}\nscript = /bin/true"));
    let service = scene.listen();
    let before = used(&service);
    let first = notification(DELETE);
    scene.publish_all((0..events).map(|number| {
        let event_type = format!("bench.type-{}", number % rules);
        let renamed = first.edited(|notification| {
            notification.insert("event_type".to_owned(), event_type.into());
        });
        renamed.fresh().body
    }));
    bus::publish(&scene, DELETE, 1);
    wait_for(&Counts::of(&scene), 1, "succeeded");
    let used = used(&service) - before;
    service.stop();
    scene.delete_queue();
    used / per(events, 1.0)
}

/// The processor time that a service has used, in microseconds.
fn used(service: &Service) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", service.pid())).expect("a process");
    let (_, rest) = stat.rsplit_once(") ").expect("a name");
    // In the mode of users, and in the kernel: fields 14 and 15, of which the rest begins with the third.
    let ticks = rest.split(' ').skip(11).take(2);
    let ticks = ticks.map(|field| field.parse::<u32>().expect("a number"));
    f64::from(ticks.sum::<u32>()) * TICK
}
