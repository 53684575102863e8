//! The runs that this control plane leads: what their workers measured, as it
//! was stored. A run's series begin with its start and go [`KEPT`] after its
//! end, so that the last scrape still sees all of it.

mod encode;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gauntlet_model::{
    id::RunId,
    interval::{BadHistogram, ErrorClass, Interval},
    lifecycle::{Phase, Status},
    run::Run,
};

use super::latencies::LatencyBuckets;

/// Runs that have series; those of further ones are left out.
pub(super) const MOST_RUNS: usize = 100;
/// Operations and phases that have series, of all runs; further ones are left out.
pub(super) const MOST_SERIES: usize = 1_000;
/// How long the series of a run that is over stay.
pub(super) const KEPT: Duration = Duration::from_mins(2);

/// See the module. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct ActiveRuns(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Every run that is active.
    statuses: HashMap<RunId, Status>,
    /// How often a run came to each end.
    ended: BTreeMap<&'static str, u64>,
    /// Those that have series.
    measured: BTreeMap<RunId, Measured>,
    /// Intervals, or parts of them, that no series took.
    left_out: u64,
}

#[derive(Debug)]
struct Measured {
    project: String,
    name: String,
    operations: Vec<String>,
    /// When it was seen to be over.
    over: Option<Instant>,
    cells: BTreeMap<(u32, Phase), Cell>,
    errors: BTreeMap<(u32, Phase, ErrorClass), u64>,
    /// By shard: in flight, and due but not sent, at the end of its newest interval.
    load: BTreeMap<u32, (u64, u64)>,
}

/// One operation in one phase.
#[derive(Debug, Default)]
struct Cell {
    response: LatencyBuckets,
    failed: u64,
    cut: u64,
    dropped: u64,
}

impl Measured {
    fn of(run: &Run) -> Self {
        let operations = run.spec.operations.iter();
        Self {
            project: run.project.to_string(),
            name: run.name.to_string(),
            operations: operations.map(|one| one.name.to_string()).collect(),
            over: None,
            cells: BTreeMap::new(),
            errors: BTreeMap::new(),
            load: BTreeMap::new(),
        }
    }

    fn operation(&self, index: u32) -> &str {
        let name = self.operations.get(index as usize);
        name.map_or("unknown", String::as_str)
    }
}

/// An interval's part, decoded.
struct Part {
    operation: u32,
    phase: Phase,
    cell: Cell,
}

impl ActiveRuns {
    /// A run's state was stored, or found.
    pub(super) fn changed(&self, run: &Run, now: Instant) {
        let mut state = self.lock();
        state.forget_old(now);
        let status = run.status();
        if status.is_active() {
            state.statuses.insert(run.id, status);
            if state.measured.len() < MOST_RUNS {
                let measured = state.measured.entry(run.id);
                measured.or_insert_with(|| Measured::of(run));
            }
        } else if state.statuses.remove(&run.id).is_some() {
            *state.ended.entry(status.as_str()).or_default() += 1;
            if let Some(measured) = state.measured.get_mut(&run.id) {
                measured.over = Some(now);
                measured.load.clear();
            }
        }
    }

    /// Intervals were stored; only the new ones count.
    pub(super) fn measured(&self, intervals: &[Interval], new: &[bool]) {
        for (interval, _) in intervals.iter().zip(new).filter(|(_, new)| **new) {
            // Decoded before anything is locked. Nothing is stored that is no histogram.
            let Ok(parts) = decode(interval) else {
                self.lock().left_out += 1;
                continue;
            };
            self.lock().add(interval, parts);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decode(interval: &Interval) -> Result<Vec<Part>, BadHistogram> {
    let part = |part: &gauntlet_model::interval::OperationInterval| {
        let mut response = LatencyBuckets::default();
        response.add(&part.succeeded.response.decode()?);
        Ok(Part {
            operation: part.operation,
            phase: part.phase,
            cell: Cell {
                response,
                failed: part.failed.response.decode()?.len(),
                cut: part.cut,
                dropped: part.dropped,
            },
        })
    };
    interval.operations.iter().map(part).collect()
}

impl State {
    fn add(&mut self, interval: &Interval, parts: Vec<Part>) {
        let mut series: usize = self.measured.values().map(|run| run.cells.len()).sum();
        let Some(run) = self.measured.get_mut(&interval.attempt.run) else {
            self.left_out += 1;
            return;
        };
        for part in parts {
            let place = (part.operation, part.phase);
            let is_new = !run.cells.contains_key(&place);
            if is_new && series >= MOST_SERIES {
                self.left_out += 1;
                continue;
            }
            series += usize::from(is_new);
            let cell = run.cells.entry(place).or_default();
            cell.response.merge(&part.cell.response);
            cell.failed += part.cell.failed;
            cell.cut += part.cell.cut;
            cell.dropped += part.cell.dropped;
        }
        for error in &interval.errors {
            let place = (error.operation, error.phase, error.class);
            // Errors of what has no series have none either.
            if run.cells.contains_key(&(error.operation, error.phase)) {
                let count = run.errors.entry(place).or_default();
                *count = count.saturating_add(error.count);
            }
        }
        if run.over.is_none() {
            let load = (u64::from(interval.in_flight), interval.backlog);
            run.load.insert(interval.attempt.shard, load);
        }
    }

    fn forget_old(&mut self, now: Instant) {
        let is_old = |over: Instant| now.duration_since(over) >= KEPT;
        self.measured.retain(|_, run| !run.over.is_some_and(is_old));
    }
}
