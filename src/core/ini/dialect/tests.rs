//! What a line means, case by case. Where Python agrees, `tests/configparser.rs` says so too.

use super::*;
use crate::core::ini::problem::Severity;

/// Sections, options and segments as `[name] option@line:column = text@line:column | …`, then the problems.
fn shown(text: &str) -> (Vec<String>, Vec<String>) {
    let (sections, problems) = read(text);
    let mut lines = Vec::new();
    for section in sections {
        lines.push(format!("[{}]@{}", section.name, section.position));
        for option in section.options {
            let segments: Vec<String> = option
                .segments
                .iter()
                .map(|segment| format!("{:?}@{}", segment.text, segment.position))
                .collect();
            let comment = option
                .comment
                .map_or(String::new(), |at| format!(" #@{at}"));
            lines.push(format!(
                "{}@{} = {}{comment}",
                option.name,
                option.position,
                segments.join(" | ")
            ));
        }
    }
    let problems = problems
        .iter()
        .map(|problem| {
            let severity = if problem.severity == Severity::Error {
                'E'
            } else {
                'W'
            };
            let place = problem
                .position
                .expect("every problem of the dialect has a place");
            format!("{severity}{place} {}", problem.message)
        })
        .collect();
    (lines, problems)
}

fn read_well(text: &str) -> Vec<String> {
    let (lines, problems) = shown(text);
    assert!(problems.is_empty(), "{text:?}: {problems:?}");
    lines
}

#[test]
fn what_lines_mean() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("[a]\nK = v\n", &["[a]@1:1", "k@2:1 = \"v\"@2:5"]),
        ("[a]\nk:v=w", &["[a]@1:1", "k@2:1 = \"v=w\"@2:3"]),
        ("[a]\nk\t= \tv \n", &["[a]@1:1", "k@2:1 = \"v\"@2:6"]),
        (
            "[a]\nk=\nl =  \n",
            &["[a]@1:1", "k@2:1 = \"\"@2:3", "l@3:1 = \"\"@3:4"],
        ),
        (
            "\u{feff}[a]\r\nk=v\rl=w\r\n",
            &["[a]@1:1", "k@2:1 = \"v\"@2:3", "l@3:1 = \"w\"@3:3"],
        ),
        (
            "[a]\n  k = 1\n  l = 2\n",
            &["[a]@1:1", "k@2:3 = \"1\"@2:7", "l@3:3 = \"2\"@3:7"],
        ),
        (
            "[a]\nü = é\n ß\n",
            &["[a]@1:1", "ü@2:1 = \"é\"@2:5 | \"ß\"@3:2"],
        ),
        (
            "[a]\nk = 1\n\n  # note\n  2\n\n\n",
            &["[a]@1:1", "k@2:1 = \"1\"@2:5 | \"\"@3:1 | \"2\"@5:3"],
        ),
        (
            "[a]\n  k = 1\n   2\n  l = 3\n",
            &[
                "[a]@1:1",
                "k@2:3 = \"1\"@2:7 | \"2\"@3:4",
                "l@4:3 = \"3\"@4:7",
            ],
        ),
        (
            "[a]\nk = 1\n [b] = 2\n",
            &["[a]@1:1", "k@2:1 = \"1\"@2:5 | \"[b] = 2\"@3:2"],
        ),
        ("[a]b]\n[ c ]\n", &["[a]b]@1:1", "[ c ]@2:1"]),
    ];
    for (text, expected) in cases {
        assert_eq!(read_well(text), *expected, "{text:?}");
    }
}

