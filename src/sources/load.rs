//! Load: the load average of the machine crossing a line, upwards and downwards.
//!
//! ```ini
//! [source:busy]
//! type = load
//! above = 16
//! below = 12
//! ```
//!
//! Between `below` and `above` nothing changes, so that a load that swings about one line is not told again and again. On
//! which side it was told to be is the cursor.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Arrival, Decoded, Look, Looked, Looking, Opening, Pending, Setup, Source, SourcePart,
    decode_event,
};
use crate::config::table::{Kind, OptionRow, PartOptions, Scope, SourceKind};
use crate::config::{Options, Problem, positive_duration};
use crate::core::event::Event;
use crate::journal::{Cursor, Placement};

/// Where the kernel tells the load.
const LOADAVG: &str = "/proc/loadavg";

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "load",
            rows: &OPTIONS,
        },
        event_types: &[".above", ".below"],
    },
    read,
    decode: decode_event,
    reached: Some(reached),
};

const OPTIONS: [OptionRow; 3] = [
    OptionRow {
        name: "above",
        scope: Scope::Source,
        kind: Kind::Text,
        default: None,
        meaning: "a number like `16` or `7.5`: there is an event `NAME.above` when the load average of the last minute is \
                  above it",
    },
    OptionRow {
        name: "below",
        scope: Scope::Source,
        kind: Kind::Text,
        default: None,
        meaning: "there is an event `NAME.below` when, after that, it is below this number; without it, below `above`",
    },
    OptionRow {
        name: "every",
        scope: Scope::Source,
        kind: Kind::PositiveDuration,
        default: Some("10s"),
        meaning: "how often the load is looked at",
    },
];

/// The two lines.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Lines {
    above: f64,
    below: f64,
}

/// On which side of the lines the load is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Above,
    #[default]
    Below,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Above => "above",
            Self::Below => "below",
        })
    }
}

impl Lines {
    /// On which side a load is, that was on this one.
    fn side(self, before: Side, load: f64) -> Side {
        match before {
            Side::Below if load > self.above => Side::Above,
            Side::Above if load < self.below => Side::Below,
            same => same,
        }
    }
}

/// What was told last. Before anything was, the load counts as low.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    side: Side,
    /// How often a crossing has been told.
    count: u64,
}

/// The load of a machine, looked at again and again.
#[derive(Clone, Copy, Debug)]
struct Load {
    lines: Lines,
    every: Duration,
}

fn read(options: &mut Options<'_>, _: &Path) -> Option<Arc<dyn Setup>> {
    if options.lacks("above") {
        options.report_section(
            "expected `above` in the source, but found none",
            "write the load above which there is an event, like `above = 16`",
        );
        return None;
    }
    let above = number(options, "above");
    let below = if options.lacks("below") {
        above
    } else {
        number(options, "below")
    };
    let every = options.parse("every", "write it like `30s` or `10m`", positive_duration);
    let lines = Lines {
        above: above?,
        below: below?,
    };
    if lines.below > lines.above {
        let message = format!("expected `below` to be at most `above`, {}", lines.above);
        let hint = "choose a smaller number, or remove `below`";
        options.report_value("below", Problem::error(message, hint));
        return None;
    }
    let every = every?;
    Some(Arc::new(Load { lines, every }))
}

fn number(options: &mut Options<'_>, name: &str) -> Option<f64> {
    let text = options.text(name)?;
    let number = text.parse().ok();
    let number = number.filter(|it: &f64| it.is_finite() && *it >= 0.0);
    if number.is_none() {
        let message = format!("expected a number of at least 0 in `{name}`, but found `{text}`");
        let hint = "write it like `16` or `7.5`";
        options.report_value(name, Problem::error(message, hint));
    }
    number
}

/// On which side of the lines the load was told to be, in words.
fn reached(cursor: &Cursor) -> Option<String> {
    let memory: Memory = serde_json::from_str(&cursor.0).ok()?;
    Some(format!("{}, after {} crossings", memory.side, memory.count))
}

/// The load averages of the last 1, 5 and 15 minutes, of the kernel's line.
fn averages(line: &str) -> Option<[f64; 3]> {
    let mut numbers = line.split(' ').map(|word| word.parse().ok());
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

impl Load {
    /// What is told of these averages, and what is to be remembered.
    fn judge(
        &self,
        averages: [f64; 3],
        memory: Memory,
        opening: &Opening,
    ) -> (Option<Event>, Memory) {
        let [one, five, fifteen] = averages;
        let side = self.lines.side(memory.side, one);
        if side == memory.side {
            return (None, memory);
        }
        let count = memory.count + 1;
        let name = &opening.name;
        let event_type = format!("{name}.{side}");
        let id = format!("{name}#{count}");
        let event = opening.interest.wants(&event_type, &id).then(|| {
            let payload = json!({
                "load": {"1m": one, "5m": five, "15m": fifteen},
                "above": self.lines.above,
                "below": self.lines.below,
            });
            let now = Timestamp::now().to_string();
            Event::new(id, event_type, now, None, payload).with_key(name.as_str())
        });
        (event, Memory { side, count })
    }
}

impl Look for Load {
    type Memory = Memory;

    fn look<'a>(
        &'a mut self,
        memory: &'a Memory,
        opening: &'a Opening,
    ) -> Pending<'a, Looked<Memory>> {
        let line = std::fs::read_to_string(LOADAVG);
        let failed = |why: String| Looked {
            decoded: Vec::new(),
            memory: *memory,
            words: why.clone(),
            failure: Some(why),
        };
        let looked = match line.as_deref().map(averages) {
            Ok(Some(averages)) => {
                let (event, memory) = self.judge(averages, *memory, opening);
                let event = event.map(|event| Decoded::Event(Arrival::whole(event)));
                Looked {
                    decoded: event.into_iter().collect(),
                    words: format!("{}, {} in the last minute", memory.side, averages[0]),
                    memory,
                    failure: None,
                }
            }
            Ok(None) => failed(format!(
                "expected three numbers in {LOADAVG}, but found something else"
            )),
            Err(error) => failed(format!("failed to read {LOADAVG}: {error}")),
        };
        Box::pin(std::future::ready(looked))
    }
}

impl Setup for Load {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        Box::new(Looking::new(*self, self.every, opening))
    }

    /// It is the host's.
    fn placement(&self) -> Placement {
        Placement::Every
    }

    fn summary(&self) -> String {
        let Lines { above, below } = self.lines;
        format!("load above {above}, then below {below}")
    }
}

#[cfg(test)]
mod tests;
