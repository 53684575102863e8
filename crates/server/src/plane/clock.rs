//! The only place of the control plane that reads the system's clock.

use std::time::{Instant, SystemTime};

use gauntlet_model::time::{Clock, Timestamp, micros};

/// The system's time when it was made, and from then on a clock that never
/// goes back and is not moved by corrections of the system's time: durations of
/// a run are differences of its instants.
pub(super) struct SystemClock {
    began: Timestamp,
    since: Instant,
}

impl SystemClock {
    pub(super) fn starting_now() -> Self {
        let since = Instant::now();
        let began = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, micros);
        Self {
            began: Timestamp(began),
            since,
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.began + self.since.elapsed()
    }
}
