//! What every source survives: a full disk, stops and reloads under load. Each event runs once, and none is lost.
//!
//! A source is one row of [`SOURCES`]; kill -9 at the crash points is in `crash_points`, where it is one
//! row, too.

mod facts;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use self::facts::Facts;
use crate::support::history::history;
use crate::support::http_server::HttpServer;
use crate::support::orders::{Orders, SECTION};
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, Scene, Service, notification, wait_until};
use crate::support::search::{self, documents};
use crate::support::sender::{free_port, request, send_until_taken};
use crate::support::shim::{Refusal, Shim};
use crate::support::spool;
use crate::support::stage::Stage;
use crate::support::timer::{drain, set_clock_to, timer};

const SIGTERM: u32 = 15;

/// So many events come at a time.
const EACH: usize = 5;

/// Makes a stage with a source.
type Make = fn() -> Box<dyn Fed>;

/// The sources.
const SOURCES: [(&str, Make); 8] = [
    ("bus", || Box::new(Bus::new())),
    ("history", || Box::new(History::new())),
    ("timer", || Box::new(Timer::new())),
    ("webhook", || Box::new(Webhook::new())),
    ("exec", || Box::new(Exec::new())),
    ("facts", || Box::new(Facts::new())),
    ("elasticsearch", || Box::new(Search::new())),
    ("amqp", || Box::new(Messages::new())),
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

struct Bus(Scene);

impl Bus {
    fn new() -> Self {
        Self(Scene::new("faults"))
    }
}

impl Fed for Bus {
    fn stage(&mut self) -> &mut Stage {
        &mut self.0
    }

    fn events(&self) -> &'static str {
        FULFILL
    }

    fn command(&self) -> Command {
        self.0.program("listen")
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let message = |number: usize| notification(FULFILL).with("node_uuid", number.to_string());
        let messages: Vec<_> = (0..EACH).map(message).collect();
        self.0.publish_all(messages.iter().map(|it| &it.body));
        messages.into_iter().map(|it| it.message_id).collect()
    }
}

struct History {
    poller: Poller,
    last: i64,
}

impl History {
    fn new() -> Self {
        Self {
            poller: Poller::recording(FULFILL),
            last: 0,
        }
    }
}

impl Fed for History {
    fn stage(&mut self) -> &mut Stage {
        &mut self.poller
    }

    fn events(&self) -> &'static str {
        FULFILL
    }

    fn command(&self) -> Command {
        self.poller.polling(&["--every", "1s"])
    }

    fn prepare(&mut self, _: &Shim) {
        history(&self.poller, [], |_| 1);
        self.poller.pass(&["--from-start"]);
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let before = self.last;
        self.last += i64::try_from(EACH).expect("a small number");
        history(&self.poller, 1..=self.last, |id| id % 3);
        (before + 1..=self.last).map(|id| id.to_string()).collect()
    }
}

/// A program that writes what is in a file.
struct Exec {
    stage: Stage,
    last: usize,
}

impl Exec {
    fn new() -> Self {
        let stage = Stage::new("");
        spool::set_up(&stage);
        Self { stage, last: 0 }
    }
}

impl Fed for Exec {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "feed"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        Some(("feed", spool::SPOOLING.to_owned()))
    }

    fn command(&self) -> Command {
        self.stage.program("listen")
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let before = self.last;
        self.last += EACH;
        spool::spool(&self.stage, before..self.last);
        (before..self.last).map(|id| format!("e{id}")).collect()
    }
}

/// A schedule whose times all fire, however late.
const HOURLY: &str = "cron = 0 * * * *\ntimezone = UTC\nmissed = all";

struct Timer {
    stage: Stage,
    now: jiff::Timestamp,
}

impl Timer {
    fn new() -> Self {
        Self {
            stage: timer(HOURLY),
            now: "2026-06-01T00:30:00Z".parse().expect("a time"),
        }
    }
}

impl Fed for Timer {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "nightly"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        Some(("nightly", format!("type = timer\n{HOURLY}")))
    }

    fn command(&self) -> Command {
        self.stage.program("listen")
    }

    fn prepare(&mut self, shim: &Shim) {
        set_clock_to(shim, &self.now.to_string());
        drain(&self.stage, shim);
    }

    fn more(&mut self, shim: &Shim) -> Vec<String> {
        let half = jiff::SignedDuration::from_mins(30);
        let hour = |_| {
            self.now += half * 2;
            format!("nightly@{}", self.now - half)
        };
        let ids = (0..EACH).map(hour).collect();
        set_clock_to(shim, &self.now.to_string());
        ids
    }
}

/// Its senders send again what was not taken.
struct Webhook {
    stage: Stage,
    port: u16,
    last: usize,
}

impl Webhook {
    fn new() -> Self {
        Self {
            stage: Stage::new(""),
            port: free_port(),
            last: 0,
        }
    }
}

impl Fed for Webhook {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "hook"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        let place = format!(
            "type = webhook\nlisten = 127.0.0.1:{}\nauth = none",
            self.port
        );
        Some(("hook", format!("{place}\nid = payload.id")))
    }

    fn command(&self) -> Command {
        self.stage.program("listen")
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let numbers = self.last..self.last + EACH;
        self.last += EACH;
        let send = |number: usize| {
            let (id, port) = (number.to_string(), self.port);
            let request = request("POST /", &[], &json!({ "id": id }).to_string());
            std::thread::spawn(move || send_until_taken(port, &request));
            id
        };
        numbers.map(send).collect()
    }
}

/// Documents that a search finds.
struct Search {
    stage: Stage,
    server: HttpServer,
    last: usize,
}

impl Search {
    fn new() -> Self {
        Self {
            stage: Stage::new(""),
            server: HttpServer::start([documents(0..0)]),
            last: 0,
        }
    }
}

impl Fed for Search {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "errors.found"
    }

    fn command(&self) -> Command {
        self.stage.program("listen")
    }

    fn section(&self) -> Option<(&'static str, String)> {
        let query = r#"query = {"query": {"match_all": {}}}"#;
        let options = search::options(&self.server.url(), &format!("{query}\nevery = 1s"));
        Some(("errors", options))
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let before = self.last;
        self.last += EACH;
        self.server.answer_with([documents(0..self.last)]);
        (before..self.last).map(search::id).collect()
    }
}

struct Messages(Orders);

impl Messages {
    fn new() -> Self {
        Self(Orders::declared("faults"))
    }
}

impl Fed for Messages {
    fn stage(&mut self) -> &mut Stage {
        &mut self.0.stage
    }

    fn events(&self) -> &'static str {
        SECTION
    }

    fn section(&self) -> Option<(&'static str, String)> {
        Some((SECTION, self.0.section("")))
    }

    fn command(&self) -> Command {
        self.0.stage.program("listen")
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        self.0.publish_more(EACH)
    }
}
