//! The course of a load: which phase and step each of the engine's epochs is in, and when a load that nobody ends ends
//! itself.
//!
//! Every command that changes what is measured begins an epoch of its own: a phase, a step's settling, its window and
//! its end, a level, a pause. In the engine a boundary takes the place of those that were set for later; those that must
//! stay are entered again after it.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use gauntlet_engine::Epoch;
use gauntlet_model::{lifecycle::Phase, time::Timestamp};

/// How long beyond its plan a load may go on while nobody ends it. A control
/// plane that comes back within this time loses nothing; one that does not
/// must not leave a load behind that nobody can stop.
pub(crate) const ABANDONED_AFTER: Duration = Duration::from_mins(1);

/// How much longer a load may be paused: it holds connections, and no more.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// What operations that were due in an epoch belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stretch {
    pub(crate) phase: Phase,
    /// The step of a search; 0 for none.
    pub(crate) step: u32,
}

/// See the module. Instants are by the worker's clock.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// By the engine's epoch.
    stretches: Vec<Stretch>,
    /// From when on which phase, in their order.
    phases: Vec<(Timestamp, Phase)>,
    /// From when on which step, in their order; 0 before.
    steps: Vec<(Timestamp, u32)>,
    /// When the level changes or the load is paused or goes on.
    levels: Vec<Timestamp>,
    leash: Option<Leash>,
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
    pub(super) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// A phase begins; one that was planned for later does not, and no step goes on into it.
    pub(super) fn phase(&mut self, at: Timestamp, phase: Phase) -> Epochs {
        set(&mut self.phases, at, phase);
        set(&mut self.steps, at, 0);
        self.enter_from(at)
    }

    /// Nothing more is due from an instant on: what is measured after it is of the cooldown. No epoch begins.
    pub(super) fn cools(&mut self, at: Timestamp) {
        set(&mut self.phases, at, Phase::Cooldown);
        set(&mut self.steps, at, 0);
    }

    /// What is in force at an instant; `None` before the first phase.
    pub(super) fn at(&self, instant: Timestamp) -> Option<Stretch> {
        let phase = in_force(&self.phases, instant)?;
        let step = in_force(&self.steps, instant).unwrap_or(0);
        Some(Stretch { phase, step })
    }

    /// A level begins that operations due in `window` belong to a step with, and those before and after it to none.
    pub(super) fn step(&mut self, at: Timestamp, step: u32, window: Range<Timestamp>) -> Epochs {
        set(&mut self.steps, at, 0);
        if window.start.max(at) < window.end {
            set(&mut self.steps, window.start.max(at), step);
            set(&mut self.steps, window.end, 0);
        }
        self.enter_from(at)
    }

    /// A level, a pause or its end begins, in the phase and the step of that instant.
    pub(super) fn level(&mut self, at: Timestamp) -> Epochs {
        self.levels.push(at);
        self.enter_from(at)
    }

    /// The epochs from an instant on; none before the first phase.
    fn enter_from(&mut self, at: Timestamp) -> Epochs {
        let begins = self.phases.iter().map(|(begin, _)| *begin);
        let begins = begins.chain(self.steps.iter().map(|(begin, _)| *begin));
        let begins = begins.chain(self.levels.iter().copied());
        let later: BTreeSet<Timestamp> = begins.filter(|begin| *begin > at).chain([at]).collect();
        let mut epochs = Vec::new();
        for at in later {
            let Some(stretch) = self.at(at) else {
                continue;
            };
            epochs.push((at, Epoch(self.stretches.len() as u32)));
            self.stretches.push(stretch);
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

/// From an instant on there is a value, whatever was planned for later.
fn set<T>(marks: &mut Vec<(Timestamp, T)>, from: Timestamp, value: T) {
    marks.retain(|(begin, _)| *begin < from);
    marks.push((from, value));
}

/// The value at an instant; `None` before the first one.
fn in_force<T: Copy>(marks: &[(Timestamp, T)], at: Timestamp) -> Option<T> {
    let begun = marks.partition_point(|(begin, _)| *begin <= at);
    marks[..begun].last().map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn numbers(epochs: &[(Timestamp, Epoch)]) -> Vec<(i64, u32)> {
        epochs.iter().map(|(at, epoch)| (at.0, epoch.0)).collect()
    }

    fn stretch(phase: Phase, step: u32) -> Stretch {
        Stretch { phase, step }
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
        assert_eq!(course.stretches(), expected.map(|phase| stretch(phase, 0)));
    }

    #[test]
    fn a_level_does_not_take_the_place_of_a_phase_that_begins_later() {
        let mut course = Course::default();
        course.phase(Timestamp(10), Phase::Warmup);
        course.phase(Timestamp(50), Phase::Measurement);
        assert_eq!(numbers(&course.level(Timestamp(40))), [(40, 2), (50, 3)]);
        let expected = [Phase::Warmup, Phase::Measurement].map(|phase| stretch(phase, 0));
        assert_eq!(course.stretches()[2..], expected);
    }

    #[test]
    fn a_phase_takes_the_place_of_later_ones_and_keeps_the_levels() {
        let mut course = Course::default();
        course.phase(Timestamp(10), Phase::Warmup);
        course.level(Timestamp(60));
        course.phase(Timestamp(70), Phase::Cooldown);
        let measurement = course.phase(Timestamp(50), Phase::Measurement);
        assert_eq!(numbers(&measurement), [(50, 3), (60, 4)]);
        let expected = [stretch(Phase::Measurement, 0); 2];
        assert_eq!(course.stretches()[3..], expected);
    }

    #[test]
    fn a_step_has_its_window_which_a_level_keeps_and_the_next_step_ends() {
        let mut course = Course::default();
        course.phase(Timestamp(10), Phase::Measurement);
        let window = Timestamp(30)..Timestamp(60);
        let step = course.step(Timestamp(20), 1, window);
        assert_eq!(numbers(&step), [(20, 1), (30, 2), (60, 3)]);
        assert_eq!(numbers(&course.level(Timestamp(40))), [(40, 4), (60, 5)]);
        let window = Timestamp(55)..Timestamp(80);
        let step = course.step(Timestamp(50), 2, window);
        assert_eq!(numbers(&step), [(50, 6), (55, 7), (80, 8)]);
        // One that comes too late for its window has none.
        let step = course.step(Timestamp(90), 3, Timestamp(70)..Timestamp(90));
        assert_eq!(numbers(&step), [(90, 9)]);
        let steps: Vec<u32> = course.stretches().iter().map(|one| one.step).collect();
        assert_eq!(steps, [0, 0, 1, 0, 1, 0, 0, 2, 0, 0]);
    }

    #[derive(Clone, Debug)]
    enum Command {
        Phase(Phase),
        Step(u32, i64, i64),
        Level,
    }

    const END: usize = 120;

    /// When it comes, how long after that it takes effect, and what it is.
    fn commands() -> impl Strategy<Value = Vec<(i64, i64, Command)>> {
        let phases = [Phase::Warmup, Phase::Measurement, Phase::Cooldown];
        let command = prop_oneof![
            prop::sample::select(phases.to_vec()).prop_map(Command::Phase),
            (1_u32..9, 0_i64..20, 0_i64..30)
                .prop_map(|(step, settle, window)| Command::Step(step, settle, window)),
            Just(Command::Level),
        ];
        vec((0_i64..8, -5_i64..30, command), 0..14)
    }

    /// The epoch in force at each instant, as the engine has it.
    #[derive(Default)]
    struct Engine(Vec<(i64, u32)>);

    impl Engine {
        fn enter(&mut self, epochs: Epochs) {
            for (at, epoch) in epochs {
                self.0.retain(|(from, _)| *from < at.0);
                self.0.push((at.0, epoch.0));
            }
        }

        fn at(&self, instant: i64) -> Option<u32> {
            let begun = self.0.iter().rev().find(|(from, _)| *from <= instant);
            begun.map(|(_, epoch)| *epoch)
        }
    }

    proptest! {
        /// Against a model that paints each command over all instants that it concerns.
        #[test]
        fn the_phase_and_step_at_any_instant_are_those_commanded(commands in commands()) {
            let mut course = Course::default();
            let mut engine = Engine::default();
            let mut painted = [(None, 0); END];
            let mut now = 0;
            for (pause, ahead, command) in commands {
                now += pause;
                // What is late takes effect now.
                let (at, begins) = (now + ahead, (now + ahead).max(now));
                let instant = Timestamp(begins);
                match command {
                    Command::Phase(phase) => {
                        engine.enter(course.phase(instant, phase));
                        painted[begins as usize..].fill((Some(phase), 0));
                    }
                    Command::Step(step, settle, window) => {
                        let (from, to) = (at + settle, at + settle + window);
                        engine.enter(course.step(instant, step, Timestamp(from)..Timestamp(to)));
                        for (instant, one) in painted.iter_mut().enumerate().skip(begins as usize) {
                            let inside = (from..to).contains(&(instant as i64));
                            one.1 = if inside { step } else { 0 };
                        }
                    }
                    Command::Level => engine.enter(course.level(instant)),
                }
                for (instant, expected) in painted.iter().enumerate() {
                    let epoch = engine.at(instant as i64);
                    let found = epoch.map(|epoch| course.stretches()[epoch as usize]);
                    // Before the first phase nothing is due.
                    let expected = expected.0.map(|phase| stretch(phase, expected.1));
                    prop_assert_eq!(found, expected, "at {}", instant);
                    let instant = Timestamp(instant as i64);
                    prop_assert_eq!(course.at(instant), expected, "in force at {:?}", instant);
                }
            }
        }
    }

    #[test]
    fn after_its_end_a_load_is_in_the_cooldown_and_in_no_step() {
        let mut course = Course::default();
        assert_eq!(course.at(Timestamp(9)), None);
        course.phase(Timestamp(10), Phase::Measurement);
        course.step(Timestamp(20), 1, Timestamp(20)..Timestamp(60));
        let epochs = course.stretches().len();
        course.cools(Timestamp(40));
        assert_eq!(course.stretches().len(), epochs);
        for (instant, expected) in [
            (9, None),
            (10, Some(stretch(Phase::Measurement, 0))),
            (39, Some(stretch(Phase::Measurement, 1))),
            (40, Some(stretch(Phase::Cooldown, 0))),
            (70, Some(stretch(Phase::Cooldown, 0))),
        ] {
            assert_eq!(course.at(Timestamp(instant)), expected, "{instant}");
        }
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
