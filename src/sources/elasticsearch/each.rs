//! What of an answer makes an event: documents, the buckets of an aggregation, or rows. Pure.
//!
//! `aggs.hosts.services` names the aggregation `services` in each bucket of `hosts`. An aggregation with one bucket
//! that is in no list (`filter`, `nested`) only leads on to those within; one that is a value is one finding itself.

use serde_json::{Map, Value};

/// By this name a finding has the keys of the buckets that it is in.
const OUTER: &str = "_outer";

/// What of an answer makes an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Each {
    /// Each document.
    Hits,
    /// Each bucket of the aggregation that these names lead to, one within the other; or its value.
    Buckets(Vec<String>),
    /// Each row of an answer to ES|QL.
    Rows,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The document, the bucket or the value, as the answer has it; of a row its values by the names of their columns. A bucket without a key has one that is made of its
    /// name or its number, and one within others has theirs under `OUTER`.
    pub value: Map<String, Value>,
    /// What tells it from others, if no option says that: index and id of a document; the keys of a bucket and of those
    /// that it is in; all of a row.
    pub parts: Vec<Value>,
}

impl Each {
    /// What the text of the option `each` means for the aggregations in a query; `None` if they have nothing of that
    /// name.
    #[must_use]
    pub fn named(text: &str, query: &Map<String, Value>) -> Option<Self> {
        if text == "hits" {
            return Some(Self::Hits);
        }
        let path = (text.strip_prefix("aggs.")).or_else(|| text.strip_prefix("aggregations."))?;
        resolved(aggregations(query)?, path).map(Self::Buckets)
    }

    /// What a query leaves no doubt about: its only aggregation, or documents if it has none.
    #[must_use]
    pub fn only(query: &Map<String, Value>) -> Option<Self> {
        let Some(aggregations) = aggregations(query) else {
            return Some(Self::Hits);
        };
        let mut names = aggregations.keys();
        let only = names.next().filter(|_| names.next().is_none());
        only.map(|name| Self::Buckets(vec![name.clone()]))
    }

    /// All that the option could name in a query.
    #[must_use]
    pub fn choices(query: &Map<String, Value>) -> Vec<String> {
        let mut found = vec!["hits".to_owned()];
        if let Some(all) = aggregations(query) {
            collect(all, "aggs", &mut found);
        }
        found
    }
}

/// The aggregations of a query, or of one that has others within.
pub(super) fn aggregations(of: &Map<String, Value>) -> Option<&Map<String, Value>> {
    let found = of.get("aggs").or_else(|| of.get("aggregations"))?;
    found.as_object()
}

/// The names that a dotted path spells out. A name may hold dots: the shortest one that leads to the end counts.
fn resolved(all: &Map<String, Value>, path: &str) -> Option<Vec<String>> {
    if all.contains_key(path) {
        return Some(vec![path.to_owned()]);
    }
    let dots = path.match_indices('.').map(|(at, _)| at);
    let mut readings = dots.filter_map(|at| {
        let (name, rest) = (&path[..at], &path[at + 1..]);
        let within = aggregations(all.get(name)?.as_object()?)?;
        let mut names = resolved(within, rest)?;
        names.insert(0, name.to_owned());
        Some(names)
    });
    readings.next()
}

fn collect(all: &Map<String, Value>, before: &str, found: &mut Vec<String>) {
    for (name, aggregation) in all {
        let path = format!("{before}.{name}");
        let within = aggregation.as_object().and_then(aggregations);
        found.push(path.clone());
        if let Some(within) = within {
            collect(within, &path, found);
        }
    }
}

/// What was found among the documents of an answer.
///
/// # Errors
/// What is not as it should be, in words.
pub(super) fn documents(hits: &[Value]) -> Result<Vec<Finding>, String> {
    let finding = |hit: &Value| {
        let value = hit.as_object().ok_or_else(|| {
            "expected objects in `hits.hits`, but found something else".to_owned()
        })?;
        let part = |name: &str| value.get(name).cloned();
        let parts = (part("_index").zip(part("_id"))).ok_or_else(|| {
            "expected `_index` and `_id` in each document, but found one without".to_owned()
        })?;
        Ok(Finding {
            value: value.clone(),
            parts: vec![parts.0, parts.1],
        })
    };
    hits.iter().map(finding).collect()
}

