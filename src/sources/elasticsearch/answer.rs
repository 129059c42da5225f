//! What a server answers, one page of it: what was found, whether that is all, and where to go on. Pure.

use serde_json::{Map, Value};

use super::each::{Buckets, Each, Finding, documents, rows};
use crate::http::message::unexpected_json;

/// One page of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// In the order of the answer.
    pub found: Vec<Finding>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Next>,
    /// Why something may be missing, in words.
    pub lacks: Option<String>,
}

/// Where a page begins that is not the first.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Behind the bucket with this key.
    AfterKey(Value),
    /// Behind the document with these values to sort by.
    SearchAfter(Value),
}

/// How the pages of an answer are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// The most documents of a page, or rows of an answer.
    pub size: u64,
    /// Whether documents are sorted, so that it can be said where the next page begins.
    pub is_sorted: bool,
    /// Whether the buckets come in pages.
    pub is_composite: bool,
    /// Whether the query lets the server stop before it has looked at all documents (`terminate_after`).
    pub may_stop_early: bool,
}

impl Page {
    /// Reads the body of an answer with a status of success.
    ///
    /// # Errors
    /// Why it is no answer to a search, in words.
    pub fn read(body: &[u8], each: &Each, paging: Paging) -> Result<Self, String> {
        let answer: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| unexpected_json("the answer to a search", &error, body, &[]))?;
        if let Some(error) = answer.get("error") {
            let reason = error.get("reason").unwrap_or(error);
            return Err(format!("the server answered with an error: {reason}"));
        }
        match each {
            Each::Hits => Self::of_documents(&answer, paging),
            Each::Buckets(names) => Self::of_buckets(&answer, names, paging),
            Each::Rows => Self::of_rows(&answer, paging),
        }
    }

    fn of_documents(answer: &Map<String, Value>, paging: Paging) -> Result<Self, String> {
        let hits = answer.get("hits").and_then(|hits| hits.get("hits"));
        let hits = hits
            .and_then(Value::as_array)
            .ok_or("expected documents in `hits.hits`, but found none")?;
        let count = hits.len() as u64;
        let is_full = count > 0 && count >= paging.size;
        let last = hits.last().filter(|_| is_full && paging.is_sorted);
        let sort = last.and_then(|last| last.get("sort")).cloned();
        let total = answer["hits"].get("total");
        let total = total.map(|total| total.get("value").unwrap_or(total));
        let total = total.and_then(Value::as_u64);
        // What a page before this one had counts in its total, too.
        let is_cut = match (paging.is_sorted, total) {
            (true, _) | (false, None) => is_full,
            (false, Some(total)) => total > count,
        };
        let cut = (is_cut && sort.is_none()).then(|| {
            format!(
                "only {count} documents of those found are in the answer, and without a `sort` in the query no \
                 others can be asked for"
            )
        });
        Ok(Self {
            found: documents(hits)?,
            next: sort.map(Next::SearchAfter),
            lacks: incomplete(answer, paging).or(cut),
        })
    }

    fn of_rows(answer: &Map<String, Value>, paging: Paging) -> Result<Self, String> {
        let list = |name: &str| {
            let list = answer.get(name).and_then(Value::as_array);
            list.ok_or_else(|| format!("expected a list in `{name}`, but found none"))
        };
        let (columns, values) = (list("columns")?, list("values")?);
        let is_full = values.len() as u64 >= paging.size;
        let cut = is_full.then(|| {
            format!(
                "only {} rows are in the answer, which are all that the server gives: set a larger `LIMIT` (up to \
                 10,000), or let the query find less",
                values.len()
            )
        });
        Ok(Self {
            found: rows(columns, values)?,
            next: None,
            lacks: incomplete(answer, paging).or(cut),
        })
    }

    fn of_buckets(
        answer: &Map<String, Value>,
        names: &[String],
        paging: Paging,
    ) -> Result<Self, String> {
        let empty = Map::new();
        let all = match answer.get("aggregations").and_then(Value::as_object) {
            Some(all) => all,
            // No index has the pattern's name: Elasticsearch leaves the aggregations out then.
            None if searched(answer) == Some(0) => {
                return Ok(Self {
                    found: Vec::new(),
                    next: None,
                    lacks: incomplete(answer, paging),
                });
            }
            None => &empty,
        };
        let buckets = Buckets::of(all, names)?;
        let cut = (buckets.left_out > 0).then(|| {
            format!(
                "buckets with {} documents are not in the answer (`sum_other_doc_count`): set a larger `size` \
                 in the aggregation",
                buckets.left_out
            )
        });
        let is_last = !paging.is_composite || buckets.found.is_empty();
        let next = buckets.after_key.filter(|_| !is_last);
        Ok(Self {
            found: buckets.found,
            next: next.map(Next::AfterKey),
            lacks: incomplete(answer, paging).or(cut),
        })
    }
}

fn count(value: Option<&Value>, name: &str) -> Option<u64> {
    value?.get(name)?.as_u64()
}

/// How many shards were to be searched.
fn searched(answer: &Map<String, Value>) -> Option<u64> {
    count(answer.get("_shards"), "total")
}

/// Why an answer is not that of all that was to be searched.
fn incomplete(answer: &Map<String, Value>, paging: Paging) -> Option<String> {
    let shards = answer.get("_shards");
    let failed = count(shards, "failed").filter(|failed| *failed > 0);
    if let Some(failed) = failed {
        let total = searched(answer).unwrap_or(failed);
        return Some(format!("{failed} of {total} shards failed"));
    }
    let is_set = |name: &str| answer.get(name) == Some(&Value::Bool(true));
    if is_set("timed_out") {
        return Some("the server ran out of time".to_owned());
    }
    // OpenSearch also says so of whole answers, wherever no documents are asked for (its issue 8371).
    if paging.may_stop_early && is_set("terminated_early") {
        return Some("the server stopped early (`terminate_after`)".to_owned());
    }
    let clusters = answer.get("_clusters");
    let missing = ["skipped", "failed", "partial", "running"]
        .into_iter()
        .filter_map(|name| count(clusters, name))
        .fold(0, u64::saturating_add);
    if missing > 0 {
        return Some(format!("{missing} clusters did not answer, or not wholly"));
    }
    is_set("is_partial").then(|| "the server found only a part (`is_partial`)".to_owned())
}

/// How many rows the server adds as a limit to a query that has none, if this header `Warning` of an answer says so.
pub(super) fn default_limit(warning: &str) -> Option<u64> {
    let (_, limit) = warning.split_once("adding default limit of [")?;
    limit.split_once(']')?.0.parse().ok()
}
