//! An option that names a time zone.

use jiff::tz::{TimeZone, db};

use super::options::Options;
use crate::core::ini::problem::{Problem, nearest_within};

/// The time zone that the option `name` names, or this default; `None` if there is none of that name.
pub fn zone(options: &mut Options<'_>, name: &str, default: TimeZone) -> Option<TimeZone> {
    let Some(text) = options.text(name) else {
        return Some(default);
    };
    let zone = TimeZone::get(text).ok();
    if zone.is_none() {
        let known: Vec<String> = db().available().map(|name| name.to_string()).collect();
        // There are hundreds of names: to any short word one of them is near.
        let most = text.chars().count() / 4;
        let near = nearest_within(most, text, known.iter().map(String::as_str));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write it like `Europe/Berlin` or `UTC`".to_owned(),
        };
        let message = if name == "timezone" {
            format!("expected a time zone, but found `{text}`")
        } else {
            format!("expected a time zone in `{name}`, but found `{text}`")
        };
        options.report_value(name, Problem::error(message, &hint));
    }
    zone
}
