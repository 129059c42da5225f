//! What a program asks of the store, and what it is answered: a line each.
//!
//! | it writes | it reads |
//! | --- | --- |
//! | `{"ask": 1, "get": NAME}` | `{"answer": 1, "value": TEXT}`, or `null` |
//! | `{"ask": 1, "set": NAME, "value": TEXT, "ttl": SECONDS}` | `{"answer": 1, "done": true}` |
//! | `{"ask": 1, "delete": NAME}` | `{"answer": 1, "done": true}`, or `false` if it was absent |
//! | `{"ask": 1, "list": PREFIX, "after": NAME, "limit": N}` | `{"answer": 1, "values": [{"name": …, "value": …}]}` |
//! | any of them | `{"answer": 1, "error": TEXT}` |
//!
//! Values are texts to a program. What others have stored that is none is its JSON.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::Line;
use crate::core::store::{Operation, check_name};
use crate::journal::{
    ChangeId, JournalError, Store, StoreChange, StorePage, StoredValue, retry_while_unavailable,
};

/// The most values of an answer: each has 64 KiB at most.
const MOST: u64 = 100;

/// A question of a program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// By which the program knows the answer.
    number: Value,
    /// What is asked for, or why that is no question.
    asked: Result<Asked, String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Get(String),
    List(StorePage),
    Change(StoreChange),
}

impl Question {
    /// Reads what is asked by an object with `ask`. A change is asked for once for each line, however often it is tried.
    pub(crate) fn read(mut object: Map<String, Value>, line: &Line<'_>) -> Self {
        let number = object.remove("ask").unwrap_or_default();
        let asked = Asked::read(&object, line);
        Self { number, asked }
    }

    /// The line that answers it. Waits for a journal that is not available.
    pub(crate) async fn answered(&self, store: &dyn Store) -> String {
        let now = Timestamp::now();
        let answered = match &self.asked {
            Ok(asked) => asked.answered(store, now).await.map_err(|error| {
                let remedy = match &error {
                    JournalError::Store(error) => error.remedy(),
                    _ => "look at the log of the service",
                };
                format!("{error}; {remedy}")
            }),
            Err(why) => Err(why.clone()),
        };
        let mut answer = match answered {
            Ok(answer) => answer,
            Err(why) => json!({ "error": why }),
        };
        answer["answer"] = self.number.clone();
        format!("{answer}\n")
    }
}

