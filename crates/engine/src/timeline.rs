//! Epochs: named stretches of a run. An operation belongs to the epoch of the instant it was due.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::{NEVER, Nanos};

/// A stretch of a run, numbered by the caller (for example a phase and a step).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Boundary {
    from: Nanos,
    epoch: Epoch,
}

/// The boundaries that are known so far. Written rarely; readers hold a copy and look at one atomic number to see that
/// it is still the newest.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    version: AtomicU64,
    boundaries: Mutex<Arc<[Boundary]>>,
}

impl Timeline {
    /// Operations due from `from` on belong to `epoch`. Boundaries that were planned for later are superseded.
    pub(crate) fn enter(&self, from: Nanos, epoch: Epoch) {
        let mut boundaries = self
            .boundaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let kept = boundaries
            .iter()
            .copied()
            .filter(|boundary| boundary.from < from);
        *boundaries = kept.chain([Boundary { from, epoch }]).collect();
        self.version.fetch_add(1, Ordering::Release);
    }
}

/// One thread's view of the timeline.
#[derive(Debug)]
pub(crate) struct Cursor {
    timeline: Arc<Timeline>,
    version: u64,
    boundaries: Arc<[Boundary]>,
    /// The stretch that was looked up last.
    from: Nanos,
    until: Nanos,
    epoch: Epoch,
}

impl Cursor {
    pub(crate) fn new(timeline: Arc<Timeline>) -> Self {
        Self {
            timeline,
            version: 0,
            boundaries: Arc::new([]),
            from: 0,
            until: NEVER,
            epoch: Epoch(0),
        }
    }

    /// The epoch of an operation that was due at `due`. What is due before the first boundary belongs to the first epoch.
    #[inline]
    pub(crate) fn epoch(&mut self, due: Nanos) -> Epoch {
        let version = self.timeline.version.load(Ordering::Acquire);
        if version != self.version || due < self.from || due >= self.until {
            self.locate(due, version);
        }
        self.epoch
    }

    fn locate(&mut self, due: Nanos, version: u64) {
        if version != self.version {
            // The version was read before the boundaries, so at worst the next call looks once more.
            self.boundaries = Arc::clone(
                &self
                    .timeline
                    .boundaries
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner),
            );
            self.version = version;
        }
        let after = self
            .boundaries
            .partition_point(|boundary| boundary.from <= due)
            .max(1);
        let Some(here) = self.boundaries.get(after - 1) else {
            return;
        };
        self.epoch = here.epoch;
        self.from = if after == 1 { 0 } else { here.from };
        self.until = self.boundaries.get(after).map_or(NEVER, |next| next.from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entered: &[(Nanos, u32)], expected: &[(Nanos, u32)]) {
        let timeline = Arc::new(Timeline::default());
        let mut cursor = Cursor::new(Arc::clone(&timeline));
        for (from, epoch) in entered {
            timeline.enter(*from, Epoch(*epoch));
            cursor.epoch(*from);
        }
        let found: Vec<(Nanos, u32)> = expected
            .iter()
            .map(|(due, _)| (*due, cursor.epoch(*due).0))
            .collect();
        assert_eq!(found, expected, "{entered:?}");
    }

    #[test]
    fn the_due_instant_decides_also_when_asked_late_and_out_of_order() {
        check(&[], &[(0, 0), (9, 0)]);
        check(&[(10, 1)], &[(5, 1), (10, 1), (99, 1)]);
        check(
            &[(10, 1), (20, 2)],
            &[(19, 1), (20, 2), (19, 1), (500, 2), (0, 1)],
        );
        check(&[(10, 1), (20, 2), (30, 3)], &[(29, 2), (10, 1), (30, 3)]);
    }

    #[test]
    fn a_newer_command_supersedes_what_was_planned_for_later() {
        check(&[(10, 1), (50, 2), (40, 3)], &[(39, 1), (40, 3), (50, 3)]);
        check(&[(10, 1), (20, 2), (20, 3)], &[(19, 1), (20, 3)]);
    }
}
