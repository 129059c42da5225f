//! What every source survives: a full disk, stops and reloads under load. Each event runs once, and none is lost.
//!
//! A source is one row of [`SOURCES`]; kill -9 at the crash points is in `crash_points`, where it is one
//! row, too.

mod facts;
mod fed;
mod topics;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use self::facts::Facts;
use self::fed::{Bus, Exec, History, Messages, Search, Sensor, Timer, Webhook};
use self::topics::Topics;
use crate::support::scene::{Service, wait_until};
use crate::support::shim::{Refusal, Shim};
use crate::support::stage::Stage;

const SIGTERM: u32 = 15;

/// So many events come at a time.
const EACH: usize = 5;

/// Makes a stage with a source.
type Make = fn() -> Box<dyn Fed>;

/// The sources.
const SOURCES: [(&str, Make); 10] = [
    ("bus", || Box::new(Bus::new())),
    ("history", || Box::new(History::new())),
    ("timer", || Box::new(Timer::new())),
    ("webhook", || Box::new(Webhook::new())),
    ("exec", || Box::new(Exec::new())),
    ("sensor", || Box::new(Sensor::new())),
    ("facts", || Box::new(Facts::new())),
    ("elasticsearch", || Box::new(Search::new())),
    ("amqp", || Box::new(Messages::new())),
    ("kafka", || Box::new(Topics::new())),
];

/// A source that events come from when the test says so.
trait Fed {
    fn stage(&mut self) -> &mut Stage;

    /// What a rule for its events asks for.
    fn events(&self) -> &'static str;

    /// The service, which stays.
    fn command(&self) -> Command;

    /// Has [`EACH`] more events come, and gives their ids.
    fn more(&mut self, shim: &Shim) -> Vec<String>;

    /// Its section, if it has one of its own: the name of the source, and the options.
    fn section(&self) -> Option<(&'static str, String)> {
        None
    }

    /// What it takes before the first event can come.
    fn prepare(&mut self, _: &Shim) {}
}

/// A source in a test, and what has come of it so far.
struct Trial {
    source: Box<dyn Fed>,
    shim: Shim,
    expected: BTreeSet<String>,
}

impl Trial {
    fn new(make: Make) -> Self {
        let mut source = make();
        let shim = Shim::new(source.stage());
        let mut trial = Self {
            source,
            shim,
            expected: BTreeSet::new(),
        };
        trial.rule("first");
        trial.source.prepare(&trial.shim);
        trial
    }

    /// Has a rule write the events down with this word, in place of the former one.
    fn rule(&mut self, word: &str) {
        let (events, section) = (self.source.events(), self.source.section());
        let options = format!("events = {events}\nscript = record.sh {word}");
        let stage = self.source.stage();
        stage.no_rules();
        if let Some((name, options)) = section {
            stage.rule(&format!("source:{name}"), &options);
        }
        stage.rule("r", &options);
    }

    /// Starts the service, and waits until SIGTERM stops it in order.
    fn start(&self) -> Service {
        let service = Service::start(self.shim.below(&mut self.source.command()));
        let status = format!("/proc/{}/status", service.pid());
        wait_until("signals to be caught", || {
            let status = std::fs::read_to_string(&status).expect("a status");
            let caught = status.lines().find_map(|it| it.strip_prefix("SigCgt:"));
            let caught = u64::from_str_radix(caught.expect("signals").trim(), 16);
            caught.is_ok_and(|caught| caught & (1 << (SIGTERM - 1)) != 0)
        });
        service
    }

    fn more(&mut self) {
        let ids = self.source.more(&self.shim);
        assert_eq!(ids.len(), EACH);
        self.expected.extend(ids);
    }

    /// Waits until each event has run, once, and no other.
    fn all_ran(&mut self) {
        let expected = self.expected.clone();
        let stage = self.source.stage();
        stage.wait_for_log(expected.len());
        wait_until("all events to have run", || {
            stage.states() == vec!["succeeded"; expected.len()]
        });
        let id = |run: &Value| run["event_id"].as_str().expect("text").to_owned();
        let ran: BTreeSet<String> = stage.runs().iter().map(id).collect();
        assert_eq!(ran, expected);
        assert_eq!(stage.log().len(), expected.len());
    }
}

#[test]
fn a_full_disk_holds_every_source_up_and_loses_nothing() {
    for (name, make) in SOURCES {
        println!("{name}");
        let mut trial = Trial::new(make);
        let service = trial.start();
        trial.more();
        trial.all_ran();

        trial.shim.refuse(Refusal::Full);
        trial.more();
        service.wait_for("failed to accept deliveries in the journal");
        std::thread::sleep(Duration::from_millis(1500));
        assert_eq!(trial.source.stage().log().len(), EACH, "{name}");
        trial.shim.mend();
        trial.all_ran();
        trial.more();
        trial.all_ran();
        service.stop();
    }
}

#[test]
fn stops_under_load_lose_nothing_of_any_source() {
    for (name, make) in SOURCES {
        println!("{name}");
        let mut trial = Trial::new(make);
        for round in 0..4 {
            let service = trial.start();
            trial.more();
            std::thread::sleep(Duration::from_millis(150 * round));
            service.stop();
        }
        let service = trial.start();
        trial.all_ran();
        service.stop();
    }
}

#[test]
fn reloads_under_load_lose_nothing_of_any_source() {
    for (name, make) in SOURCES {
        println!("{name}");
        let mut trial = Trial::new(make);
        let service = trial.start();
        trial.more();
        trial.all_ran();
        for round in 0..5 {
            trial.more();
            trial.rule(if round % 2 == 0 { "even" } else { "odd" });
            trial.source.stage().config();
            service.signal("HUP");
        }
        trial.all_ran();
        assert!(service.stop().contains("was read again"));
    }
}
