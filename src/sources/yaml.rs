//! YAML → JSON values, as `PyYAML` reads it, which is YAML 1.1: `yes` is true, `017` is 15, `1:30` is 90. Pure.
//!
//! What JSON has no form for is told apart: dates stay the text that was written, infinities and what is no number
//! become null as in JSON from Python, and tags such as `!!binary` are refused. An alias counts with all that it stands
//! for, so that a small file cannot become a large value.

use std::collections::HashMap;
use std::sync::LazyLock;

use fancy_regex::Regex;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::{Map, Number, Value};

/// The most values that a file may hold, those of its aliases included.
const MOST: usize = 100_000;

/// How deep they may nest.
const DEEPEST: usize = 100;

/// Reads a text with one document at most; null if there is none.
///
/// # Errors
/// What was expected, and the line where something else was found.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let mut composer = Composer {
        events: Parser::new_from_str(text),
        anchors: HashMap::new(),
        values: 0,
    };
    let mut root = None;
    loop {
        match composer.next()? {
            (Event::DocumentStart(_), span) if root.is_some() => {
                let line = span.start.line();
                return Err(format!(
                    "expected one YAML document, but line {line} begins a second"
                ));
            }
            (Event::StreamEnd, _) => return Ok(root.unwrap_or_default()),
            (
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd,
                _,
            ) => {}
            (event, span) => root = Some(composer.value(event, span, 0)?),
        }
    }
}

/// Puts values together.
struct Composer<I> {
    events: I,
    /// What has a name, and how many values it is.
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
}

