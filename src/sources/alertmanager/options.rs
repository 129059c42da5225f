//! The options of a source of alerts, and how they are read.

use std::path::Path;

use super::AlertsSetup;
use crate::config::table::{Kind, OptionRow, Scope};
use crate::config::{Options, payload_path};
use crate::core::event::PayloadPath;
use crate::http::posts::options as posts;
use crate::sources::KeyPath;
use crate::sources::posted::KEY;

/// Where Alertmanager has its alerts.
const ALERTS: &str = "alerts";

/// In the section of a source of alerts.
pub(super) const OPTIONS: [OptionRow; 13] = [
    posts::LISTEN,
    posts::PATH,
    posts::TOKEN_FILE,
    posts::BASIC_FILE,
    posts::HMAC,
    posts::AUTH,
    OptionRow {
        name: "alerts",
        scope: Scope::Source,
        kind: Kind::Field,
        default: Some(ALERTS),
        meaning: "a path to the alerts in the body of a request: a list of them, or a single one",
    },
    OptionRow {
        name: "whole",
        scope: Scope::Source,
        kind: Kind::Switch,
        default: Some("no"),
        meaning: "`yes`: besides an event of type `NAME.alert` for each alert, one of type `NAME.group` for all that the \
                  request says",
    },
    KEY,
    posts::MAX_BODY,
    posts::SSL_CERT_FILE,
    posts::SSL_KEY_FILE,
    posts::SSL_CA_FILE,
];

/// Reads them; `None` if a problem makes it no source.
pub(super) fn read(options: &mut Options<'_>, folder: &Path) -> Option<AlertsSetup> {
    let posts = posts::read(options, folder);
    let alerts = match options.get("alerts") {
        None => PayloadPath::parse(ALERTS).ok(),
        Some(option) => {
            let text = option.value.as_str().trim();
            payload_path(options, option, "alerts", text, false)
        }
    };
    let is_whole = options.switch("whole");
    let key = KeyPath::read(options);
    Some(AlertsSetup {
        posts: posts?,
        alerts: alerts?,
        is_whole,
        key: key?,
    })
}
