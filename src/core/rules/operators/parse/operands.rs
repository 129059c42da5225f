//! What operators are given: values, the store's names, bounds, patterns, lengths of time.

use std::cmp::Ordering;

use serde_json::Value;

use super::Reader;
use crate::core::duration::duration;
use crate::core::ini::problem::Problem;
use crate::core::located::{Entry, Json, Located};
use crate::core::rules::given::Given;
use crate::core::rules::number::Decimal;
use crate::core::rules::operators::compare::{Bound, Bounds, compared};
use crate::core::rules::operators::names::{Dialect, Unit};
use crate::core::rules::operators::{Age, wildcard};
use crate::core::rules::pattern::Pattern;

/// What a value is compared with.
#[derive(Clone, Debug)]
pub(in crate::core::rules) enum Operand {
    Literal(Value),
    /// What the store has under this name.
    Stored(String),
}

impl Operand {
    pub(in crate::core::rules::operators) fn value<'a>(
        &'a self,
        given: &'a Given<'_>,
    ) -> Option<&'a Value> {
        match self {
            Self::Literal(value) => Some(value),
            Self::Stored(name) => given.stored.value(name),
        }
    }

    pub(in crate::core::rules::operators) fn push_stored<'a>(&'a self, names: &mut Vec<&'a str>) {
        if let Self::Stored(name) = self {
            names.push(name);
        }
    }
}

impl Reader {
    /// What an operator is given that takes anything but null.
    pub(super) fn operand(&mut self, written: &str, value: &Located) -> Option<Operand> {
        if let Json::Object(entries) = &value.json
            && let [
                Entry {
                    name, value: of, ..
                },
            ] = &entries[..]
            && name == "store"
        {
            return match of.as_str() {
                Some(name) if !name.is_empty() => Some(Operand::Stored(name.to_owned())),
                _ => {
                    self.unfit(
                        "store",
                        of,
                        "the name of a value in the store",
                        "write it like `{\"store\": \"allowed\"}`",
                    );
                    None
                }
            };
        }
        if value.json == Json::Plain(Value::Null) {
            self.unfit(
                written,
                value,
                "a value",
                "write `{\"exists\": false}` for a field that is null or missing",
            );
            return None;
        }
        Some(Operand::Literal(value.to_value()))
    }

    /// The same, of what has to be of a kind, but for what is in the store.
    pub(super) fn operand_of(
        &mut self,
        written: &str,
        value: &Located,
        (is, wanted, hint): (fn(&Value) -> bool, &str, &str),
    ) -> Option<Operand> {
        if value.json == Json::Plain(Value::Null) {
            self.unfit(written, value, wanted, hint);
            return None;
        }
        let operand = self.operand(written, value)?;
        if let Operand::Literal(literal) = &operand
            && !is(literal)
        {
            self.unfit(written, value, wanted, hint);
            return None;
        }
        Some(operand)
    }

    pub(super) fn text_operand(&mut self, written: &str, value: &Located) -> Option<Operand> {
        let hint = "put it into double quotation marks, or name a value of the store, like `{\"store\": \"allowed\"}`";
        self.operand_of(written, value, (Value::is_string, "text", hint))
    }

    pub(super) fn list_operand(&mut self, written: &str, value: &Located) -> Option<Operand> {
        let hint =
            "write it like `[\"a\", \"b\"]`; `contains` and `regex` look for a part of a text";
        let operand = self.operand_of(written, value, (Value::is_array, "a list", hint))?;
        if let Json::List(items) = &value.json {
            if items.is_empty() {
                self.unfit(
                    written,
                    value,
                    "a list with values",
                    "list at least one value",
                );
                return None;
            }
            let null = |item: &&Located| item.json == Json::Plain(Value::Null);
            if let Some(item) = items.iter().find(null) {
                self.unfit(
                    written,
                    item,
                    "values",
                    "write `{\"exists\": false}` for a field that is null or missing; a list without an \
                     operator may have `null` in it",
                );
                return None;
            }
        }
        Some(operand)
    }

