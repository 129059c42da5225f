//! What is asked: the body of a search or of a request for ES|QL, filled in for a time and for a page. Pure.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::answer::{Next, Paging};
use super::each::{Each, aggregations};
use crate::core::template::{JsonTemplate, Scope};

/// What templates in a query can name.
pub(super) const NAMES: [&str; 2] = ["since", "until"];

/// So many documents, or composite buckets, are asked for at a time, unless the query says how many.
const PAGE: u64 = 1_000;

/// The most rows that ES|QL answers, whatever its `LIMIT` says, unless the cluster is set otherwise.
const MOST_ROWS: u64 = 10_000;

/// A query, with what of its answers makes an event.
#[derive(Clone, Debug)]
pub(super) struct Query {
    template: JsonTemplate,
    /// What of an answer makes an event.
    pub(super) each: Each,
    /// How the pages of an answer are told.
    pub(super) paging: Paging,
    /// How far the time that is asked about reaches into what was asked about before.
    pub(super) overlap: SignedDuration,
}

impl Query {
    /// The query of this template, which is this JSON before it is filled in.
    pub(super) fn new(
        template: JsonTemplate,
        body: &Map<String, Value>,
        each: Each,
        overlap: SignedDuration,
    ) -> Self {
        let is_composite = match &each {
            Each::Hits | Each::Rows => false,
            Each::Buckets(names) => composite(body, names).is_some(),
        };
        let paging = Paging {
            size: body.get("size").and_then(Value::as_u64).unwrap_or(PAGE),
            is_sorted: body.contains_key("sort"),
            is_composite,
            may_stop_early: body.contains_key("terminate_after"),
        };
        Self {
            template,
            each,
            paging,
            overlap,
        }
    }

    /// The query of this template, which is a request for ES|QL. All that it finds is in one answer.
    pub(super) fn of_rows(template: JsonTemplate) -> Self {
        let paging = Paging {
            size: MOST_ROWS,
            is_sorted: false,
            is_composite: false,
            may_stop_early: false,
        };
        Self {
            template,
            each: Each::Rows,
            paging,
            overlap: SignedDuration::ZERO,
        }
    }

    /// The body of the request for a page of what was found from `since` to `until`.
    ///
    /// # Errors
    /// Why it cannot be filled in, in words.
    pub(super) fn body(
        &self,
        since: Timestamp,
        until: Timestamp,
        next: Option<&Next>,
    ) -> Result<Value, String> {
        let from = since.checked_sub(self.overlap).unwrap_or(since);
        let [from, to] = [from, until].map(|time| json!(time.to_string()));
        let scope = Scope::new(NAMES.into_iter().zip([&from, &to]));
        let filled = self.template.fill(&scope);
        let filled = filled.map_err(|error| format!("the query cannot be filled in: {error}"))?;
        let Value::Object(mut body) = filled else {
            return Err(
                "expected the query to be a JSON object, but found something else".to_owned(),
            );
        };
        let names = match &self.each {
            Each::Hits => {
                body.entry("size").or_insert(json!(self.paging.size));
                if let Some(Next::SearchAfter(values)) = next {
                    body.insert("search_after".to_owned(), values.clone());
                }
                return Ok(body.into());
            }
            Each::Rows => return Ok(body.into()),
            Each::Buckets(names) => names,
        };
        body.entry("size").or_insert(json!(0));
        if let Some(composite) = composite_mut(&mut body, names) {
            composite.entry("size").or_insert(json!(PAGE));
            if let Some(Next::AfterKey(key)) = next {
                composite.insert("after".to_owned(), key.clone());
            }
        }
        Ok(body.into())
    }
}

/// What a composite aggregation among these says, the first that the names lead to.
fn composite<'q>(of: &'q Map<String, Value>, names: &[String]) -> Option<&'q Map<String, Value>> {
    let (name, within) = names.split_first()?;
    let aggregation = aggregations(of)?.get(name)?.as_object()?;
    let own = aggregation.get("composite").and_then(Value::as_object);
    own.or_else(|| composite(aggregation, within))
}

fn composite_mut<'q>(
    of: &'q mut Map<String, Value>,
    names: &[String],
) -> Option<&'q mut Map<String, Value>> {
    let (name, within) = names.split_first()?;
    let place = if of.contains_key("aggs") {
        "aggs"
    } else {
        "aggregations"
    };
    let aggregation = of.get_mut(place)?.get_mut(name)?.as_object_mut()?;
    if aggregation.contains_key("composite") {
        return aggregation.get_mut("composite")?.as_object_mut();
    }
    composite_mut(aggregation, within)
}
