//! Why a cloud cannot be used, and where its settings come from.

use std::fmt;

use crate::core::printable::printable;
use crate::http::TrustProblem;

/// Why there is no cloud to ask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {hint}")]
pub struct CloudProblem {
    /// A lower-case fragment: which file or variable, what was expected, what was found.
    pub message: String,
    /// What to do about it, as an imperative.
    pub hint: String,
}

impl CloudProblem {
    pub(super) fn new(message: impl AsRef<str>, hint: &str) -> Self {
        Self {
            message: printable(message.as_ref().as_bytes()),
            hint: hint.to_owned(),
        }
    }
}

impl From<TrustProblem> for CloudProblem {
    fn from(TrustProblem { message, hint }: TrustProblem) -> Self {
        Self::new(message, &hint)
    }
}

/// Where settings came from, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// `OS_AUTH_URL` and its like; because of this variable, if no cloud was named.
    Variables { because: Option<String> },
    /// This cloud of these files.
    File { cloud: String, source: String },
}

impl fmt::Display for Origin {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variables { .. } => to.write_str("the environment"),
            Self::File { cloud, source } => write!(to, "cloud `{cloud}` in {source}"),
        }
    }
}
