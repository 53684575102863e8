//! Figures as people read them: counts, rates, sizes, latencies, durations and
//! instants. The terminal and the files of a report write them alike.

/// `1234567` as `1,234,567`.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Operations per second: whole from a hundred on, one decimal below.
#[must_use]
pub fn rate(per_s: f64) -> String {
    if per_s < 99.95 {
        return format!("{per_s:.1}/s");
    }
    format!("{}/s", count(per_s.round() as u64))
}

/// A size in bytes, in the unit that suits it.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut units = ["kB", "MB", "GB", "TB"].into_iter();
    let mut unit = "B";
    while size >= 999.5 {
        let Some(next) = units.next() else { break };
        size /= 1e3;
        unit = next;
    }
    if unit == "B" {
        return format!("{bytes} B");
    }
    format!("{} {unit}", three_digits(size))
}

/// A latency in microseconds with three digits that count, in the unit that
/// suits it.
#[must_use]
pub fn latency(us: f64) -> String {
    if us < 999.5 {
        return format!("{} µs", three_digits(us));
    }
    if us < 9_999_500.0 {
        return format!("{} ms", three_digits(us / 1e3));
    }
    format!("{} s", three_digits(us / 1e6))
}

fn three_digits(value: f64) -> String {
    if value <= 0.0 {
        return "0".to_owned();
    }
    if value < 9.995 {
        return format!("{value:.2}");
    }
    if value < 99.95 {
        return format!("{value:.1}");
    }
    count(value.round() as u64)
}

/// A length of time in microseconds, as `1 h 2 min`, `1 min 30 s`, `15 s`,
/// `1.5 s` or `500 ms`: what is too small to matter beside the rest is left out.
#[must_use]
pub fn duration(us: i64) -> String {
    let us = us.max(0);
    if us < 1_000_000 {
        return if us % 1_000 == 0 {
            format!("{} ms", us / 1_000)
        } else {
            latency(us as f64)
        };
    }
    let tenths = (us + 50_000) / 100_000;
    if tenths < 600 {
        let (seconds, tenth) = (tenths / 10, tenths % 10);
        return if tenth == 0 {
            format!("{seconds} s")
        } else {
            format!("{seconds}.{tenth} s")
        };
    }
    let seconds = (us + 500_000) / 1_000_000;
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")];
    let first = parts.iter().position(|(value, _)| *value > 0).unwrap_or(3);
    let shown: Vec<String> = parts[first..]
        .iter()
        .take(2)
        .filter(|(value, _)| *value > 0)
        .map(|(value, unit)| format!("{value} {unit}"))
        .collect();
    shown.join(" ")
}

/// A share between 0 and 1 in percent.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = if percent < 1.0 { 4 } else { 2 };
    format!("{} %", trimmed(&format!("{percent:.digits$}")))
}

/// A number without needless decimals.
#[must_use]
pub fn plain(value: f64) -> String {
    trimmed(&format!("{value:.4}")).to_owned()
}

/// Without the zeros at the end of a number that has decimals.
fn trimmed(number: &str) -> &str {
    number.trim_end_matches('0').trim_end_matches('.')
}

/// An instant in microseconds since the Unix epoch as `2025-11-20 10:44:07 UTC`.
#[must_use]
pub fn instant(us: i64) -> String {
    let seconds = us.div_euclid(1_000_000);
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic
/// Gregorian calendar (`civil_from_days` of Howard Hinnant's chrono-compatible
/// algorithms: years begin in March, so that the leap day is the last).
#[must_use]
pub fn date(day: i64) -> (i64, i64, i64) {
    let day = day.saturating_add(719_468);
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        let shown = [0, 999, 1_000, 8_192, 999_499, 12_300_000, 4_000_000_000_000];
        let shown = shown.map(bytes);
        let expected = [
            "0 B", "999 B", "1.00 kB", "8.19 kB", "999 kB", "12.3 MB", "4.00 TB",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn counts() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn rates() {
        for (value, text) in [
            (0.0, "0.0/s"),
            (12.34, "12.3/s"),
            (99.96, "100/s"),
            (12_345.6, "12,346/s"),
        ] {
            assert_eq!(rate(value), text);
        }
    }

    #[test]
    fn latencies() {
        for (us, text) in [
            (0.0, "0 µs"),
            (0.125, "0.12 µs"),
            (8.125, "8.12 µs"),
            (81.25, "81.2 µs"),
            (812.4, "812 µs"),
            (999.4, "999 µs"),
            (999.6, "1.00 ms"),
            (1_234.0, "1.23 ms"),
            (12_345.0, "12.3 ms"),
            (1_900_000.0, "1,900 ms"),
            (12_345_000.0, "12.3 s"),
        ] {
            assert_eq!(latency(us), text);
        }
    }

    #[test]
    fn durations() {
        for (us, text) in [
            (-5, "0 ms"),
            (0, "0 ms"),
            (250, "250 µs"),
            (500_000, "500 ms"),
            (1_000_000, "1 s"),
            (1_540_000, "1.5 s"),
            (15_000_312, "15 s"),
            (59_960_000, "1 min"),
            (90_000_000, "1 min 30 s"),
            (3_720_000_000, "1 h 2 min"),
            (3_601_000_000, "1 h"),
            (90_000_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(us), text);
        }
    }

    #[test]
    fn shares_and_plain_numbers() {
        for (share, text) in [
            (0.0, "0 %"),
            (0.01, "1 %"),
            (0.0123, "1.23 %"),
            (0.000_123, "0.0123 %"),
        ] {
            assert_eq!(percent(share), text);
        }
        for (value, text) in [
            (70.0, "70"),
            (69.5, "69.5"),
            (1000.0, "1000"),
            (0.01, "0.01"),
        ] {
            assert_eq!(plain(value), text);
        }
    }

    #[test]
    fn instants() {
        for (us, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400_000_000, "2000-02-29 00:00:00 UTC"),
            (1_763_635_447_123_456, "2025-11-20 10:44:07 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(instant(us), text);
        }
    }
}
