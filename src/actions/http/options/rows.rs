//! The table of options of a rule that sends a request.

use crate::actions::rows::{BASIC_FILE, BODY, REQUEST_TIMEOUT, SSL_CA_FILE, TOKEN_FILE, URL};
use crate::config::table::{Kind, OptionRow, Scope};

/// An option that presets have, too.
pub(in crate::actions::http) const URL_FILE: OptionRow = OptionRow {
    name: "url_file",
    scope: Scope::Rule,
    kind: Kind::Path,
    default: None,
    meaning: "a file whose first line is the address, which is a secret then; with `action = http` instead of \
              `url`. Looked for among systemd's credentials, then beside the configuration; read again for each \
              request",
};

/// The options of a rule that sends a request.
pub(in crate::actions::http) const OPTIONS: [OptionRow; 11] = [
    URL,
    URL_FILE,
    OptionRow {
        name: "method",
        scope: Scope::Rule,
        kind: Kind::Choice(&["POST", "PUT", "PATCH", "DELETE", "GET"]),
        default: Some("POST"),
        meaning: "the method of the request",
    },
    OptionRow {
        name: "headers",
        scope: Scope::Rule,
        kind: Kind::Json,
        default: Some("{}"),
        meaning: "additional headers; each value is a template",
    },
    BODY,
    OptionRow {
        name: "success",
        scope: Scope::Rule,
        kind: Kind::List,
        default: Some("200-299"),
        meaning: "the statuses that mean success, like `200-299, 304`",
    },
    OptionRow {
        name: "retry_on_status",
        scope: Scope::Rule,
        kind: Kind::List,
        default: Some("429, 5xx"),
        meaning: "the statuses after which the request is sent again, up to `retries` times and not before \
                  `Retry-After`. After any other failure status the run is given up",
    },
    TOKEN_FILE,
    BASIC_FILE,
    SSL_CA_FILE,
    REQUEST_TIMEOUT,
];
