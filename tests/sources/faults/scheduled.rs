//! Sources with a schedule: they fire, or ask, at its times.

use std::process::Command;

use super::Fed;
use crate::support::history::{event, show};
use crate::support::http_server::HttpServer;
use crate::support::poller::Poller;
use crate::support::scene::FULFILL;
use crate::support::search::{self, buckets, documents};
use crate::support::shim::Shim;
use crate::support::stage::Stage;
use crate::support::timer::{drain, set_clock_to, timer};

/// ESI Leap's event history.
pub(super) struct History {
    poller: Poller,
    each: usize,
    last: i64,
}

/// How many leases, and nodes, its events are about.
const LEASES: i64 = 3;

impl History {
    pub(super) fn new(each: usize) -> Self {
        Self {
            poller: Poller::new(),
            each,
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

    fn command(&mut self) -> Command {
        self.poller.polling(&["--every", "1s"])
    }

    fn prepare(&mut self, _: &Shim) -> Vec<String> {
        for lease in 0..LEASES {
            show(&self.poller, lease, lease);
        }
        self.poller.openstack.rows(&[]);
        self.poller.pass(&["--from-start"]);
        Vec::new()
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let before = self.last;
        self.last += i64::try_from(self.each).expect("a small number");
        let row = |id| event(id, id % LEASES, id % LEASES);
        let rows: Vec<_> = (1..=self.last).map(row).collect();
        self.poller.openstack.rows(&rows);
        (before + 1..=self.last).map(|id| id.to_string()).collect()
    }
}

/// A schedule whose times all fire, however late.
const HOURLY: &str = "cron = 0 * * * *\ntimezone = UTC\nmissed = all";

/// A timer whose clock is set.
pub(super) struct Timer {
    stage: Stage,
    each: usize,
    now: jiff::Timestamp,
}

impl Timer {
    pub(super) fn new(each: usize) -> Self {
        Self {
            stage: timer(HOURLY),
            each,
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

    fn prepare(&mut self, shim: &Shim) -> Vec<String> {
        set_clock_to(shim, &self.now.to_string());
        drain(&self.stage, shim);
        Vec::new()
    }

    fn more(&mut self, shim: &Shim) -> Vec<String> {
        let half = jiff::SignedDuration::from_mins(30);
        let hour = |_| {
            self.now += half * 2;
            format!("nightly@{}", self.now - half)
        };
        let ids = (0..self.each).map(hour).collect();
        set_clock_to(shim, &self.now.to_string());
        ids
    }
}

/// What a search finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Each is an event, which the journal knows.
    Documents,
    /// Each is told once until it is over, as the source remembers.
    Things,
}

/// A search that finds more and more.
pub(super) struct Search {
    stage: Stage,
    server: HttpServer,
    found: Found,
    each: usize,
    last: usize,
}

impl Search {
    pub(super) fn new(each: usize, found: Found) -> Self {
        let search = Self {
            stage: Stage::new(""),
            server: HttpServer::start([]),
            found,
            each,
            last: 0,
        };
        search.show();
        search
    }

    /// Has the server answer with what there is by now.
    fn show(&self) {
        self.server.answer_with([match self.found {
            Found::Documents => documents(0..self.last),
            Found::Things => buckets((0..self.last).map(|number| number.to_string())),
        }]);
    }
}

impl Fed for Search {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "errors.found"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        let query = match self.found {
            Found::Documents => r#"query = {"size": 10000}"#,
            Found::Things => search::BUCKETS,
        };
        let options = search::options(&self.server.url(), &format!("{query}\nevery = 1s"));
        Some(("errors", options))
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let before = self.last;
        self.last += self.each;
        self.show();
        let id = |number| match self.found {
            Found::Documents => search::id(number),
            Found::Things => format!("found/{number}"),
        };
        (before..self.last).map(id).collect()
    }

    /// The id of a thing says when it was found.
    fn named(&self, id: &str) -> String {
        let at = id.find('@').filter(|_| self.found == Found::Things);
        id[..at.unwrap_or(id.len())].to_owned()
    }
}
