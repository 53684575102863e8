//! What an attempt measures, from the commands that it was given.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_model::{
    interval::{
        Encoded, ErrorClass, ErrorCount, Interval, Latencies, OperationInterval, empty_histogram,
    },
    lifecycle::{Action, Aim, Phase, StepPlan},
    session::{Assign, AttemptRef, Command, ShardTotals},
    template::{Level, Split},
    time::Timestamp,
};

use super::SECOND;

/// A pool of servers, and what it costs a worker to load it.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    pub servers: f64,
    /// How long a server takes for an operation.
    pub service: Duration,
    /// The share of its processors that a connection costs a worker.
    pub cpu_per_connection: f64,
    /// The share of operations that fail.
    pub failures: f64,
    /// Whether every message comes twice, and intervals once more much later.
    pub doubles: bool,
    /// The time constant of the warm-up, seconds; 0 for none.
    pub warm_up_s: f64,
    /// How uncertain a worker's clock is, by seconds since it attached.
    pub clock: fn(u64) -> Option<Duration>,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            servers: 20.0,
            service: Duration::from_millis(10),
            cpu_per_connection: 0.001,
            failures: 0.0,
            doubles: false,
            warm_up_s: 0.0,
            clock: |_| Some(Duration::from_micros(50)),
        }
    }
}

impl Pool {
    /// Operations per second and their response time at so many connections.
    fn closed(&self, connections: f64) -> (f64, Duration) {
        let service = self.service.as_secs_f64();
        let busy = connections.min(self.servers);
        let response = self.service.mul_f64((connections / self.servers).max(1.0));
        (busy / service, response)
    }

    /// The same at so many operations due per second.
    fn open(&self, rate: f64) -> (f64, Duration) {
        let most = self.servers / self.service.as_secs_f64();
        let factor = if rate > most { 20.0 } else { 1.0 };
        (rate.min(most), self.service.mul_f64(factor))
    }
}

/// The attempt that the process holds.
#[derive(Debug)]
pub struct Shard {
    pub assign: Box<Assign>,
    pub commands: Vec<Command>,
    pub(super) unacked: Vec<Interval>,
    pub(super) sequence: i64,
    /// The end of the newest interval; `None` before START.
    pub(super) until: Option<Timestamp>,
    /// Parts of operations that were not counted yet, by phase and step.
    carry: BTreeMap<(Phase, u32), f64>,
    operations: u64,
    pub(super) over: bool,
}

/// What holds at an instant.
pub(super) struct Moment {
    phase: Phase,
    step: u32,
    pub(super) aim: Aim,
    paused: bool,
}

impl Shard {
    pub(super) fn new(assign: Box<Assign>) -> Self {
        Self {
            assign,
            commands: Vec::new(),
            unacked: Vec::new(),
            sequence: 0,
            until: None,
            carry: BTreeMap::new(),
            operations: 0,
            over: false,
        }
    }

    pub(super) fn attempt(&self) -> AttemptRef {
        self.assign.attempt
    }

    pub(super) fn start(&self) -> Option<Timestamp> {
        let start = |one: &&Command| matches!(one.action, Action::Start(_));
        self.commands.iter().find(start).map(|one| one.at)
    }

    pub(super) fn stop(&self) -> Option<Timestamp> {
        let stop = |one: &&Command| matches!(one.action, Action::Stop { .. });
        self.commands.iter().find(stop).map(|one| one.at)
    }