impl Asked {
    fn read(object: &Map<String, Value>, line: &Line<'_>) -> Result<Self, String> {
        let text = |field: &str| match object.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(format!("expected text in `{field}`, but found {other}")),
        };
        let change = |name, operation| {
            Self::Change(StoreChange {
                id: ChangeId::Program {
                    start: line.start.to_owned(),
                    number: line.number,
                },
                name,
                operation,
            })
        };
        if let Some(name) = text("get")? {
            return Ok(Self::Get(name));
        }
        if let Some(name) = text("delete")? {
            return Ok(change(name, Operation::Delete));
        }
        if let Some(name) = text("set")? {
            let value = text("value")?.ok_or("expected text in `value`, but found nothing")?;
            let operation = Operation::Set {
                value: Value::from(value),
                ttl: object.get("ttl").map(ttl).transpose()?,
                if_absent: false,
            };
            return Ok(change(name, operation));
        }
        if let Some(prefix) = text("list")? {
            let limit = object.get("limit").and_then(Value::as_u64).unwrap_or(MOST);
            return Ok(Self::List(StorePage {
                prefix,
                after: text("after")?,
                limit: usize::try_from(limit.min(MOST)).unwrap_or_default(),
            }));
        }
        Err("expected one of `get`, `set`, `delete` and `list` in a question".to_owned())
    }

    async fn answered(&self, store: &dyn Store, now: Timestamp) -> Result<Value, JournalError> {
        // Whoever waits for the answer is dropped when the service stops.
        let stop = CancellationToken::new();
        match self {
            Self::Get(name) => {
                check_name(name)?;
                let names = BTreeSet::from([name.clone()]);
                let ask = || store.values(names.clone(), now);
                let found = retry_while_unavailable(&stop, ask).await?;
                Ok(json!({ "value": found.get(name).map(|found| as_text(&found.value)) }))
            }
            Self::List(page) => {
                let ask = || store.list_values(page.clone(), now);
                let found = retry_while_unavailable(&stop, ask).await?;
                let listed = |StoredValue { name, value, .. }: &StoredValue| json!({"name": name, "value": as_text(value)});
                let values: Vec<Value> = found.iter().map(listed).collect();
                Ok(json!({ "values": values }))
            }
            Self::Change(change) => {
                let ask = || store.change_value(change.clone(), now);
                let changed = retry_while_unavailable(&stop, ask).await?;
                Ok(json!({ "done": changed.is_done }))
            }
        }
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn ttl(seconds: &Value) -> Result<Duration, String> {
    let number = seconds.as_f64().filter(|number| *number > 0.0);
    let time = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
    time.ok_or_else(|| {
        format!("expected a number of seconds more than 0 in `ttl`, but found {seconds}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::store::LONGEST_VALUE;
    use crate::journal::shelf::Shelf;

    fn question(object: Value, number: u64) -> Question {
        let Value::Object(object) = object else {
            panic!("an object");
        };
        let line = Line {
            source: "s",
            start: "start",
            number,
            now: "2026-01-15T02:00:00Z".parse().unwrap(),
        };
        Question::read(object, &line)
    }

    #[tokio::test]
    async fn questions_are_answered_in_turn() {
        let shelf = Shelf::of([("p.C:n", json!(7)), ("p.C:t", json!("text"))]);
        let cases = [
            (json!({"get": "p.C:n"}), json!({"value": "7"})),
            (json!({"get": "p.C:t"}), json!({"value": "text"})),
            (json!({"get": "p.C:none"}), json!({"value": null})),
            (
                json!({"set": "p.C:a", "value": "x", "ttl": 1.5}),
                json!({"done": true}),
            ),
            (json!({"get": "p.C:a"}), json!({"value": "x"})),
            (
                json!({"list": "p.C:", "limit": 2}),
                json!({"values": [{"name": "p.C:a", "value": "x"}, {"name": "p.C:n", "value": "7"}]}),
            ),
            (
                json!({"list": "p.C:", "after": "p.C:n", "limit": 2}),
                json!({"values": [{"name": "p.C:t", "value": "text"}]}),
            ),
            (json!({"delete": "p.C:a"}), json!({"done": true})),
            (json!({"delete": "p.C:a"}), json!({"done": false})),
        ];
        for ((asked, mut expected), number) in cases.into_iter().zip(1..) {
            let mut object = asked.clone();
            object["ask"] = json!(number);
            let answer = question(object, number).answered(&shelf).await;
            expected["answer"] = json!(number);
            let found: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(found, expected, "{asked}");
            assert!(answer.ends_with('\n'));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_done_is_answered_with_the_reason() {
        let shelf = Shelf::default();
        let long = "x".repeat(LONGEST_VALUE);
        for (asked, told) in [
            (json!({}), "expected one of `get`, `set`"),
            (json!({"get": 1}), "expected text in `get`, but found 1"),
            (json!({"get": ""}), "but found nothing; name it"),
            (json!({"get": "a\u{1}"}), "without control characters"),
            (json!({"set": "a"}), "expected text in `value`"),
            (
                json!({"set": "a", "value": "b", "ttl": -1}),
                "expected a number of seconds more than 0 in `ttl`, but found -1",
            ),
            (
                json!({"set": "a", "value": "b", "ttl": "1"}),
                "but found \"1\"",
            ),
            (
                json!({"set": "a", "value": long}),
                "at most 65536 bytes as JSON for `a`, but found one of 65538 bytes; store less",
            ),
        ] {
            let answer = question(asked.clone(), 1).answered(&shelf).await;
            let answer: Value = serde_json::from_str(&answer).unwrap();
            let error = answer["error"].as_str().unwrap_or_default();
            assert!(error.contains(told), "{asked}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_change_whose_answer_is_lost_is_made_once() {
        let shelf = Shelf::of([("n", json!("x"))]);
        shelf.lose.store(1, std::sync::atomic::Ordering::Relaxed);
        let answer = question(json!({"ask": 5, "delete": "n"}), 1)
            .answered(&shelf)
            .await;
        assert_eq!(answer, "{\"done\":true,\"answer\":5}\n");
    }
}
