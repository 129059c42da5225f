//! Files as strange as `configparser` takes them, and stranger ones that nothing takes.

use proptest::prelude::*;
use proptest::sample::select;

/// White space in Python's sense.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

/// One line.
#[derive(Clone, Debug)]
struct Line {
    indent: &'static str,
    text: String,
    ending: &'static str,
}

fn word() -> impl Strategy<Value = &'static str> {
    select(vec![
        "a",
        "Bc",
        "1",
        "=",
        ":",
        " ",
        "  ",
        "\t",
        "%%",
        "%(k3)s",
        "%(K5)s",
        "%(k7)s",
        "%(d1)s",
        "%(none)s",
        "\"",
        "'",
        "\\",
        "\\n",
        "\\\"",
        "\\x41",
        "#",
        ";",
        "[x]",
        "{",
        "}",
        "]",
        "é",
        "日本",
        "\u{a0}",
        "\u{2028}",
        "\u{b}",
        "\u{c}",
        "\u{85}",
        "\u{1c}",
        "\u{1f}",
        "\u{7f}",
        "/usr/bin/x",
        "$(x)",
        ",",
        "\u{1f600}",
    ])
}

/// Text without an inline comment, which would begin at a `#` or `;` after white space.
fn without_comment(words: &[&str], before: &str) -> String {
    let mut text = String::new();
    let mut spaced = before.ends_with(is_space);
    for word in words {
        if spaced && word.starts_with(['#', ';']) {
            continue;
        }
        text.push_str(word);
        spaced = word.ends_with(is_space);
    }
    text
}

fn header() -> impl Strategy<Value = String> {
    let name = select(vec![
        "a",
        "A",
        "b c",
        "DEFAULT",
        "default",
        " DEFAULT ",
        " a",
        "a]b",
        "]",
        "[",
        "a=b",
        "a:b",
        "\"q\"",
        "\"",
        "'",
        "\\",
        "a\\]",
        "\\n",
        "é",
        "a#b",
        "rack #3",
        "%(k3)s",
        "\u{a0}",
    ]);
    (name, prop::option::weighted(0.7, 0..30_u8)).prop_map(|(name, number)| match number {
        Some(number) if name != "DEFAULT" => format!("[{name}{number}]"),
        _ => format!("[{name}]"),
    })
}

fn option() -> impl Strategy<Value = String> {
    let name = select(vec![
        "k", "K", "k", "d", "x y", "a.b", "\"k", "'", "k\\", "k]", "ß", "ÀΣ", "İ", "%%", "k\u{a0}x",
    ]);
    let delimiter = select(vec![
        "=", " = ", ":", " : ", "\t=\t", "=  ", " \u{a0}=", "= =",
    ]);
    let value = prop::collection::vec(word(), 0..7);
    (name, 0..24_u8, delimiter, value).prop_map(|(name, number, delimiter, value)| {
        format!(
            "{name}{number}{delimiter}{}",
            without_comment(&value, delimiter)
        )
    })
}

fn continuation() -> impl Strategy<Value = String> {
    let first = select(vec![
        "a", "é", "\"", "{", "%%", "%(k5)s", "k = ", "x:", "\\", ",", "]",
    ]);
    (first, prop::collection::vec(word(), 0..5))
        .prop_map(|(first, words)| format!("{first}{}", without_comment(&words, first)))
}

fn line() -> impl Strategy<Value = Line> {
    let json = select(vec![
        r#"j1 = {"a # b": "c ; \" # d", "e\\": [1, 2]}"#,
        r#"J2: [" #", " ;"]"#,
        r#"j3={"x": " # "#,
    ]);
    let comment = (
        select(vec!["#", ";", "# k = v", "; [x]", "#%", "#\t\\"]),
        word(),
    )
        .prop_map(|(mark, word)| format!("{mark}{word}"));
    let wrong = select(vec![
        "word",
        "two words",
        "= v",
        ":",
        "k1 = 1",
        "[a]",
        "]",
        "\\",
    ]);
    let text = prop_oneof![
        4 => header(),
        12 => option(),
        1 => json.prop_map(str::to_owned),
        6 => continuation(),
        3 => Just(String::new()),
        3 => comment,
        1 => prop::option::weighted(0.1, wrong).prop_map(|wrong| wrong.unwrap_or_default().to_owned()),
    ];
    let indent = prop_oneof![
        6 => Just(""),
        3 => select(vec![" ", "  ", "\t", "   \t", "\u{a0}", "\u{1f} "]),
    ];
    let ending = prop_oneof![8 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    (indent, text, ending).prop_map(|(indent, text, ending)| {
        // A `#` in a JSON string or a section's name is no comment only if the line is not taken
        // for the continuation of some other value.
        let comment = text.starts_with(['#', ';']);
        let hash = text.contains(" #") || text.contains(" ;");
        let indent = if hash && !comment { "" } else { indent };
        Line {
            indent,
            text,
            ending,
        }
    })
}

pub(crate) fn file() -> impl Strategy<Value = String> {
    let first = prop_oneof![
        6 => Just("[DEFAULT]\n"),
        3 => Just("[first]\n"),
        1 => Just("# no header\n"),
    ];
    (first, prop::collection::vec(line(), 0..16)).prop_map(|(first, lines)| {
        let lines = lines
            .iter()
            .map(|line| [line.indent, &line.text, line.ending].concat());
        std::iter::once(first.to_owned()).chain(lines).collect()
    })
}

/// Anything at all, made of what means something here and there.
pub(crate) fn noise() -> impl Strategy<Value = String> {
    let known = select(vec![
        "[",
        "]",
        "[a]",
        "[DEFAULT]",
        "k",
        "=",
        ":",
        "%",
        "%%",
        "%(k)s",
        "%(",
        ")s",
        "\"",
        "\\",
        "{",
        "}",
        ",",
        "#",
        ";",
        " ",
        "  ",
        "\t",
        "\n",
        "\n",
        "\n ",
        "\r",
        "\r\n",
        "\0",
        "\u{feff}",
        "é",
    ]);
    let any = any::<char>().prop_map(String::from);
    let part = prop_oneof![12 => known.prop_map(str::to_owned), 1 => any];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}
