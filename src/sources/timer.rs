//! Timers: events at the times of a schedule.
//!
//! ```ini
//! [source:nightly]
//! type = timer
//! cron = 0 3 * * mon-fri
//! ```
//!
//! Each firing is an event of type `nightly`, which rules choose like any other:
//!
//! ```json
//! {"id":"nightly@2026-01-15T02:00:00Z","type":"nightly","time":"2026-01-15T02:00:00Z",
//!  "payload":{"i":7,"scheduled":"2026-01-15T02:00:00Z","fired":"2026-01-15T02:00:00.004Z"}}
//! ```
//!
//! `core/schedule.rs` decides, on times that are given; `source.rs` has the clock. The payload is that of
//! `ansible.eda.tick` (`i`, from 1) with the time that was meant and the time that it became.

mod options;
mod source;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Opening, Setup, Source, SourcePart, decode_event};
use crate::config::Options;
use crate::config::table::{PartOptions, SourceKind};
use crate::core::schedule::{Reached, Schedule};
use crate::journal::{Cursor, Placement};
use source::TimerSource;

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "timer",
            rows: &options::OPTIONS,
        },
        event_types: &[""],
    },
    read,
    decode: decode_event,
    reached: Some(reached),
};

/// How far a timer has come, in words.
fn reached(cursor: &Cursor) -> Option<String> {
    let reached: Reached = serde_json::from_str(&cursor.0).ok()?;
    let last = match reached.last {
        Some(last) => format!(", last for {last}"),
        None => String::new(),
    };
    let times = match reached.count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    Some(format!("fired {times}{last}"))
}

fn read(options: &mut Options<'_>, _: &Path) -> Option<Arc<dyn Setup>> {
    let schedule = options::read(options, Timestamp::now())?;
    Some(Arc::new(schedule))
}

impl Setup for Schedule {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        Box::new(TimerSource::new(self.clone(), opening))
    }

    /// The id of an event is made of its time.
    fn placement(&self) -> Placement {
        Placement::Any
    }

    fn summary(&self) -> String {
        self.to_string()
    }
}
