//! Numbers as they are written, compared exactly: no digit is lost, and no power is written out.

use std::cmp::Ordering;

use serde_json::Number;

/// A number in JSON's form, of any size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal<'t> {
    is_negative: bool,
    whole: &'t str,
    fraction: &'t str,
    exponent: i64,
}

impl<'t> Decimal<'t> {
    /// The number that a text is, if it is one: `262144`, `-0.5`, `1e5`.
    pub(super) fn of_text(text: &'t str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
            None => (unsigned, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        let is_whole = digits(whole) && (whole == "0" || !whole.starts_with('0'));
        if !is_whole || !fraction.is_none_or(digits) {
            return None;
        }
        Some(Self {
            is_negative: unsigned.len() < text.len(),
            whole,
            fraction: fraction.unwrap_or_default(),
            exponent: exponent.map_or(Some(0), power)?,
        })
    }

    /// The digits from the first that counts to the last.
    fn digits(self) -> impl Iterator<Item = u8> + 't {
        let all = self.whole.bytes().chain(self.fraction.bytes());
        all.skip_while(|digit| *digit == b'0')
    }

    /// How many places the first digit that counts is in front of the point; `None` for zero.
    fn height(self) -> Option<i64> {
        let all = self.whole.bytes().chain(self.fraction.bytes());
        let zeros = all.take_while(|digit| *digit == b'0').count();
        if zeros == self.whole.len() + self.fraction.len() {
            return None;
        }
        let places = i64::try_from(self.whole.len()).ok()? - i64::try_from(zeros).ok()?;
        Some(self.exponent.saturating_add(places))
    }

    pub(super) fn compared_to(self, other: Decimal<'_>) -> Ordering {
        let sign = |number: Decimal<'_>, height: Option<i64>| match height {
            None => 0,
            Some(_) if number.is_negative => -1,
            Some(_) => 1,
        };
        let (height, other_height) = (self.height(), other.height());
        let (own, others) = (sign(self, height), sign(other, other_height));
        let by_size = || {
            height.cmp(&other_height).then_with(|| {
                let (mut a, mut b) = (self.digits(), other.digits());
                loop {
                    match (a.next(), b.next()) {
                        (None, None) => return Ordering::Equal,
                        (a, b) => match a.unwrap_or(b'0').cmp(&b.unwrap_or(b'0')) {
                            Ordering::Equal => {}
                            differ => return differ,
                        },
                    }
                }
            })
        };
        own.cmp(&others).then_with(|| match own {
            0 => Ordering::Equal,
            1 => by_size(),
            _ => by_size().reverse(),
        })
    }
}

/// The exponent of a number; one that is too long is as large as any.
fn power(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let most = i64::MAX / 4;
    let size = digits.parse::<i64>().map_or(most, |size| size.min(most));
    Some(if text.starts_with('-') { -size } else { size })
}

/// How two numbers are to each other.
pub(super) fn compared(a: &Number, b: &Number) -> Ordering {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        return a.cmp(&b);
    }
    let (a, b) = (a.to_string(), b.to_string());
    match (Decimal::of_text(&a), Decimal::of_text(&b)) {
        (Some(a), Some(b)) => a.compared_to(b),
        // A number that was read is in JSON's form.
        _ => a.cmp(&b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_exactly_however_they_are_written() {
        // In order; those of a line are equal.
        let ascending: [&[&str]; 16] = [
            &["-1e99999999999999999999", "-1e99999999999999999998"],
            &["-1e400"],
            &["-10", "-1e1"],
            &["-9.5"],
            &["-1e-400"],
            &["0", "-0", "0.0", "0e5", "-0.00e99999999999999999999"],
            &["1e-400"],
            &["0.1", "1e-1", "10E-2", "0.10"],
            &["0.1000000000000000055511151231257827"],
            &["1", "1.0", "1e0", "0.001e3", "1.000e+0"],
            &["9007199254740992", "9007199254740992.0"],
            &["9007199254740993"],
            &["18446744073709551616"],
            &["1e20", "100000000000000000000"],
            &["1e400"],
            &["1e9999999999999999999"],
        ];
        for (place, equals) in ascending.iter().enumerate() {
            for (other, others) in ascending.iter().enumerate() {
                for (a, b) in equals
                    .iter()
                    .flat_map(|a| others.iter().map(move |b| (a, b)))
                {
                    let numbers = [a, b].map(|text| Decimal::of_text(text).unwrap());
                    assert_eq!(
                        numbers[0].compared_to(numbers[1]),
                        place.cmp(&other),
                        "{a} {b}"
                    );
                    let numbers = [a, b].map(|text| serde_json::from_str(text).unwrap());
                    assert_eq!(
                        compared(&numbers[0], &numbers[1]),
                        place.cmp(&other),
                        "{a} {b}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_in_json_is_no_number() {
        for text in [
            "", "-", "+1", "01", ".5", "5.", "1e", "1e+", "0x10", "1_000", " 1", "1 ", "inf", "١",
        ] {
            assert!(Decimal::of_text(text).is_none(), "{text}");
        }
    }
}
