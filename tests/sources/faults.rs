//! What every source survives: a full disk, stops, reloads, and kills under load. Each event runs once, and none is lost.
//!
//! A source is one row of [`SOURCES`], and one name in [`for_each_source`]; kill -9 at the crash points is in
//! `crash_points`, where it is one row, too. `KILLS=full` has each source killed 20 times amid 10,000 events.

mod looked_at;
mod posted;
mod programs;
mod queues;
mod scheduled;
mod sensors;
mod topics;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use esi_event_actions::app::parts;
use serde_json::Value;

use self::looked_at::{Facts, Load, Url, Watch};
use self::posted::Posted;
use self::programs::Spooled;
use self::queues::{Bus, Messages};
use self::scheduled::{Found, History, Search, Timer};
use self::sensors::Sensor;
use self::topics::Topics;
use crate::support::scene::{Service, wait_until};
use crate::support::shim::{Refusal, Shim};
use crate::support::stage::Stage;

const SIGTERM: u32 = 15;

/// A source, and how many events come at a time: amid faults, and before each kill unless all is asked for.
struct Row {
    name: &'static str,
    make: fn(usize) -> Box<dyn Fed>,
    each: usize,
    per_kill: usize,
}

impl Row {
    const fn new(
        name: &'static str,
        make: fn(usize) -> Box<dyn Fed>,
        each: usize,
        per_kill: usize,
    ) -> Self {
        Self {
            name,
            make,
            each,
            per_kill,
        }
    }
}

/// The sources: two that there is one of each, and every kind of section.
const SOURCES: [Row; 16] = [
    Row::new("bus", |each| Box::new(Bus::new(each)), 5, 200),
    Row::new("history", |each| Box::new(History::new(each)), 5, 100),
    Row::new("timer", |each| Box::new(Timer::new(each)), 5, 500),
    Row::new("webhook", |each| Box::new(Posted::webhook(each)), 5, 100),
    Row::new(
        "alertmanager",
        |each| Box::new(Posted::alertmanager(each)),
        5,
        500,
    ),
    Row::new("exec", |each| Box::new(Spooled::exec(each)), 5, 500),
    Row::new("eda", |each| Box::new(Spooled::eda(each)), 5, 100),
    Row::new("facts", |each| Box::new(Facts::new(each)), 5, 200),
    Row::new("url", |each| Box::new(Url::new(each)), 5, 50),
    Row::new("watch", |each| Box::new(Watch::new(each)), 5, 100),
    Row::new("load", |each| Box::new(Load::new(each)), 1, 25),
    Row::new(
        "elasticsearch",
        |each| Box::new(Search::new(each, Found::Documents)),
        5,
        100,
    ),
    Row::new(
        "elasticsearch_things",
        |each| Box::new(Search::new(each, Found::Things)),
        5,
        100,
    ),
    Row::new("sensor", |each| Box::new(Sensor::new(each)), 5, 50),
    Row::new("kafka", |each| Box::new(Topics::new(each)), 5, 200),
    Row::new("amqp", |each| Box::new(Messages::new(each)), 5, 200),
];

/// A test of each source for each fault.
macro_rules! for_each_source {
    ($($name:ident)*) => {
        for_each_source! { @ full_disk $($name)* }
        for_each_source! { @ stops $($name)* }
        for_each_source! { @ reloads $($name)* }
        for_each_source! { @ kills $($name)* }

        #[test]
        fn no_source_is_left_out() {
            let rows: BTreeSet<&str> = SOURCES.iter().map(|row| row.name).collect();
            assert_eq!(rows, BTreeSet::from([$(stringify!($name)),*]));
            for part in parts::SOURCES {
                assert!(rows.contains(part.kind.options.name));
            }
        }
    };
    (@ $fault:ident $($name:ident)*) => {
        mod $fault {
            $(#[test] fn $name() { super::$fault(super::row(stringify!($name))); })*
        }
    };
}

for_each_source! {
    bus history timer webhook alertmanager exec eda facts url watch load elasticsearch elasticsearch_things amqp
    sensor kafka
}

fn row(name: &str) -> &'static Row {
    let mut rows = SOURCES.iter();
    rows.find(|row| row.name == name).expect("a row")
}

/// A source that events come from when the test says so.
trait Fed {
    fn stage(&mut self) -> &mut Stage;

