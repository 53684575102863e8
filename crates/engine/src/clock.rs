//! Monotonic time as nanoseconds since the engine started: one word, so that it fits into an atomic.

use std::time::{Duration, Instant};

/// Nanoseconds since the base of a [`Clock`].
pub(crate) type Nanos = u64;

/// An instant that never comes.
pub(crate) const NEVER: Nanos = u64::MAX;

/// Converts between [`Instant`] and [`Nanos`]; the only place of this crate that reads the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    base: Instant,
}

impl Clock {
    pub(crate) fn starting_now() -> Self {
        Self {
            base: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Nanos {
        self.nanos(Instant::now())
    }

    /// An instant before the base becomes the base.
    pub(crate) fn nanos(&self, at: Instant) -> Nanos {
        nanos(at.saturating_duration_since(self.base))
    }

    pub(crate) fn instant(&self, at: Nanos) -> Instant {
        self.base + Duration::from_nanos(at)
    }
}

/// A duration in nanoseconds; five hundred years are the most.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}
