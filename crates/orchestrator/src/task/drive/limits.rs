//! What each second says: whether the warmup is steady, a limit is crossed, an
//! objective that ends the run is missed, or the generator is the limit.

use std::time::Duration;

use gauntlet_model::{
    guardrail::{self, Watch, WorkerGauges},
    lifecycle::{Event, ShardStage, Stage, StopReason},
    run::{Run, Worker},
    scaling::{self, Pace, Scaler},
    steady,
    target::Address,
    template::{GuardrailMode, Level},
    time::Timestamp,
    verdict::Verdict,
};

use super::{super::Task, seconds::Second};

/// How long the measurement must have lasted before an objective can end it.
const LEAST_MEASURED: Duration = Duration::from_secs(5);

/// The controllers that have patience.
#[derive(Default)]
pub(super) struct Limits {
    watch: Option<Watch>,
    scaler: Option<Scaler>,
    /// Whether the database runs inside the workers, so that their processor
    /// time says nothing of the generator; `None` before it is known.
    in_workers: Option<bool>,
}

impl Limits {
    pub(super) fn follow(&mut self, run: &Run, under_load: bool) {
        if !under_load {
            (self.watch, self.scaler) = (None, None);
            return;
        }
        if let (None, Some(limits)) = (&self.watch, run.spec.control.guardrails) {
            self.watch = Some(Watch::new(limits));
        }
        if self.scaler.is_none() {
            self.scaler = Some(Scaler::new(run.spec.control.scaling));
        }
    }
}

/// The workers under load: shard and worker.
type Running = Vec<(u32, Worker)>;

impl Task {
    /// Judges the seconds that were closed since the last time.
    pub(super) async fn judge_seconds(&mut self) {
        let until = self.rolling.closed_until();
        let Some(until) = until.filter(|_| self.drive.open && !self.is_settled()) else {
            return;
        };
        let seconds = self.drive.seconds.closed(until);
        let Some(newest) = seconds.last().copied() else {
            return;
        };
        self.learn_target().await;
        for second in &seconds {
            self.judge_steadiness(second).await;
        }
        // Gauges are of now: they say nothing of older seconds.
        self.judge_limits(&newest).await;
        if let Some(event) = self.missed_objective(until) {
            self.happen(event).await;
        }
    }

    async fn judge_steadiness(&mut self, second: &Second) {
        let Some(detector) = &mut self.drive.detector else {
            return;
        };
        let nothing = steady::Second {
            throughput_per_s: 0.0,
            p50_us: 0.0,
        };
        if let Some(steady) = detector.push(second.warmup.unwrap_or(nothing)) {
            let message = steady.message;
            self.happen(Event::Steady { message }).await;
        }
    }

    async fn judge_limits(&mut self, second: &Second) {
        if self.run.state.paused {
            return;
        }
        let running = self.running_workers();
        let event = self.judge_guardrails(second, &running);
        let scaling = self.scaling_second(second, &running);
        if let Some(window) = &mut self.drive.window
            && (window.current.from..window.current.to).contains(&second.start)
        {
            window.seconds.push(scaling);
        }
        if let Some(event) = event.or_else(|| self.judge_scaling(&scaling)) {
            self.happen(event).await;
        }
    }

    fn judge_guardrails(&mut self, second: &Second, running: &Running) -> Option<Event> {
        let in_workers = self.drive.limits.in_workers == Some(true);
        let gauges = |(shard, worker): &(u32, Worker)| WorkerGauges {
            shard: *shard,
            cpu: (!in_workers).then_some(worker.gauges.cpu),
            memory_bytes: worker.gauges.memory_bytes,
        };
        let workers: Vec<WorkerGauges> = running.iter().map(gauges).collect();
        let queue_ratio = self.queue_ratio();
        let split = &self.run.state.split;
        let watch = self.drive.limits.watch.as_mut()?;
        let second = guardrail::Second {
            workers: &workers,
            succeeded: second.succeeded,
            failed: second.failed,
            queue_ratio,
        };
        match watch.push(&second, split) {
            guardrail::Decision::Nothing => None,
            guardrail::Decision::Rebalance { split, message } => {
                Some(Event::Rebalance { split, message })
            }
            guardrail::Decision::End {
                message,
                of_workers,
            } => {
                if of_workers && self.can_add(running.len()) && self.wish_for_a_worker(&message) {
                    return None;
                }
                let reason = StopReason::Guardrail;
                Some(Event::Breach { reason, message })
            }
        }
    }

