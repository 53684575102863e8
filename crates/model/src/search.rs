//! A search for the highest level that a target sustains: which level comes
//! next, what a step's window says, and what the steps say together.
//!
//! Everything is a function of the steps so far, so a search goes on after a
//! restart as if nothing had happened, and ends under every outcome.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

mod fit;
mod judge;
mod knee;
mod ledger;
mod level;
mod next;
mod student;
#[cfg(test)]
mod tests;
mod window;

pub use window::WindowTally;

use self::ledger::Ledger;
use crate::{
    lifecycle::{INTERVAL, Window},
    report::Summary,
    template::{Level, Search},
    time::Timestamp,
};

/// A level that is to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Counts from 1.
    pub step: u32,
    /// What for.
    pub kind: StepKind,
    /// The level.
    pub level: Level,
}

/// A trial that is under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// What is tried.
    #[serde(flatten)]
    pub trial: Trial,
    /// When its level is in force.
    pub begins: Timestamp,
    /// When its window begins.
    pub from: Timestamp,
    /// When its window ends.
    pub to: Timestamp,
}

impl Current {
    /// In which what is due counts.
    #[must_use]
    pub fn window(&self) -> Window {
        Window {
            from: self.from,
            to: self.to,
        }
    }
}

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StepKind {
    /// A higher level than before.
    Grow,
    /// Between a level that passed and one that failed.
    Bisect,
    /// The best level again, over a longer window.
    Confirm,
    /// The best level again, after one that failed.
    BackOff,
    /// A lower level, on the way down.
    Descend,
    /// The same level again: the step before was abandoned, or the generator
    /// was its limit and a worker was added.
    Repeat,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// No stop signal.
    Passed,
    /// Too many sessions waited at the target.
    Queueing,
    /// Too many operations failed.
    Errors,
    /// An objective was not met.
    Slo,
    /// The latency grew too much against the first step.
    Latency,
    /// The throughput fell too much against the best step.
    Throughput,
    /// The open loop's rate was not reached.
    Rate,
    /// Too little was gained for the added connections.
    Gain,
    /// The generator was the limit: it says nothing of the target.
    Generator,
    /// It was broken off.
    Abandoned,
}

impl Outcome {
    /// Whether it says something of the target.
    #[must_use]
    pub fn is_decisive(self) -> bool {
        !matches!(self, Self::Generator | Self::Abandoned)
    }
}

/// What the window of a step brought.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Operations due in the window that succeeded.
    pub succeeded: u64,
    /// Operations due in the window that failed.
    pub failed: u64,
    /// Operations that ended with success in the window, whenever they were due,
    /// per second: see [`WindowTally::figures`].
    pub throughput_per_s: f64,
    /// The low end of its 95 % confidence interval.
    pub low_per_s: f64,
    /// The high end.
    pub high_per_s: f64,
    /// Response times of those that succeeded.
    pub response: Summary,
    /// Sessions that waited at the target as a share of all connections;
    /// `None` when not looked at.
    pub queue_ratio: Option<f64>,
}

/// What is known of a step when its window is over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// What it brought.
    pub figures: Figures,
    /// An objective that was not met, in words.
    pub failed_slo: Option<String>,
    /// Objectives with too few operations for their confidence, in words. They
    /// fail no step.
    pub undecided: Option<String>,
    /// Why the generator was the limit, in words; `None` when it was not.
    pub generator: Option<String>,
    /// Operations due and not sent at the end of the window.
    pub backlog: u64,
}

/// A step that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What was tried.
    #[serde(flatten)]
    pub trial: Trial,
    /// When its window began.
    pub from: Timestamp,
    /// When its window ended.
    pub to: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
    /// The outcome in words, with figures.
    pub message: String,
    /// What it brought.
    pub figures: Figures,
    /// From the end of the window before to the level being in force,
    /// microseconds; 0 for the first.
    pub transition_us: i64,
}

impl Step {
    /// In which what was due counts.
    #[must_use]
    pub fn window(&self) -> Window {
        Window {
            from: self.from,
            to: self.to,
        }
    }
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SearchEnd {
    /// The best level is known as exactly as asked for.
    Found,
    /// The highest level allowed passed.
    MaxLevel,
    /// Not even the first level passed.
    NonePassed,
    /// The most steps were made.
    MaxSteps,
    /// The measurement's time was over.
    MaxTime,
    /// The generator was the limit and no worker could be added.
    Generator,
    /// The run was ended for another reason.
    Stopped,
}

/// How far a search is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Those that are over, in their order.
    pub steps: Vec<Step>,
    /// The one under load; `None` before the first and after the last.
    pub current: Option<Current>,
    /// Why the search ended, and that in words; `None` before.
    pub end: Option<(SearchEnd, String)>,
}

/// What follows from the steps so far.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Another step.
    Try(Trial),
    /// The end.
    End(SearchEnd, String),
}

impl Progress {
    /// What follows from the steps so far; `first` is the level of the load.
    /// `can_scale` says whether a worker could still be added: without one, a
    /// step that the generator limited ends the search.
    ///
    /// The levels are a function of the steps alone and each step takes one of
    /// [`Search::max_steps`], so a search ends under every outcome.
    #[must_use]
    pub fn next(&self, search: &Search, first: Level, can_scale: bool) -> Next {
        next::next(self, search, first, can_scale)
    }

