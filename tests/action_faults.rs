//! What can befall any action, whatever it does: each fault is one test, and each kind of action one row.

mod subjects;

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use esi_event_actions::crash::Point;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::scene::{FULFILL, Scene, Service, lease, wait_until};
use crate::support::shim::{Refusal, Shim};
use subjects::{Awx, Chat, Event, Http, Publish, Script, Store, Subject};

/// A kind of action.
struct Kind {
    name: &'static str,
    make: fn(&Scene) -> Box<dyn Subject>,
    /// Whether its attempts do not end before they may. Otherwise they are one commit, and no fault finds them under
    /// way.
    lasts: bool,
    /// Whether an attempt takes up what an interrupted one has begun, and begins nothing itself. A stop does not wait
    /// for it then.
    goes_on: bool,
    /// What is said of an attempt during which the service died.
    died: &'static str,
    /// And of one that a stop ended.
    stopped: &'static str,
    /// Where the program dies that is otherwise not told to: the points that this action comes to, and how
    /// many attempts were begun by then.
    points: &'static [(Point, usize)],
}

const KINDS: [Kind; 10] = [
    Kind {
        name: "script",
        make: |scene| Box::new(Script::new(scene)),
        lasts: true,
        goes_on: false,
        died: "interrupted: the service ended while the script ran",
        stopped: "interrupted: the service stopped",
        points: &[
            (Point::RunClaimed, 0),
            (Point::ProcessStarted, 1),
            (Point::ProcessRecorded, 1),
            (Point::ProcessEnded, 1),
            (Point::OutcomeUncommitted, 1),
            (Point::OutcomeWritten, 1),
        ],
    },
    request("http", |_| Box::new(Http::new())),
    request("rocketchat", |scene| {
        Box::new(Chat::new(scene, "rocketchat", r#"{"success": true}"#))
    }),
    request("slack", |scene| Box::new(Chat::new(scene, "slack", "ok"))),
    request("mattermost", |scene| {
        Box::new(Chat::new(scene, "mattermost", "ok"))
    }),
    request("teams", |scene| Box::new(Chat::new(scene, "teams", "1"))),
    Kind {
        name: "publish",
        make: |scene| Box::new(Publish::new(scene)),
        // A broker's confirmation cannot be held back.
        lasts: false,
        goes_on: false,
        died: "interrupted: the service ended while it was under way",
        stopped: "",
        points: &[
            (Point::RunClaimed, 0),
            (Point::ProcessEnded, 1),
            (Point::OutcomeUncommitted, 1),
            (Point::OutcomeWritten, 1),
        ],
    },
    Kind {
        name: "awx",
        make: |_| Box::new(Awx::new()),
        lasts: true,
        goes_on: true,
        died: "interrupted: the service ended while AWX had the job, which the next attempt follows",
        stopped: "interrupted: the service stopped while AWX had the job, which the next attempt follows",
        points: &[
            (Point::RunClaimed, 0),
            (Point::JobLaunched, 1),
            (Point::ProcessRecorded, 1),
            (Point::ProcessEnded, 1),
            (Point::OutcomeUncommitted, 1),
            (Point::OutcomeWritten, 1),
        ],
    },
    Kind {
        name: "store",
        make: |_| Box::new(Store),
        lasts: false,
        goes_on: false,
        died: "interrupted: the service ended while it was under way",
        stopped: "",
        points: &[
            (Point::RunClaimed, 0),
            (Point::StoreUncommitted, 0),
            (Point::StoreChanged, 1),
            (Point::ProcessEnded, 1),
            (Point::OutcomeUncommitted, 1),
            (Point::OutcomeWritten, 1),
        ],
    },
    Kind {
        name: "event",
        make: |_| Box::new(Event),
        lasts: false,
        goes_on: false,
        died: "interrupted: the service ended while it was under way",
        stopped: "",
        // It does nothing before its end is on disk.
        points: &[
            (Point::RunClaimed, 0),
            (Point::ProcessEnded, 0),
            (Point::OutcomeUncommitted, 0),
            (Point::OutcomeWritten, 1),
        ],
    },
];

/// An action that is a request.
const fn request(name: &'static str, make: fn(&Scene) -> Box<dyn Subject>) -> Kind {
    Kind {
        name,
        make,
        lasts: true,
        goes_on: false,
        died: "interrupted: the service ended while the request was under way",
        stopped: "interrupted: the service stopped while the request was under way",
        points: &[
            (Point::RunClaimed, 0),
            (Point::ProcessRecorded, 1),
            (Point::ProcessEnded, 1),
            (Point::OutcomeUncommitted, 1),
            (Point::OutcomeWritten, 1),
        ],
    }
}

/// The kinds whose attempts can be found under way.
fn lasting() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().filter(|kind| kind.lasts)
}

/// A stage with one rule that does this.
struct Trial {
    scene: Scene,
    subject: Box<dyn Subject>,
}

impl Trial {
    fn new(fault: &str, kind: &Kind) -> Self {
        println!("{}: {fault}", kind.name);
        let mut scene = Scene::new(&format!("{fault}-{}", kind.name));
        let subject = (kind.make)(&scene);
        // The service decides by itself only where a test waits for that.
        scene.default("stop_timeout = 1h\nkill_grace = 500ms");
        scene.rule(
            "r",
            &format!("events = {FULFILL}\n{}", subject.options("former")),
        );
        Self { scene, subject }
    }

    /// With a service, and an attempt under way.
    fn under_way(fault: &str, kind: &Kind) -> (Self, Service) {
        let trial = Self::new(fault, kind);
        let service = trial.scene.listen();
        trial.scene.publish(lease("one", "a"));
        trial.wait_for_attempts(1);
        trial.wait_for_handle();
        (trial, service)
    }

    /// Until it is on record by what recovery would find the attempt, which is the case only after a while.
    fn wait_for_handle(&self) {
        let journal = self.scene.state().join("journal.sqlite");
        let question =
            "SELECT count(*) FROM attempts WHERE ended_at IS NULL AND handle IS NOT NULL";
        let count = || -> rusqlite::Result<i64> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
            Connection::open_with_flags(&journal, flags)?.query_row(question, [], |row| row.get(0))
        };
        wait_until("the attempt's handle", || count() == Ok(1));
    }

    fn wait_for_attempts(&self, count: usize) -> Vec<String> {
        wait_until("an attempt", || {
            self.subject.begun(&self.scene).len() >= count
        });
        self.subject.begun(&self.scene)
    }

    fn release(&self) {
        self.subject.release(&self.scene);
    }

    /// How the attempts of the first run ended.
    fn outcomes(&self) -> Vec<String> {
        let run = self.scene.run_detail(1);
        let attempts = run["attempt_records"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let outcome = |attempt: &Value| attempt["outcome"].as_str().map(str::to_owned);
        attempts.iter().filter_map(outcome).collect()
    }

    /// The first run was made again after its first attempt ended so, and is done.
    fn assert_made_again(&self, kind: &Kind, told: &str) {
        assert_eq!(self.scene.states(), ["succeeded"]);
        let outcomes = self.outcomes();
        assert_eq!(
            (outcomes.len(), &outcomes[0][..]),
            (2, told),
            "{outcomes:?}"
        );
        let begun = self.subject.begun(&self.scene);
        if kind.goes_on {
            assert_eq!(begun, ["former one 1"]);
        } else {
            assert_eq!(begun.last().map(String::as_str), Some("former one 2"));
        }
    }
}

#[test]
fn killed_at_any_point_of_an_attempt_the_run_is_made_again_unless_its_end_is_on_disk() {
    for kind in &KINDS {
        for (point, begun) in kind.points {
            let trial = Trial::new(point.name(), kind);
            // What lasts is known by its handle: it is held until that is on record.
            let is_known = matches!(point, Point::ProcessRecorded | Point::ProcessEnded);
            let is_held = kind.lasts && is_known;
            if !is_held {
                trial.release();
            }
            trial.scene.publish(lease("one", "a"));
            let mut command = trial.scene.program("listen");
            command.arg("--until-idle");
            let mut service = Service::start(command.env("ESI_CRASH_POINT", point.name()));
            if is_held && *point == Point::ProcessEnded {
                trial.wait_for_handle();
                trial.release();
            }
            let (status, log) = service.wait();
            assert_eq!(status.signal(), Some(9), "{log}");
            trial.release();
            trial.scene.drain();
            let is_on_disk = *point == Point::OutcomeWritten;
            let expected = if is_on_disk || kind.goes_on {
                1
            } else {
                begun + 1
            };
            let begun = trial.subject.begun(&trial.scene);
            // A request may not have left, nor a script have come to its first line.
            let may_be_fewer = matches!(point, Point::ProcessStarted | Point::ProcessRecorded);
            assert!(
                begun.len() == expected || may_be_fewer && begun.len() == 1,
                "{begun:?}"
            );
            assert_eq!(trial.scene.states(), ["succeeded"]);
            let outcomes = trial.outcomes();
            assert_eq!(
                outcomes.len(),
                if is_on_disk { 1 } else { 2 },
                "{outcomes:?}"
            );
            if is_known {
                assert_eq!(outcomes[0], kind.died);
            }
        }
    }
}

#[test]
fn killed_while_an_attempt_is_under_way_it_is_made_again_and_told_in_the_words_of_the_action() {
    for kind in lasting() {
        let (trial, service) = Trial::under_way("killed", kind);
        service.kill();
        trial.release();
        trial.scene.drain();
        trial.assert_made_again(kind, kind.died);
    }
}

#[test]
fn a_stop_lets_an_attempt_end() {
    for kind in lasting().filter(|kind| !kind.goes_on) {
        let (trial, mut service) = Trial::under_way("stopped", kind);
        service.signal("TERM");
        service.wait_for("SIGTERM: draining");
        trial.release();
        let (status, log) = service.wait();
        assert!(status.success(), "{log}");
        assert_eq!(trial.scene.states(), ["succeeded"]);
        assert_eq!(trial.outcomes().len(), 1);
    }
}

#[test]
fn a_second_signal_ends_an_attempt_and_it_is_made_again() {
    for kind in lasting() {
        let (trial, mut service) = Trial::under_way("hurried", kind);
        service.signal("TERM");
        service.wait_for("SIGTERM: draining");
        while !kind.goes_on && !service.log().contains("SIGTERM: ending") {
            service.signal("TERM");
            std::thread::sleep(Duration::from_millis(100));
        }
        let (status, log) = service.wait();
        assert!(status.success(), "{log}");
        assert_eq!(trial.scene.states(), ["due"]);
        trial.release();
        let told = trial.scene.drain();
        // It was on record: nothing is left to recover.
        let told = String::from_utf8_lossy(&told.stderr);
        assert!(!told.contains("ended while runs were under way"), "{told}");
        trial.assert_made_again(kind, kind.stopped);
    }
}

#[test]
fn a_full_disk_loses_no_end_of_an_attempt() {
    for kind in lasting() {
        let trial = Trial::new("full", kind);
        let shim = Shim::new(&trial.scene);
        let service = Service::start(shim.below(&mut trial.scene.program("listen")));
        service.wait_for(&format!("consuming queue {}", trial.scene.queue));
        trial.scene.publish(lease("one", "a"));
        trial.wait_for_attempts(1);
        trial.wait_for_handle();
        shim.refuse(Refusal::Full);
        trial.release();
        service.wait_for("failed to record an attempt in the journal");
        shim.mend();
        wait_until("the end to be on record", || {
            trial.scene.states() == ["succeeded"]
        });
        service.stop();
        assert_eq!(trial.outcomes().len(), 1);
        assert_eq!(trial.subject.begun(&trial.scene), ["former one 1"]);
    }
}

#[test]
fn an_attempt_ends_by_the_rule_that_began_it_and_the_next_is_by_the_new_one() {
    for kind in lasting() {
        let (mut trial, service) = Trial::under_way("reloaded", kind);
        let options = format!("events = {FULFILL}\n{}", trial.subject.options("latter"));
        trial.scene.no_rules().rule("r", &options);
        trial.scene.config();
        service.signal("HUP");
        service.wait_for("was read again");
        trial.scene.publish(lease("two", "b"));
        assert_eq!(trial.wait_for_attempts(2), ["former one 1", "latter two 1"]);
        trial.release();
        wait_until("both to end", || {
            trial.scene.states() == ["succeeded", "succeeded"]
        });
        service.stop();
        assert_eq!(trial.outcomes().len(), 1);
    }
}