    /// Whether one worker more may be added, for the sake of a soft guardrail.
    fn can_add(&self, workers: usize) -> bool {
        let control = &self.run.spec.control;
        let soft =
            |limits: gauntlet_model::template::Guardrails| limits.mode == GuardrailMode::Soft;
        control.guardrails.is_some_and(soft) && scaling::can_add(&control.scaling, workers as u32)
    }

    fn judge_scaling(&mut self, second: &scaling::Second) -> Option<Event> {
        match self.drive.limits.scaler.as_mut()?.push(second) {
            scaling::Decision::Nothing => None,
            scaling::Decision::Add { message } => {
                self.wish_for_a_worker(&message);
                None
            }
            scaling::Decision::BoundReached { message } => {
                let reason = StopReason::BoundReached;
                Some(Event::Breach { reason, message })
            }
        }
    }

    fn scaling_second(&self, second: &Second, running: &Running) -> scaling::Second {
        let state = &self.run.state;
        let level = self.run.level();
        let busiest = running
            .iter()
            .map(|(shard, worker)| (*shard, worker.gauges.cpu))
            .max_by(|(_, one), (_, other)| one.total_cmp(other))
            .filter(|_| self.drive.limits.in_workers == Some(false));
        let joining = state.shards.iter().filter(|shard| shard.is_joining());
        let needed = match level {
            Level::Concurrency { connections } => connections,
            Level::Rate { .. } => 0,
        };
        let pace = match level {
            Level::Concurrency { .. } => None,
            Level::Rate { milli_per_s } => Some(Pace {
                asked: milli_per_s as f64 / 1e3,
                sent: (second.succeeded + second.failed) as f64,
                backlog: running
                    .iter()
                    .map(|(_, worker)| worker.gauges.backlog)
                    .sum(),
            }),
        };
        scaling::Second {
            busiest,
            workers: running.len() as u32,
            joining: joining.count() as u32 + u32::from(self.drive.joining.wishes()),
            needed,
            capacity: match self.hold(level) {
                Ok(()) => needed,
                Err(lack) => lack.level,
            },
            pace,
        }
    }

    /// An objective that ends the run and is not met so far.
    fn missed_objective(&self, until: Timestamp) -> Option<Event> {
        let so_far = self.drive.so_far.as_ref()?;
        let Stage::Measurement { since, .. } = self.run.state.stage else {
            return None;
        };
        let length = until.since(since);
        if length < LEAST_MEASURED {
            return None;
        }
        let spec = &self.run.spec;
        let reports = so_far.slos(spec, length);
        let mut judged = reports.iter().zip(&spec.slos);
        let (report, _) =
            judged.find(|(report, slo)| slo.abort_on_fail && report.verdict == Verdict::Fail)?;
        Some(Event::Breach {
            reason: StopReason::SloAbort,
            message: format!(
                "objective {:?} is not met after {:.0} s: {}",
                report.name,
                length.as_secs_f64(),
                report.message
            ),
        })
    }

    fn running_workers(&self) -> Running {
        let shards = self.run.state.shards.iter().zip(0..);
        shards
            .filter(|(shard, _)| shard.stage == ShardStage::Running)
            .filter_map(|(shard, index)| Some((index, self.shared.registry.get(shard.worker)?)))
            .collect()
    }

    async fn learn_target(&mut self) {
        if self.drive.limits.in_workers.is_none() {
            let login = self.login().await;
            let in_workers = login.map(|login| matches!(login.address, Address::Sqlite { .. }));
            self.drive.limits.in_workers = Some(in_workers.unwrap_or(false));
        }
    }
}
