//! What each condition of a rule found in an event, for people who ask why.

use std::fmt;

use super::operators::How;

/// What one filter, or one operator of it, found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The entry of `filter_any` that it belongs to, counted from 1; none if it is of `filter_params`.
    pub alternative: Option<usize>,
    /// The path that was looked up.
    pub path: String,
    /// The operator; none for a value without one.
    pub operator: Option<&'static str>,
    /// What is wanted.
    pub wanted: String,
    /// What is there.
    pub found: String,
    /// How it was compared, or why it could not be.
    pub how: Option<How>,
    /// Whether it holds; an error is a pattern that cannot be decided.
    pub holds: Result<bool, String>,
}

impl Finding {
    /// Whether it does not hold.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.holds == Ok(false)
    }
}

/// Why an event is not for a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The filter's path.
    pub path: String,
    /// What the filter asks for.
    pub expected: String,
    /// What the event has there.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            expected,
            found,
        } = self;
        write!(f, "{path} should be {expected}, but is {found}")
    }
}

impl From<Finding> for Mismatch {
    fn from(finding: Finding) -> Self {
        let Some(operator) = finding.operator else {
            return Self {
                path: finding.path,
                expected: finding.wanted,
                found: finding.found,
            };
        };
        let found = match finding.how.filter(|how| !how.is_absence()) {
            Some(how) => format!("{} ({how})", finding.found),
            None => finding.found,
        };
        Self {
            path: finding.path,
            expected: format!("such that `{operator} {}` holds", finding.wanted),
            found,
        }
    }
}
