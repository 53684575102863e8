//! Guardrails: limits that end a run, or take load back, for the sake of the
//! generator or the target.
//!
//! A limit counts when it was crossed for the patience, in seconds in a row. In
//! the hard mode that ends the run. In the soft mode a worker that crosses a
//! limit of its own gets a fifth less load and a new patience, and the others
//! share what it leaves; the run ends when all workers cross at once, or when a
//! limit of the whole run is crossed.

use std::collections::BTreeMap;

use crate::template::{GuardrailMode, Guardrails, Split};

/// What a worker keeps of its load when it is backed off.
const KEPT: f64 = 0.8;
/// A worker that would get less than this share of an equal part is not backed
/// off any more: it counts as crossing for as long as it does.
const LEAST: f64 = 0.1;
/// Weights are parts of the load in units of this.
const WHOLE: f64 = 1e6;

/// What is known of one second of load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Second<'a> {
    /// The workers under load.
    pub workers: &'a [WorkerGauges],
    /// Operations that succeeded, over all workers.
    pub succeeded: u64,
    /// Operations that failed.
    pub failed: u64,
    /// Sessions that waited at the target as a share of all connections; `None`
    /// when there is no new sample.
    pub queue_ratio: Option<f64>,
}

/// What is known of a worker in one second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerGauges {
    /// Its shard.
    pub shard: u32,
    /// Its share of its processors, 0 to 1; `None` when that says nothing.
    pub cpu: Option<f64>,
    /// Its resident memory.
    pub memory_bytes: u64,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Nothing,
    /// The load is to be split in another way.
    Rebalance {
        /// How.
        split: Split,
        /// Who gets less, and why.
        message: String,
    },
    /// The run is to end.
    End {
        /// Why, with figures.
        message: String,
        /// Whether the workers crossed limits of their own: one worker more
        /// would help, if scaling allows it.
        of_workers: bool,
    },
}

/// Watches a run under load, second by second.
#[derive(Clone, Debug)]
pub struct Watch {
    limits: Guardrails,
    errors: u32,
    queue: u32,
    workers: BTreeMap<u32, Crossing>,
}

/// A worker's limits, as they were kept so far.
#[derive(Clone, Debug, Default)]
struct Crossing {
    /// Seconds in a row beyond a limit.
    seconds: u32,
    /// The same since it was last backed off.
    patience: u32,
    /// The limit and the figure.
    message: String,
}

impl Watch {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new(limits: Guardrails) -> Self {
        Self {
            limits,
            errors: 0,
            queue: 0,
            workers: BTreeMap::new(),
        }
    }

    /// Takes the next second, in which the load was split like this.
    pub fn push(&mut self, second: &Second<'_>, split: &Split) -> Decision {
        for worker in second.workers {
            let crossed = self.crossed(worker);
            self.workers.entry(worker.shard).or_default().count(crossed);
        }
        let live: Vec<u32> = second.workers.iter().map(|worker| worker.shard).collect();
        self.workers.retain(|shard, _| live.contains(shard));
        if let Some(message) = self.run_wide(second) {
            return Decision::End {
                message,
                of_workers: false,
            };
        }
        match self.limits.mode {
            GuardrailMode::Hard => self.hard(),
            GuardrailMode::Soft => self.soft(&live, split),
        }
    }

    fn patience(&self) -> u32 {
        self.limits.patience_s.max(1)
    }

    /// The limit that a worker is beyond, with figures.
    fn crossed(&self, worker: &WorkerGauges) -> Option<String> {
        let percent = |share: f64| share * 100.0;
        if let (Some(cpu), Some(limit)) = (worker.cpu, self.limits.max_worker_cpu)
            && cpu > limit
        {
            return Some(format!(
                "uses {:.0} % of its processors, {:.0} % are allowed",
                percent(cpu),
                percent(limit)
            ));
        }
        let limit = self.limits.max_worker_memory_bytes?;
        (worker.memory_bytes > limit).then(|| {
            format!(
                "holds {:.1} MB of memory, {:.1} MB are allowed",
                worker.memory_bytes as f64 / 1e6,
                limit as f64 / 1e6
            )
        })
    }

