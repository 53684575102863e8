//! The cluster's time: tokio's, paused, so it jumps to the next timer when
//! everybody waits.

use std::time::Duration;

use gauntlet_model::time::{Clock, Timestamp};
use tokio::time::Instant;

/// When the simulation begins.
const BEGINNING: Timestamp = Timestamp(1_700_000_000_000_000);

/// The control plane's clock.
#[derive(Clone, Copy, Debug)]
pub struct SimClock {
    origin: Instant,
}

impl SimClock {
    /// A clock that begins now.
    #[must_use]
    pub fn starting_now() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// How long the simulation has lasted.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The instant of a time.
    #[must_use]
    pub fn instant(&self, time: Timestamp) -> Instant {
        self.origin + time.since(BEGINNING)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        BEGINNING + self.origin.elapsed()
    }
}

/// A worker's clock: it is wrong by an offset.
#[derive(Clone, Copy, Debug)]
pub struct WorkerClock {
    clock: SimClock,
    offset_us: i64,
}

impl WorkerClock {
    /// A clock that is so far ahead of the control plane's.
    #[must_use]
    pub fn new(clock: SimClock, offset_us: i64) -> Self {
        Self { clock, offset_us }
    }

    /// Now, by this clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.now().0 + self.offset_us)
    }

    /// The instant of a time by this clock.
    #[must_use]
    pub fn instant(&self, time: Timestamp) -> Instant {
        self.clock.instant(self.true_time(time))
    }

    /// The true time of a time by this clock.
    #[must_use]
    pub fn true_time(&self, time: Timestamp) -> Timestamp {
        Timestamp(time.0 - self.offset_us)
    }
}
