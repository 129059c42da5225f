//! The text of a `clouds.yaml` → settings, as the `openstack` program reads them.
//!
//! It reads YAML 1.1 by `PyYAML`: a password `0123` without quotation marks is the number 83 to it, and
//! `yes` is true. Such values are kept as [`Setting::Odd`], so that they are not taken for the text that
//! was written. What `PyYAML` cannot read is an error. Pure. Nothing here has a `Debug`, because the settings hold secrets.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fancy_regex::Regex;
use saphyr::{ScalarStyle, Yaml, YamlLoader};
use saphyr_parser::Parser;
use serde_json::Value;

/// The settings that are enough to log in, with any login method of `OpenStack`.
const SECRETS: [&str; 6] = [
    "password",
    "application_credential_secret",
    "token",
    "client_secret",
    "access_token",
    "passcode",
];

/// A mapping of a file.
pub(super) type Section = BTreeMap<String, Setting>;

/// A value in a file.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Setting {
    /// `null`, or nothing after the colon.
    Unset,
    /// Text, or a whole number whose digits are what was written.
    Text(String),
    /// A plain scalar, as it was written, that `PyYAML` takes for a truth value, a date or a number of
    /// another form.
    Odd(String),
    List(Vec<Setting>),
    Section(Section),
}

impl Setting {
    /// What it is, for messages; never the value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unset => "nothing",
            Self::Text(_) => "text",
            Self::Odd(_) => "what YAML takes for a number, a date or a truth value",
            Self::List(_) => "a list",
            Self::Section(_) => "a mapping",
        }
    }
}

/// `PyYAML`'s own patterns (`resolver.py`) of what is no text.
static NO_TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"\A(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF|=",
        r"|[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?",
        r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|[-+]?\.(?:inf|Inf|INF)",
        r"|\.(?:nan|NaN|NAN)|[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)",
        r"|[-+]?0x[0-9a-fA-F_]+|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?)\z",
    ))
    .ok()
});

/// Whether a plain scalar is no text to `PyYAML`.
fn is_no_text(text: &str) -> bool {
    NO_TEXT
        .as_ref()
        .is_none_or(|pattern| pattern.is_match(text).unwrap_or(true))
}

/// Whether a number has the digits with which Python writes it.
fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text == "0" || digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

/// Reads a file with one mapping, which is JSON if it is called so. An empty file is an empty mapping.
///
/// # Errors
/// What was expected, and where something else was found; no value is shown.
pub(super) fn read(text: &str, json: bool) -> Result<Section, String> {
    if json {
        read_json(text)
    } else {
        read_yaml(text)
    }
}

fn read_json(text: &str) -> Result<Section, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("expected JSON, but line {line}, column {column} ends it")
    })?;
    match json_setting(value) {
        Setting::Section(section) => Ok(section),
        other => Err(format!("expected a mapping, but found {}", other.kind())),
    }
}

fn json_setting(value: Value) -> Setting {
    match value {
        Value::Null => Setting::Unset,
        Value::Bool(flag) => Setting::Odd(flag.to_string()),
        Value::Number(number) if is_whole_number(&number.to_string()) => {
            Setting::Text(number.to_string())
        }
        Value::Number(number) => Setting::Odd(number.to_string()),
        Value::String(text) => Setting::Text(text),
        Value::Array(items) => Setting::List(items.into_iter().map(json_setting).collect()),
        Value::Object(pairs) => {
            let pairs = pairs.into_iter();
            Setting::Section(
                pairs
                    .map(|(key, value)| (key, json_setting(value)))
                    .collect(),
            )
        }
    }
}

/// The first line with a tab that `PyYAML` refuses, and some that it takes: within quotation marks.
fn line_with_tab(text: &str) -> Option<usize> {
    text.lines()
        .position(|line| {
            let before = line.split('\t').next().unwrap_or_default();
            let comment = before.trim_start().starts_with('#')
                || before.contains(" #") && !before.contains(['"', '\'']);
            before.len() < line.len() && !comment
        })
        .map(|line| line + 1)
}

