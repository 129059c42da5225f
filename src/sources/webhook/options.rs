//! The options of a webhook, and how they are read.

use std::path::Path;

use hyper::header::HeaderName;

use super::WebhookSetup;
use super::event::Identity;
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, Problem, payload_path};
use crate::http::posts::options as posts;
use crate::sources::KeyPath;
use crate::sources::posted::KEY;

/// In the section of a webhook.
pub(super) const OPTIONS: [OptionRow; 12] = [
    posts::LISTEN,
    posts::PATH,
    posts::TOKEN_FILE,
    posts::BASIC_FILE,
    posts::HMAC,
    posts::AUTH,
    OptionRow {
        name: "id",
        scope: Scope::Source,
        kind: Kind::Text,
        default: None,
        meaning: "what makes a request that is sent again the same event: `header` and the name of a header, like \
                  `header X-GitHub-Delivery`, or a path into the event's payload, like `payload.delivery.id`. A request \
                  without it is refused. Without `id` each request is a new event",
    },
    KEY,
    posts::MAX_BODY,
    posts::SSL_CERT_FILE,
    posts::SSL_KEY_FILE,
    posts::SSL_CA_FILE,
];

/// Reads them; `None` if a problem makes it no webhook.
pub(super) fn read(options: &mut Options<'_>, folder: &Path) -> Option<WebhookSetup> {
    let posts = posts::read(options, folder);
    let identity = identity(options);
    let key = KeyPath::read(options);
    Some(WebhookSetup {
        posts: posts?,
        identity: identity?,
        key: key?,
    })
}

fn identity(options: &mut Options<'_>) -> Option<Identity> {
    let Some(option) = options.get("id") else {
        return Some(Identity::None);
    };
    let text = option.value.as_str().trim();
    let mut words = text.split_whitespace();
    if words.next() != Some("header") {
        return payload_path(options, option, "id", text, false).map(Identity::Path);
    }
    let header = words.next().filter(|_| words.next().is_none());
    let header = header.and_then(|name| name.parse::<HeaderName>().ok());
    if header.is_none() {
        let message =
            format!("expected the name of a header behind `header` in `id`, but found `{text}`");
        let hint = "write it like `header X-Request-Id`";
        options.report_value("id", Problem::error(message, hint));
    }
    header.map(Identity::Header)
}