    /// The length of the window of the trial that follows the steps so far. A
    /// repeated step has the window of the one that it repeats.
    #[must_use]
    pub fn window(&self, search: &Search, kind: StepKind) -> Duration {
        let purpose = match kind {
            StepKind::Repeat => ledger::purpose_of_last(&self.steps),
            kind => kind,
        };
        if purpose == StepKind::Confirm {
            search.confirm
        } else {
            search.step
        }
    }

    /// What a trial's window says, in one word and in a sentence with figures.
    /// The generator comes first: where it was the limit nothing else can be
    /// trusted. Then the stop signals in the order of [`StopSignals`].
    ///
    /// [`StopSignals`]: crate::template::StopSignals
    #[must_use]
    pub fn judge(&self, search: &Search, trial: Trial, measured: &Measured) -> (Outcome, String) {
        // The settling is stretched so that the window ends with an interval.
        let lasted = search.settle + self.window(search, trial.kind) + INTERVAL;
        judge::judge(self, &search.stop, trial, measured, lasted)
    }

    /// The level that follows if the step under load passes; `None` when the
    /// search then ends, or no step is under load.
    #[must_use]
    pub fn preview(&self, search: &Search, first: Level) -> Option<Level> {
        let current = self.current?;
        let mut passed = self.clone();
        passed.steps.push(Step {
            trial: current.trial,
            from: current.from,
            to: current.to,
            outcome: Outcome::Passed,
            message: String::new(),
            figures: Figures::default(),
            transition_us: 0,
        });
        match passed.next(search, first, false) {
            Next::Try(trial) => Some(trial.level),
            Next::End(..) => None,
        }
    }

    /// The step that speaks for the highest level that passed: its
    /// confirmation where there is one. A level counts by its newest result, and
    /// only below the lowest that failed; steps on the way down do not count.
    #[must_use]
    pub fn best(&self) -> Option<&Step> {
        Ledger::of(&self.steps).best().map(|entry| entry.speaks)
    }

    /// The lowest level that failed, by the newest result of each. It is always
    /// above the best.
    #[must_use]
    pub fn failed(&self) -> Option<Level> {
        Ledger::of(&self.steps)
            .failed()
            .map(|entry| entry.newest.trial.level)
    }

    /// The p95 of the first step, microseconds; `None` until a step has said
    /// something of the target.
    #[must_use]
    pub fn baseline_p95_us(&self) -> Option<f64> {
        let first = self.steps.iter().find(|step| step.outcome.is_decisive())?;
        Some(first.figures.response.p95_us)
    }

    /// What the steps say together. `refined` holds the figures of steps from
    /// everything that was delivered, by their number; the outcomes stay as they
    /// were judged, because the search went on from them.
    #[must_use]
    pub fn findings(&self, refined: &BTreeMap<u32, Figures>) -> Findings {
        let mut steps = self.steps.clone();
        for step in &mut steps {
            if let Some(figures) = refined.get(&step.trial.step) {
                step.figures = figures.clone();
            }
        }
        let (end, mut message) = self.end.clone().unwrap_or_else(|| {
            let message = "the run ended before the search did".to_owned();
            (SearchEnd::Stopped, message)
        });
        // An end from outside does not say how far the search was.
        let so_far = Ledger::of(&self.steps).so_far();
        if matches!(end, SearchEnd::MaxTime | SearchEnd::Stopped) && !message.ends_with(&so_far) {
            message = format!("{message}; {so_far}");
        }
        let fit = fit::fit(&steps);
        let (knee, knee_message) = knee::knee(&steps);
        Findings {
            end,
            message,
            best: self.best().map(|step| step.trial.level),
            best_step: self.best().map_or(0, |step| step.trial.step),
            failed: self.failed(),
            steps,
            fit,
            knee,
            knee_message,
        }
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Why it ended.
    pub end: SearchEnd,
    /// The same in words.
    pub message: String,
    /// The highest level that passed and, if asked for, was confirmed.
    pub best: Option<Level>,
    /// The step that speaks for it; 0 without one.
    pub best_step: u32,
    /// The lowest level that failed.
    pub failed: Option<Level>,
    /// All steps, with figures from everything that was delivered.
    pub steps: Vec<Step>,
    /// The Universal Scalability Law, or why it cannot be fitted.
    pub fit: Result<Fit, String>,
    /// The level from which more load brings mostly latency, if there is one.
    pub knee: Option<Level>,
    /// How the knee was found, or why there is none.
    pub knee_message: String,
}

/// `X(N) = λN / (1 + σ(N - 1) + κN(N - 1))`, N being connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The throughput of one connection, per second.
    pub lambda: f64,
    /// Contention.
    pub sigma: f64,
    /// Its 95 % interval.
    pub sigma_interval: (f64, f64),
    /// Coherence.
    pub kappa: f64,
    /// Its 95 % interval.
    pub kappa_interval: (f64, f64),
    /// The connections with the greatest throughput, and that throughput;
    /// `None` when there is no maximum.
    pub peak: Option<(f64, f64)>,
    /// The coefficient of determination.
    pub r_squared: f64,
    /// Measured less fitted throughput, per second, one per step fitted.
    pub residuals: Vec<f64>,
}

impl Fit {
    /// The throughput by the law, per second, at so many connections. Below one
    /// connection it says nothing; there it is drawn from 0 on.
    #[must_use]
    pub fn throughput(&self, connections: f64) -> f64 {
        let parameters = [self.lambda, self.sigma, self.kappa];
        let throughput = fit::law(connections, parameters);
        // The law's denominator may vanish, or be negative, below one.
        if throughput.is_finite() {
            throughput.max(0.0)
        } else {
            0.0
        }
    }
}
