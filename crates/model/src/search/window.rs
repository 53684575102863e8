//! What the window of one step brought.

use std::{collections::BTreeMap, time::Duration};

use super::{Figures, Measured, student};
use crate::{
    interval::{BadHistogram, Interval},
    lifecycle::Window,
    report::{Summary, Tally},
    session::AttemptRef,
    template::{Limit, Spec},
    time::{Timestamp, micros},
    verdict::{self, Verdict},
};

/// How far an interval's end may lie from the window's end and still be the one
/// that ends with it: half an interval, far more than clocks differ.
const SLACK: Duration = Duration::from_millis(500);
/// With fewer seconds the spread of their counts says too little.
const FEWEST_SECONDS: usize = 5;
/// The most batches that the seconds are grouped into.
const MOST_BATCHES: usize = 20;

/// The sum of the intervals of one step, over all shards. Intervals of other
/// steps may be added too: of those only what ended in the window counts, and
/// only for the throughput.
#[derive(Clone, Debug)]
pub struct WindowTally {
    window: Window,
    tally: Tally,
    /// Operations that succeeded, by the part of the window in which they ended;
    /// each part is about a second.
    ended: Vec<f64>,
    attempts: BTreeMap<AttemptRef, AtEnd>,
}

/// What an attempt said in its last interval in the window.
#[derive(Clone, Copy, Debug)]
struct AtEnd {
    end: Timestamp,
    backlog: u64,
}

impl WindowTally {
    /// Nothing yet, for a template with so many operations.
    #[must_use]
    pub fn new(operations: usize, step: u32, window: Window) -> Self {
        let seconds = window.length().as_secs_f64().round().max(1.0) as usize;
        Self {
            window,
            tally: Tally::of_step(operations, step),
            ended: vec![0.0; seconds],
            attempts: BTreeMap::new(),
        }
    }

    /// Adds one interval. Each must be added once; their order does not matter.
    pub fn add(&mut self, interval: &Interval) -> Result<(), BadHistogram> {
        let mut succeeded = 0;
        for part in &interval.operations {
            succeeded += part.succeeded.response.count()?;
        }
        self.tally.add(interval)?;
        self.spread(interval, succeeded);
        if interval.end <= self.window.to + SLACK {
            let here = AtEnd {
                end: interval.end,
                backlog: interval.backlog,
            };
            let newest = self.attempts.entry(interval.attempt).or_insert(here);
            if newest.end < here.end {
                *newest = here;
            }
        }
        Ok(())
    }

    /// Whether the results of an attempt reach to the end of the window.
    #[must_use]
    pub fn delivered(&self, attempt: AttemptRef) -> bool {
        self.attempts
            .get(&attempt)
            .is_some_and(|last| last.end >= self.window.to.before(SLACK))
    }

    /// What is known when the window is over: `queue_ratio` as in [`Figures`],
    /// `generator` as in [`Measured`].
    ///
    /// An objective fails the step only where the verdict is FAIL. A floor of the
    /// throughput is not looked at: a low level misses it by itself, and more load
    /// is the remedy. The report holds the best step against it.
    #[must_use]
    pub fn measured(
        &self,
        spec: &Spec,
        queue_ratio: Option<f64>,
        generator: Option<String>,
    ) -> Measured {
        let reports = self.tally.slos(spec, self.window.length());
        let with = |verdict: Verdict| {
            let sentences: Vec<String> = reports
                .iter()
                .zip(&spec.slos)
                .filter(|(report, slo)| {
                    report.verdict == verdict && !matches!(slo.limit, Limit::Throughput(_))
                })
                .map(|(report, _)| format!("objective {:?}: {}", report.name, report.message))
                .collect();
            (!sentences.is_empty()).then(|| sentences.join("; "))
        };
        Measured {
            figures: self.figures(queue_ratio),
            failed_slo: with(Verdict::Fail),
            undecided: with(Verdict::Inconclusive),
            generator,
            backlog: self.attempts.values().map(|last| last.backlog).sum(),
        }
    }

    /// The figures, from everything that was added.
    ///
    /// The throughput counts what ended in the window, whenever it was due. What
    /// was due in it would be wrong in both directions: of an open loop that the
    /// target cannot follow all would count in the end, and what is in flight at
    /// the end of the window would be missing until it has ended.
    #[must_use]
    pub fn figures(&self, queue_ratio: Option<f64>) -> Figures {
        let length = self.window.length().as_secs_f64();
        let ended: f64 = self.ended.iter().sum();
        let throughput = if length > 0.0 { ended / length } else { 0.0 };
        let half = self.half_width(ended, length);
        let (response, failed) = self.tally.counted();
        Figures {
            succeeded: response.len(),
            failed,
            throughput_per_s: throughput,
            low_per_s: (throughput - half).max(0.0),
            high_per_s: throughput + half,
            response: Summary::of(&response),
            queue_ratio,
        }
    }

    /// Half of the 95 % confidence interval of the throughput, by batch means
    /// (Law, "Simulation Modeling and Analysis", 5th edition, section 9.5.3): the
    /// seconds in batches of equal length, at most 20, so that neighbours that
    /// resemble each other fall into one; then Student's t on the batches. In a
    /// window of fewer than 5 seconds the counts are taken as Poisson's.
    fn half_width(&self, ended: f64, length: f64) -> f64 {
        let seconds = self.ended.len();
        if length <= 0.0 {
            return 0.0;
        }
        if seconds < FEWEST_SECONDS {
            return student::NORMAL * ended.sqrt() / length;
        }
        let size = seconds.div_ceil(MOST_BATCHES);
        let per_batch = length / seconds as f64 * size as f64;
        let rates: Vec<f64> = self
            .ended
            .rchunks_exact(size)
            .map(|batch| batch.iter().sum::<f64>() / per_batch)
            .collect();
        verdict::standard_error(&rates).map_or(f64::INFINITY, |error| {
            student::quantile(rates.len() - 1) * error
        })
    }

    /// Adds what succeeded in an interval to the parts of the window, each by the
    /// time that it shares with the interval: workers' seconds are not quite ours,
    /// and intervals that could not be sent are merged into longer ones.
    fn spread(&mut self, interval: &Interval, succeeded: u64) {
        let width = micros(self.window.length()) as f64 / self.ended.len() as f64;
        let start = (interval.start.0 - self.window.from.0) as f64;
        let end = (interval.end.0 - self.window.from.0) as f64;
        if end <= start {
            return;
        }
        for (index, part) in self.ended.iter_mut().enumerate() {
            let from = index as f64 * width;
            let shared = end.min(from + width) - start.max(from);
            *part += succeeded as f64 * (shared / (end - start)).max(0.0);
        }
    }
}
