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

/// Nanoseconds as people write them, each unit once. What is negative is written
/// so, though no file may say it.
pub(super) fn write(nanoseconds: i128) -> String {
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let mut parts = vec![sign.to_owned()];
    let mut rest = nanoseconds.unsigned_abs();
    // Below a minute, one unit with a fraction reads better than several.
    let (whole, fractional) = UNITS.split_at(2);
    for (unit, length) in whole {
        if rest >= *length {
            parts.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if let Some((unit, length)) = fractional.iter().find(|(_, length)| rest >= *length) {
        let fraction = fraction(rest, *length);
        parts.push(format!("{}{fraction}{unit}", rest / length));
    }
    parts.concat()
}

/// What is beyond whole units, like `.5`; nothing when nothing is.
fn fraction(nanoseconds: u128, unit: u128) -> String {
    let digits = unit.ilog10() as usize;
    let part = format!(".{:0digits$}", nanoseconds % unit);
    part.trim_end_matches('0').trim_end_matches('.').to_owned()
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
    fn durations_are_written_short() {
        for (nanoseconds, expected) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5us"),
            (500_000_000, "500ms"),
            (1_500_000_000, "1.5s"),
            (20_000_000_000, "20s"),
            (60_000_000_000, "1m"),
            (90_000_000_000, "1m30s"),
            (90_250_000_000, "1m30.25s"),
            (60_000_000_001, "1m1ns"),
            (86_400_000_000_000, "24h"),
            (-90_000_000_000, "-1m30s"),
        ] {
            assert_eq!(write(nanoseconds), expected);
        }
    }

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
