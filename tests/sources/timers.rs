//! Timers: they fire at their times, once each, whatever becomes of the service and its clock meanwhile.

use crate::support::shim::Shim;
use crate::support::stage::{Stage, wait_until};
use crate::support::timer::{drain, set_clock_to, start, timer};

/// A stage with a timer that was first started at this time, and its clock.
fn begun(options: &str, at: &str) -> (Stage, Shim) {
    let stage = timer(options);
    let shim = Shim::new(&stage);
    set_clock_to(&shim, at);
    drain(&stage, &shim);
    (stage, shim)
}

/// Moves the clock there and does what is due then; gives what was logged.
fn at(stage: &Stage, shim: &Shim, time: &str) -> String {
    set_clock_to(shim, time);
    drain(stage, shim)
}

#[test]
fn it_fires_when_it_is_first_started_and_then_at_equal_distances_whatever_restarts() {
    let (stage, shim) = begun("every = 1h", "2026-06-01T12:00:00Z");
    let origin = stage.log();
    let [first] = &origin[..] else {
        panic!("it fires at its origin: {origin:?}")
    };
    let scheduled = first.split('|').nth(1).expect("a time");
    let origin: jiff::Timestamp = scheduled.parse().expect("a time");
    for _ in 0..3 {
        at(&stage, &shim, "2026-06-01T12:59:00Z");
        assert_eq!(stage.log().len(), 1, "no restart fires");
    }
    at(&stage, &shim, "2026-06-01T13:01:30Z");
    let next = origin + jiff::SignedDuration::from_hours(1);
    assert_eq!(stage.log()[1..], [format!("2|{next}|")]);
    drain(&stage, &shim);
    assert_eq!(stage.log().len(), 2, "each time fires once");
    let runs = stage.runs();
    assert_eq!(runs[1]["event_id"], format!("nightly@{next}"));
    assert_eq!(runs[1]["key"], "nightly");
}

#[test]
fn a_service_that_stays_fires_when_the_time_comes() {
    let (stage, shim) = begun("cron = 0 3 * * *\ntimezone = UTC", "2026-06-01T02:59:00Z");
    set_clock_to(&shim, "2026-06-01T02:59:57Z");
    let service = start(&stage, &shim);
    assert_eq!(stage.wait_for_log(1), ["1|2026-06-01T03:00:00Z|"]);
    // The clock may be set while it waits.
    set_clock_to(&shim, "2026-06-02T03:00:00Z");
    assert_eq!(stage.wait_for_log(2)[1], "2|2026-06-02T03:00:00Z|");
    wait_until("both to be on record", || {
        stage.states() == ["succeeded"; 2]
    });
    assert!(
        service
            .stop()
            .contains("timer:nightly: at `0 3 * * *` in UTC")
    );
}

#[test]
fn a_local_time_that_is_left_out_or_comes_twice_fires_once() {
    let options = "cron = 30 2 * * *\ntimezone = Europe/Berlin\nmissed = all";
    let (stage, shim) = begun(options, "2026-03-29T00:59:50Z");
    assert_eq!(stage.log().len(), 0);
    let service = start(&stage, &shim);
    // Of 01:59:59 the next second is 03:00:00.
    assert_eq!(stage.wait_for_log(1), ["1|2026-03-29T01:00:00Z|"]);
    service.stop();
    at(&stage, &shim, "2026-03-29T23:00:00Z");
    assert_eq!(stage.log().len(), 1);

    let (stage, shim) = begun(options, "2026-10-25T00:29:55Z");
    let service = start(&stage, &shim);
    assert_eq!(stage.wait_for_log(1), ["1|2026-10-25T00:30:00Z|"]);
    service.stop();
    at(&stage, &shim, "2026-10-25T01:31:00Z");
    assert_eq!(stage.log().len(), 1, "02:30 comes a second time");
    at(&stage, &shim, "2026-10-26T01:30:30Z");
    assert_eq!(stage.log()[1..], ["2|2026-10-26T01:30:00Z|"]);
}