    pub(super) fn bound(&mut self, written: &str, value: &Located, too: bool) -> Option<Bound> {
        let is = |value: &Value| value.is_number() || value.is_string();
        let hint = "write a number, or text in double quotation marks";
        let operand = self.operand_of(written, value, (is, "a number or text", hint))?;
        if let Operand::Literal(Value::String(text)) = &operand
            && Decimal::of_text(text).is_some()
        {
            let message = format!(
                "`{written}` compares text with the text `{text}`: \"9\" comes after \"10\""
            );
            let hint = format!("write the number without its quotation marks: {text}");
            self.mistakes
                .push((value.at, Problem::warning(message, hint)));
        }
        Some(Bound { operand, too })
    }

    pub(super) fn between(&mut self, written: &str, value: &Located) -> Option<Bounds> {
        const HINT: &str = "write the lowest and the highest value, like `[1, 10]`";
        let Json::List(items) = &value.json else {
            self.unfit(written, value, "a list of two", HINT);
            return None;
        };
        let [least, most] = &items[..] else {
            self.unfit(written, value, "a list of two", HINT);
            return None;
        };
        let above = self.bound(written, least, true);
        let below = self.bound(written, most, true);
        let (above, below) = (above?, below?);
        if let (Operand::Literal(least), Operand::Literal(most)) = (&above.operand, &below.operand)
            && compared(least, most) != Some(Ordering::Less)
            && compared(least, most) != Some(Ordering::Equal)
        {
            self.unfit(written, value, "a lowest and a highest value", HINT);
            return None;
        }
        Some(Bounds {
            above: Some(above),
            below: Some(below),
        })
    }

    pub(super) fn pattern(
        &mut self,
        written: &str,
        value: &Located,
        dialect: Dialect,
    ) -> Option<Pattern> {
        let what = match dialect {
            Dialect::Wildcard => "a shell pattern",
            Dialect::FromStart | Dialect::Anywhere { .. } => "a regular expression",
        };
        let Some(text) = value.as_str() else {
            self.unfit(written, value, what, "put it into double quotation marks");
            return None;
        };
        let pattern = match dialect {
            Dialect::Wildcard => Pattern::parse(&wildcard::to_python(text)),
            Dialect::FromStart => Pattern::from_start_over_lines(text),
            Dialect::Anywhere { fold } => Pattern::anywhere(text, fold),
        };
        pattern
            .map_err(|error| {
                self.mistake(
                    value.at,
                    format!("expected {what} for `{written}`, but found `{text}`: {error}"),
                    "put a backslash before a special character that is meant literally; in JSON it is \
                     written twice, like `\"rack\\\\.1\"`",
                );
            })
            .ok()
    }

    pub(super) fn age(
        &mut self,
        written: &str,
        value: &Located,
        age: fn(i128) -> Age,
        unit: Unit,
    ) -> Option<Age> {
        let text = match &value.json {
            Json::Plain(Value::Number(number)) => number.to_string(),
            Json::Plain(Value::String(text)) => text.clone(),
            _ => String::new(),
        };
        if unit == Unit::Duration {
            let length = duration(&text);
            if length.is_none() {
                self.unfit(
                    written,
                    value,
                    "a length of time",
                    "write it like `\"500ms\"`, `\"30s\"`, `\"10m\"`, `\"2h\"` or `\"7d\"`, up to a hundred years",
                );
            }
            return Some(age(i128::try_from(length?.as_nanos()).ok()?));
        }
        let seconds = Decimal::of_text(&text).and_then(|_| text.parse::<f64>().ok());
        if seconds.is_none() {
            self.unfit(
                written,
                value,
                "a number of seconds",
                "write it like `3600`; `older_than`, `newer_than` and `within` take `\"1h\"`",
            );
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what is too much for a number is longer than all times"
        )]
        let nanoseconds = (seconds? * 1e9).round() as i128;
        Some(age(nanoseconds))
    }
}
