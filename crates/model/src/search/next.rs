//! Which level comes next.

use super::{
    Ledger, Next, Outcome, Progress, SearchEnd, Step, StepKind, Trial,
    ledger::{Entry, purpose_of_last, with_purpose},
    level::{of_units, to_units, units, words},
};
use crate::template::{Bisect, Level, Linear, Method, Search};

/// How often in a row a level is tried again that said nothing of the target.
const MOST_REPEATS: usize = 3;
/// The most steps on the way down.
const MOST_DESCENTS: usize = 4;

/// See [`Progress::next`].
pub(super) fn next(progress: &Progress, search: &Search, first: Level, can_scale: bool) -> Next {
    let steps = &progress.steps;
    let plan = Plan {
        steps,
        search,
        first,
        ledger: Ledger::of(steps),
    };
    let proposal = plan
        .repeat(can_scale)
        .unwrap_or_else(|| match search.method {
            Method::Bisect(bisect) => plan.bisect(bisect),
            Method::Linear(linear) => plan.linear(linear),
        });
    let room = steps.len() < search.max_steps as usize;
    match proposal {
        Proposal::End(end, message) => Next::End(end, message),
        Proposal::Try(kind, level) if room => Next::Try(Trial {
            step: steps.len() as u32 + 1,
            kind,
            level: of_units(first, level),
        }),
        // The way down adds to what was found; that it is cut takes nothing away.
        Proposal::Try(kind, _) if plan.is_way_down(kind) => {
            let (end, message) = plan.found();
            Next::End(end, message)
        }
        Proposal::Try(..) => Next::End(
            SearchEnd::MaxSteps,
            format!("{} steps were made; {}", steps.len(), plan.ledger.so_far()),
        ),
    }
}

/// What follows, before the number of steps is looked at.
enum Proposal {
    /// A level in units.
    Try(StepKind, u64),
    End(SearchEnd, String),
}

/// The steps so far and what the search asks for.
struct Plan<'a> {
    steps: &'a [Step],
    search: &'a Search,
    first: Level,
    ledger: Ledger<'a>,
}

