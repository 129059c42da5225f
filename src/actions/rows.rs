//! The rows of options that several actions have.

use crate::config::table::{Kind, OptionRow, Scope};

/// What is sent.
pub(super) const BODY: OptionRow = OptionRow {
    name: "body",
    scope: Scope::Rule,
    kind: Kind::Json,
    default: None,
    meaning: "the JSON to send. Its texts are templates; a text that is a single expression keeps the \
              type of its value. Without `body` the event is sent as scripts get it; with `GET` and `DELETE` nothing is",
};

/// How long one attempt may take.
pub(super) const REQUEST_TIMEOUT: OptionRow = OptionRow {
    name: "request_timeout",
    scope: Scope::Rule,
    kind: Kind::PositiveDuration,
    default: Some("30s"),
    meaning: "how long one attempt may take, from connecting to the answer",
};
