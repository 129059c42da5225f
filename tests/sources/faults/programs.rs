//! Programs as sources: they write what is in a file, and note how much of it they were told to be on disk.

use std::collections::BTreeSet;
use std::fs;

use super::Fed;
use crate::support::shim::Shim;
use crate::support::spool;
use crate::support::stage::Stage;

/// A program, the file that it reads, and how far that has come.
pub(super) struct Spooled {
    stage: Stage,
    /// The name of the source, and its options.
    section: (&'static str, &'static str),
    each: usize,
    last: usize,
}

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

impl Spooled {
    /// A program that writes lines.
    pub(super) fn exec(each: usize) -> Self {
        Self::of(("feed", spool::SPOOLING), each)
    }

    /// A plugin of Ansible, whose `put` comes back when all that was put is on disk.
    pub(super) fn eda(each: usize) -> Self {
        let spooled = Self::of(("put", "type = eda\nplugin = spooled"), each);
        fs::write(spooled.stage.path("spooled.py"), PLUGIN).expect("a plugin");
        spooled
    }

    fn of(section: (&'static str, &'static str), each: usize) -> Self {
        let stage = Stage::new("");
        spool::set_up(&stage);
        Self {
            stage,
            section,
            each,
            last: 0,
        }
    }
}

fn id(number: usize) -> String {
    format!("e{number}")
}

impl Fed for Spooled {
    fn stage(&mut self) -> &mut Stage {
        &mut self.stage
    }

    fn events(&self) -> &'static str {
        self.section.0
    }

    fn section(&self) -> Option<(&'static str, String)> {
        let (name, options) = self.section;
        Some((name, options.to_owned()))
    }

    fn more(&mut self, _: &Shim) -> Vec<String> {
        let before = self.last;
        self.last += self.each;
        spool::spool(&self.stage, before..self.last);
        (before..self.last).map(id).collect()
    }

    fn assert_kept(&mut self, on_disk: &BTreeSet<String>) {
        let mut told = (0..spool::acknowledged(&self.stage)).map(id);
        assert!(told.all(|id| on_disk.contains(&id)));
    }

    fn is_settled(&mut self) -> bool {
        spool::acknowledged(&self.stage) == self.last
    }
}
