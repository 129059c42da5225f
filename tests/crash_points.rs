//! kill -9 at every named point, of every feed: nothing lost, every repeat on record, nothing beside
//! its own repeat.
//!
//! The points are the program's own list (`esi_event_actions::crash`), so none can be forgotten: one
//! that is added has to be said here how to come to, and one that is not come to fails.

mod feeds;
mod others;
mod sensors;
mod topics;

use std::os::unix::process::ExitStatusExt;
use std::sync::Mutex;
use std::thread;

use esi_event_actions::crash::Point;

use super::support::repeats::{
    TIMED, assert_nothing_is_lost, assert_order, assert_these_ran, starts,
};
use super::support::stage::wait_until;
use feeds::{Bus, EVENTS, Feed, History, NODES};
use others::{Exec, Facts, Messages, Timer};
use sensors::Sensor;
use topics::Topics;

/// So many are tried at the same time: most of it is waiting.
const AT_ONCE: usize = 2;

/// The times at which a point is deadly to `listen` and to `poll`, counted from 1; none, where they
/// never come to it.
fn times(point: Point) -> (&'static [u32], &'static [u32]) {
    match point {
        Point::ListAnswered
        | Point::CursorMoved
        | Point::LateLeaseShown
        | Point::LeaseCompleted => (&[], &[1]),
        Point::LeaseShown => (&[], &[1, 3]),
        // Come to by a rule that changes a value (`storing`, `action_faults`) or launches a job (`awx_action`), by what a command asks (`retrying`),
        // by what cancels runs (`cancelling`), by a rule with a throttle (`throttling`) or a `recheck` (`rechecking`), and
        // by one for ends of runs (`run_events`): the program is killed there.
        Point::StoreUncommitted
        | Point::StoreChanged
        | Point::JobLaunched
        | Point::RequestDecided
        | Point::RequestAnswered
        | Point::CancelledUncommitted
        | Point::EndAsked
        | Point::LeaseRechecked
        | Point::WindowWritten
        | Point::AnnouncementDecided
        | Point::AnnouncedUncommitted
        | Point::Announced => (&[], &[]),
        Point::JournalMade
        | Point::MigrationHalfWay
        | Point::Migrated
        | Point::LeftoversEnded
        | Point::InterruptionRecorded
        | Point::PruneHalfWay
        | Point::Pruned
        | Point::DeliveryReceived
        | Point::DeliveryDecoded
        | Point::AcceptedUncommitted
        | Point::Accepted
        | Point::Settled
        | Point::ProcessRecorded => (&[1], &[1]),
        Point::RunClaimed | Point::OutcomeUncommitted | Point::OutcomeWritten => (&[1, 2], &[1, 2]),
        Point::ProcessStarted | Point::ProcessEnded => (&[1, 3], &[1, 3]),
        // Each time it is something else that is committed.
        Point::Committing => (&[1, 2, 4], &[1, 3, 5]),
        Point::Committed => (&[1, 3, 5], &[1, 2, 4]),
    }
}

#[test]
fn listen_loses_nothing_wherever_it_is_killed() {
    at_every_point::<Bus>(|point| times(point).0);
}

#[test]
fn poll_loses_nothing_wherever_it_is_killed() {
    at_every_point::<History>(|point| times(point).1);
}

/// At those of intake; what comes before and after is the same whatever is served.
#[test]
fn a_timer_loses_no_firing_wherever_it_is_killed() {
    at_every_point::<Timer>(times_of_intake);
}

#[test]
fn facts_are_told_once_wherever_the_service_is_killed() {
    at_every_point::<Facts>(times_of_intake);
}

/// It keeps no cursor, but a value of the store.
#[test]
fn a_sensor_loses_nothing_that_it_dispatched_wherever_the_service_is_killed() {
    at_every_point::<Sensor>(|point| match point {
        Point::CursorMoved => &[],
        Point::StoreUncommitted => &[1, 2],
        point => times_of_intake(point),
    });
}

#[test]
fn messages_of_topics_are_taken_once_wherever_the_service_is_killed() {
    at_every_point::<Topics>(|point| match point {
        // Where it begins comes first.
        Point::DeliveryReceived
        | Point::DeliveryDecoded
        | Point::CursorMoved
        | Point::AcceptedUncommitted
        | Point::Accepted
        | Point::Settled => &[1, 2],
        point => times_of_intake(point),
    });
}

#[test]
fn what_a_program_writes_is_not_lost_wherever_the_service_is_killed() {
    at_every_point::<Exec>(times_without_cursor);
}

#[test]
fn messages_of_other_services_are_not_lost_wherever_the_service_is_killed() {
    at_every_point::<Messages>(times_without_cursor);
}

/// Of sources that are told themselves what is on disk.
fn times_without_cursor(point: Point) -> &'static [u32] {
    match point {
        Point::CursorMoved => &[],
        point => times_of_intake(point),
    }
}

fn times_of_intake(point: Point) -> &'static [u32] {
    match point {
        Point::DeliveryReceived
        | Point::DeliveryDecoded
        | Point::CursorMoved
        | Point::AcceptedUncommitted
        | Point::Accepted
        | Point::Settled
        | Point::RunClaimed
        | Point::PruneHalfWay
        | Point::Pruned => &[1],
        Point::Committing | Point::Committed => &[1, 2, 3],
        _ => &[],
    }
}