    /// The limit of the whole run that was crossed for the patience.
    fn run_wide(&mut self, second: &Second<'_>) -> Option<String> {
        let patience = self.patience();
        let ended = second.succeeded + second.failed;
        // A second without news neither adds to a row nor ends it.
        let ratio = (ended > 0).then(|| second.failed as f64 / ended as f64);
        let kinds = [
            (
                &mut self.errors,
                ratio,
                self.limits.max_error_ratio,
                "of the operations failed",
            ),
            (
                &mut self.queue,
                second.queue_ratio,
                self.limits.max_queue_ratio,
                "of the sessions waited at the target",
            ),
        ];
        let mut message = None;
        for (row, ratio, limit, what) in kinds {
            let (Some(ratio), Some(limit)) = (ratio, limit) else {
                continue;
            };
            *row = if ratio > limit { *row + 1 } else { 0 };
            if *row >= patience && message.is_none() {
                message = Some(format!(
                    "{:.1} % {what}, {:.1} % are allowed, for {patience} s",
                    ratio * 100.0,
                    limit * 100.0
                ));
            }
        }
        message
    }

    fn hard(&self) -> Decision {
        let patience = self.patience();
        let mut workers = self.workers.iter();
        match workers.find(|(_, crossing)| crossing.seconds >= patience) {
            Some((shard, crossing)) => Decision::End {
                message: format!(
                    "the worker of shard {shard} {}, for {patience} s",
                    crossing.message
                ),
                of_workers: true,
            },
            None => Decision::Nothing,
        }
    }

    fn soft(&mut self, live: &[u32], split: &Split) -> Decision {
        let patience = self.patience();
        if !live.is_empty() && self.workers.values().all(|one| one.seconds >= patience) {
            return Decision::End {
                message: self.all_cross(),
                of_workers: true,
            };
        }
        let (mut next, mut messages) = (split.clone(), Vec::new());
        for (shard, crossing) in &mut self.workers {
            if crossing.patience < patience {
                continue;
            }
            let Some(less) = split_after(&next, live, *shard) else {
                continue;
            };
            next = less;
            crossing.patience = 0;
            messages.push(format!(
                "the worker of shard {shard} {}, for {patience} s: it gets a fifth less load, {:.1} % of the run's",
                crossing.message,
                part(&next, live, *shard) * 100.0
            ));
        }
        if messages.is_empty() {
            return Decision::Nothing;
        }
        Decision::Rebalance {
            split: next,
            message: messages.join("; "),
        }
    }

    fn all_cross(&self) -> String {
        let workers = self.workers.iter();
        let each: Vec<String> = workers
            .map(|(shard, crossing)| format!("that of shard {shard} {}", crossing.message))
            .collect();
        format!("all workers are beyond a limit: {}", each.join(", "))
    }
}

impl Crossing {
    fn count(&mut self, crossed: Option<String>) {
        let Some(message) = crossed else {
            (self.seconds, self.patience) = (0, 0);
            return;
        };
        self.seconds = self.seconds.saturating_add(1);
        self.patience = self.patience.saturating_add(1);
        self.message = message;
    }
}

/// The part of the load that a shard has, of 1.
fn part(split: &Split, live: &[u32], shard: u32) -> f64 {
    let weight = |shard: u32| -> f64 {
        if split.is_equal() {
            return 1.0;
        }
        let weight = split.weights().get(shard as usize);
        weight.map_or(0.0, |weight| f64::from(*weight))
    };
    let total: f64 = live.iter().map(|shard| weight(*shard)).sum();
    if total > 0.0 {
        weight(shard) / total
    } else {
        0.0
    }
}

/// The split in which a shard has a fifth less of the load and the other live
/// ones share it in proportion to their parts; shards that are not live get
/// nothing. `None` when it would have less than a tenth of an equal part, or
/// nobody is there to take over.
#[must_use]
pub fn split_after(split: &Split, live: &[u32], shard: u32) -> Option<Split> {
    let own = part(split, live, shard);
    if own <= 0.0 || own >= 1.0 || own * KEPT < LEAST / live.len() as f64 {
        return None;
    }
    let grown = (1.0 - own * KEPT) / (1.0 - own);
    let highest = live.iter().max()?;
    let weights = (0..=*highest).map(|index| {
        if !live.contains(&index) {
            return 0;
        }
        let factor = if index == shard { KEPT } else { grown };
        (part(split, live, index) * factor * WHOLE).round() as u32
    });
    Some(Split::of(weights.collect()))
}

#[cfg(test)]
mod tests;
