//! URLs: whether each of them answers, when that is first known and whenever it has changed.
//!
//! ```ini
//! [source:site]
//! type = url
//! urls = https://example.com/health
//! every = 30s
//! ```
//!
//! The payload is that of `ansible.eda.url_check`: up is what answers with 200, after redirects. What was told last is
//! the cursor, so a restart tells no change twice and misses none.

mod ask;
mod look;
mod options;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::{Looking, Opening, Setup, Source, SourcePart, decode_event};
use crate::config::Options;
use crate::config::table::{PartOptions, SourceKind};
use crate::http::Trust;
use crate::journal::{Cursor, Placement};
use look::{Memory, UrlLook};

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "url",
            rows: &options::OPTIONS,
        },
        event_types: &[""],
    },
    read,
    decode: decode_event,
    reached: Some(reached),
};

/// What is asked, and what is told of the answers.
#[derive(Clone, Debug)]
struct Check {
    urls: Vec<Address>,
    every: Duration,
    timeout: Duration,
    /// Each answer is told, changed or not.
    always: bool,
    trust: Trust,
}

/// What is asked, and as what it is told of.
#[derive(Clone, Debug)]
struct Address {
    /// As the configuration has it.
    written: String,
    url: Url,
}

fn read(options: &mut Options<'_>, folder: &Path) -> Option<Arc<dyn Setup>> {
    let check = options::read(options, folder)?;
    Some(Arc::new(check))
}

/// How the URLs answered last, in words.
fn reached(cursor: &Cursor) -> Option<String> {
    let memory: Memory = serde_json::from_str(&cursor.0).ok()?;
    Some(memory.to_string())
}

impl Setup for Check {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        Box::new(Looking::new(
            UrlLook::new(self.clone()),
            self.every,
            opening,
        ))
    }

    fn placement(&self) -> Placement {
        Placement::One
    }

    fn summary(&self) -> String {
        let every = self.every;
        match &self.urls[..] {
            [address] => format!("{} every {every:?}", address.written),
            urls => format!("{} addresses every {every:?}", urls.len()),
        }
    }
}

#[cfg(test)]
mod tests;
