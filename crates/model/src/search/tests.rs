//! Searches on targets that are formulas.

use std::time::Duration;

use super::{Figures, Measured, Next, Outcome, Progress, SearchEnd, Step, StepKind, Trial, level};
use crate::{
    report::Summary,
    template::{Bisect, Level, Linear, Method, Search, StopSignals},
    time::Timestamp,
};

mod endings;
mod fitting;
mod judging;
mod known_cap;
mod levels;
mod pool;
mod windows;

/// A generator of numbers that are the same for the same seed (`SplitMix64`).
struct Chance(u64);

impl Chance {
    /// Equally likely in [0, 1).
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal with mean 0 and variance 1, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn search(method: Method) -> Search {
    Search {
        method,
        step: Duration::from_secs(10),
        settle: Duration::from_secs(3),
        confirm: Duration::from_secs(20),
        max_level: 1_000.0,
        max_steps: 40,
        stop: StopSignals::default(),
    }
}

fn bisect() -> Search {
    search(Method::Bisect(Bisect {
        growth: 2.0,
        resolution: 0.03,
        descend: false,
    }))
}

fn linear(increment: f64, backoffs: u32) -> Search {
    search(Method::Linear(Linear {
        increment,
        backoffs,
    }))
}

fn connections(connections: u32) -> Level {
    Level::Concurrency { connections }
}

/// A window's figures without noise.
fn figures(throughput: f64, p95_us: f64) -> Figures {
    Figures {
        succeeded: (throughput * 10.0) as u64,
        failed: 0,
        throughput_per_s: throughput,
        low_per_s: throughput,
        high_per_s: throughput,
        response: Summary {
            p95_us,
            ..Summary::default()
        },
        queue_ratio: None,
    }
}

fn step(trial: Trial, outcome: Outcome, message: impl Into<String>, figures: Figures) -> Step {
    Step {
        trial,
        from: Timestamp(0),
        to: Timestamp(10_000_000),
        outcome,
        message: message.into(),
        figures,
        transition_us: 0,
    }
}

/// Makes the whole search; `target` says what each trial brings.
fn run(search: &Search, first: Level, mut target: impl FnMut(Trial) -> Measured) -> Progress {
    drive(search, first, |progress, trial| {
        let measured = target(trial);
        let (outcome, message) = progress.judge(search, trial, &measured);
        (outcome, message, measured.figures)
    })
}

/// Makes the whole search; `target` says what becomes of each trial.
fn drive(
    search: &Search,
    first: Level,
    mut target: impl FnMut(&Progress, Trial) -> (Outcome, String, Figures),
) -> Progress {
    let mut progress = Progress::default();
    loop {
        match progress.next(search, first, true) {
            Next::Try(trial) => {
                assert_eq!(trial.step as usize, progress.steps.len() + 1);
                let (outcome, message, figures) = target(&progress, trial);
                progress.steps.push(step(trial, outcome, message, figures));
            }
            Next::End(end, message) => {
                progress.end = Some((end, message));
                return progress;
            }
        }
    }
}

fn end(progress: &Progress) -> SearchEnd {
    progress
        .end
        .as_ref()
        .expect("a search that was made ended")
        .0
}

/// What was tried, as kind and whole connections.
fn tried(progress: &Progress) -> Vec<(StepKind, u64)> {
    progress
        .steps
        .iter()
        .map(|step| (step.trial.kind, level::units(step.trial.level)))
        .collect()
}
