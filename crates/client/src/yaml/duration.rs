//! Durations as people write them: `20s`, `500ms`, `1m30s`, `2h`, `0.5s`.

/// The units in the order in which they may follow one another, with their
/// length in nanoseconds.
const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];
/// More than a duration of protobuf can hold is a slip of the finger.
const LONGEST_SECONDS: u128 = 315_576_000_000;

/// Seconds and nanoseconds of a duration; `None` when the text is not one.
pub(super) fn parse(text: &str) -> Option<(i64, i32)> {
    let mut rest = text;
    let mut total: u128 = 0;
    let mut units = UNITS.as_slice();
    while !rest.is_empty() {
        let number_ends = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at(number_ends);
        let unit_ends = after
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_ends);
        // Each unit once, the longer ones first: "1s1m" is more likely a slip.
        let at = units.iter().position(|(name, _)| *name == unit)?;
        total = total.checked_add(nanoseconds(number, units[at].1)?)?;
        units = &units[at + 1..];
        rest = next;
    }
    let seconds = total / 1_000_000_000;
    if text.is_empty() || seconds > LONGEST_SECONDS {
        return None;
    }
    Some((
        i64::try_from(seconds).ok()?,
        i32::try_from(total % 1_000_000_000).ok()?,
    ))
}

/// A decimal number of units in nanoseconds, exactly; what is below one
/// nanosecond is cut off.
fn nanoseconds(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty()
        || fraction.is_empty()
        || whole.len() > 18
        || fraction.len() > 18
        || fraction.contains('.')
    {
        return None;
    }
    let part = fraction.parse::<u128>().ok()? * unit / 10_u128.pow(fraction.len() as u32);
    Some(whole.parse::<u128>().ok()? * unit + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("20s", Some((20, 0))),
            ("500ms", Some((0, 500_000_000))),
            ("1m30s", Some((90, 0))),
            ("2h", Some((7200, 0))),
            ("0.5s", Some((0, 500_000_000))),
            ("1.5m", Some((90, 0))),
            ("1h1m1s1ms1us1ns", Some((3661, 1_001_001))),
            ("0s", Some((0, 0))),
            ("250us", Some((0, 250_000))),
            ("", None),
            ("20", None),
            ("s", None),
            ("20 s", None),
            ("-1s", None),
            ("1s1m", None),
            ("1s1s", None),
            ("1.s", None),
            (".5s", None),
            ("1.2.3s", None),
            ("5d", None),
            ("1e3s", None),
            ("400000000000s", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
