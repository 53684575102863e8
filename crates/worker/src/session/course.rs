//! The course of a load: which phase each of the engine's epochs is in, and when a load that nobody ends ends itself.
//!
//! Every command that changes what is measured begins an epoch of its own: a phase, a level, a pause. In the engine a
//! boundary takes the place of those that were set for later; those that must stay are entered again after it.

use std::time::Duration;

use gauntlet_engine::Epoch;
use gauntlet_model::{lifecycle::Phase, time::Timestamp};

/// How long beyond its plan a load may go on while nobody ends it. A control
/// plane that comes back within this time loses nothing; one that does not
/// must not leave a load behind that nobody can stop.
pub(crate) const ABANDONED_AFTER: Duration = Duration::from_mins(1);

/// How much longer a load may be paused: it holds connections, and no more.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// See the module. Instants are by the worker's clock.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// By the engine's epoch.
    phases: Vec<Phase>,
    /// The last one that has begun, and those that begin later, in their order.
    boundaries: Vec<Boundary>,
    leash: Option<Leash>,
}

/// Where an epoch begins.
#[derive(Clone, Copy, Debug)]
struct Boundary {
    at: Timestamp,
    phase: Phase,
    /// It begins for the sake of a level, not of its phase.
    level: bool,
}

/// When the load ends itself.
#[derive(Clone, Copy, Debug)]
struct Leash {
    ends: Timestamp,
    paused: Option<Timestamp>,
}

/// Epochs to enter, in this order.
pub(super) type Epochs = Vec<(Timestamp, Epoch)>;

impl Course {
    /// By the engine's epoch.
    pub(super) fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// A phase begins; one that was planned for later does not.
    pub(super) fn phase(&mut self, at: Timestamp, phase: Phase) -> Epochs {
        let later = self.split_off(at);
        let levels = later.into_iter().filter(|boundary| boundary.level);
        let kept = levels.map(|boundary| Boundary { phase, ..boundary });
        let first = Boundary {
            at,
            phase,
            level: false,
        };
        self.enter(first, kept.collect())
    }

    /// A level, a pause or its end begins, in the phase of that instant; nothing before the first phase.
    pub(super) fn level(&mut self, at: Timestamp) -> Epochs {
        let later = self.split_off(at);
        let Some(last) = self.boundaries.last() else {
            self.boundaries = later;
            return Vec::new();
        };
        let first = Boundary {
            at,
            phase: last.phase,
            level: true,
        };
        self.enter(first, later)
    }

    /// Takes the boundaries after an instant away, and all that are over but the last.
    fn split_off(&mut self, at: Timestamp) -> Vec<Boundary> {
        let begun = self
            .boundaries
            .partition_point(|boundary| boundary.at <= at);
        let later = self.boundaries.split_off(begun);
        self.boundaries.drain(..begun.saturating_sub(1));
        later
    }

    fn enter(&mut self, first: Boundary, later: Vec<Boundary>) -> Epochs {
        let mut epochs = Vec::new();
        for boundary in [first].into_iter().chain(later) {
            epochs.push((boundary.at, Epoch(self.phases.len() as u32)));
            self.phases.push(boundary.phase);
            self.boundaries.push(boundary);
        }
        epochs
    }

    /// The load begins, and is planned to last so long.
    pub(super) fn begins(&mut self, at: Timestamp, planned: Duration) {
        self.leash = Some(Leash {
            ends: at + planned + ABANDONED_AFTER,
            paused: None,
        });
    }

    /// The load is paused: its plan takes that much longer.
    pub(super) fn pauses(&mut self, at: Timestamp) {
        if let Some(leash) = &mut self.leash {
            leash.paused.get_or_insert(at);
        }
    }

    /// The pause is over.
    pub(super) fn resumes(&mut self, at: Timestamp) {
        if let Some(leash) = &mut self.leash
            && let Some(paused) = leash.paused.take()
        {
            leash.ends = leash.ends + at.since(paused);
        }
    }

    /// Somebody ends the load.
    pub(super) fn ends(&mut self) {
        self.leash = None;
    }

    /// When the load ends itself; `None` while there is none, or while it is being ended.
    pub(super) fn abandoned_at(&self) -> Option<Timestamp> {
        self.leash.map(|leash| match leash.paused {
            None => leash.ends,
            Some(_) => leash.ends + LONGEST_PAUSE,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(epochs: &[(Timestamp, Epoch)]) -> Vec<(i64, u32)> {
        epochs.iter().map(|(at, epoch)| (at.0, epoch.0)).collect()
    }

    #[test]
    fn every_change_begins_an_epoch_in_its_phase() {
        let mut course = Course::default();
        assert_eq!(numbers(&course.level(Timestamp(1))), []);
        let warmup = course.phase(Timestamp(10), Phase::Warmup);
        assert_eq!(numbers(&warmup), [(10, 0)]);
        assert_eq!(numbers(&course.level(Timestamp(20))), [(20, 1)]);
        let measurement = course.phase(Timestamp(30), Phase::Measurement);
        assert_eq!(numbers(&measurement), [(30, 2)]);
        assert_eq!(numbers(&course.level(Timestamp(30))), [(30, 3)]);
        let (warmup, measurement) = (Phase::Warmup, Phase::Measurement);
        let expected = [warmup, warmup, measurement, measurement];
        assert_eq!(course.phases(), expected);
    }

    #[test]
    fn a_level_does_not_take_the_place_of_a_phase_that_begins_later() {
        let mut course = Course::default();
        course.phase(Timestamp(10), Phase::Warmup);
        course.phase(Timestamp(50), Phase::Measurement);
        assert_eq!(numbers(&course.level(Timestamp(40))), [(40, 2), (50, 3)]);
        assert_eq!(course.phases()[2..], [Phase::Warmup, Phase::Measurement]);
    }

    #[test]
    fn a_phase_takes_the_place_of_later_ones_and_keeps_the_levels() {
        let mut course = Course::default();
        course.phase(Timestamp(10), Phase::Warmup);
        course.level(Timestamp(60));
        course.phase(Timestamp(70), Phase::Cooldown);
        let measurement = course.phase(Timestamp(50), Phase::Measurement);
        assert_eq!(numbers(&measurement), [(50, 3), (60, 4)]);
        assert_eq!(course.phases()[3..], [Phase::Measurement; 2]);
    }

    #[test]
    fn a_pause_does_not_shorten_the_plan() {
        let second = |number: i64| Timestamp(number * 1_000_000);
        let mut course = Course::default();
        assert_eq!(course.abandoned_at(), None);
        course.begins(second(0), Duration::from_secs(100));
        assert_eq!(course.abandoned_at(), Some(second(160)));
        course.pauses(second(50));
        course.pauses(second(70));
        let paused = course.abandoned_at();
        assert_eq!(paused, Some(second(160) + LONGEST_PAUSE));
        course.resumes(second(80));
        course.resumes(second(90));
        assert_eq!(course.abandoned_at(), Some(second(190)));
        course.ends();
        assert_eq!(course.abandoned_at(), None);
    }
}