    /// What a rule for its events asks for.
    fn events(&self) -> &'static str;

    /// The service, which stays.
    fn command(&mut self) -> Command {
        self.stage().program("listen")
    }

    /// Has as many more events come as it was made for, and gives their ids.
    fn more(&mut self, shim: &Shim) -> Vec<String>;

    /// Its section, if it has one of its own: the name of the source, and the options.
    fn section(&self) -> Option<(&'static str, String)> {
        None
    }

    /// What it takes before the first event can come; gives the ids of those that come of it.
    fn prepare(&mut self, _: &Shim) -> Vec<String> {
        Vec::new()
    }

    /// What the test calls the event that has this id.
    fn named(&self, id: &str) -> String {
        id.to_owned()
    }

    /// After a kill: with these events on disk, none is missing that its sender was told to be there. Who only looks
    /// has told nobody anything.
    fn assert_kept(&mut self, _: &BTreeSet<String>) {}

    /// Whether the sender knows that all is on disk.
    fn is_settled(&mut self) -> bool {
        true
    }
}

/// Waits until so many runs are on disk. What changes again before anybody has looked is no event, so sources that look
/// are shown nothing new before.
fn wait_for_runs(stage: &Stage, number: usize) {
    wait_until("what has changed to be told", || {
        number == 0 || stage.runs().len() >= number
    });
}

/// A source in a test, and what has come of it so far.
struct Trial {
    source: Box<dyn Fed>,
    shim: Shim,
    /// The options of its rule.
    rule: &'static str,
    expected: BTreeSet<String>,
}

impl Trial {
    fn new(row: &Row) -> Self {
        Self::of((row.make)(row.each), RECORDED)
    }

    fn of(mut source: Box<dyn Fed>, rule: &'static str) -> Self {
        let shim = Shim::new(source.stage());
        let mut trial = Self {
            source,
            shim,
            rule,
            expected: BTreeSet::new(),
        };
        trial.rule("first");
        trial.expected.extend(trial.source.prepare(&trial.shim));
        trial
    }

    /// Has a rule write the events down with this word, in place of the former one.
    fn rule(&mut self, word: &str) {
        let (events, section) = (self.source.events(), self.source.section());
        let options = format!(
            "events = {events}\nscript = record.sh {word}\n{}",
            self.rule
        );
        let stage = self.source.stage();
        stage.no_rules();
        if let Some((name, options)) = section {
            stage.rule(&format!("source:{name}"), &options);
        }
        stage.rule("r", &options);
    }

    /// Starts the service, and waits until SIGTERM stops it in order.
    fn start(&mut self) -> Service {
        let service = self.begin();
        let status = format!("/proc/{}/status", service.pid());
        wait_until("signals to be caught", || {
            let status = std::fs::read_to_string(&status).expect("a status");
            let caught = status.lines().find_map(|it| it.strip_prefix("SigCgt:"));
            let caught = u64::from_str_radix(caught.expect("signals").trim(), 16);
            caught.is_ok_and(|caught| caught & (1 << (SIGTERM - 1)) != 0)
        });
        service
    }

    /// Starts the service.
    fn begin(&mut self) -> Service {
        Service::start(self.shim.below(&mut self.source.command()))
    }

    fn more(&mut self) {
        let before = self.expected.len();
        let ids = self.source.more(&self.shim);
        let number = ids.len();
        self.expected.extend(ids);
        assert_eq!(self.expected.len(), before + number);
    }

    /// Lets the service live, at a kill of this number, with so many events on disk before it was started: until something
    /// new is on disk, as the first one, not at all, until its sender was told that all is, or for another while.
    fn let_live(&mut self, kill: usize, on_disk: usize) {
        match kill % 3 {
            0 => self.has_more(on_disk),
            1 if kill % 2 == 1 => self.all_told(),
            1 => {}
            _ => std::thread::sleep(Duration::from_millis(30 * (kill as u64 % 16))),
        }
    }