#[test]
fn where_inline_comments_begin() {
    let cases: &[(&str, &[&str])] = &[
        (
            "[a] # b]\n[c]; d\n[rack #3]\n",
            &["[a]@1:1", "[c]@2:1", "[rack #3]@3:1"],
        ),
        ("[a]\nk = v # c", &["[a]@1:1", "k@2:1 = \"v\"@2:5 #@2:7"]),
        (
            "[a]\nk = v\t; c # d",
            &["[a]@1:1", "k@2:1 = \"v\"@2:5 #@2:7"],
        ),
        ("[a]\nk = v#w;x", &["[a]@1:1", "k@2:1 = \"v#w;x\"@2:5"]),
        ("[a]\nk = # c", &["[a]@1:1", "k@2:1 = \"\"@2:4 #@2:5"]),
        ("[a]\nk =# v", &["[a]@1:1", "k@2:1 = \"# v\"@2:4"]),
        (
            "[a]\nk = \"a # b\"",
            &["[a]@1:1", "k@2:1 = \"\\\"a\"@2:5 #@2:8"],
        ),
        (
            r#"[a]
k = {"x ; y": "a\" # b"} # c"#,
            &[
                "[a]@1:1",
                r#"k@2:1 = "{\"x ; y\": \"a\\\" # b\"}"@2:5 #@2:26"#,
            ],
        ),
        (
            "[a]\nk = 1 # one\n  2 # two\n",
            &["[a]@1:1", "k@2:1 = \"1\"@2:5 | \"2\"@3:3 #@2:7"],
        ),
        (
            "[a]\nk =\n  [\"x # y\", # c\n  \"z ; \"]\n",
            &[
                "[a]@1:1",
                "k@2:1 = \"\"@2:4 | \"[\\\"x # y\\\",\"@3:3 | \"\\\"z ; \\\"]\"@4:3 #@3:13",
            ],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(read_well(text), *expected, "{text:?}");
    }
}

#[test]
fn wrong_lines_are_reported_at_their_place_and_reading_goes_on() {
    let no_delimiter = "expected `option = value`, but found neither `=` nor `:`";
    let no_bracket = "expected a section header, but found no `]` after `[`";
    let no_header = "expected a section header such as `[DEFAULT]` before this line";
    let cases: &[(&str, &[&str], String)] = &[
        (
            "user = x\nport = 1\n  2\n[a]\nk=v",
            &["[a]@4:1", "k@5:1 = \"v\"@5:3"],
            format!("E1:1 {no_header}"),
        ),
        (
            "[a]\n secret word\n   more\n k=v",
            &["[a]@1:1", "k@4:2 = \"v\"@4:4"],
            format!("E2:2 {no_delimiter}"),
        ),
        (
            "[a]\nx # = 1\nk=v",
            &["[a]@1:1", "k@3:1 = \"v\"@3:3"],
            format!("E2:1 {no_delimiter} before the comment"),
        ),
        (
            "[a]\n= 1\nk=v",
            &["[a]@1:1", "k@3:1 = \"v\"@3:3"],
            "E2:1 expected an option's name before `=`".into(),
        ),
        (
            "[a\nk=v",
            &["[a]@1:1", "k@2:1 = \"v\"@2:3"],
            format!("E1:3 {no_bracket}"),
        ),
        (
            "[a]\n[b  # c\nk=v",
            &["[a]@1:1", "[b]@2:1", "k@3:1 = \"v\"@3:3"],
            format!("E2:3 {no_bracket}"),
        ),
        (
            "[a]\n[\"b\",\n  1\nk=v",
            &["[a]@1:1", "k@4:1 = \"v\"@4:3"],
            format!("E2:6 {no_bracket}"),
        ),
        (
            "[a]\n[b = c\nk=v",
            &["[a]@1:1", "[b = c]@2:1", "k@3:1 = \"v\"@3:3"],
            format!("E2:7 {no_bracket}"),
        ),
        (
            "[a]\n[]\nk=v",
            &["[a]@1:1", "[]@2:1", "k@3:1 = \"v\"@3:3"],
            "E2:2 expected a name between `[` and `]`".into(),
        ),
        (
            "[a]\n[\nk=v",
            &["[a]@1:1", "k@3:1 = \"v\"@3:3"],
            format!("E2:2 {no_bracket}"),
        ),
        (
            "[ä] k = v # c\n",
            &["[ä]@1:1"],
            "E1:5 expected the end of the line after a section header, but found more text".into(),
        ),
        (
            "[a]\nk = v\n  [b]  # c\n",
            &["[a]@1:1", "k@2:1 = \"v\"@2:5 | \"[b]\"@3:3 #@3:8"],
            "W3:3 this section header is indented, and so continues the value of `k`".into(),
        ),
    ];
    for (text, expected, problem) in cases {
        let (lines, problems) = shown(text);
        assert_eq!(lines, *expected, "{text:?}");
        assert_eq!(problems, [problem.as_str()], "{text:?}");
    }
}
