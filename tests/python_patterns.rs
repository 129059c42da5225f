//! What a filter's pattern matches, compared with Python's own `re.match`.
//!
//! Every pattern is tried on every value. One Python process answers for all of them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use esi_event_actions::core::rules::Pattern;
use serde_json::json;

/// A pair of lists, patterns and values, in; for each pattern null if it is refused, else for each
/// value whether it matches.
const PYTHON: &str = r"
import json, re, sys, warnings

warnings.simplefilter('ignore')
patterns, values = json.load(sys.stdin)

def answers(pattern):
    try:
        compiled = re.compile(pattern)
    except re.error:
        return None
    return [compiled.match(value) is not None for value in values]

json.dump([answers(pattern) for pattern in patterns], sys.stdout)
";

/// Patterns that Python takes.
#[rustfmt::skip]
const PATTERNS: &[&str] = &[
    // The start and the end.
    "", "test", "test$", r"test\Z", "^test", "^test$", r"\Atest", "$", r"\Z", "^", "^$", r"^\Z",
    "a$|b", "(a$)", "(?=a$)a", "test$\n", "$\n", "a\nb", "^b", "\n$", "\n\n$",
    // Alternation and groups.
    "a|b", "^a|b$", "(a|b)$", "|a", "a|", "(?:a|b)c", "()", "(a)(b)?", "(?:)a",
    // Classes.
    "[ab]", "[^ab]", "[[]", "[]a]", "[^]]", "[^]a]+$", "[a&&b]", "[a~~b]", "[a||b]", "[+--]",
    "[--a]", "[a-]", "[-a]", "[a-c-]", "[a-z--b]", "[a^]", "[.]", "[$]", "[{}]", "[#]", "[ ]",
    "[[:alpha:]]", r"[\]]", r"[\[\]]", r"[\^a]", r"[a\-c]", r"[\w]", r"[^\w]", r"[\W]", r"[^\W]",
    r"[\s]", r"[^\S]", r"[\d.]", r"[^\d]", r"[\D]", r"[\w-]", r"[\b]", r"[\n]", r"[\x41-C]",
    r"[\101-\103]", r"[\0]", r"[\7]", r"[\u00fc]", "[ü-ÿ]", r"[\\]", r"[\\-a]", "[*+?()|]",
    r"[\.\-\/]", "[<>]", r"[\<\>]", "[_`]",
    // Quantifiers and braces.
    "a*", "a+b", "a?b", "a{2}", "a{2}$", "a{1,2}$", "a{,2}$", "a{2,}", "a{,}b", "a{", "a{}", "{a}",
    "{", "}", "{}", "a}", "a{x}", "a{1", "a{1,x}", "a{1, 2}", "a{-1}", "a{,-1}", "{{2}", r"a\{2}",
    r"a\{2\}", "(ab){2}", "[ab]{2}", "a*?b", "a+?$", "a??b", "a{1,2}?$", ".*?$", ".{3}$",
    // Flags.
    "(?i)TEST", "(?i)ÜBER", "(?i)straße", "(?i)k", "(?i)s", "(?i)[a-c]+$", "(?i:T)est", "(?i:TE)ST",
    "(?m)^a$", "(?m)a$", "(?m)a$\nb", "(?m).*$", "(?m)^b", "(?m:a$)\nb$", "(?m:^a)$", "(?s).",
    "(?s)a.b$", "(?s:a.)b$", "a.b", ".", ".+$", "(?is)A.B", "(?i)(?:a|B)C$", "(?i-s:A.b)",
    "(?-i:a)b", "(?u)ü", "(?x) a b ", "(?x) t e s t $ # the end", "(?x)a # [not a class\n b",
    "(?x)[ ]", "(?x)[#]", r"(?x)a\ b", r"(?x)\#", "(?xi) A\tB", "a(?#b[c)b", "(?#all)",
    // Groups by number and by name.
    r"(a)\1", r"(a)(b)\2", r"(a)\1{2}", r"(?P<n>a)(?P=n)", r"(?P<n>a)\1", r"(a)?(?(1)b|c)",
    "(?P<n>a)?(?(n)b|c)", r"(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)\10", r"(a)(b)?\1", r"(a|b)\1$",
    r"(.)\1\1",
    // Looking around.
    "(?=a)", "(?!a)", "(?!test).*", r"a(?=\.)", "a(?!b)", "ab(?<=b)", "ab(?<!a)", "(?<!x)a",
    "a(?<=a)b", ".*(?<=b)$", "(?=.*b)a", r"(?<=\b)a",
    // Edges of words, and kinds of characters.
    r"\btest\b", r"test\b", r"a\b", r"\b", r"(?=.)\B", r"a\Bb", r"a\B", r"\w+$", r"\W+$", r"\w\b.",
    r"\d+$", r"\D+$", r"\s", r"\S+$", r"\s+$", r".\b\s", r"\w\W", r"e\b",
    // Escapes.
    r"a\.b", r"a\-b", r"a\/b", r"a\ b", r"\x41", r"\u00fc", r"\U0001f600", r"\t", r"\n", r"\r",
    r"\f", r"\v", r"\a", r"\0", r"\07", r"\101", r"\012", r"\<", r"\>", r"\<a", r"\_", r"\{", r"\}",
    r"\[a\]", r"\(a\)", r"\$", r"\^", r"\*", r"\\", r"\|", r"\?", r"\#", r"\&", r"\~", r"\%", r"\ü",
    r"\'", r#"\""#, r"\@", r"\!", r"\:", r"\,", r"\;", r"\=", r"\`",
    // As operators write them.
    r"MOC-R\d+PAC\d+U\d+-S1[A-D]$", "(test|staging)-.*", r"^[\w.+-]+@[\w-]+\.[\w.]+$", "foo",
    r"(?i)^(dell|hpe?)\b", r"\d{4}-\d\d-\d\dT", ".*", "^.*$", r"10\.0\.0\.\d{1,3}$",
];

