use std::str::FromStr;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn cron(pattern: &str, zone: &str) -> Times {
    let zone = TimeZone::get(zone).expect("a time zone");
    Times::Cron(Box::new(Cron::from_str(pattern).expect("a pattern")), zone)
}

fn every(seconds: i64) -> Times {
    Times::Every(SignedDuration::from_secs(seconds))
}

fn schedule(times: Times, missed: Missed) -> Schedule {
    Schedule {
        times,
        missed,
        jitter: Duration::ZERO,
        limit: None,
    }
}

/// Fires when it is time to, as long as it is not after `until`, and gives the scheduled times.
fn follow(schedule: &Schedule, mut reached: Reached, until: &str) -> Vec<String> {
    let until = at(until);
    let mut fired = Vec::new();
    while let Some(next) = schedule.next("t", &reached).filter(|next| *next <= until) {
        let Fired {
            firings,
            reached: then,
            ..
        } = schedule.fire("t", &reached, next);
        assert_ne!(then, reached, "nothing fired at {next}");
        fired.extend(firings.iter().map(|firing| firing.scheduled.to_string()));
        reached = then;
    }
    fired
}

fn missed(schedule: &Schedule, reached: &Reached, now: &str) -> Vec<(u64, String)> {
    let Fired {
        firings,
        reached: then,
        ..
    } = schedule.fire("t", reached, at(now));
    let next = schedule.next("t", &then);
    assert!(next.is_none_or(|next| next > at(now)), "{next:?}");
    let number_and_time = |firing: &Firing| (firing.number, firing.scheduled.to_string());
    firings.iter().map(number_and_time).collect()
}

#[test]
fn a_length_counts_from_the_origin_whatever_happens_between() {
    let timer = schedule(every(600), Missed::Once);
    let reached = Reached::new(at("2026-01-01T00:00:05Z"));
    let Fired {
        firings,
        reached,
        left_out,
    } = timer.fire("t", &reached, at("2026-01-01T00:00:05Z"));
    assert_eq!(firings[0].number, 1);
    assert_eq!(firings[0].scheduled, reached.origin);
    assert_eq!(left_out, None);
    // Late by a busy service: the next one is not.
    let Fired {
        firings, reached, ..
    } = timer.fire("t", &reached, at("2026-01-01T00:10:25Z"));
    assert_eq!(firings[0].scheduled, at("2026-01-01T00:10:05Z"));
    assert_eq!(timer.next("t", &reached), Some(at("2026-01-01T00:20:05Z")));
    assert_eq!(
        timer
            .fire("t", &reached, at("2026-01-01T00:20:04Z"))
            .firings,
        []
    );
}

#[test]
fn what_passed_while_nothing_could_fire_is_nothing_the_last_or_all_of_it() {
    let reached = Reached {
        origin: at("2026-01-01T00:00:00Z"),
        last: Some(at("2026-01-01T01:00:00Z")),
        count: 7,
        stretches: Vec::new(),
    };
    let hours = |hours: &[(u64, u32)]| -> Vec<(u64, String)> {
        let number_and_time =
            |(number, hour): &(u64, u32)| (*number, format!("2026-01-01T{hour:02}:00:00Z"));
        hours.iter().map(number_and_time).collect()
    };
    for times in [every(3600), cron("0 * * * *", "UTC")] {
        for (how, now, fired) in [
            (Missed::None, "2026-01-01T04:30:00Z", hours(&[])),
            (Missed::None, "2026-01-01T04:00:30Z", hours(&[(8, 4)])),
            (Missed::Once, "2026-01-01T04:30:00Z", hours(&[(8, 4)])),
            (
                Missed::All,
                "2026-01-01T04:30:00Z",
                hours(&[(8, 2), (9, 3), (10, 4)]),
            ),
            (Missed::All, "2026-01-01T01:59:59Z", hours(&[])),
        ] {
            let timer = schedule(times.clone(), how);
            let left_out = timer.fire("t", &reached, at(now)).left_out;
            let is_left_out = how != Missed::All && now > "2026-01-01T02:01";
            assert_eq!(
                left_out,
                is_left_out.then(|| at("2026-01-01T02:00:00Z")),
                "{how:?} at {now}"
            );
            assert_eq!(missed(&timer, &reached, now), fired, "{how:?} at {now}");
        }
    }
}

#[test]
fn a_long_downtime_is_made_up_for_in_parts() {
    let timer = schedule(every(1), Missed::All);
    let reached = Reached::new(at("2026-01-01T00:00:00Z"));
    let now = at("2026-01-01T00:30:00Z");
    let Fired {
        firings: first,
        reached,
        ..
    } = timer.fire("t", &reached, now);
    let Fired {
        firings: rest,
        reached,
        ..
    } = timer.fire("t", &reached, now);
    assert_eq!((first.len(), rest.len()), (AT_ONCE, 801));
    assert_eq!(reached.last, Some(now));
    // And a century of it is no work where only the last counts.
    let timer = schedule(every(1), Missed::Once);
    let fired = missed(
        &timer,
        &Reached::new(at("1926-01-01T00:00:00Z")),
        "2026-01-01T00:00:00.5Z",
    );
    assert_eq!(fired, [(1, "2026-01-01T00:00:00Z".to_owned())]);
}

