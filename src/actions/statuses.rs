//! Lists of HTTP statuses: `200-299`, `429, 5xx`. Pure.

use std::fmt;
use std::ops::RangeInclusive;

/// Statuses, as an option lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statuses(Vec<RangeInclusive<u16>>);

/// What a status can be (RFC 9110, 15).
const ALL: RangeInclusive<u16> = 100..=599;

impl Statuses {
    /// One item of the list: `404`, `5xx` or `200-299`.
    pub(super) fn item(text: &str) -> Option<RangeInclusive<u16>> {
        let number = |text: &str| {
            let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse()
                .ok()
                .filter(|number| digits && ALL.contains(number))
        };
        if let Some(class) = text.to_ascii_lowercase().strip_suffix("xx") {
            let first = number(&format!("{class}00"))?;
            return Some(first..=first + 99);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (number(first.trim_end())?, number(last.trim_start())?);
        (first <= last).then_some(first..=last)
    }

    /// The list of these.
    pub(super) fn new(items: Vec<RangeInclusive<u16>>) -> Self {
        Self(items)
    }

    /// Whether this status is one of them.
    pub(super) fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .0
            .iter()
            .map(|range| match (range.start(), range.end()) {
                (first, last) if first == last => first.to_string(),
                (first, last) => format!("{first}-{last}"),
            });
        f.write_str(&shown.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_a_status_a_class_or_a_range() {
        for (text, range) in [
            ("404", Some(404..=404)),
            ("5xx", Some(500..=599)),
            ("2XX", Some(200..=299)),
            ("200-299", Some(200..=299)),
            ("200 - 204", Some(200..=204)),
            ("299-200", None),
            ("99", None),
            ("600", None),
            ("6xx", None),
            ("xx", None),
            ("20x", None),
            ("+20", None),
            ("", None),
        ] {
            assert_eq!(Statuses::item(text), range, "{text}");
        }
    }

    #[test]
    fn a_list_has_what_any_item_has_and_is_shown() {
        let list = Statuses::new(vec![429..=429, 500..=599]);
        for (status, is_in) in [
            (428, false),
            (429, true),
            (500, true),
            (599, true),
            (600, false),
        ] {
            assert_eq!(list.contains(status), is_in, "{status}");
        }
        assert_eq!(list.to_string(), "429, 500-599");
    }
}