fn read_yaml(text: &str) -> Result<Section, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(line) = line_with_tab(text) {
        return Err(format!(
            "expected spaces, but line {line} has a tab, where the `openstack` program takes none \
             (write `\\t` within double quotation marks if it is a part of a value)"
        ));
    }
    let mut loader = YamlLoader::<Yaml<'_>>::default();
    loader.early_parse(false);
    let parsed = Parser::new_from_str(text).load(&mut loader, true);
    let failed = parsed.err().or_else(|| loader.error().cloned());
    if let Some(error) = failed {
        let place = error.marker();
        return Err(format!(
            "expected YAML, but line {}, column {} ends it: {}",
            place.line(),
            place.col() + 1,
            error.info()
        ));
    }
    let mut documents = loader.into_documents().into_iter();
    match (documents.next().map(setting).transpose()?, documents.next()) {
        (None | Some(Setting::Unset), None) => Ok(Section::new()),
        (Some(Setting::Section(section)), None) => Ok(section),
        (Some(other), None) => Err(format!("expected a mapping, but found {}", other.kind())),
        (_, Some(_)) => Err("expected one YAML document, but found a second".to_owned()),
    }
}

fn setting(node: Yaml<'_>) -> Result<Setting, String> {
    Ok(match node {
        Yaml::Representation(text, ScalarStyle::Plain, None) if is_null(&text) => Setting::Unset,
        Yaml::Representation(text, ScalarStyle::Plain, None)
            if is_no_text(&text) && !is_whole_number(&text) =>
        {
            Setting::Odd(text.into_owned())
        }
        Yaml::Representation(text, _, None) => Setting::Text(text.into_owned()),
        Yaml::Representation(text, _, Some(tag)) if tag.is_yaml_core_schema() => {
            if tag.suffix == "str" {
                Setting::Text(text.into_owned())
            } else {
                Setting::Odd(text.into_owned())
            }
        }
        Yaml::Sequence(items) => {
            Setting::List(items.into_iter().map(setting).collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(pairs) => {
            let (mut own, mut merged) = (Section::new(), Section::new());
            for (key, value) in pairs {
                let key = key_of(key)?;
                let value = setting(value)?;
                if key == "<<" {
                    take_in(&mut merged, value)?;
                } else {
                    own.insert(key, value);
                }
            }
            merged.extend(own);
            Setting::Section(merged)
        }
        Yaml::BadValue => Setting::Unset,
        _ => return Err("expected plain values, but found a tag such as `!name`".to_owned()),
    })
}

fn key_of(node: Yaml<'_>) -> Result<String, String> {
    match node {
        Yaml::Representation(text, ScalarStyle::Plain, None)
            if is_no_text(&text) || is_null(&text) =>
        {
            Err(format!(
                "expected text as the key of a mapping, but found `{text}`, which is not text in \
                 YAML without quotation marks"
            ))
        }
        node => match setting(node)? {
            Setting::Text(key) => Ok(key),
            _ => Err("expected text as the key of a mapping".to_owned()),
        },
    }
}

/// What a merge key (`<<: *base`) brings in: the first of several mappings wins.
fn take_in(merged: &mut Section, value: Setting) -> Result<(), String> {
    match value {
        Setting::Section(section) => {
            for (key, value) in section {
                merged.entry(key).or_insert(value);
            }
            Ok(())
        }
        Setting::List(sections) => sections
            .into_iter()
            .try_for_each(|section| take_in(merged, section)),
        other => Err(format!(
            "expected a mapping after `<<`, but found {}",
            other.kind()
        )),
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Lays one section over another: mappings are merged, anything else replaces, nothing too.
pub(super) fn lay_over(under: &mut Section, over: Section) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Setting::Section(under)), Setting::Section(over)) => lay_over(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// The same with `user-name` as `user_name`, to the ground.
///
/// # Errors
/// The key that is there in both forms.
pub(super) fn with_underscores(section: Section) -> Result<Section, String> {
    let mut renamed = Section::new();
    for (key, value) in section {
        let value = match value {
            Setting::Section(inner) => Setting::Section(with_underscores(inner)?),
            other => other,
        };
        let key = key.replace('-', "_");
        if renamed.insert(key.clone(), value).is_some() {
            return Err(key);
        }
    }
    Ok(renamed)
}

/// What a login's secret is called, of all that a section holds.
pub(super) fn secret_in(section: &Section) -> Option<&'static str> {
    section.iter().find_map(|(key, value)| match value {
        Setting::Section(inner) => secret_in(inner),
        Setting::Text(text) | Setting::Odd(text) if !text.is_empty() => {
            let key = key.replace('-', "_");
            SECRETS.into_iter().find(|secret| *secret == key)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests;