impl<'t, I: Iterator<Item = Result<(Event<'t>, Span), ScanError>>> Composer<I> {
    fn next(&mut self) -> Result<(Event<'t>, Span), String> {
        match self.events.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let place = error.marker();
                Err(format!(
                    "expected YAML, but line {}, column {} ends it: {}",
                    place.line(),
                    place.col() + 1,
                    error.info()
                ))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// The value that begins with this.
    fn value(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Value, String> {
        let line = span.start.line();
        let before = self.values;
        self.count(1, line)?;
        if depth > DEEPEST {
            return Err(format!(
                "expected at most {DEEPEST} levels, but line {line} has more"
            ));
        }
        let refuse = |tag: &Tag| {
            Err(format!(
                "expected plain values, but line {line} has the tag `{}{}`",
                tag.handle, tag.suffix
            ))
        };
        let (value, anchor) = match event {
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                let (value, count) = known.ok_or_else(|| {
                    format!("expected a value, but line {line} refers to one that is not complete")
                })?;
                self.count(count, line)?;
                (value, 0)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = match tag.as_deref() {
                    None if style == ScalarStyle::Plain => plain(&text),
                    None => Value::from(&*text),
                    Some(tag) if tag.is_yaml_core_schema() => match &*tag.suffix {
                        "str" | "timestamp" => Value::from(&*text),
                        "null" | "bool" | "int" | "float" => plain(&text),
                        _ => return refuse(tag),
                    },
                    Some(tag) => return refuse(tag),
                };
                (value, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                if let Some(tag) = tag.filter(|tag| !is_core(tag, "seq")) {
                    return refuse(&tag);
                }
                (self.list(depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                if let Some(tag) = tag.filter(|tag| !is_core(tag, "map")) {
                    return refuse(&tag);
                }
                (self.object(depth)?, anchor)
            }
            _ => return Err(format!("expected a value, but line {line} ends before it")),
        };
        if anchor != 0 {
            let count = self.values - before;
            self.anchors.insert(anchor, (value.clone(), count));
        }
        Ok(value)
    }

    fn count(&mut self, more: usize, line: usize) -> Result<(), String> {
        self.values += more;
        if self.values > MOST {
            return Err(format!(
                "expected at most {MOST} values, but line {line} makes it more"
            ));
        }
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Array(items)),
                (event, span) => items.push(self.value(event, span, depth + 1)?),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        let (mut own, mut merged) = (Map::new(), Map::new());
        loop {
            let (event, span) = match self.next()? {
                (Event::MappingEnd, _) => break,
                next => next,
            };
            let line = span.start.line();
            let is_merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = match self.value(event, span, depth + 1)? {
                Value::String(key) => key,
                Value::Array(_) | Value::Object(_) => {
                    return Err(format!(
                        "expected text as a key, but line {line} has a list or an object"
                    ));
                }
                other => other.to_string(),
            };
            let (event, span) = self.next()?;
            let value = self.value(event, span, depth + 1)?;
            if is_merge {
                merge(&mut merged, value, line)?;
            } else {
                own.insert(key, value);
            }
        }
        merged.extend(own);
        Ok(Value::Object(merged))
    }
}

fn is_core(tag: &Tag, suffix: &str) -> bool {
    tag.is_yaml_core_schema() && tag.suffix == suffix
}

/// What a merge key (`<<: *base`) brings in: the first of several objects wins.
fn merge(merged: &mut Map<String, Value>, value: Value, line: usize) -> Result<(), String> {
    match value {
        Value::Object(pairs) => {
            for (key, value) in pairs {
                merged.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(items) if items.iter().all(Value::is_object) => items
            .into_iter()
            .try_for_each(|item| merge(merged, item, line)),
        _ => Err(format!("expected an object after `<<` in line {line}")),
    }
}

/// Whole numbers of YAML 1.1 in base 60, and numbers with a point.
static SIXTIES: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\A[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+\z").ok());
static POINT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\A[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?\z").ok()
});

fn matches(pattern: Option<&Regex>, text: &str) -> bool {
    let found = pattern.map(|pattern| pattern.is_match(text));
    matches!(found, Some(Ok(true)))
}

/// What a scalar without quotation marks means.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" | ".nan" | ".NaN" | ".NAN" => return Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return true.into();
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return false.into();
        }
        _ => {}
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if matches!(digits, ".inf" | ".Inf" | ".INF") {
        return Value::Null;
    }
    number(text, sign, digits).unwrap_or_else(|| Value::from(text))
}

fn number(text: &str, sign: &str, digits: &str) -> Option<Value> {
    let all = |digits: &str, allowed: fn(&char) -> bool| {
        !digits.is_empty() && digits.chars().all(|c| c == '_' || allowed(&c))
    };
    let of_base = |digits: &str, base: u32| {
        let number = i128::from_str_radix(&digits.replace('_', ""), base).ok()?;
        format!("{sign}{number}").parse::<Number>().ok()
    };
    if let Some(bits) = digits.strip_prefix("0b") {
        return all(bits, |c| matches!(c, '0' | '1'))
            .then(|| of_base(bits, 2))?
            .map(Value::Number);
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return all(hex, char::is_ascii_hexdigit)
            .then(|| of_base(hex, 16))?
            .map(Value::Number);
    }
    if digits.len() > 1 && digits.starts_with('0') && all(digits, |c| matches!(c, '0'..='7')) {
        return of_base(digits, 8).map(Value::Number);
    }
    let is_decimal = digits == "0" || digits.starts_with(|c: char| matches!(c, '1'..='9'));
    if is_decimal && all(digits, char::is_ascii_digit) {
        let digits = digits.replace('_', "");
        return format!("{sign}{digits}").parse().ok().map(Value::Number);
    }
    if matches(SIXTIES.as_ref(), text) {
        let mut parts = digits.split(':');
        let sum = parts.try_fold(0_i128, |sum, part| {
            let part: i128 = part.replace('_', "").parse().ok()?;
            sum.checked_mul(60)?.checked_add(part)
        })?;
        return format!("{sign}{sum}").parse().ok().map(Value::Number);
    }
    if matches(POINT.as_ref(), text) {
        let number: f64 = format!("{sign}{}", digits.replace('_', "")).parse().ok()?;
        return Number::from_f64(number).map(Value::Number);
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_those_of_yaml_1_1() {
        for (text, expected) in [
            ("a: 1", json!({"a": 1})),
            (
                "[0, -7, +8, 1_000, 017, 0x1f, 0b101, 1:30, 0o17]",
                json!([0, -7, 8, 1000, 15, 31, 5, 90, "0o17"]),
            ),
            (
                "[1.5, .5, 1., -2.5e+3, 1e3, 09]",
                json!([1.5, 0.5, 1.0, -2500.0, "1e3", "09"]),
            ),
            (
                "[yes, No, ON, off, true, y]",
                json!([true, false, true, false, true, "y"]),
            ),
            ("[null, ~, .nan, -.inf]", json!([null, null, null, null])),
            (
                "[2026-11-26, 'yes', \"1\", !!str 5]",
                json!(["2026-11-26", "yes", "1", "5"]),
            ),
            (
                "{1: a, yes: b, ~: c, 'x y': d}",
                json!({"1": "a", "true": "b", "null": "c", "x y": "d"}),
            ),
            (
                "a: &x {b: 1, c: 2}\nd: *x\ne: {<<: *x, c: 3}",
                json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 2}, "e": {"b": 1, "c": 3}}),
            ),
            ("a: 1\na: 2", json!({"a": 2})),
            ("a: |\n  x\n  y\n", json!({"a": "x\ny\n"})),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890"
                    .parse::<Number>()
                    .map(Value::Number)
                    .unwrap(),
            ),
            ("# nothing", Value::Null),
            ("", Value::Null),
        ] {
            assert_eq!(
                read(text).map(|it| it.to_string()),
                Ok(expected.to_string()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_has_no_form_in_json_or_is_too_much_is_refused_with_its_line() {
        let deep = format!("{}1{}", "[".repeat(150), "]".repeat(150));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..9 {
            let item = format!("*a{}", n - 1);
            bomb = format!("{bomb}a{n}: &a{n} [{}]\n", vec![item; 10].join(", "));
        }
        for (text, expected) in [
            (
                "a: 1\nb: !!binary aGk=",
                "line 2 has the tag `tag:yaml.org,2002:binary`",
            ),
            ("a: !x 1", "line 1 has the tag `!x`"),
            ("s: !!set {x, y}", "has the tag `tag:yaml.org,2002:set`"),
            ("[a]: 1", "expected text as a key, but line 1 has"),
            ("a: {<<: 1}", "expected an object after `<<` in line 1"),
            ("a: 1\nb: [", "expected YAML, but line"),
            (&deep, "expected at most 100 levels"),
            (&bomb, "expected at most 100000 values, but line 5"),
            ("a: &a [*a]", "refers to one that is not complete"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.contains(expected), "{found}");
        }
    }
}