#[test]
fn the_time_zone_of_the_machine_counts_where_none_is_said() {
    let stage = timer("cron = 0 3 * * *");
    let shim = Shim::new(&stage);
    for time in ["2026-01-15T01:00:00Z", "2026-01-15T02:00:30Z"] {
        set_clock_to(&shim, time);
        let mut command = stage.program("listen");
        let command = shim.below(&mut command).env("TZ", "Europe/Berlin");
        let output = command.arg("--until-idle").output().expect("the program");
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(stage.log(), ["1|2026-01-15T02:00:00Z|"]);
}

#[test]
fn what_passed_while_it_was_down_is_nothing_the_last_or_all_of_it() {
    let cases: [(&str, &[&str], bool); 4] = [
        ("none", &[], true),
        ("once", &["1|2026-06-01T03:00:00Z|"], true),
        (
            "all",
            &[
                "1|2026-06-01T01:00:00Z|",
                "2|2026-06-01T02:00:00Z|",
                "3|2026-06-01T03:00:00Z|",
            ],
            false,
        ),
        // That is what it is if nothing is said.
        ("", &["1|2026-06-01T03:00:00Z|"], true),
    ];
    for (missed, expected, is_told) in cases {
        let said = match missed {
            "" => String::new(),
            missed => format!("\nmissed = {missed}"),
        };
        let options = format!("cron = 0 * * * *\ntimezone = UTC{said}");
        let (stage, shim) = begun(&options, "2026-06-01T00:30:00Z");
        let log = at(&stage, &shim, "2026-06-01T03:30:00Z");
        assert_eq!(stage.log(), expected, "{missed}");
        let told = log.contains("did not fire at its times since 2026-06-01T01:00:00Z");
        assert_eq!(told, is_told, "{missed}: {log}");
        // That is over: it is neither told nor made up for again.
        let log = at(&stage, &shim, "2026-06-01T03:31:00Z");
        assert!(!log.contains("did not fire"), "{log}");
        let count = expected.len();
        at(&stage, &shim, "2026-06-01T04:00:20Z");
        let next = format!("{}|2026-06-01T04:00:00Z|", count + 1);
        assert_eq!(stage.log()[count..], [next], "{missed}");
    }
}

#[test]
fn a_clock_that_is_set_back_repeats_nothing_and_stops_nothing() {
    let options = "cron = 0 * * * *\ntimezone = UTC\nmissed = all";
    let (stage, shim) = begun(options, "2026-06-01T00:59:00Z");
    at(&stage, &shim, "2026-06-01T02:00:20Z");
    assert_eq!(stage.log().len(), 2);
    at(&stage, &shim, "2026-06-01T00:30:00Z");
    let log = at(&stage, &shim, "2026-06-01T02:00:10Z");
    assert_eq!(log.matches("nightly is known already").count(), 2, "{log}");
    at(&stage, &shim, "2026-06-01T03:00:10Z");
    let log = stage.log();
    assert_eq!(log.len(), 3, "no time fires twice: {log:?}");
    assert!(log[2].ends_with("|2026-06-01T03:00:00Z|"), "{log:?}");
}

#[test]
fn a_clock_that_was_a_year_ahead_does_not_stop_a_timer_for_a_year() {
    let options = "cron = 0 * * * *\ntimezone = UTC";
    let (stage, shim) = begun(options, "2026-06-01T00:59:00Z");
    at(&stage, &shim, "2027-06-01T02:00:20Z");
    assert_eq!(stage.log(), ["1|2027-06-01T02:00:00Z|"]);
    set_clock_to(&shim, "2026-06-01T01:59:50Z");
    let service = start(&stage, &shim);
    assert_eq!(stage.wait_for_log(2)[1], "2|2026-06-01T02:00:00Z|");
    service.stop();
}

#[test]
fn a_limit_is_for_all_starts_together() {
    let options = "cron = 0 * * * *\ntimezone = UTC\nlimit = 2";
    let (stage, shim) = begun(options, "2026-06-01T00:30:00Z");
    for hour in 1..=4 {
        at(&stage, &shim, &format!("2026-06-01T0{hour}:00:10Z"));
    }
    let expected = ["1|2026-06-01T01:00:00Z|", "2|2026-06-01T02:00:00Z|"];
    assert_eq!(stage.log(), expected);
}

#[test]
fn a_single_time_fires_once_and_not_if_it_was_over_before() {
    let options = "at = 2026-06-01T05:00\ntimezone = Europe/Berlin";
    let (stage, shim) = begun(options, "2026-06-01T02:00:00Z");
    for time in [
        "2026-06-01T02:59:00Z",
        "2026-06-01T03:00:01Z",
        "2026-06-01T09:00:00Z",
    ] {
        at(&stage, &shim, time);
    }
    assert_eq!(stage.log(), ["1|2026-06-01T03:00:00Z|"]);
    let (stage, shim) = begun(options, "2026-06-01T03:00:01Z");
    at(&stage, &shim, "2026-06-01T04:00:00Z");
    assert_eq!(stage.log(), [""; 0]);
}

#[test]
fn what_no_rule_in_force_asks_for_is_not_recorded() {
    let mut stage = Stage::new("");
    stage.rule(
        "source:nightly",
        "type = timer\ncron = 0 * * * *\ntimezone = UTC",
    );
    stage.rule(
        "report",
        "events = nightly\nscript = record.sh\nscript_params = i\nenabled = no",
    );
    let shim = Shim::new(&stage);
    set_clock_to(&shim, "2026-06-01T00:30:00Z");
    drain(&stage, &shim);
    let log = at(&stage, &shim, "2026-06-01T01:00:10Z");
    assert!(!log.contains("nightly matches no rule"), "{log}");
    assert_eq!((stage.runs().len(), stage.log().len()), (0, 0));
}
