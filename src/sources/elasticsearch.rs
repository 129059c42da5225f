//! Searches: a query that Elasticsearch or `OpenSearch` is asked at the times of a schedule, and events of what it finds.
//!
//! ```ini
//! [source:orders]
//! type = elasticsearch
//! url = https://es1:9200, https://es2:9200
//! index = orders-*
//! query = {"query": {"range": {"@timestamp": {"gte": "now-1m"}}},
//!     "aggs": {"states": {"terms": {"field": "state", "min_doc_count": 3}}}}
//! every = 1m
//! resolve_after = 3
//! ```
//!
//! Each bucket is something that was found, known by its identity, its key here. When it appears there is an event
//! `orders.found`, when it is gone one `orders.resolved`, and while nobody answers one `orders.failed`. Of a query
//! without aggregations each document is an event, once. With `esql` instead of `query` each row is what a bucket is.
//!
//! `query.rs` makes the request, `client.rs` sends it, `answer.rs` and `each.rs` read what comes, `memory.rs` decides
//! what is new, `event.rs` words it, and `source.rs` has the clock.

mod answer;
mod client;
mod each;
mod event;
mod memory;
mod options;
mod query;
mod source;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;

pub use answer::{Next, Page, Paging};
pub use each::{Each, Finding};

use super::{
    Asking, FeedCheckup, Opening, Pending, Reply, Setup, Source, SourcePart, decode_event,
};
use crate::config::Options;
use crate::config::table::{PartOptions, SourceKind};
use crate::core::schedule::Schedule;
use crate::http::{Login, Trust};
use crate::journal::{Cursor, Placement};
use client::Asker;
use event::Making;
use memory::{Memory, Telling};
use query::Query;
use source::SearchSource;

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "elasticsearch",
            rows: &options::OPTIONS,
        },
        event_types: &[".found", ".resolved", ".failed"],
    },
    read,
    decode: decode_event,
    reached: Some(reached),
};

/// What is asked, whom, when, and what comes of it.
#[derive(Clone, Debug)]
struct Search {
    /// The search of each host, to be asked in turn.
    addresses: Vec<Url>,
    /// What is searched, as it was written.
    index: String,
    schedule: Schedule,
    query: Query,
    making: Making,
    telling: Telling,
    /// Whether an answer that is not whole is taken.
    takes_partial: bool,
    login: Option<Login>,
    trust: Trust,
    /// How long a request and its answer may take.
    timeout: Duration,
}

impl Search {
    /// Whether it is remembered what is found. Documents need not be: the journal knows them by their ids.
    fn are_documents_kept(&self) -> bool {
        self.query.each != Each::Hits || !self.making.identity.is_empty()
    }
}

/// How far a search has come, in words.
fn reached(cursor: &Cursor) -> Option<String> {
    let memory: Memory = serde_json::from_str(&cursor.0).ok()?;
    let last = memory.reached.last?;
    Some(format!("asked for {last}, {} open", memory.open.len()))
}

fn read(options: &mut Options<'_>, folder: &Path) -> Option<Arc<dyn Setup>> {
    let search = options::read(options, folder, Timestamp::now())?;
    Some(Arc::new(Arc::new(search)))
}

/// Whether the search is answered: it is asked as it is, about no time at all.
async fn once(search: &Arc<Search>, now: Timestamp) -> Reply {
    let answer = async {
        let body = search.query.body(now, now, None)?;
        let page = Asker::new(Arc::clone(search)).page(&body).await;
        page.map_err(|failure| failure.why)
    };
    match answer.await {
        Ok(_) => Reply::fact("answers the query"),
        Err(why) => {
            let hint = "correct what the message names, or look at the server";
            Reply::refusal(format!("the query is not answered: {why}"), hint)
        }
    }
}

impl Setup for Arc<Search> {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        Box::new(SearchSource::new(Arc::clone(self), opening))
    }

    /// What is remembered moves with the answers.
    fn placement(&self) -> Placement {
        Placement::One
    }

    fn summary(&self) -> String {
        let hosts = self
            .addresses
            .iter()
            .map(|url| url.origin().ascii_serialization());
        let hosts: Vec<_> = hosts.collect();
        let index = if self.index.is_empty() {
            String::new()
        } else {
            format!(" of {}", self.index)
        };
        format!("{}{index} at {}", self.schedule, hosts.join(", "))
    }

    fn ask<'a>(&'a self, _: &'a Asking<'a>) -> Pending<'a, Option<Reply>> {
        Box::pin(async move { Some(once(self, Timestamp::now()).await) })
    }

    fn check_files(&self, section: &str) -> FeedCheckup {
        let mut checkup = FeedCheckup::default();
        let certificate = self.trust.identity.as_ref().map(|(path, _)| path);
        for (option, path) in [
            ("ssl_ca_file", self.trust.ca_file.as_ref()),
            (options::CERTIFICATE, certificate),
        ] {
            if let Some(path) = path {
                let reading = std::fs::File::open(path).map(drop);
                checkup.note(section, option, "file", path, reading);
            }
        }
        checkup
    }

    fn secret_files(&self) -> Vec<(PathBuf, &'static str)> {
        let of_login = self.login.iter().map(Login::file);
        let identity = self.trust.identity.as_ref();
        let key = identity.and_then(|(_, key)| key.as_deref());
        let files = of_login.chain(key.map(|key| (key, options::KEY)));
        files
            .map(|(path, option)| (path.to_owned(), option))
            .collect()
    }
}

#[cfg(test)]
mod tests;