fn at_every_point<F: Feed>(times: fn(Point) -> &'static [u32]) {
    let cases = Point::ALL.iter().flat_map(|point| {
        let times = times(*point).iter();
        times.map(|time| (*point, *time))
    });
    let cases = Mutex::new(cases);
    let next = || cases.lock().expect("nobody panics with it").next();
    thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| {
                while let Some((point, time)) = next() {
                    println!("{}, time {time}", point.name());
                    match point {
                        Point::PruneHalfWay | Point::Pruned => amid_pruning::<F>(point),
                        _ => killed_at::<F>(point, time),
                    }
                }
            });
        }
    });
}

/// Kills a feed at a point, and accounts for what it does from then on.
fn killed_at<F: Feed>(point: Point, time: u32) {
    let feed = F::with_events(point);
    feed.stage().script("timed.sh", &held());
    let leaves_scripts = match point {
        Point::ProcessStarted | Point::ProcessRecorded => {
            die_with_scripts(&feed, point, time);
            true
        }
        Point::LeftoversEnded | Point::InterruptionRecorded => {
            die_with_scripts(&feed, Point::ProcessStarted, 2);
            die(&feed, point, time);
            false
        }
        _ => {
            die(&feed, point, time);
            false
        }
    };
    feed.assert_kept(point);
    let told = finish(&feed);
    // They would never have ended by themselves.
    let ended = told.contains("a process that was left of it");
    assert!(!leaves_scripts || ended, "{told}");
    assert_these_ran(feed.stage(), &feed.ids());
    assert_nothing_is_lost(feed.stage(), EVENTS);
    assert_order(feed.stage(), F::keys());
    // Whoever reads it all again finds nothing new.
    let before = feed.stage().log();
    finish(&feed);
    assert_eq!(feed.stage().log(), before);
}

/// [`TIMED`]; while there is a file `hold`, the first attempt of each node's first event never ends,
/// as long as there is a stage.
fn held() -> String {
    let (begin, rest) = TIMED.split_once("sleep").expect("a script that takes time");
    format!(
        r#"held=$([ ! -e hold ] || [ "$2" -gt {NODES} ] || [ "$ESI_ATTEMPT" -gt 1 ] || echo yes)
{begin}[ -z "$held" ] || while [ -e "$LOG" ]; do sleep 0.02; done
sleep{rest}"#
    )
}

/// Has the program run until it kills itself.
fn die<F: Feed>(feed: &F, point: Point, time: u32) {
    let mut command = feed.command();
    command.env("ESI_CRASH_POINT", format!("{}:{time}", point.name()));
    let output = command.output().expect("the program");
    let name = point.name();
    assert_eq!(output.status.signal(), Some(9), "{name}: {output:?}");
}

/// The same, and leaves scripts behind that do not end.
fn die_with_scripts<F: Feed>(feed: &F, point: Point, time: u32) {
    let hold = feed.stage().path("hold");
    std::fs::write(&hold, "").expect("a file");
    die(feed, point, time);
    let left = usize::try_from(time).expect("a small number");
    wait_until("the scripts that are left", || starts(feed.stage()) >= left);
    std::fs::remove_file(&hold).expect("a file");
}

/// Has the program do all there is to do, and gives what it has told.
fn finish<F: Feed>(feed: &F) -> String {
    let output = feed.command().output().expect("the program");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// Kills a feed while it deletes what it is to keep no longer.
fn amid_pruning<F: Feed>(point: Point) {
    const KEPT: usize = 2;
    let mut feed = F::with_events(point);
    feed.stage().script("timed.sh", TIMED);
    finish(&feed);
    let log = feed.stage().log();
    feed.stage_mut().default(&format!("keep_events = {KEPT}"));
    die(&feed, point, 1);
    let left = feed.stage().runs().len();
    if point == Point::PruneHalfWay {
        assert_eq!(left, EVENTS, "what is not committed has not happened");
    } else {
        assert_eq!(left, KEPT);
    }
    finish(&feed);
    assert_eq!(feed.stage().runs().len(), KEPT);
    // What is forgotten is not run again.
    assert_eq!(feed.stage().log(), log);
}

#[test]
fn a_script_that_is_not_on_record_is_ended_with_its_children_of_another_environment() {
    let feed = History::with_events(Point::ProcessStarted);
    // As `sudo` does it, and scripts that trust no variables.
    feed.stage().script(
        "timed.sh",
        r#"exec 9>>"lock-$1"
flock --nonblock 9 || echo "beside $2" >>"$LOG"
[ -e hold ] || exit 0
env -i /bin/sh -c 'echo "start $0" >>"$1"; while [ -e "$1" ]; do sleep 0.02; done' "$2" "$LOG" &
wait"#,
    );
    die_with_scripts(&feed, Point::ProcessStarted, 1);
    finish(&feed);
    assert_eq!(feed.stage().states(), ["succeeded"; EVENTS]);
    let log = feed.stage().log();
    assert!(log.iter().all(|line| line.starts_with("start")), "{log:?}");
}
