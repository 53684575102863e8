//! What a step's window says.

use std::time::Duration;

use super::{
    Figures, Measured, Outcome, Progress, Step, StepKind, Trial,
    ledger::with_purpose,
    level::{figure, percent, units, words},
};
use crate::template::{Level, StopSignals};

/// Fewer operations that wait are no sign of anything: arrivals come in bursts
/// when all connections are busy for a moment.
const LEAST_BACKLOG: u64 = 10;

/// See [`Progress::judge`].
pub(super) fn judge(
    progress: &Progress,
    stop: &StopSignals,
    trial: Trial,
    measured: &Measured,
    lasted: Duration,
) -> (Outcome, String) {
    if let Some(message) = &measured.generator {
        return (Outcome::Generator, message.clone());
    }
    let step = Judged {
        progress,
        stop,
        trial,
        figures: &measured.figures,
        backlog: measured.backlog,
        lasted,
    };
    let signals = [
        (Outcome::Queueing, step.queueing()),
        (Outcome::Errors, step.errors()),
        (Outcome::Slo, step.slo(measured)),
        (Outcome::Latency, step.latency()),
        (Outcome::Throughput, step.throughput()),
        (Outcome::Rate, step.rate()),
        (Outcome::Gain, step.gain()),
    ];
    for (outcome, message) in signals {
        if let Some(message) = message {
            return (outcome, message);
        }
    }
    let mut message = step.passed();
    if let Some(undecided) = &measured.undecided {
        message.push_str("; not decided: ");
        message.push_str(undecided);
    }
    (Outcome::Passed, message)
}

/// A step under judgement. Each method is one stop signal: what speaks against
/// the step in words, or `None`.
struct Judged<'a> {
    progress: &'a Progress,
    stop: &'a StopSignals,
    trial: Trial,
    figures: &'a Figures,
    backlog: u64,
    /// At most so long the level was in force; a step of an open loop begins
    /// with an empty backlog.
    lasted: Duration,
}