/// What was found among the rows of an answer.
///
/// # Errors
/// What is not as it should be, in words.
pub(super) fn rows(columns: &[Value], values: &[Value]) -> Result<Vec<Finding>, String> {
    let names = columns
        .iter()
        .map(|column| column.get("name")?.as_str())
        .collect::<Option<Vec<&str>>>()
        .ok_or("expected a `name` in each of `columns`, but found one without")?;
    let finding = |row: &Value| {
        let fields = row.as_array().filter(|row| row.len() == names.len());
        let fields = fields.ok_or_else(|| {
            format!(
                "expected {} values in each row, as many as `columns`, but found something else",
                names.len()
            )
        })?;
        let named = names.iter().map(|&name| name.to_owned());
        Ok(Finding {
            value: named.zip(fields.iter().cloned()).collect(),
            parts: vec![row.clone()],
        })
    };
    values.iter().map(finding).collect()
}

/// What was found in an aggregation.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    /// In the order of the answer.
    pub(super) found: Vec<Finding>,
    /// How many documents are in buckets that were left out.
    pub(super) left_out: u64,
    /// Where the next page of the outermost list of buckets begins, if the answer says so.
    pub(super) after_key: Option<Value>,
}

impl Buckets {
    /// Those that these names lead to.
    ///
    /// # Errors
    /// What is not as it should be, in words.
    pub(super) fn of(all: &Map<String, Value>, names: &[String]) -> Result<Self, String> {
        let mut buckets = Self::default();
        buckets.add(all, names, &[])?;
        Ok(buckets)
    }

    fn add(
        &mut self,
        all: &Map<String, Value>,
        names: &[String],
        outer: &[(&str, Value)],
    ) -> Result<(), String> {
        let Some((name, within)) = names.split_first() else {
            return Ok(());
        };
        let wrong = |what: &str| {
            format!("expected {what} of the aggregation `{name}`, but found something else")
        };
        let found = all.get(name);
        let found = found.ok_or_else(|| format!("the answer has no aggregation `{name}`"))?;
        let aggregation = found.as_object().ok_or_else(|| wrong("an object"))?;
        if let Some(count) = aggregation
            .get("sum_other_doc_count")
            .and_then(Value::as_u64)
        {
            self.left_out = self.left_out.saturating_add(count);
        }
        if outer.is_empty() && self.after_key.is_none() {
            self.after_key = aggregation.get("after_key").cloned();
        }
        let buckets: Vec<(Value, &Value)> = match aggregation.get("buckets") {
            Some(Value::Array(buckets)) => (0_u64..).map(Value::from).zip(buckets).collect(),
            Some(Value::Object(buckets)) => {
                let named = buckets.iter();
                named
                    .map(|(key, bucket)| (Value::from(key.as_str()), bucket))
                    .collect()
            }
            Some(_) => return Err(wrong("a list of buckets")),
            None if within.is_empty() => {
                // No document had a value.
                if aggregation.get("value") != Some(&Value::Null) {
                    self.push(aggregation.clone(), Value::from(name.as_str()), outer);
                }
                return Ok(());
            }
            None => return self.add(aggregation, within, outer),
        };
        for (place, bucket) in buckets {
            let bucket = bucket
                .as_object()
                .ok_or_else(|| wrong("objects as buckets"))?;
            let key = bucket.get("key").cloned().unwrap_or(place);
            if within.is_empty() {
                let mut value = bucket.clone();
                value.insert("key".to_owned(), key.clone());
                self.push(value, key, outer);
            } else {
                let mut outer = outer.to_vec();
                outer.push((name, key));
                self.add(bucket, within, &outer)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, mut value: Map<String, Value>, key: Value, outer: &[(&str, Value)]) {
        let keys = outer.iter().map(|(_, key)| key.clone());
        let parts = keys.chain([key]).collect();
        if !outer.is_empty() {
            let named = outer
                .iter()
                .map(|(name, key)| ((*name).to_owned(), key.clone()));
            value.insert(OUTER.to_owned(), Value::Object(named.collect()));
        }
        self.found.push(Finding { value, parts });
    }
}
