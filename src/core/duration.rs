//! How lengths of time are written, in options and in what rules say.

use std::time::Duration;

/// `500ms`, `30s`, `10m`, `2h`, `7d`; a bare number means seconds.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit.trim() {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    // A hundred years: enough for every use, and no sum of times overflows.
    let longest = 100 * 366 * 86_400_000;
    number
        .checked_mul(milliseconds)
        .filter(|all| *all <= longest)
        .map(Duration::from_millis)
}

/// The same, and none if it is no time at all.
#[must_use]
pub fn positive_duration(text: &str) -> Option<Duration> {
    duration(text).filter(|time| !time.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let cases = [
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("30", Some(30_000)),
            ("10m", Some(600_000)),
            ("2 h", Some(7_200_000)),
            ("7d", Some(604_800_000)),
            ("0", Some(0)),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("1 week", None),
            ("99999999999999999999s", None),
            ("999999999d", None),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(
                duration(text),
                milliseconds.map(Duration::from_millis),
                "{text}"
            );
        }
    }
}