/// Patterns that Python takes since 3.11, and an older one refuses.
const NEWER_PATTERNS: &[&str] = &["(?>a*)b", "(?>a*)a", "a*+a", "a++b", "a?+a", "a{1,2}+a"];

#[rustfmt::skip]
const VALUES: &[&str] = &[
    "", "test", "testing-else", "a test", "Test", "TEST", "test\n", "test\n\n", "test\r\n", "\n",
    "\n\n", "\r", "\t", "\u{b}", "\u{c}", "\u{7}", "\u{8}", "\0", "\u{1c}", "\u{1f}", "\u{85}",
    "\u{a0}", "\u{2028}", " ", "  ", "a", "aa", "aaa", "aab", "aaaa", "aa\n", "a\n", "a\n\n",
    "a\nb", "a\nb\n", "A", "A\nB", "b", "ab", "abc", "abb", "ac", "aa0", "bb", "c", "B", "a b",
    "a.b", "a-b", "a/b", "a{", "a{}", "a{2}", "a{x}", "a{1", "a{1,x}", "a{1, 2}", "a{-1}", "a{,-1}",
    "a}", "{", "}", "{}", "{a}", "{{", "[", "]", "[a]", "^", "-", "&", "~", "|", "+", ",", ".", "$",
    "#", "<", ">", "<a", "_", "`", ":", ":]", "a]", "(a)", "*", "?", "\\", "\\a", "'", "\"", "/",
    "%", "@", "!", ";", "=", "z", "aü", "ü", "Ü", "über", "ÜBER", "ß", "straße", "STRASSE",
    "STRAẞE", "ſ", "\u{212a}", "k", "é", "e\u{301}", "e\u{301}x", "\u{203f}", "a\u{200d}b", "²",
    "x²", "½", "Ⅷ", "٣", "१२", "7", "42", "4.2", "中文", "😀", "\u{7f}", "x", "xa", "y", "I", "G1",
    "MOC-R4PAC08U33-S1A", "MOC-R4PAC08U33-S1A-2", "staging-7", "esi@example.org", "foo",
    "Dell PowerEdge", "hpe", "hpx", "2026-11-21T08:50:08Z", "10.0.0.12", "10.0.0.1234", "true",
    "null",
];

fn ask_python(patterns: &[&str]) -> Vec<Option<Vec<bool>>> {
    let mut python = Command::new("python3")
        .args(["-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let question = json!([patterns, VALUES]).to_string();
    let mut stdin = python.stdin.take().expect("a pipe");
    stdin.write_all(question.as_bytes()).expect("python reads");
    drop(stdin);
    let output = python.wait_with_output().expect("python ends");
    assert!(output.status.success(), "python: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("python answers in JSON")
}

/// Where we and Python differ.
fn differences(pattern: &str, expected: &[bool]) -> Vec<String> {
    let ours = match Pattern::parse(pattern) {
        Ok(ours) => ours,
        Err(why) => return vec![format!("{pattern:?} is refused: {why}")],
    };
    let differ = |(value, expected): (&&str, &bool)| match ours.matches(value) {
        Ok(found) if found == *expected => None,
        found => Some(format!(
            "{pattern:?} on {value:?}: {found:?}, in Python {expected}"
        )),
    };
    VALUES.iter().zip(expected).filter_map(differ).collect()
}

#[test]
fn patterns_match_what_they_match_in_python() {
    let answers = ask_python(PATTERNS);
    assert_eq!(answers.len(), PATTERNS.len());
    let mut differing = Vec::new();
    for (pattern, answer) in PATTERNS.iter().zip(answers) {
        match answer {
            Some(expected) => differing.extend(differences(pattern, &expected)),
            None => differing.push(format!("{pattern:?} is refused by Python")),
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn newer_patterns_match_what_they_match_where_python_knows_them() {
    for (pattern, answer) in NEWER_PATTERNS.iter().zip(ask_python(NEWER_PATTERNS)) {
        let differing = answer.map(|expected| differences(pattern, &expected));
        assert_eq!(differing.unwrap_or_default(), Vec::<String>::new());
    }
}

/// The differences that `src/core/rules/pattern.rs` declares.
#[test]
fn declared_differences_are_as_declared() {
    for refused in ["(?a)test", "(?L)test", r"\N{DIGIT ONE}"] {
        assert!(Pattern::parse(refused).is_err(), "{refused}");
    }
    for (pattern, value, found) in [(r"\B", "", true), ("(?i)i", "\u{130}", false)] {
        assert_eq!(Pattern::parse(pattern).unwrap().matches(value), Ok(found));
    }
}