impl Plan<'_> {
    /// What follows a step that says nothing of the target: the same level, or
    /// the end when that does not help.
    fn repeat(&self, can_scale: bool) -> Option<Proposal> {
        let last = self
            .steps
            .last()
            .filter(|step| !step.outcome.is_decisive())?;
        let level = words(last.trial.level);
        let generator = last.outcome == Outcome::Generator;
        if self.times_in_a_row(last.outcome) <= MOST_REPEATS && (can_scale || !generator) {
            return Some(Proposal::Try(StepKind::Repeat, units(last.trial.level)));
        }
        if self.is_way_down(StepKind::Repeat) {
            let (end, message) = self.found();
            return Some(Proposal::End(end, message));
        }
        let so_far = self.ledger.so_far();
        let (end, message) = if generator {
            let why = if can_scale {
                "workers were added and it still is"
            } else {
                "no worker can be added"
            };
            let message = format!(
                "the generator is the limit at {level} and {why}: {}; {so_far}",
                last.message
            );
            (SearchEnd::Generator, message)
        } else {
            let message = format!(
                "the step at {level} was broken off {} times in a row; {so_far}",
                MOST_REPEATS + 1
            );
            (SearchEnd::Stopped, message)
        };
        Some(Proposal::End(end, message))
    }

    /// How many of the steps since the last one that said something had this outcome.
    fn times_in_a_row(&self, outcome: Outcome) -> usize {
        self.steps
            .iter()
            .rev()
            .take_while(|step| !step.outcome.is_decisive())
            .filter(|step| step.outcome == outcome)
            .count()
    }

    fn is_way_down(&self, kind: StepKind) -> bool {
        match kind {
            StepKind::Descend => true,
            StepKind::Repeat => purpose_of_last(self.steps) == StepKind::Descend,
            _ => false,
        }
    }

    fn bisect(&self, bisect: Bisect) -> Proposal {
        if self.steps.is_empty() {
            return Proposal::Try(StepKind::Grow, units(self.first));
        }
        let Some(best) = self.ledger.best().map(Entry::units) else {
            return self.none_passed();
        };
        match self.ledger.failed().map(Entry::units) {
            None if best < self.highest() => {
                let grown = (best as f64 * bisect.growth).round() as u64;
                let more = grown.max(best + 1).min(self.highest());
                Proposal::Try(StepKind::Grow, more)
            }
            Some(failed) if is_wide(best, failed, bisect.resolution) => {
                Proposal::Try(StepKind::Bisect, u64::midpoint(best, failed))
            }
            _ => self.finish(bisect.descend),
        }
    }

    /// Up by equal increments. After a failure the best level is tried again,
    /// then the middle between the two, then the search goes on upward: to the
    /// level that failed, if it failed only once, and beyond.
    fn linear(&self, linear: Linear) -> Proposal {
        let Some((purpose, last)) = with_purpose(self.steps).last() else {
            return Proposal::Try(StepKind::Grow, units(self.first));
        };
        let Some(best) = self.ledger.best().map(Entry::units) else {
            return self.none_passed();
        };
        let passed = last.outcome == Outcome::Passed;
        let failed = self.ledger.failed().map(Entry::units);
        match (purpose, passed, failed) {
            (StepKind::Confirm, ..) => self.finish(false),
            (StepKind::BackOff, true, Some(failed)) if failed - best > 1 => {
                Proposal::Try(StepKind::Bisect, u64::midpoint(best, failed))
            }
            (_, true, _) => self.upward(best, linear),
            (_, false, _) if self.steps_back() < linear.backoffs as usize => {
                Proposal::Try(StepKind::BackOff, best)
            }
            (_, false, _) => self.finish(false),
        }
    }

    /// One increment up, but not past a level that failed, and not to one that
    /// failed twice.
    fn upward(&self, best: u64, linear: Linear) -> Proposal {
        let increment = to_units(self.first, linear.increment);
        let up = best.saturating_add(increment).min(self.highest());
        let to = match self.ledger.failed() {
            Some(failed) if failed.failures >= 2 && up >= failed.units() => best,
            Some(failed) => up.min(failed.units()),
            None => up,
        };
        if to > best {
            Proposal::Try(StepKind::Grow, to)
        } else {
            self.finish(false)
        }
    }

    fn steps_back(&self) -> usize {
        let mut count = 0;
        for step in self.steps {
            count += usize::from(step.trial.kind == StepKind::BackOff);
        }
        count
    }

    /// The best level once more over a longer window, then the way down, then
    /// the end.
    fn finish(&self, descend: bool) -> Proposal {
        let Some(best) = self.ledger.best() else {
            return self.none_passed();
        };
        if !best.confirmed && !self.search.confirm.is_zero() {
            return Proposal::Try(StepKind::Confirm, best.units());
        }
        if descend && let Some(&level) = self.way_down().get(self.descents().count()) {
            return Proposal::Try(StepKind::Descend, level);
        }
        let (end, message) = self.found();
        Proposal::End(end, message)
    }

    /// The lowest level that failed, the best one, and two lower ones down to its
    /// half: those tried on the way up that are nearest to three quarters and to a
    /// half, because for them there is something to compare with.
    fn way_down(&self) -> Vec<u64> {
        let Some(best) = self.ledger.best().map(Entry::units) else {
            return Vec::new();
        };
        let mut levels: Vec<u64> = self.ledger.failed().map(Entry::units).into_iter().collect();
        levels.push(best);
        for aim in [best * 3 / 4, best / 2] {
            let nearest = self
                .ledger
                .passed()
                .filter(|level| *level >= best / 2 && levels.last().is_some_and(|it| level < it))
                .min_by_key(|level| level.abs_diff(aim));
            levels.extend(nearest);
        }
        levels.truncate(MOST_DESCENTS);
        levels
    }

    /// The steps on the way down that said something.
    fn descents(&self) -> impl Iterator<Item = &Step> {
        with_purpose(self.steps)
            .filter(|(purpose, step)| *purpose == StepKind::Descend && step.outcome.is_decisive())
            .map(|(_, step)| step)
    }

    /// The highest level that is tried, in units.
    fn highest(&self) -> u64 {
        to_units(self.first, self.search.max_level).max(units(self.first))
    }

    fn none_passed(&self) -> Proposal {
        let why = self.ledger.failed().map_or_else(String::new, |failed| {
            format!(
                ": {} failed: {}",
                words(failed.newest.trial.level),
                failed.newest.message
            )
        });
        Proposal::End(
            SearchEnd::NonePassed,
            format!("no level passed{why}; begin lower or allow more"),
        )
    }

    fn found(&self) -> (SearchEnd, String) {
        let end = match self.ledger.failed() {
            Some(_) => SearchEnd::Found,
            None => SearchEnd::MaxLevel,
        };
        let mut message = self.ledger.so_far();
        if end == SearchEnd::MaxLevel {
            message.push_str("; it is the highest level allowed, the target's limit lies above");
        }
        message.push_str(&self.hysteresis());
        (end, message)
    }

    /// What the way down showed; empty without one.
    fn hysteresis(&self) -> String {
        let best = self.ledger.best().map_or(0, Entry::units);
        let lower: Vec<&Step> = self
            .descents()
            .filter(|step| units(step.trial.level) <= best)
            .collect();
        let failed: Vec<String> = lower
            .iter()
            .filter(|step| step.outcome != Outcome::Passed)
            .map(|step| format!("{} ({})", words(step.trial.level), step.message))
            .collect();
        if lower.is_empty() {
            String::new()
        } else if failed.is_empty() {
            "; no hysteresis: on the way down all that passed before passed again".to_owned()
        } else {
            format!(
                "; hysteresis: on the way down failed what had passed before: {}",
                failed.join(", ")
            )
        }
    }
}

/// Whether the gap is wider than asked for and has a level in it.
fn is_wide(best: u64, failed: u64, resolution: f64) -> bool {
    let gap = failed - best;
    gap > 1 && gap as f64 > resolution * failed as f64
}
