//! Instants as they are stored and sent.

use std::{ops::Add, time::Duration};

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;

/// Microseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The time of day in UTC to the millisecond, like `13:55:00.250 UTC`: for
    /// words whose day is known.
    #[must_use]
    pub fn time_of_day(self) -> String {
        let ms = self.0.div_euclid(1_000).rem_euclid(DAY_MS);
        let (seconds, ms) = (ms / 1_000, ms % 1_000);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        format!("{hour:02}:{minute:02}:{second:02}.{ms:03} UTC")
    }

    /// The instant `by` before this one.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(micros(by)))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }
}

/// Whole microseconds of a duration; the largest value when it does not fit.
#[must_use]
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Reads the time. The system's clock is one implementation, a test's another.
pub trait Clock: Send + Sync + 'static {
    /// Now, microseconds since the Unix epoch, UTC; never goes back.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_to_the_millisecond() {
        for (us, expected) in [
            (0, "00:00:00.000 UTC"),
            (1_795_183_531_524_879, "14:05:31.524 UTC"),
            (86_399_999_999, "23:59:59.999 UTC"),
            (-1, "23:59:59.999 UTC"),
        ] {
            assert_eq!(Timestamp(us).time_of_day(), expected, "{us}");
        }
    }
}