    /// When it has something to tell.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        if self.over {
            return None;
        }
        let from = self.until.or(self.start())?;
        let end = from + SECOND;
        Some(self.stop().map_or(end, |stop| end.min(stop.max(from))))
    }

    pub(super) fn at(&self, instant: Timestamp) -> Moment {
        let mut moment = Moment {
            phase: Phase::Warmup,
            step: 0,
            aim: self.assign.spec.load.level().into(),
            paused: false,
        };
        let mut started = false;
        for command in self.commands.iter().filter(|one| one.at <= instant) {
            match &command.action {
                Action::Start(phase) if !started => {
                    started = true;
                    moment.phase = *phase;
                }
                Action::Start(_) | Action::Stop { .. } => {}
                Action::SetPhase(phase) => moment.phase = *phase,
                Action::SetTarget(aim) => moment.aim = aim.clone(),
                Action::Step(plan) => {
                    moment.aim = plan.aim.clone();
                    let (from, to) = window(command.at, plan);
                    moment.step = if (from..to).contains(&instant) {
                        plan.step
                    } else {
                        0
                    };
                }
                Action::Pause => moment.paused = true,
                Action::Resume => moment.paused = false,
            }
        }
        moment
    }

    /// The instants at which something changes.
    fn boundaries(&self) -> Vec<Timestamp> {
        let each = self.commands.iter().flat_map(|one| match &one.action {
            Action::Step(plan) => {
                let (from, to) = window(one.at, plan);
                vec![one.at, from, to]
            }
            _ => vec![one.at],
        });
        each.collect()
    }

    /// Measures up to an instant.
    pub(super) fn measure(&mut self, pool: &Pool, end: Timestamp) -> Interval {
        let start = self.until.or(self.start()).expect("started");
        let mut cuts = self.boundaries();
        cuts.retain(|cut| start < *cut && *cut < end);
        cuts.extend([start, end]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut parts: BTreeMap<(Phase, u32), (u64, u64, Duration)> = BTreeMap::new();
        for pair in cuts.windows(2) {
            let moment = self.at(pair[0]);
            let (rate, response) = self.pace(pool, &moment, pair[0]);
            let place = (moment.phase, moment.step);
            let carry = self.carry.entry(place).or_default();
            let due = rate * pair[1].since(pair[0]).as_secs_f64() + *carry;
            *carry = due.fract();
            let failed = (due.floor() * pool.failures).round() as u64;
            let part = parts.entry(place).or_default();
            part.0 += due as u64 - failed;
            part.1 += failed;
            part.2 = response;
        }
        self.until = Some(end);
        self.sequence += 1;
        let interval = self.interval((start, end), &parts);
        self.unacked.push(interval.clone());
        interval
    }

    /// Its operations per second, and their response time.
    fn pace(&self, pool: &Pool, moment: &Moment, now: Timestamp) -> (f64, Duration) {
        if moment.paused {
            return (0.0, pool.service);
        }
        let (rate, response) = match moment.aim.level {
            Level::Concurrency { connections } => {
                let part = f64::from(self.connections(&moment.aim));
                let whole = f64::from(connections);
                let (rate, response) = pool.closed(whole);
                (rate * part / whole, response)
            }
            Level::Rate { milli_per_s } => {
                let whole = milli_per_s as f64 / 1e3;
                let (rate, response) = pool.open(whole);
                (rate * self.share(&moment.aim.split), response)
            }
        };
        let age = now.since(self.start().expect("started")).as_secs_f64();
        let warm = if pool.warm_up_s > 0.0 {
            1.0 - 0.6 * (-age / pool.warm_up_s).exp()
        } else {
            1.0
        };
        (rate * warm, response.div_f64(warm))
    }

    pub(super) fn connections(&self, aim: &Aim) -> u32 {
        let (shard, shards) = (self.attempt().shard, self.assign.shards);
        match aim.split.part(aim.level, shard, shards) {
            Level::Concurrency { connections } => connections,
            Level::Rate { .. } => 0,
        }
    }

    fn share(&self, split: &Split) -> f64 {
        if split.is_equal() {
            return 1.0 / f64::from(self.assign.shards);
        }
        let weights = split.weights();
        let own = weights
            .get(self.attempt().shard as usize)
            .copied()
            .unwrap_or(0);
        f64::from(own) / weights.iter().map(|weight| f64::from(*weight)).sum::<f64>()
    }

    fn interval(
        &mut self,
        (start, end): (Timestamp, Timestamp),
        parts: &BTreeMap<(Phase, u32), (u64, u64, Duration)>,
    ) -> Interval {
        let (mut operations, mut errors) = (Vec::new(), Vec::new());
        for (&(phase, step), &(succeeded, failed, response)) in parts {
            self.operations += succeeded + failed;
            operations.push(OperationInterval {
                operation: 0,
                phase,
                step,
                succeeded: latencies(succeeded, response),
                failed: latencies(failed, response),
                cut: 0,
                dropped: 0,
            });
            if failed > 0 {
                errors.push(ErrorCount {
                    operation: 0,
                    phase,
                    class: ErrorClass::Other,
                    code: String::new(),
                    message: "no".to_owned(),
                    count: failed,
                });
            }
        }
        Interval {
            attempt: self.attempt(),
            sequence: self.sequence,
            start,
            end,
            operations,
            errors,
            in_flight: 0,
            backlog: 0,
        }
    }

    pub(super) fn totals(&self) -> ShardTotals {
        ShardTotals {
            attempt: self.attempt(),
            intervals: self.sequence,
            operations: self.operations,
            first_operation: self.start(),
            peak_cpu: 0.5,
        }
    }
}

fn window(at: Timestamp, plan: &StepPlan) -> (Timestamp, Timestamp) {
    let from = Timestamp(at.0 + plan.settle_us);
    (from, Timestamp(from.0 + plan.window_us))
}

fn latencies(count: u64, response: Duration) -> Latencies {
    let mut histogram = empty_histogram();
    histogram
        .record_n(response.as_nanos() as u64, count)
        .unwrap();
    let response = Encoded::from_histogram(&histogram);
    Latencies {
        response,
        rows: count,
        ..Latencies::default()
    }
}