#[test]
fn one_time_fires_once_and_not_if_it_passed_before_the_timer_was_there() {
    let timer = schedule(Times::At(at("2026-01-01T12:00:00Z")), Missed::Once);
    let before = Reached::new(at("2026-01-01T00:00:00Z"));
    assert_eq!(
        follow(&timer, before.clone(), "2027-01-01T00:00:00Z").len(),
        1
    );
    assert_eq!(missed(&timer, &before, "2026-03-01T00:00:00Z").len(), 1);
    let after = Reached::new(at("2026-01-01T12:00:01Z"));
    assert_eq!(timer.next("t", &after), None);
}

#[test]
fn a_limit_is_for_the_life_of_the_timer() {
    let mut timer = schedule(every(1), Missed::All);
    timer.limit = Some(3);
    let reached = Reached::new(at("2026-01-01T00:00:00Z"));
    let Fired {
        firings, reached, ..
    } = timer.fire("t", &reached, at("2026-01-01T01:00:00Z"));
    assert_eq!(firings.len(), 3);
    assert_eq!(timer.next("t", &reached), None);
}

#[test]
fn a_clock_that_was_ahead_stops_no_timer() {
    let timer = schedule(every(60), Missed::Once);
    let reached = Reached {
        origin: at("2026-01-01T00:00:00Z"),
        last: Some(at("2036-01-01T00:00:00Z")),
        count: 2,
        stretches: Vec::new(),
    };
    let now = at("2026-01-01T00:10:30Z");
    let reached = timer.take_back(reached, now);
    assert_eq!(timer.next("t", &reached), Some(at("2026-01-01T00:11:00Z")));
}

/// 02:30 is left out on 29 March 2026 in Berlin, and comes twice on 25 October; Sundays are 0 and 7.
#[test]
fn local_times_that_are_left_out_or_come_twice_fire_once() {
    let timer = |pattern| schedule(cron(pattern, "Europe/Berlin"), Missed::Once);
    let from = |text| Reached::new(at(text));
    assert_eq!(
        follow(
            &timer("30 2 * * *"),
            from("2026-03-27T12:00:00Z"),
            "2026-03-30T12:00:00Z"
        ),
        [
            "2026-03-28T01:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-30T00:30:00Z"
        ]
    );
    assert_eq!(
        follow(
            &timer("30 2 * * *"),
            from("2026-10-23T12:00:00Z"),
            "2026-10-26T12:00:00Z"
        ),
        [
            "2026-10-24T00:30:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-26T01:30:00Z"
        ]
    );
    for sunday in ["0 0 * * 0", "0 0 * * 7", "0 0 * * sun"] {
        assert_eq!(
            follow(
                &timer(sunday),
                from("2026-01-01T00:00:00Z"),
                "2026-01-12T00:00:00Z"
            ),
            ["2026-01-03T23:00:00Z", "2026-01-10T23:00:00Z"]
        );
    }
}

/// What is found backwards, after a downtime, is what would have fired.
#[test]
fn the_last_missed_time_is_one_that_would_have_fired() {
    for pattern in [
        "30 2 * * *",
        "*/20 * * * *",
        "15 1-3 * * *",
        "0 3 * * mon-fri",
        "0 0 1 * *",
    ] {
        for (begin, days) in [("2026-03-28T12:00:00Z", 2), ("2026-10-24T12:00:00Z", 2)] {
            let begin = at(begin);
            let timer = schedule(cron(pattern, "Europe/Berlin"), Missed::Once);
            let end = begin + SignedDuration::from_hours(24 * days);
            let fired = follow(&timer, Reached::new(begin), &end.to_string());
            let mut now = begin;
            while now < end {
                let found = missed(&timer, &Reached::new(begin), &now.to_string());
                let last = fired.iter().rfind(|time| at(time) <= now);
                let found = found.first().map(|(_, time)| time);
                assert_eq!(found, last, "`{pattern}` at {now}");
                now += SignedDuration::from_mins(10);
            }
        }
    }
}

