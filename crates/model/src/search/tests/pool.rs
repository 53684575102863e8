//! A whole search on a simulated pool, operation by operation: intervals in,
//! findings out.

use std::{cmp::Reverse, collections::BTreeMap, collections::BinaryHeap};

use super::{
    windows::{attempt, spec},
    *,
};
use crate::{
    interval::{Encoded, Interval, Latencies, OperationInterval, empty_histogram},
    lifecycle::{Phase, Window},
    search::{Findings, WindowTally},
    template::Limit,
};

const SECOND: u64 = 1_000_000_000;
const SERVICE_NS: f64 = 1e7;

/// An operation: due and ended, nanoseconds since the level was in force.
type Done = (u64, u64);

/// k servers, each with a service time that scatters by 5 %.
struct Pool {
    servers: usize,
    chance: Chance,
}

impl Pool {
    fn service(&mut self) -> u64 {
        (SERVICE_NS * (1.0 + 0.05 * self.chance.normal())).max(1.0) as u64
    }

    /// Serves in the order of arrival: when the operation that arrives ends.
    fn serve(&mut self, free: &mut BinaryHeap<Reverse<u64>>, at: u64) -> u64 {
        let from = if free.len() < self.servers {
            at
        } else {
            free.pop().map_or(at, |Reverse(free)| free.max(at))
        };
        let end = from + self.service();
        free.push(Reverse(end));
        end
    }

    /// Each connection sends when its operation before has ended.
    fn closed(&mut self, connections: u64, until: u64) -> Vec<Done> {
        let mut free = BinaryHeap::new();
        let mut sends: BinaryHeap<Reverse<u64>> = (0..connections).map(Reverse).collect();
        let mut done = Vec::new();
        while let Some(Reverse(at)) = sends.pop().filter(|Reverse(at)| *at < until) {
            let end = self.serve(&mut free, at);
            done.push((at, end));
            sends.push(Reverse(end));
        }
        done
    }

    /// Operations are due at equal distances.
    fn open(&mut self, milli_per_s: u64, until: u64) -> Vec<Done> {
        let mut free = BinaryHeap::new();
        let gap = 1e12 / milli_per_s as f64;
        let count = (until as f64 / gap).ceil() as u32;
        (0..count)
            .map(|number| (f64::from(number) * gap) as u64)
            .map(|at| (at, self.serve(&mut free, at)))
            .collect()
    }

    fn run(&mut self, level: Level, until: u64) -> Vec<Done> {
        match level {
            Level::Concurrency { connections } => self.closed(u64::from(connections), until),
            Level::Rate { milli_per_s } => self.open(milli_per_s, until),
        }
    }
}

/// What a worker says of a second: what ended in it, by the step in which it was
/// due.
fn interval(done: &[Done], window: Window, step: u32, second: u64, sent: u64) -> Interval {
    let (start, end) = (second * SECOND, (second + 1) * SECOND);
    let mut parts = BTreeMap::from([(0, empty_histogram()), (step, empty_histogram())]);
    for (due, ended) in done {
        if (start..end).contains(ended) {
            let at = Timestamp((due / 1_000) as i64);
            let of = if window.from <= at && at < window.to {
                step
            } else {
                0
            };
            parts
                .entry(of)
                .and_modify(|it| it.record(ended - due).unwrap());
        }
    }
    let operations = parts.iter().map(|(step, response)| OperationInterval {
        operation: 0,
        phase: Phase::Measurement,
        step: *step,
        succeeded: Latencies {
            response: Encoded::from_histogram(response),
            ..Latencies::default()
        },
        failed: Latencies::default(),
        cut: 0,
        dropped: 0,
    });
    let waiting = done
        .iter()
        .filter(|(due, ended)| *due < end && *ended >= end);
    Interval {
        attempt: attempt(0),
        sequence: second as i64 + 1,
        start: Timestamp((start / 1_000) as i64),
        end: Timestamp((end / 1_000) as i64),
        operations: operations.collect(),
        errors: vec![],
        in_flight: 0,
        backlog: (waiting.count() as u64).saturating_sub(sent),
    }
}

/// Makes the search: what is judged is what was delivered when the window ended,
/// what is reported is everything.
fn find(search: &Search, first: Level, servers: usize, seed: u64, limits: &[Limit]) -> Findings {
    let spec = spec(limits);
    let mut pool = Pool {
        servers,
        chance: Chance(seed),
    };
    let mut refined = BTreeMap::new();
    let progress = drive(search, first, |progress, trial| {
        let settle = search.settle.as_secs();
        let until = settle + progress.window(search, trial.kind).as_secs();
        let done = pool.run(trial.level, until * SECOND);
        let window = Window {
            from: Timestamp(settle as i64 * 1_000_000),
            to: Timestamp(until as i64 * 1_000_000),
        };
        let mut tally = WindowTally::new(1, trial.step, window);
        let add = |tally: &mut WindowTally, second| {
            let interval = interval(&done, window, trial.step, second, 2 * servers as u64);
            tally.add(&interval).unwrap();
        };
        (0..until).for_each(|second| add(&mut tally, second));
        assert!(tally.delivered(attempt(0)));
        let measured = tally.measured(&spec, None, None);
        (until..until * 3).for_each(|second| add(&mut tally, second));
        refined.insert(trial.step, tally.figures(None));
        let (outcome, message) = progress.judge(search, trial, &measured);
        (outcome, message, measured.figures)
    });
    progress.findings(&refined)
}

fn check(findings: &Findings, cap: f64) {
    let found = findings.best.expect("a level passed").value();
    let said = format!("{}; {}", findings.message, findings.knee_message);
    assert!((found / cap - 1.0).abs() <= 0.03, "{found}: {said}");
    assert!(findings.steps.len() <= 15, "{said}");
    let best = &findings.steps[findings.best_step as usize - 1].figures;
    assert!(best.low_per_s <= best.throughput_per_s && best.throughput_per_s <= best.high_per_s);
    let knee = findings.knee.expect("a pool has a knee").value();
    assert!((knee / cap - 1.0).abs() < 0.1, "{knee}: {said}");
}

fn short() -> Search {
    Search {
        step: Duration::from_secs(5),
        settle: Duration::from_secs(2),
        confirm: Duration::from_secs(10),
        max_level: 1e5,
        ..bisect()
    }
}

/// With 40 servers of 10 ms no connection waits up to 40: p99 is 11.2 ms.
#[test]
fn a_closed_loop_finds_the_size_of_the_pool() {
    let limit = Limit::Latency {
        percentile: 99.0,
        max: Duration::from_micros(11_400),
    };
    for seed in 0..3 {
        let findings = find(&short(), connections(4), 40, seed, &[limit]);
        check(&findings, 40.0);
        // A pool saturates without falling again, so there is no maximum.
        assert_eq!(findings.fit.expect("there are levels enough").peak, None);
    }
}

#[test]
fn an_open_loop_finds_the_rate_of_the_pool() {
    let first = Level::Rate {
        milli_per_s: 400_000,
    };
    for seed in 0..3 {
        let findings = find(&short(), first, 20, seed, &[]);
        check(&findings, 2_000.0);
        assert!(findings.fit.is_err());
    }
}
