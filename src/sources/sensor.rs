//! A sensor of a `StackStorm` pack, unchanged: a class derived from `Sensor` or `PollingSensor`.
//!
//! ```ini
//! [source:jira]
//! type = sensor
//! pack = packs/jira
//! class = JIRASensor
//! python = /opt/stackstorm/virtualenvs/jira/bin/python
//! config = {"url": "https://jira.example.org"}
//! ```
//!
//! A small Python program that comes along (`service.py`, `modules.py`, `shim.py`) is a program that writes events, as with
//! `exec`. `dispatch` comes back once the event is on disk; its type is the trigger. The datastore of a sensor is the
//! store: the program asks for values, and the service answers (`program/question.rs`). What the pack says of the sensor is
//! read each time that it is opened (`pack.rs`).

mod line;
mod options;
mod pack;

use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{
    FeedCheckup, Opening, Pending, Program, ProgramSource, Received, Setup, Source, SourceError,
    SourceErrorKind, SourcePart, program,
};
use crate::config::table::{PartOptions, SourceKind};
use crate::config::{Options, Problem};
use crate::journal::Placement;
use crate::os::program::Unfit;
use options::SensorSetup;

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "sensor",
            rows: &options::OPTIONS,
        },
        // The pack says them.
        event_types: &[],
    },
    read,
    decode: program::decode,
    reached: None,
};

fn read(options: &mut Options<'_>, folder: &Path) -> Option<Arc<dyn Setup>> {
    let sensor = options::read(options, folder)?;
    Some(Arc::new(sensor))
}

impl Setup for SensorSetup {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        match self.program() {
            Ok(program) => Box::new(ProgramSource::new(Arc::new(program), opening)),
            Err(unfit) => Box::new(Absent {
                identity: opening.identity,
                unfit,
            }),
        }
    }

    /// Two of it would dispatch everything twice.
    fn placement(&self) -> Placement {
        Placement::One
    }

    fn summary(&self) -> String {
        format!("class {}", self.class)
    }

    fn program(&self) -> Option<&Program> {
        Some(&self.python.program)
    }

    fn check_files(&self, section: &str) -> FeedCheckup {
        let mut checkup = FeedCheckup::default();
        if let Err(Unfit { what, remedy }) = self.find() {
            let problem = Problem::error(what, remedy);
            let problem = match self.position {
                Some(position) => problem.at(position),
                None => problem,
            };
            checkup.problems.push(problem.within(section));
        }
        checkup
    }

    fn code_files(&self) -> Vec<PathBuf> {
        let found = self.find().into_iter();
        found.map(|sensor| sensor.file).collect()
    }

    fn event_types(&self) -> Vec<String> {
        let found = self.find().into_iter();
        found.flat_map(|sensor| sensor.event_types).collect()
    }
}

/// A sensor that is not there.
struct Absent {
    identity: String,
    unfit: Unfit,
}

impl Source for Absent {
    fn name(&self) -> &str {
        &self.identity
    }

    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>> {
        Box::pin(ready(Err(SourceError {
            kind: SourceErrorKind::Failed,
            message: self.unfit.to_string(),
            hint: "look at it with `esi-event-actions check`, as the user of the service",
        })))
    }

    fn settle(&mut self) -> Pending<'_, ()> {
        Box::pin(ready(()))
    }

    fn close(&mut self) -> Pending<'_, ()> {
        Box::pin(ready(()))
    }
}
