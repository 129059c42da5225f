//! Programs as sources: they write what is in a file, and note how much of it they were told to be on disk.

use std::collections::BTreeSet;
use std::fs;

use super::Fed;
use crate::support::shim::Shim;
use crate::support::spool;
use crate::support::stage::Stage;

/// The file, and how far it has come.
struct Spool {
    stage: Stage,
    each: usize,
    last: usize,
}

impl Spool {
    fn new(each: usize) -> Self {
        let stage = Stage::new("");
        spool::set_up(&stage);
        let last = 0;
        Self { stage, each, last }
    }

    fn more(&mut self) -> Vec<String> {
        let before = self.last;
        self.last += self.each;
        spool::spool(&self.stage, before..self.last);
        (before..self.last).map(id).collect()
    }

    fn assert_kept(&self, on_disk: &BTreeSet<String>) {
        let mut told = (0..spool::acknowledged(&self.stage)).map(id);
        assert!(told.all(|id| on_disk.contains(&id)));
    }

    fn is_settled(&self) -> bool {
        spool::acknowledged(&self.stage) == self.last
    }
}

fn id(number: usize) -> String {
    format!("e{number}")
}

/// A program that writes lines.
pub(super) struct Exec(Spool);

impl Exec {
    pub(super) fn new(each: usize) -> Self {
        Self(Spool::new(each))
    }
}

impl Fed for Exec {
    fn stage(&mut self) -> &mut Stage {
        &mut self.0.stage
    }

    fn events(&self) -> &'static str {
        "feed"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        Some(("feed", spool::SPOOLING.to_owned()))
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        self.0.more()
    }

    fn assert_kept(&mut self, on_disk: &BTreeSet<String>) {
        self.0.assert_kept(on_disk);
    }

    fn is_settled(&mut self) -> bool {
        self.0.is_settled()
    }
}

/// A plugin of Ansible, whose `put` comes back when all that was put is on disk.
pub(super) struct Eda(Spool);

/// Puts up to so many events at a time.
const PLUGIN: &str = r#"
import asyncio, json, os

async def main(queue, args):
    done = int(open("done").read()) if os.path.exists("done") else 0
    rest = ""
    with open("spool") as file:
        for _ in range(done):
            file.readline()
        while True:
            rest += file.read()
            *lines, rest = rest.split("\n")
            if not lines:
                await asyncio.sleep(0.02)
            for at in range(0, len(lines), 10):
                put = [json.loads(line) for line in lines[at:at + 10]]
                await queue.put([{"i": it["i"], "meta": {"uuid": it["id"]}} for it in put])
                done += len(put)
                with open("done.new", "w") as file_done:
                    file_done.write(str(done))
                os.rename("done.new", "done")
"#;

impl Eda {
    pub(super) fn new(each: usize) -> Self {
        let spool = Spool::new(each);
        fs::write(spool.stage.path("spooled.py"), PLUGIN).expect("a plugin");
        Self(spool)
    }
}

impl Fed for Eda {
    fn stage(&mut self) -> &mut Stage {
        &mut self.0.stage
    }

    fn events(&self) -> &'static str {
        "put"
    }

    fn section(&self) -> Option<(&'static str, String)> {
        Some(("put", "type = eda\nplugin = spooled".to_owned()))
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        self.0.more()
    }

    fn assert_kept(&mut self, on_disk: &BTreeSet<String>) {
        self.0.assert_kept(on_disk);
    }

    fn is_settled(&mut self) -> bool {
        self.0.is_settled()
    }
}
