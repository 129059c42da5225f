//! A text pattern with the meaning of Python's `re.match`: it has to match from the start of the
//! value, not to its end.
//!
//! The dialects differ in small things, so a pattern is translated before it is compiled. What
//! remains: `(?a)`, `(?L)`, `\N{…}` and repetitions of more than 10,000 times are refused; with `(?i)`,
//! `i` is neither `İ` nor `ı`; `\B` matches the empty text, as in Python since 3.14. Some patterns that
//! Python refuses are taken.

mod python;

use std::error::Error as _;

use fancy_regex::{CompileError, Error, Expr, ParseError, Regex, RegexBuilder};

use python::translated;

/// How many steps back a pattern may take on one value before it counts as undecidable.
const BACKTRACK_LIMIT: usize = 10_000;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Compiles a Python pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::compile(text, r"\A(?:")
    }

    /// The same, of which a dot matches the end of a line, too.
    pub(super) fn from_start_over_lines(text: &str) -> Result<Self, String> {
        Self::compile(text, r"\A(?s:")
    }

    /// The same, which may match anywhere: Python's `re.search`. With `fold` upper case is like lower case.
    pub(super) fn anywhere(text: &str, fold: bool) -> Result<Self, String> {
        Self::compile(text, if fold { "(?i:" } else { "(?:" })
    }

    fn compile(text: &str, before: &str) -> Result<Self, String> {
        let pattern = translated(text)?;
        let regex = || {
            // By itself first: a `)` too many would close the group around it.
            Expr::parse_tree(&pattern)?;
            RegexBuilder::new(&format!("{before}{pattern})"))
                .backtrack_limit(BACKTRACK_LIMIT)
                .build()
        };
        let regex = regex().map_err(|error| reason(&error))?;
        Ok(Self {
            text: text.to_owned(),
            regex,
        })
    }

    /// Whether the pattern matches the value where it has to.
    ///
    /// # Errors
    /// What is wrong if it takes too long to tell: the pattern, not the value, has to change.
    pub fn matches(&self, value: &str) -> Result<bool, String> {
        self.regex.is_match(value).map_err(|error| {
            format!(
                "the pattern `{}` needs too many steps: {}",
                self.text,
                reason(&error)
            )
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What is wrong, as a lower-case fragment. The engine's places are left out: they are counted in the
/// translated pattern.
fn reason(error: &Error) -> String {
    let message = match error {
        // The engine only says that it stopped before the end.
        Error::ParseError(_, ParseError::GeneralParseError(said)) if said.contains("end of") => {
            "closing parenthesis without opening parenthesis".into()
        }
        Error::ParseError(_, ParseError::GeneralParseError(said)) => said.clone(),
        Error::ParseError(_, error) => error.to_string(),
        Error::CompileError(error) => match &**error {
            // The innermost cause shows the pattern with a caret over several lines; the last says why.
            CompileError::InnerError(error) => {
                let mut cause = error.source();
                while let Some(inner) = cause.and_then(std::error::Error::source) {
                    cause = Some(inner);
                }
                cause.map_or_else(|| error.to_string(), ToString::to_string)
            }
            CompileError::LookBehindNotConst | CompileError::VariableLookBehindRequiresFeature => {
                "a look-behind must have a fixed width".into()
            }
            error => error.to_string(),
        },
        Error::RuntimeError(error) => error.to_string(),
        error => error.to_string(),
    };
    let last = message.trim().lines().last().unwrap_or_default().trim();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    let mut characters = last.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // What Python says of the same pairs is asked of Python itself in tests/python_patterns.rs.
    #[test]
    fn patterns_match_from_the_start() {
        let cases = [
            ("test", "testing-else", true),
            ("test", "a test", false),
            ("", "anything", true),
            (".*", "", true),
            ("test$", "test\n", true),
            ("test$", "test\n\n", false),
            (r"test\Z", "test\n", false),
            ("a|b", "b", true),
            ("(?i)TEST", "test", true),
            (r"(?!x).*", "y", true),
            (r"(a)\1", "aa", true),
            ("[[]", "[", true),
            ("x{,2}y", "xxy", true),
            ("{a}", "{a}", true),
            ("a{0,3}b{100}?c{,}", &"b".repeat(100), true),
            ("(?:a{100}){100}(b{100}){,100}c{100}", "a", false),
            ("(?:a{100}){100}(b){100}", "a", false),
            ("(a{100})?5{101}", "a", false),
            ("a{,100000}", "a", true),
            ("(?x) a  # one letter", "ab", true),
        ];
        for (pattern, value, expected) in cases {
            assert_eq!(
                Pattern::parse(pattern).unwrap().matches(value),
                Ok(expected),
                "{pattern} {value:?}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason_in_one_line() {
        let cases = [
            ("*", "target of repeat operator is invalid"),
            ("(a|b", "opening parenthesis without closing parenthesis"),
            ("a)", "closing parenthesis without opening parenthesis"),
            ("a)|(?:b", "closing parenthesis without opening parenthesis"),
            ("[a", "a `[` has no `]`"),
            (
                "[z-a]",
                "invalid character class range, the start must be <= the end",
            ),
            ("a\\", "a backslash at the end of it has nothing to escape"),
            (r"\1", "invalid back reference to group 1"),
            ("(?a)x", "unknown group flag: (?a"),
            ("(?P<n>a(?P>n)?(?P>n)?b)", "unknown group: (?P>"),
            ("(a(?P>9007199254740)?b)", "unknown group: (?P>"),
            ("(?R)?", "unknown group: (?R)"),
            ("(?", "unknown group: (?"),
            (
                "(a)(?(9007199254740)b|c)",
                "there is no group 9007199254740",
            ),
        ];
        for (pattern, reason) in cases {
            assert_eq!(Pattern::parse(pattern).unwrap_err(), reason, "{pattern}");
        }
        for pattern in ["(?<=ab?)c", r"(?<=\w{2,29003}?)"] {
            let reason = "a look-behind must have a fixed width";
            assert_eq!(Pattern::parse(pattern).unwrap_err(), reason, "{pattern}");
        }
        for pattern in [
            "a{10001}",
            "a{18446744073709551616}",
            "(?:(?=a)(?=a)){1000000000}",
            "(?:(?:(?=a)(?=b)){101}|c){100}",
            "(?:x(?:(?=a)(?=b)){101}y[)]z{2}){100,}",
            "(?:(?=a)(?=b)){101}{100}",
            "(?x)((?:a|(?=b)) {101}) {100}",
            "(?:(?#(()x(?#()(?:a|(?=b)){101}(?#()){100}",
        ] {
            let reason = "it repeats something more than 10000 times";
            assert_eq!(Pattern::parse(pattern).unwrap_err(), reason, "{pattern}");
        }
        for pattern in [r"\h", r"[\Z]", r"\p{L}"] {
            let error = Pattern::parse(pattern).unwrap_err();
            assert!(!error.is_empty() && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_pattern_without_end_is_an_error_and_not_a_mismatch() {
        let pattern = Pattern::parse(r"(?:(a*)*)*\1b(?=c)").unwrap();
        let error = pattern.matches(&"a".repeat(60)).unwrap_err();
        assert!(error.contains("too many steps"), "{error}");
    }
}
