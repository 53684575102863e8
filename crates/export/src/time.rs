//! Instants as text.

use gauntlet_model::{number::date, time::Timestamp};

const DAY_US: i64 = 86_400_000_000;

/// RFC 3339 in UTC with microseconds, like `2026-11-20T13:55:00.000001Z`.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    let (year, month, day) = date(time.0.div_euclid(DAY_US));
    let us = time.0.rem_euclid(DAY_US);
    let (seconds, us) = (us / 1_000_000, us % 1_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{us:06}Z")
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
