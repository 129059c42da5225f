//! The table of options of a rule that sends a request.

use crate::config::table::{Kind, OptionRow, Scope};

/// The options of a rule that sends a request.
pub(in crate::actions::http) const OPTIONS: [OptionRow; 11] = [
    OptionRow {
        name: "url",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "where the request goes: `https://` or `http://`, and a template behind the host, in which values \
                  are percent-encoded. Redirects are not followed",
    },
    OptionRow {
        name: "url_file",
        scope: Scope::Rule,
        kind: Kind::Path,
        default: None,
        meaning: "instead of `url`: a file whose first line is the address, where that is a secret itself. Looked \
                  for among systemd's credentials, then beside the configuration; read for each request",
    },
    OptionRow {
        name: "method",
        scope: Scope::Rule,
        kind: Kind::Choice(&["POST", "PUT", "PATCH", "DELETE", "GET"]),
        default: Some("POST"),
        meaning: "what the server is asked to do",
    },
    OptionRow {
        name: "headers",
        scope: Scope::Rule,
        kind: Kind::Json,
        default: Some("{}"),
        meaning: "more headers, each a template",
    },
    OptionRow {
        name: "body",
        scope: Scope::Rule,
        kind: Kind::Json,
        default: None,
        meaning: "the JSON to send; its texts are templates, and one that is a single expression keeps the type \
                  of its value. Without it the event as scripts get it, but nothing with `GET` and `DELETE`",
    },
    OptionRow {
        name: "success",
        scope: Scope::Rule,
        kind: Kind::List,
        default: Some("200-299"),
        meaning: "statuses that mean that it was done, like `200-299, 304`",
    },
    OptionRow {
        name: "retry_on_status",
        scope: Scope::Rule,
        kind: Kind::List,
        default: Some("429, 5xx"),
        meaning: "statuses after which another attempt may help, as often as `retries` says and not before \
                  `Retry-After`; after any other one the run is given up",
    },
    OptionRow {
        name: "token_file",
        scope: Scope::Rule,
        kind: Kind::Path,
        default: None,
        meaning: "a file whose first line is a token, sent as `Authorization: Bearer`; found like `url_file`",
    },
    OptionRow {
        name: "basic_file",
        scope: Scope::Rule,
        kind: Kind::Path,
        default: None,
        meaning: "instead of `token_file`: a file whose first line is user and password with a colon between them",
    },
    OptionRow {
        name: "ssl_ca_file",
        scope: Scope::Rule,
        kind: Kind::Path,
        default: None,
        meaning: "in a rule: the authority that signed the server's certificate, if the system does not trust it. \
                  That of `[DEFAULT]` is the broker's, and no rule has it",
    },
    OptionRow {
        name: "request_timeout",
        scope: Scope::Rule,
        kind: Kind::PositiveDuration,
        default: Some("30s"),
        meaning: "how long a request and its answer may take",
    },
];
