//! The bytes of a file → the objects in it, or what is wrong with them, with the line. Pure.

use serde_json::Value;

use crate::core::python_json;
use crate::sources::yaml;

/// The most that a file may hold, in bytes.
pub(super) const LARGEST: usize = 1024 * 1024;

/// The objects of a file: of one object that, of a list each, of an empty file none.
///
/// # Errors
/// What was expected and what was found, with its line.
pub fn objects(bytes: &[u8], is_json: bool) -> Result<Vec<Value>, String> {
    if bytes.len() > LARGEST {
        return Err(format!("expected at most {LARGEST} bytes, but found more"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        format!("expected UTF-8 text, but line {line} holds something else")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value = if !is_json {
        yaml::read(text)?
    } else if text.trim().is_empty() {
        Value::Null
    } else {
        python_json::read_text(text).map_err(|unreadable| {
            let (line, column) = (unreadable.error.line(), unreadable.error.column());
            format!("expected JSON, but line {line}, column {column} ends it")
        })?
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(_) => Ok(vec![value]),
        Value::Array(items) => match items.iter().position(|item| !item.is_object()) {
            None => Ok(items),
            Some(at) => Err(format!(
                "expected a list of objects, but found {} as number {} of the list",
                kind(&items[at]),
                at + 1
            )),
        },
        other => Err(format!(
            "expected an object or a list of objects, but found {}",
            kind(&other)
        )),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_holds_objects_or_what_is_wrong_is_told() {
        let no_list = "expected a list of objects, but found a number as number 2 of the list";
        let cases: [(&[u8], bool, Result<Value, &str>); 14] = [
            (
                b"a: 1\nb: [x, null]\n",
                false,
                Ok(json!([{"a": 1, "b": ["x", null]}])),
            ),
            (b"- a: 1\n- a: 2\n", false, Ok(json!([{"a": 1}, {"a": 2}]))),
            (
                b"{\"a\": {\"b\": [1, 2]}}",
                false,
                Ok(json!([{"a": {"b": [1, 2]}}])),
            ),
            (b"\xef\xbb\xbf{\"a\": NaN}", true, Ok(json!([{"a": null}]))),
            (b"", false, Ok(json!([]))),
            (b" \n", true, Ok(json!([]))),
            (b"[]", false, Ok(json!([]))),
            (
                b"5\n",
                false,
                Err("expected an object or a list of objects, but found a number"),
            ),
            (
                b"\"x\"",
                true,
                Err("expected an object or a list of objects, but found text"),
            ),
            (b"- a: 1\n- 5\n", false, Err(no_list)),
            (
                b"a: 1\nb: \xff\n",
                false,
                Err("expected UTF-8 text, but line 2 holds something else"),
            ),
            (
                b"{\"a\":\n1,}",
                true,
                Err("expected JSON, but line 2, column 3 ends it"),
            ),
            (
                b"a: 1\n---\na: 2\n",
                false,
                Err("expected one YAML document, but line 2 begins a second"),
            ),
            (
                &vec![b' '; LARGEST + 1],
                false,
                Err("expected at most 1048576 bytes, but found more"),
            ),
        ];
        for (bytes, is_json, expected) in cases {
            let found = objects(bytes, is_json).map(Value::from);
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]);
            assert_eq!(found, expected.map_err(str::to_owned), "{shown}");
        }
    }
}