impl Judged<'_> {
    fn queueing(&self) -> Option<String> {
        let (ratio, allowed) = (self.figures.queue_ratio?, self.stop.max_queue_ratio?);
        (ratio > allowed).then(|| {
            format!(
                "{} of the connections waited at the target; {} may",
                percent(ratio),
                percent(allowed)
            )
        })
    }

    fn errors(&self) -> Option<String> {
        let failed = self.figures.failed;
        let ratio = failed as f64 / self.ended().max(1) as f64;
        (ratio > self.stop.max_error_ratio).then(|| {
            format!(
                "{failed} of {} operations failed ({}); {} may",
                self.ended(),
                percent(ratio),
                percent(self.stop.max_error_ratio)
            )
        })
    }

    fn slo(&self, measured: &Measured) -> Option<String> {
        measured.failed_slo.clone().filter(|_| self.stop.slos)
    }

    fn latency(&self) -> Option<String> {
        let increase = self.stop.max_latency_increase?;
        let first = self.progress.baseline_p95_us().filter(|p95| *p95 > 0.0)?;
        let p95 = self.figures.response.p95_us;
        (p95 > first * (1.0 + increase)).then(|| {
            format!(
                "p95 {} ms is {} times the first step's {} ms; {} times is allowed",
                figure(p95 / 1e3),
                figure(p95 / first),
                figure(first / 1e3),
                figure(1.0 + increase)
            )
        })
    }

    /// Held against the highest level up to this one that passed, so never
    /// against a lower one that was tried after a failure. The high end of the
    /// confidence interval must lie below, so noise alone fails no step.
    fn throughput(&self) -> Option<String> {
        if self.ended() == 0 {
            return Some("no operation ended in the window".to_owned());
        }
        let best = self.reference(units(self.trial.level))?;
        let before = best.figures.throughput_per_s;
        let now = self.figures.throughput_per_s;
        let least = before * (1.0 - self.stop.max_throughput_drop);
        (now < least && self.figures.high_per_s < least).then(|| {
            format!(
                "{} per second are {} less than the {} of {}; {} less is allowed",
                figure(now),
                percent(1.0 - now / before),
                figure(before),
                words(best.trial.level),
                percent(self.stop.max_throughput_drop)
            )
        })
    }

    /// An open loop falls short when too few operations ended, or when too many
    /// of those that were due since the step began are still waiting: that has
    /// no noise, the schedule and the empty backlog at the beginning are exact.
    /// Those that failed ended as well: they are an error, not a missed rate.
    fn rate(&self) -> Option<String> {
        let Level::Rate { .. } = self.trial.level else {
            return None;
        };
        let asked = self.trial.level.value();
        let with_failed = self.ended() as f64 / self.figures.succeeded.max(1) as f64;
        let achieved = self.figures.throughput_per_s * with_failed;
        let least = asked * (1.0 - self.stop.max_rate_shortfall);
        if achieved < least && self.figures.high_per_s * with_failed < least {
            return Some(format!(
                "{} of {} per second were achieved, {} less; {} less is allowed",
                figure(achieved),
                figure(asked),
                percent(1.0 - achieved / asked),
                percent(self.stop.max_rate_shortfall)
            ));
        }
        let waiting = self.backlog as f64 / (asked * self.lasted.as_secs_f64());
        let counts = self.backlog >= LEAST_BACKLOG;
        (counts && waiting > self.stop.max_rate_shortfall).then(|| {
            format!(
                "{} operations waited at the end, {} of those due since the step began; {} may",
                self.backlog,
                percent(waiting),
                percent(self.stop.max_rate_shortfall)
            )
        })
    }

    /// The gain per added connection since the highest lower level that passed,
    /// as a share of what a connection brought in the first step. What noise
    /// could hide is given to the step: the gain is taken at the high end of its
    /// interval, the half widths of both steps added as for independent errors.
    fn gain(&self) -> Option<String> {
        let least = self.stop.min_gain?;
        let Level::Concurrency { connections } = self.trial.level else {
            return None;
        };
        let first = self.first()?;
        let ideal = first.figures.throughput_per_s / first.trial.level.value();
        let before = self.reference(u64::from(connections).checked_sub(1)?)?;
        let added = f64::from(connections) - before.trial.level.value();
        let gained = self.figures.throughput_per_s - before.figures.throughput_per_s;
        let half = |figures: &Figures| figures.high_per_s - figures.throughput_per_s;
        let noise = half(self.figures).hypot(half(&before.figures));
        let share = |gained: f64| gained / (added * ideal);
        (ideal > 0.0 && share(gained + noise) < least).then(|| {
            format!(
                "{added} more connections than {} brought {} per second, {} of the ideal gain; \
                 {} are asked for",
                before.trial.level.value(),
                figure(gained),
                percent(share(gained)),
                percent(least)
            )
        })
    }

    fn passed(&self) -> String {
        format!(
            "{} per second, p95 {} ms, {} of {} operations failed",
            figure(self.figures.throughput_per_s),
            figure(self.figures.response.p95_us / 1e3),
            self.figures.failed,
            self.ended()
        )
    }

    fn ended(&self) -> u64 {
        self.figures.succeeded + self.figures.failed
    }

    fn first(&self) -> Option<&Step> {
        let mut steps = self.progress.steps.iter();
        steps.find(|step| step.outcome.is_decisive())
    }

    /// Of the steps that passed at the highest level up to `most`, the one with
    /// the greatest throughput.
    fn reference(&self, most: u64) -> Option<&Step> {
        with_purpose(&self.progress.steps)
            .filter(|(purpose, step)| {
                *purpose != StepKind::Descend
                    && step.outcome == Outcome::Passed
                    && units(step.trial.level) <= most
            })
            .map(|(_, step)| step)
            .max_by(|a, b| {
                let rank = |step: &Step| (units(step.trial.level), step.figures.throughput_per_s);
                rank(a)
                    .partial_cmp(&rank(b))
                    .unwrap_or(std::cmp::Ordering::Equal)
            })
    }
}
