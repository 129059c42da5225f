//! Sources that look at something. They tell of states: what changes again before anybody looks was none. So each of these
//! shows nothing new before the last has been told, and each of its states is an event.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Fed, wait_for_runs};
use crate::support::http_server::{HttpServer, answer};
use crate::support::scene::wait_until;
use crate::support::shim::Shim;
use crate::support::stage::Stage;
use crate::support::timer::drain;

/// Files that appear one after the other, each with several objects; every second one in the place of the last.
pub(super) struct Facts {
    stage: Stage,
    each: usize,
    written: usize,
}

/// How many files may appear.
const FILES: usize = 15;

impl Facts {
    pub(super) fn new(each: usize) -> Self {
        Self {
            stage: Stage::new(""),
            each,
            written: 0,
        }
    }
}

impl Fed for Facts {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "inventory"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        let files: Vec<String> = (0..FILES).map(|number| format!("{number}.yml")).collect();
        let files = files.join(", ");
        Some(("inventory", format!("type = facts\nfiles = {files}")))
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let (number, count) = (self.written / 2, self.written % 2 + 1);
        if count == 2 {
            wait_for_runs(&self.stage, self.written * self.each);
        }
        let file = self.stage.path(&format!("{number}.yml"));
        self.written += 1;
        let content = format!("- {{a: {count}}}\n").repeat(self.each);
        fs::write(&file, content).expect("a file");
        let id = |number| format!("inventory:{}#{count}.{number}", file.display());
        (1..=self.each).map(id).collect()
    }
}

/// A server that is up or down, with as many addresses as events are to come at a time.
pub(super) struct Url {
    stage: Stage,
    server: HttpServer,
    is_up: Arc<AtomicBool>,
    each: usize,
    changes: usize,
}

impl Url {
    pub(super) fn new(each: usize) -> Self {
        let is_up = Arc::new(AtomicBool::default());
        let up = Arc::clone(&is_up);
        let server = HttpServer::answering(move |_| {
            let status = if up.load(Ordering::Relaxed) {
                "200 OK"
            } else {
                "503 Away"
            };
            answer(status, &[], "")
        });
        Self {
            stage: Stage::new(""),
            server,
            is_up,
            each,
            changes: 0,
        }
    }

    fn urls(&self) -> impl Iterator<Item = String> {
        let base = self.server.url();
        (0..self.each).map(move |number| format!("{base}/{number}"))
    }

    /// The ids of the events of the next change.
    fn changed(&mut self) -> Vec<String> {
        self.changes += 1;
        let changes = self.changes;
        self.urls()
            .map(|url| format!("site:{url}#{changes}"))
            .collect()
    }
}

impl Fed for Url {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "site"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        let urls: Vec<String> = self.urls().collect();
        let urls = urls.join(", ");
        Some(("site", format!("type = url\nurls = {urls}\nevery = 100ms")))
    }

    /// How they are at first is told, too.
    fn prepare(&mut self, shim: &Shim) -> Vec<String> {
        drain(&self.stage, shim);
        self.changed()
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        wait_for_runs(&self.stage, self.changes * self.each);
        self.is_up.fetch_not(Ordering::Relaxed);
        self.changed()
    }
}

/// A folder in which files are made; and all deleted, once there are as many as may be.
pub(super) struct Watch {
    stage: Stage,
    each: usize,
    changes: usize,
}

/// How many files may be in the folder.
const MOST: usize = 5_000;

impl Watch {
    pub(super) fn new(each: usize) -> Self {
        Self {
            stage: Stage::new(""),
            each,
            changes: 0,
        }
    }
}

impl Fed for Watch {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "uploads"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        Some((
            "uploads",
            "type = watch\npaths = in\nkinds = created, deleted".to_owned(),
        ))
    }

    /// What is there at first is not told.
    fn prepare(&mut self, shim: &Shim) -> Vec<String> {
        fs::create_dir(self.stage.path("in")).expect("a folder");
        drain(&self.stage, shim);
        Vec::new()
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        if self.changes.is_multiple_of(MOST) {
            wait_for_runs(&self.stage, self.changes);
        }
        let changes = self.changes..self.changes + self.each;
        self.changes = changes.end;
        for change in changes.clone() {
            let file = self.stage.path(&format!("in/{}", change % MOST));
            let made = if (change / MOST).is_multiple_of(2) {
                fs::write(file, "")
            } else {
                fs::remove_file(file)
            };
            made.expect("a file");
        }
        changes
            .map(|change| format!("uploads#{}", change + 1))
            .collect()
    }
}

/// The load, which rises and falls by turns, each time once somebody has looked.
pub(super) struct Load {
    stage: Stage,
    each: usize,
    crossings: usize,
}

impl Load {
    pub(super) fn new(each: usize) -> Self {
        Self {
            stage: Stage::new(""),
            each,
            crossings: 0,
        }
    }
}

impl Fed for Load {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        "busy.*"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        Some(("busy", "type = load\nabove = 1000\nevery = 10ms".to_owned()))
    }

    fn more(&mut self, shim: &Shim) -> Vec<String> {
        wait_for_runs(&self.stage, self.crossings);
        let cross = |_| {
            self.crossings += 1;
            let is_above = self.crossings % 2 == 1;
            wait_until("a look at the load", || shim.is_load_seen());
            shim.set_load(if is_above { 2000 } else { 5 });
            format!("busy#{}", self.crossings)
        };
        (0..self.each).map(cross).collect()
    }
}
