//! Instants as text.

use gauntlet_model::time::Timestamp;

const DAY_US: i64 = 86_400_000_000;

/// RFC 3339 in UTC with microseconds, like `2026-11-20T13:55:00.000001Z`.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    let (year, month, day) = date(time.0.div_euclid(DAY_US));
    let us = time.0.rem_euclid(DAY_US);
    let (seconds, us) = (us / 1_000_000, us % 1_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{us:06}Z")
}

/// The date of a day counted from 1970-01-01, in the proleptic Gregorian
/// calendar (`civil_from_days` of Howard Hinnant's chrono-compatible algorithms:
/// years begin in March, so that the leap day is the last).
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
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
    fn instants_are_written_as_the_calendar_has_them() {
        for (us, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_709_251_199_123_456, "2024-02-29T23:59:59.123456Z"),
            (4_107_542_400_000_001, "2100-03-01T00:00:00.000001Z"),
        ] {
            assert_eq!(rfc3339(Timestamp(us)), expected);
        }
    }
}
