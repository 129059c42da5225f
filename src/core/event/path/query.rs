//! A JSONPath, carried out in bounded memory.
//!
//! The library keeps with each value the text of the path to it, and a tenant may choose keys so long
//! and so many values below them that these texts fill any memory. So each step is carried out by
//! itself, from each value alone: the paths are one step long, and are dropped at once.

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::query::{QueryRef, js_path_process};
use serde_json::Value;

/// This many values are followed in one step, the first ones: no real payload has
/// as many, and as an argument they would be too long.
const MOST: usize = 100_000;

/// A query in steps.
#[derive(Clone, Debug)]
pub(super) struct Query(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    /// From each value to itself and to all lists and objects within.
    Descend,
    /// From each value on, for one selector after another.
    Select(Vec<JpQuery>),
    /// What asks for the whole payload in a filter cannot be taken apart.
    Whole(JpQuery),
}

impl Query {
    /// The query of this text.
    pub(super) fn new(query: JpQuery, text: &str) -> Self {
        if text.get(1..).is_some_and(|rest| rest.contains('$')) {
            return Self(vec![Step::Whole(query)]);
        }
        let mut steps = Vec::new();
        for segment in query.segments {
            let mut segment = segment;
            while let Segment::Descendant(inner) = segment {
                steps.push(Step::Descend);
                segment = *inner;
            }
            let selectors = match segment {
                Segment::Selectors(selectors) => selectors,
                Segment::Selector(selector) => vec![selector],
                Segment::Descendant(_) => continue,
            };
            steps.push(Step::Select(selectors.into_iter().map(alone).collect()));
        }
        Self(steps)
    }

    /// Whether it may have several answers.
    pub(super) fn gathers(&self) -> bool {
        let is_one = |query: &JpQuery| {
            let mut segments = query.segments.iter();
            segments.all(|segment| {
                matches!(
                    segment,
                    Segment::Selector(Selector::Name(_) | Selector::Index(_))
                )
            })
        };
        self.0.iter().any(|step| match step {
            Step::Descend => true,
            Step::Select(selectors) => selectors.len() > 1 || !selectors.iter().all(is_one),
            Step::Whole(query) => !is_one(query),
        })
    }

    /// What the query finds.
    pub(super) fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        self.0
            .iter()
            .fold(vec![value], |from, step| step.take(&from))
    }
}

impl Step {
    fn take<'a>(&self, from: &[&'a Value]) -> Vec<&'a Value> {
        let mut found = Vec::new();
        match self {
            Self::Descend => from
                .iter()
                .for_each(|value| push_containers(value, &mut found)),
            Self::Select(selectors) => {
                for selector in selectors {
                    for value in from {
                        if found.len() >= MOST {
                            break;
                        }
                        found.extend(answers(selector, value));
                    }
                }
            }
            Self::Whole(query) => {
                for value in from {
                    found.extend(answers(query, value));
                }
            }
        }
        found.truncate(MOST);
        found
    }
}

fn alone(selector: Selector) -> JpQuery {
    JpQuery::new(vec![Segment::Selector(selector)])
}

/// A query that cannot be carried out on this value (a function given the wrong type, for one) has
/// found nothing in it.
fn answers<'a>(query: &JpQuery, value: &'a Value) -> impl Iterator<Item = &'a Value> {
    let answers = js_path_process(query, value).unwrap_or_default();
    answers.into_iter().map(QueryRef::val)
}

/// Adds a list or object, and then those within it.
fn push_containers<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    let inner: Box<dyn Iterator<Item = &'a Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => return,
    };
    if found.len() < MOST {
        found.push(value);
        inner.for_each(|value| push_containers(value, found));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonpath_rust::parser::parse_json_path;
    use serde_json::json;

    #[test]
    fn the_answers_are_the_library_s() {
        let value = json!({
            "id": 7, "a": {"b": [1, 2, {"c": 3, "b": null}], "c": "x"},
            "disks": [{"size": 10, "of": "a"}, {"size": 20, "of": "b", "size2": [5]}, 7, []],
            "a.b": {"": {}}, "e": [],
        });
        for text in [
            "$",
            "$.id",
            "$.a",
            "$.a.b[0]",
            "$.a.b[-1].c",
            "$.a.b[5]",
            "$.nope.x",
            "$.*",
            "$.*.*",
            "$..*",
            "$..b",
            "$..c",
            "$..[0]",
            "$..[0,1]",
            "$..*..*",
            "$.a..*",
            "$..a..b",
            "$['a.b']",
            "$['a','disks']",
            "$['a','disks'].*",
            "$[*]['size','b']",
            "$.disks[*]['of','size']",
            "$.disks[1:]",
            "$.disks[::-1]",
            "$.disks[0:2].size",
            "$.disks[?(@.size > 10)].size",
            "$.disks[?(@.size > 10 || @.of == 'a')]",
            "$..[?(@.size)]",
            "$..[?(@.size)].of",
            "$[?(@.b)]",
            "$[?@..c]",
            "$.disks[?@.size > $.id].of",
            "$..[?@ == $.id]",
            "$.disks[?length(@.of) == 1]",
            "$.disks[?count(@.*) > 2]",
            "$.e[*]",
            "$.e",
            "$.id.*",
            "$.id..*",
        ] {
            let query = parse_json_path(text).unwrap();
            let expected: Vec<&Value> = answers(&query, &value).collect();
            assert_eq!(Query::new(query, text).find(&value), expected, "{text}");
        }
    }

    #[test]
    fn long_keys_and_many_values_take_little() {
        let many = vec![json!([1]); 300_000];
        let value = json!({"k".repeat(1_000_000): many});
        for text in ["$..*", "$.*.*", "$.*[*][*]", "$..*..*..*"] {
            let query = Query::new(parse_json_path(text).unwrap(), text);
            assert_eq!(query.find(&value).len(), MOST, "{text}");
        }
    }
}
