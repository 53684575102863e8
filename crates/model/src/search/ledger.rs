//! What the steps say of each level.

use std::collections::BTreeMap;

use super::{
    Outcome, Step, StepKind,
    level::{units, words},
};

/// The levels that were tried, each by its newest result.
///
/// The newest counts because it was asked for when the older one was in doubt: a
/// confirmation over a longer window, or a second try after steps back. Steps on
/// the way down are left out: they show hysteresis and must not change what was
/// found on the way up. So are steps that say nothing of the target.
pub(super) struct Ledger<'a> {
    levels: BTreeMap<u64, Entry<'a>>,
    first_failure: Option<&'a Step>,
}

/// What is known of one level.
pub(super) struct Entry<'a> {
    /// Its newest step.
    pub newest: &'a Step,
    /// Its newest confirmation that passed, else its newest step.
    pub speaks: &'a Step,
    /// Whether its newest result is a confirmation that passed.
    pub confirmed: bool,
    /// How often it failed.
    pub failures: u32,
}

impl<'a> Ledger<'a> {
    /// The ledger of these steps.
    pub fn of(steps: &'a [Step]) -> Self {
        let mut levels: BTreeMap<u64, Entry<'a>> = BTreeMap::new();
        let mut first_failure = None;
        for (purpose, step) in with_purpose(steps) {
            if purpose == StepKind::Descend || !step.outcome.is_decisive() {
                continue;
            }
            let passed = step.outcome == Outcome::Passed;
            if !passed && first_failure.is_none() {
                first_failure = Some(step);
            }
            let entry = levels
                .entry(units(step.trial.level))
                .or_insert_with(|| Entry {
                    newest: step,
                    speaks: step,
                    confirmed: false,
                    failures: 0,
                });
            entry.newest = step;
            entry.failures += u32::from(!passed);
            entry.confirmed = passed && (entry.confirmed || purpose == StepKind::Confirm);
            if !entry.confirmed || purpose == StepKind::Confirm {
                entry.speaks = step;
            }
        }
        Self {
            levels,
            first_failure,
        }
    }

    /// The lowest level whose newest result is no pass.
    pub fn failed(&self) -> Option<&Entry<'a>> {
        self.levels.values().find(|entry| !entry.passed())
    }

    /// The highest level below [`Ledger::failed`]: all of those passed.
    pub fn best(&self) -> Option<&Entry<'a>> {
        self.levels
            .values()
            .take_while(|entry| entry.passed())
            .last()
    }

    /// The levels that passed below the lowest that failed, in ascending order.
    pub fn passed(&self) -> impl Iterator<Item = u64> + '_ {
        self.levels
            .iter()
            .take_while(|(_, entry)| entry.passed())
            .map(|(units, _)| *units)
    }

    /// What is known, in words: the best level, the lowest that failed, and the
    /// first failure where that is another one.
    pub fn so_far(&self) -> String {
        let best = match self.best() {
            None => "no level passed".to_owned(),
            Some(best) => {
                let level = words(best.newest.trial.level);
                if best.confirmed {
                    format!("{level} passed and held in the confirmation")
                } else {
                    format!("{level} passed")
                }
            }
        };
        let Some(failed) = self.failed() else {
            return best;
        };
        let lowest = failed.newest;
        let mut text = format!(
            "{best}, {} failed: {}",
            words(lowest.trial.level),
            lowest.message
        );
        let other = self.first_failure;
        if let Some(first) = other.filter(|it| it.trial.level != lowest.trial.level) {
            text.push_str("; the first failure was ");
            text.push_str(&words(first.trial.level));
            text.push_str(": ");
            text.push_str(&first.message);
        }
        text
    }
}

impl Entry<'_> {
    /// The level in units.
    pub fn units(&self) -> u64 {
        units(self.newest.trial.level)
    }

    fn passed(&self) -> bool {
        self.newest.outcome == Outcome::Passed
    }
}

/// Each step with what it is for: a repeat with the purpose of what it repeats.
pub(super) fn with_purpose(steps: &[Step]) -> impl Iterator<Item = (StepKind, &Step)> {
    let mut purpose = StepKind::Grow;
    steps.iter().map(move |step| {
        if step.trial.kind != StepKind::Repeat {
            purpose = step.trial.kind;
        }
        (purpose, step)
    })
}

/// The steps whose throughput says what their level brings. Those that the
/// generator limited, that were broken off, in which operations failed, or that
/// were on the way down do not count.
pub(super) fn with_throughput(steps: &[Step]) -> impl Iterator<Item = &Step> {
    let counts = |purpose: StepKind, step: &Step| {
        let outcome = step.outcome.is_decisive() && step.outcome != Outcome::Errors;
        outcome && purpose != StepKind::Descend && step.figures.throughput_per_s > 0.0
    };
    with_purpose(steps).filter_map(move |(purpose, step)| counts(purpose, step).then_some(step))
}

/// What the last step was for.
pub(super) fn purpose_of_last(steps: &[Step]) -> StepKind {
    with_purpose(steps)
        .last()
        .map_or(StepKind::Grow, |(purpose, _)| purpose)
}
