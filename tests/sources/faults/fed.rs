//! The sources that the faults befall, each with what makes its events come.

use std::process::Command;

use serde_json::json;

use super::{EACH, Fed};
use crate::support::history::history;
use crate::support::http_server::HttpServer;
use crate::support::orders::{Orders, SECTION};
use crate::support::pack;
use crate::support::poller::Poller;
use crate::support::scene::{FULFILL, Scene, notification};
use crate::support::search::{self, documents};
use crate::support::sender::{free_port, request, send_until_taken};
use crate::support::shim::Shim;
use crate::support::spool;
use crate::support::stage::Stage;
use crate::support::timer::{drain, set_clock_to, timer};

pub(super) struct Bus(Scene);

impl Bus {
    pub(super) fn new() -> Self {
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

pub(super) struct History {
    poller: Poller,
    last: i64,
}

impl History {
    pub(super) fn new() -> Self {
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
pub(super) struct Exec {
    stage: Stage,
    last: usize,
}

impl Exec {
    pub(super) fn new() -> Self {
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

/// A sensor that polls a file, and keeps in the store how far it has come.
pub(super) struct Sensor {
    stage: Stage,
    last: usize,
}

impl Sensor {
    pub(super) fn new() -> Self {
        let stage = Stage::new("");
        std::fs::write(stage.path("spool"), "").expect("a file");
        let poll = r#"
def poll(self):
    last = int(self.sensor_service.get_value("last") or 0)
    with open("spool") as file:
        tags = file.read().split("\n")[:-1]
    for number in range(last, len(tags)):
        tag = tags[number]
        self.sensor_service.dispatch("demo.spooled", {"tag": tag}, trace_tag=tag)
        self.sensor_service.set_value("last", number + 1)
"#;
        let metadata = "poll_interval: 0.1";
        pack::write(&stage, "Spool", metadata, &pack::polling("Spool", poll));
        Self { stage, last: 0 }
    }
}

impl Fed for Sensor {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "demo.spooled"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        Some(("feed", pack::options("Spool")))
    }

    fn command(&self) -> Command {
        self.stage.program("listen")
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let before = self.last;
        self.last += EACH;
        let tags: Vec<String> = (before..self.last).map(|id| format!("e{id}")).collect();
        let file = std::fs::OpenOptions::new()
            .append(true)
            .open(self.stage.path("spool"));
        let lines = tags.join("\n") + "\n";
        std::io::Write::write_all(&mut file.expect("a file"), lines.as_bytes()).expect("a write");
        let id = |tag: &String| pack::id(tag, "demo.spooled", &json!({"tag": tag}));
        tags.iter().map(id).collect()
    }
}

/// A schedule whose times all fire, however late.
const HOURLY: &str = "cron = 0 * * * *\ntimezone = UTC\nmissed = all";

pub(super) struct Timer {
    stage: Stage,
    now: jiff::Timestamp,
}

impl Timer {
    pub(super) fn new() -> Self {
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
pub(super) struct Webhook {
    stage: Stage,
    port: u16,
    last: usize,
}

impl Webhook {
    pub(super) fn new() -> Self {
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
pub(super) struct Search {
    stage: Stage,
    server: HttpServer,
    last: usize,
}

impl Search {
    pub(super) fn new() -> Self {
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

pub(super) struct Messages(Orders);

impl Messages {
    pub(super) fn new() -> Self {
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
