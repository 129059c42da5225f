//! The times that events have in them: which values are one, and which instant each means.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::{Number, Value};

/// The instant that a value names, if it is a time: as in RFC 3339, as ESI Leap writes it
/// (`2026-11-21 08:50:08.227045`, which is UTC), or in seconds since 1970.
#[must_use]
pub fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => since_1970(number),
        Value::String(text) => written(text),
        _ => None,
    }
}

/// Ten digits, and possibly a fraction, are seconds since 1970. Fewer are rather a date without its hyphens.
const DIGITS_OF_SECONDS: usize = 10;

/// The longest text that is looked at.
const LONGEST: usize = 64;

fn written(text: &str) -> Option<Timestamp> {
    if text.len() > LONGEST || !text.is_ascii() {
        return None;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    if whole.len() == DIGITS_OF_SECONDS && digits(whole) && digits(fraction) {
        return seconds(text.parse().ok()?);
    }
    // What else jiff takes for a time (a date alone, no seconds, the name of a zone) is none in RFC 3339.
    let end = fits(text, "dddd-dd-dd dd:dd:dd")?;
    let mut rest = &text[end..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || digits > 9 {
            return None;
        }
        rest = &fraction[digits..];
    }
    match rest {
        "" => {
            let civil: DateTime = text.parse().ok()?;
            Offset::UTC.to_timestamp(civil).ok()
        }
        "Z" | "z" => text.parse().ok(),
        offset if fits(offset, "+dd:dd") == Some(offset.len()) => text.parse().ok(),
        _ => None,
    }
}

/// Where a form ends that a text begins with: `d` is a digit, the blank is one or a `T`, `+` is a sign.
fn fits(text: &str, form: &str) -> Option<usize> {
    let mut bytes = text.bytes();
    let fits = form.bytes().all(|wanted| {
        bytes.next().is_some_and(|found| match wanted {
            b'd' => found.is_ascii_digit(),
            b' ' => matches!(found, b' ' | b'T' | b't'),
            b'+' => matches!(found, b'+' | b'-'),
            wanted => found == wanted,
        })
    });
    fits.then_some(form.len())
}

/// The instant so many seconds after 1970 began, a fraction of them to the microsecond.
#[must_use]
pub fn since_1970(number: &Number) -> Option<Timestamp> {
    match number.as_i64() {
        Some(whole) => Timestamp::from_second(whole).ok(),
        None => seconds(number.as_f64()?),
    }
}

/// The same, to the microsecond.
fn seconds(seconds: f64) -> Option<Timestamp> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is too much for a number is too much for a time"
    )]
    let microseconds = (seconds * 1e6).round() as i64;
    Timestamp::from_microsecond(microseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_in_one_of_three_forms() {
        let noon = "2026-01-15T12:00:00Z";
        let cases = [
            (json!(noon), Some(noon)),
            (json!("2026-01-15T13:00:00+01:00"), Some(noon)),
            (json!("2026-01-15t12:00:00z"), Some(noon)),
            (json!("2026-01-15 12:00:00"), Some(noon)),
            (json!("2026-01-15 12:00:00.000000"), Some(noon)),
            (
                json!("2026-01-15T12:00:00.5"),
                Some("2026-01-15T12:00:00.5Z"),
            ),
            (json!(1_768_478_400), Some(noon)),
            (json!(1_768_478_400.5), Some("2026-01-15T12:00:00.5Z")),
            (json!("1768478400"), Some(noon)),
            (json!("1768478400.5"), Some("2026-01-15T12:00:00.5Z")),
            (json!("20260115"), None),
            (json!("2026-01-15"), None),
            (json!("2026-01-15T12:00Z"), None),
            (json!("2026-01-15T12:00:00 UTC"), None),
            (json!("2026-01-15T12:00:00+01"), None),
            (json!("2026-01-15T12:00:00Z[Europe/Berlin]"), None),
            (json!("2026-02-30T12:00:00Z"), None),
            (json!("now"), None),
            (json!("é2026-01-15T12:00:00Z"), None),
            (json!(""), None),
            (json!(true), None),
            (json!(null), None),
            (json!(1e300), None),
            (json!([noon]), None),
        ];
        for (value, expected) in cases {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(instant(&value), expected, "{value}");
        }
        let endless = Value::String("1".repeat(10_000_000));
        assert_eq!(instant(&endless), None);
    }
}