    /// Waits until the sender knows that all is on disk, for a while: it may never hear of it.
    fn all_told(&mut self) {
        let began = Instant::now();
        while !self.source.is_settled() && began.elapsed() < LONGEST {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until there are more events than this on disk, for a while: all may be there.
    fn has_more(&mut self, than: usize) {
        let stage = self.source.stage();
        let has_journal = || stage.state().join("journal.sqlite").exists();
        wait_until("a journal", has_journal);
        let began = Instant::now();
        loop {
            // There may be no tables yet.
            let list = stage.run(&["runs", "list", "--limit", "100000", "--format", "json"]);
            let runs: Vec<Value> = serde_json::from_slice(&list.stdout).unwrap_or_default();
            if runs.len() > than || began.elapsed() > LONGEST {
                break;
            }
        }
    }

    /// The events that are on disk, each with one run.
    fn on_disk(&mut self) -> BTreeSet<String> {
        let runs = self.source.stage().runs();
        let id = |run: &Value| self.source.named(run["event_id"].as_str().expect("text"));
        let ids: BTreeSet<String> = runs.iter().map(id).collect();
        assert_eq!(ids.len(), runs.len(), "an event has a second run");
        ids
    }

    /// Waits until each event has run, once, and no other.
    fn all_ran(&mut self) {
        let number = self.expected.len();
        let stage = self.source.stage();
        stage.wait_for_log(number);
        wait_until("all events to have run", || {
            stage.states() == vec!["succeeded"; number]
        });
        assert_eq!(stage.log().len(), number);
        assert_eq!(self.on_disk(), self.expected);
    }
}

/// What a rule says besides: nothing.
const RECORDED: &str = "";

/// What a rule says besides where only the events count: its runs are made, and never begin.
const KEPT: &str = "start_at = time + 3000d";

fn full_disk(row: &Row) {
    let mut trial = Trial::new(row);
    let service = trial.start();
    trial.more();
    trial.all_ran();

    trial.shim.refuse(Refusal::Full);
    let before = trial.expected.len();
    trial.more();
    service.wait_for("failed to accept deliveries in the journal");
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(trial.source.stage().log().len(), before);
    trial.shim.mend();
    trial.all_ran();
    trial.more();
    trial.all_ran();
    service.stop();
}

fn stops(row: &Row) {
    let mut trial = Trial::new(row);
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

fn reloads(row: &Row) {
    let mut trial = Trial::new(row);
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

/// So long a service lives at most for something to happen.
const LONGEST: Duration = Duration::from_secs(5);

/// How much longer it takes until something is on disk, amid half of the kills.
const SLOW: Duration = Duration::from_millis(40);

/// How often a source is killed, and how many events come before each time.
fn amount(row: &Row) -> (usize, usize) {
    match std::env::var("KILLS").as_deref() {
        Err(_) => (8, row.per_kill),
        Ok("full") => (20, 500),
        Ok(other) => panic!("expected `full` in KILLS, but found `{other}`"),
    }
}

/// What its sender was told to be on disk is there after each kill, and in the end all is, each event once.
fn kills(row: &Row) {
    let (kills, each) = amount(row);
    let began = Instant::now();
    let mut trial = Trial::of((row.make)(each), KEPT);
    let (mut cut_short, mut on_disk) = (0, trial.expected.len());
    for kill in 0..kills {
        // A commit that takes long is met by a kill: so one finds out who settles before it.
        if kill % 2 == 1 {
            trial.shim.slow_down(SLOW);
        } else {
            trial.shim.mend();
        }
        let service = trial.begin();
        if kill + 1 < kills {
            trial.more();
        }
        trial.let_live(kill, on_disk);
        service.kill();
        let kept = trial.on_disk();
        trial.source.assert_kept(&kept);
        assert!(kept.is_subset(&trial.expected));
        on_disk = kept.len();
        cut_short += usize::from(on_disk < trial.expected.len());
    }
    trial.shim.mend();
    assert!(cut_short > 0, "no kill met anything: nothing was shown");
    let service = trial.begin();
    // With these behind what came before, nothing of that can come any more.
    trial.more();
    let number = trial.expected.len();
    // A sender that waits for each commit takes its time.
    let mut there = 0;
    while there < number {
        let before = there;
        wait_until("more events to be on disk", || {
            there = trial.source.stage().runs().len();
            there > before
        });
    }
    wait_until("all to be settled", || trial.source.is_settled());
    service.stop();
    assert_eq!(trial.on_disk(), trial.expected);
    println!(
        "{}: {number} events, {kills} kills, {cut_short} of them amid events, in {:.1?}",
        row.name,
        began.elapsed()
    );
}
