//! Durations as flags take them: `30d`, `12h`, `90s`, `500ms`.

use std::time::Duration;

/// The units, each with its length in milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// A whole number and a unit.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let length = UNITS.iter().find(|(name, _)| *name == unit);
    let parsed = length.and_then(|(_, length)| number.parse::<u64>().ok()?.checked_mul(*length));
    parsed.map(Duration::from_millis).ok_or_else(|| {
        "give a whole number and one of ms, s, m, h, d, w, like 30d or 90s".to_owned()
    })
}

/// One that is not zero.
pub fn positive(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err("give more than zero".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit() {
        for (text, seconds) in [
            ("30d", 2_592_000),
            ("2w", 1_209_600),
            ("90s", 90),
            ("0h", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        for bad in [
            "",
            "30",
            "d",
            "-1d",
            "1.5h",
            "1h30m",
            "1y",
            "99999999999999999999d",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(positive("0d").is_err());
    }
}