#[test]
fn jitter_is_the_same_for_the_same_time_and_differs_between_timers() {
    let mut timer = schedule(every(3600), Missed::Once);
    timer.jitter = Duration::from_secs(600);
    let reached = Reached::new(at("2026-01-01T00:00:00Z"));
    let delays: Vec<_> = ["a", "b", "c"]
        .map(|name| {
            timer
                .next(name, &reached)
                .expect("one")
                .duration_since(reached.origin)
        })
        .to_vec();
    assert!(
        delays
            .iter()
            .all(|delay| (0..600).contains(&delay.as_secs())),
        "{delays:?}"
    );
    assert!(
        delays[0] != delays[1] || delays[1] != delays[2],
        "{delays:?}"
    );
    let due = reached.origin + delays[0];
    let before = due - SignedDuration::from_millis(1);
    assert_eq!(timer.fire("a", &reached, before).firings, []);
    assert_eq!(timer.fire("a", &reached, due).firings.len(), 1);
    // One whose jitter has not passed is not missed.
    let Fired {
        firings, reached, ..
    } = timer.fire("a", &reached, at("2026-01-01T05:00:00Z"));
    assert_eq!(firings.len(), 1);
    assert!(timer.next("a", &reached).expect("one") > at("2026-01-01T05:00:00Z"));
}

#[test]
fn a_clock_that_is_set_back_a_little_takes_no_firing_back() {
    let timer = Schedule {
        limit: Some(3),
        ..schedule(every(60), Missed::Once)
    };
    let reached = Reached {
        origin: at("2026-01-01T00:00:00Z"),
        last: Some(at("2026-01-01T00:10:00Z")),
        count: 2,
        stretches: Vec::new(),
    };
    let reached = timer.take_back(reached, at("2026-01-01T00:09:59.99Z"));
    let now = at("2026-01-01T00:10:00.01Z");
    assert_eq!(timer.fire("t", &reached, now).firings, []);
    assert_eq!(timer.next("t", &reached), Some(at("2026-01-01T00:11:00Z")));
}

/// Fires at each of these times, which a clock shows one after the other.
fn numbers(timer: &Schedule, mut reached: Reached, times: &[&str]) -> Vec<Vec<(u64, String)>> {
    let fire = |time: &&str| {
        let now = at(&format!("2026-01-01T{time}Z"));
        let before = timer.take_back(reached.clone(), now);
        let fired = timer.fire("t", &before, now);
        // As it is kept.
        let kept = serde_json::to_string(&fired.reached).expect("times and numbers");
        reached = serde_json::from_str(&kept).expect("what was kept");
        let firings = fired.firings.iter();
        firings
            .map(|it| (it.number, it.scheduled.to_string()[14..19].to_owned()))
            .collect()
    };
    times.iter().map(fire).collect()
}

#[test]
fn what_has_fired_is_not_counted_again_when_the_clock_was_set_back() {
    let firings = |firings: &[(u64, &str)]| -> Vec<(u64, String)> {
        let firings = firings.iter();
        firings.map(|(it, time)| (*it, (*time).into())).collect()
    };
    let from = || Reached::new(at("2026-01-01T00:00:00Z"));
    for times in [every(60), cron("* * * * *", "UTC")] {
        let timer = Schedule {
            limit: Some(5),
            ..schedule(times, Missed::All)
        };
        let clock = [
            "00:02:00", "00:00:30", "00:02:30", "00:00:30", "00:03:00", "00:09:00",
        ];
        let expected = [
            firings(&[(1, "00:00"), (2, "01:00"), (3, "02:00")]),
            firings(&[]),
            firings(&[(3, "01:00"), (3, "02:00")]),
            firings(&[]),
            firings(&[(3, "01:00"), (3, "02:00"), (4, "03:00")]),
            firings(&[(5, "04:00")]),
        ];
        assert_eq!(numbers(&timer, from(), &clock), expected);
    }
    // What was left out has not fired: it counts when its time comes.
    let timer = schedule(every(60), Missed::Once);
    let clock = ["00:00:00", "00:05:00", "00:03:30", "00:04:00", "00:05:00"];
    let expected = [
        firings(&[(1, "00:00")]),
        firings(&[(2, "05:00")]),
        firings(&[]),
        firings(&[(3, "04:00")]),
        firings(&[(3, "05:00")]),
    ];
    assert_eq!(numbers(&timer, from(), &clock), expected);
}

#[test]
fn a_timer_that_begins_anew_counts_its_new_times() {
    // It was first started while the clock was ahead, and so its times are others now.
    let timer = schedule(every(60), Missed::All);
    let from = Reached::new(at("2026-01-01T05:00:00Z"));
    let fired = numbers(&timer, from, &["05:02:00", "04:58:30", "05:00:30"]);
    let numbers = fired.iter().flatten().map(|(number, _)| *number);
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[test]
fn only_so_many_stretches_are_kept_and_those_of_long_ago_go_first() {
    let timer = schedule(every(60), Missed::Once);
    let mut reached = Reached::new(at("2026-01-01T00:00:00Z"));
    for hour in 0..20 {
        let now = at(&format!("2026-01-01T{hour:02}:00:00Z"));
        reached = timer.fire("t", &reached, now).reached;
    }
    assert_eq!(reached.count, 20);
    assert_eq!(reached.stretches.len(), STRETCHES);
    let first = reached.stretches.iter().map(|stretch| stretch.0).min();
    assert_eq!(first, Some(at("2026-01-01T12:00:00Z")));
}
