//! The rows of options that several actions have, and the reader of the time limit.

use std::time::Duration;

use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, positive_duration};

const TIMEOUT_HINT: &str = "write it like `500ms`, `30s`, `10m` or `2h`; a bare number means \
                            seconds; without a limit leave `timeout` out";

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
    meaning: "how long one request or message may take, from connecting to the answer",
};

/// Whom to trust besides.
pub(super) const SSL_CA_FILE: OptionRow = OptionRow {
    name: "ssl_ca_file",
    scope: Scope::Rule,
    kind: Kind::Path,
    default: None,
    meaning: "in a rule: the certificate of the authority that signed the server's, if the system does \
              not trust it. Rules do not inherit `ssl_ca_file` of `[DEFAULT]`, which is for the broker",
};

/// Where it is sent.
pub(super) const URL: OptionRow = OptionRow {
    name: "url",
    scope: Scope::Rule,
    kind: Kind::Text,
    default: None,
    meaning: "the address, with `https://` or `http://`. With `action = http`, what follows the host may be a \
              template, whose values are percent-encoded; with `awx`, it is `/api/v2` if nothing follows. Redirects \
              are not followed",
};

/// One secret by which the server knows us.
pub(super) const TOKEN_FILE: OptionRow = OptionRow {
    name: "token_file",
    scope: Scope::Rule,
    kind: Kind::Path,
    default: None,
    meaning: "a file whose first line is a token, sent as `Authorization: Bearer`; looked for like `url_file`",
};

/// Another one.
pub(super) const BASIC_FILE: OptionRow = OptionRow {
    name: "basic_file",
    scope: Scope::Rule,
    kind: Kind::Path,
    default: None,
    meaning: "instead of `token_file`: a file whose first line is `user:password`",
};

/// How long an attempt may take in all.
pub(super) const TIMEOUT: OptionRow = OptionRow {
    name: "timeout",
    scope: Scope::Rule,
    kind: Kind::PositiveDuration,
    default: None,
    meaning: "the time limit of one attempt. After it, the script and all processes that it started \
              get SIGTERM, and SIGKILL after `kill_grace`; a job of AWX is cancelled. Without it there is no limit",
};

/// The time limit of one attempt, if there is one.
pub(super) fn time_limit(options: &mut Options<'_>) -> Option<Duration> {
    options.parse("timeout", TIMEOUT_HINT, positive_duration)
}
