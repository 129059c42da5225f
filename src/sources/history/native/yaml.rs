//! The text of a `clouds.yaml` → settings, every value as it was written.
//!
//! YAML would make numbers of a password `0123` or a project `12e45`; to `OpenStack` all are text.
//! Pure. Nothing here has a `Debug`, because the settings hold secrets.

use std::collections::BTreeMap;

use saphyr::{ScalarStyle, Tag, Yaml, YamlLoader};
use saphyr_parser::Parser;

/// What lets whoever has it log in, by the ways that `OpenStack` knows.
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
    /// A scalar, as it was written.
    Text(String),
    List(Vec<Setting>),
    Section(Section),
}

impl Setting {
    /// What it is, for messages; never the value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unset => "nothing",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Section(_) => "a mapping",
        }
    }
}

/// Reads a file with one mapping; JSON is YAML too. An empty file is an empty mapping.
///
/// # Errors
/// What was expected, and where something else was found; no value is shown.
pub(super) fn read(text: &str) -> Result<Section, String> {
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
        Yaml::Representation(text, _, tag) if tag.as_deref().is_none_or(is_plain) => {
            Setting::Text(text.into_owned())
        }
        Yaml::Sequence(items) => {
            Setting::List(items.into_iter().map(setting).collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(pairs) => {
            let (mut own, mut merged) = (Section::new(), Section::new());
            for (key, value) in pairs {
                let Setting::Text(key) = setting(key)? else {
                    return Err("expected text as the key of a mapping".to_owned());
                };
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

/// `!!str`, and whatever else YAML itself defines: the text is what counts here.
fn is_plain(tag: &Tag) -> bool {
    tag.is_yaml_core_schema()
}

/// Lays one section over another: mappings are merged, anything else replaces, nothing unsets.
pub(super) fn lay_over(under: &mut Section, over: Section) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (_, Setting::Unset) => {}
            (Some(Setting::Section(under)), Setting::Section(over)) => lay_over(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// The same with `user-name` as `user_name`, to the ground.
pub(super) fn with_underscores(section: Section) -> Section {
    let rename = |(key, value): (String, Setting)| {
        let value = match value {
            Setting::Section(inner) => Setting::Section(with_underscores(inner)),
            other => other,
        };
        (key.replace('-', "_"), value)
    };
    section.into_iter().map(rename).collect()
}

/// What a login's secret is called, of all that a section holds.
pub(super) fn secret_in(section: &Section) -> Option<&'static str> {
    section.iter().find_map(|(key, value)| match value {
        Setting::Section(inner) => secret_in(inner),
        Setting::Text(text) if !text.is_empty() => {
            let key = key.replace('-', "_");
            SECRETS.into_iter().find(|secret| *secret == key)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows what was read: in a test there are no secrets.
    fn shown(setting: &Setting) -> String {
        match setting {
            Setting::Unset => "-".into(),
            Setting::Text(text) => format!("{text:?}"),
            Setting::List(items) => {
                let items: Vec<_> = items.iter().map(shown).collect();
                format!("[{}]", items.join(","))
            }
            Setting::Section(section) => {
                let pairs = section
                    .iter()
                    .map(|(key, value)| format!("{key}:{}", shown(value)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
            }
        }
    }

    fn outcome(text: &str) -> String {
        read(text).map_or_else(|error| error, |section| shown(&Setting::Section(section)))
    }

    #[test]
    fn values_are_what_was_written() {
        let cases = [
            ("", "{}"),
            ("# nothing\n", "{}"),
            ("a: 0123", r#"{a:"0123"}"#),
            ("a: 12e45", r#"{a:"12e45"}"#),
            ("a: true", r#"{a:"true"}"#),
            ("a: !!str 1", r#"{a:"1"}"#),
            ("a: '~'", r#"{a:"~"}"#),
            ("a: ~\nb:\nc: null", "{a:-,b:-,c:-}"),
            ("a: \"\\u00fc\\n\"", r#"{a:"ü\n"}"#),
            ("a: [1, x: y]", r#"{a:["1",{x:"y"}]}"#),
            (r#"{"a": {"b": 1}}"#, r#"{a:{b:"1"}}"#),
            (
                "x: &x {p: 1, q: 2}\ny: {<<: *x, q: 3}",
                r#"{x:{p:"1",q:"2"},y:{p:"1",q:"3"}}"#,
            ),
            (
                "x: &x {p: 1}\nz: &z {p: 2, r: 4}\ny: {<<: [*x, *z]}",
                r#"{x:{p:"1"},y:{p:"1",r:"4"},z:{p:"2",r:"4"}}"#,
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(outcome(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_mapping_is_told_without_its_value() {
        let cases = [
            ("hunter2", "expected a mapping, but found text"),
            ("- hunter2", "expected a mapping, but found a list"),
            (
                "a: 1\n---\nb: 2",
                "expected one YAML document, but found a second",
            ),
            (
                "a: !vault hunter2",
                "expected plain values, but found a tag such as `!name`",
            ),
            ("? [hunter2]\n: 1", "expected text as the key of a mapping"),
            (
                "a: {<<: hunter2}",
                "expected a mapping after `<<`, but found text",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(outcome(text), expected, "{text}");
        }
        for (text, line) in [
            ("a: 'hunter2", "line 1"),
            ("a: 1\na: hunter2", "line 2"),
            ("a: {b: [hunter2", "line 2"),
        ] {
            let said = outcome(text);
            assert!(said.starts_with("expected YAML, but line"), "{said}");
            assert!(said.contains(line) && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn anchors_cannot_grow_without_end() {
        use std::fmt::Write as _;

        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let row = vec![format!("*a{}", level - 1); 10].join(", ");
            writeln!(text, "a{level}: &a{level} [{row}]").unwrap();
        }
        assert!(
            outcome(&text).contains("alias expansion"),
            "{}",
            outcome(&text)
        );
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        let cases = [
            ("clouds: {a: {auth: {password: p}}}", Some("password")),
            (
                "clouds: {a: {auth: {application-credential-secret: p}}}",
                Some("application_credential_secret"),
            ),
            ("clouds: {a: {auth: {password: ''}}}", None),
            ("clouds: {a: {auth: {password: }}}", None),
            ("clouds: {password: {auth: {username: u}}}", None),
        ];
        for (text, expected) in cases {
            assert_eq!(secret_in(&read(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn one_section_over_another() {
        let mut under = read("c: {auth: {user: u, pass: p}, region: r, key: k}").unwrap();
        lay_over(
            &mut under,
            read("c: {auth: {pass: q}, region: [s], key: ~}\nd: 1").unwrap(),
        );
        assert_eq!(
            shown(&Setting::Section(under)),
            r#"{c:{auth:{pass:"q",user:"u"},key:"k",region:["s"]},d:"1"}"#
        );
        let dashed = read("user-name: u\nauth: {project-id: p-1}").unwrap();
        assert_eq!(
            shown(&Setting::Section(with_underscores(dashed))),
            r#"{auth:{project_id:"p-1"},user_name:"u"}"#
        );
    }
}
