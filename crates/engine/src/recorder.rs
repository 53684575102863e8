//! Where one thread records, and how the collector takes it away.
//!
//! A recorder has one writer. The collector exchanges the writer's cells for empty ones about once per second; the lock
//! between them is held for a swap of two pointers and is otherwise uncontended (6 ns, measured).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

use crate::clock::{Clock, Nanos};
use crate::sample::{Sample, Sampler, Samples};
use crate::snapshot::{self, ErrorCount, Outcome, Snapshot, Tally};
use crate::target::Failure;
use crate::timeline::{Cursor, Epoch, Timeline};

/// Distinct failures that a recorder keeps apart per interval; more are counted under one code.
const ERROR_KINDS: usize = 256;

/// Which operation of the work one is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    /// Its number in the plan.
    pub(crate) operation: usize,
    /// Its index in the run's work.
    pub(crate) index: u64,
    /// The last unique key that its connection had taken then; `None` if its parameters were never made.
    pub(crate) key: Option<i64>,
}

/// What a recorder must know of an operation that ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) due: Nanos,
    pub(crate) sent: Nanos,
    pub(crate) end: Nanos,
}

impl Times {
    #[inline]
    fn response(self) -> u64 {
        self.end.saturating_sub(self.due)
    }
}

/// Durations of one operation with one outcome. In a closed loop an operation is sent when it is due, so one histogram
/// says everything and the other two are derived when a snapshot is made.
#[derive(Debug)]
struct Cell {
    rows: u64,
    response: Histogram<u32>,
    open: Option<OpenCell>,
}

#[derive(Debug)]
struct OpenCell {
    service: Histogram<u32>,
    lag: Histogram<u32>,
}

fn histogram() -> Histogram<u32> {
    Histogram::new(3).expect("three significant digits are allowed")
}

impl Cell {
    fn new(open: bool) -> Self {
        let open = open.then(|| OpenCell {
            service: histogram(),
            lag: histogram(),
        });
        Self {
            rows: 0,
            response: histogram(),
            open,
        }
    }

    fn record(&mut self, times: Times, rows: u64) {
        self.rows += rows;
        self.response.record_resizing(times.response());
        if let Some(open) = &mut self.open {
            open.service
                .record_resizing(times.end.saturating_sub(times.sent));
            open.lag
                .record_resizing(times.sent.saturating_sub(times.due));
        }
    }

    fn clear(&mut self) {
        self.rows = 0;
        self.response.reset();
        if let Some(open) = &mut self.open {
            open.service.reset();
            open.lag.reset();
        }
    }
}

trait RecordResizing {
    fn record_resizing(&mut self, value: u64);
}

impl RecordResizing for Histogram<u32> {
    #[inline]
    fn record_resizing(&mut self, value: u64) {
        // It fails only for a histogram that may not resize.
        self.record(value)
            .expect("a histogram that resizes takes any value");
    }
}

/// The cells of one epoch, by operation.
#[derive(Debug)]
struct EpochCells {
    epoch: Epoch,
    /// Two per operation: succeeded, failed. Created by the first value.
    cells: Vec<Option<Box<Cell>>>,
    dropped: Vec<u64>,
    cut: Vec<u64>,
}

/// Everything recorded since the last swap.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    epochs: Vec<EpochCells>,
    errors: Vec<ErrorCount>,
    samples: Samples,
    last: usize,
}

impl Cells {
    #[inline]
    fn epoch(&mut self, epoch: Epoch, operations: usize) -> &mut EpochCells {
        if self
            .epochs
            .get(self.last)
            .is_none_or(|cells| cells.epoch != epoch)
        {
            self.last = self
                .epochs
                .iter()
                .position(|cells| cells.epoch == epoch)
                .unwrap_or_else(|| {
                    self.epochs.push(EpochCells {
                        epoch,
                        cells: (0..operations * 2).map(|_| None).collect(),
                        dropped: vec![0; operations],
                        cut: vec![0; operations],
                    });
                    self.epochs.len() - 1
                });
        }
        &mut self.epochs[self.last]
    }

    /// Adds everything to a snapshot and empties the cells. Memory that was used in this interval is kept for the next one.
    pub(crate) fn drain_into(&mut self, snapshot: &mut Snapshot) {
        for epoch in &mut self.epochs {
            epoch.drain_into(snapshot);
        }
        self.epochs
            .retain(|epoch| epoch.cells.iter().any(Option::is_some));
        for error in self.errors.drain(..) {
            snapshot::add_error(&mut snapshot.errors, error);
        }
        snapshot.samples.merge(std::mem::take(&mut self.samples));
    }
}

impl EpochCells {
    fn drain_into(&mut self, snapshot: &mut Snapshot) {
        for (index, slot) in self.cells.iter_mut().enumerate() {
            let Some(cell) = slot else { continue };
            if cell.response.is_empty() {
                // Not used for a whole interval: give the memory back.
                *slot = None;
                continue;
            }
            let outcome = if index % 2 == 0 {
                Outcome::Ok
            } else {
                Outcome::Failed
            };
            let series = snapshot.series_mut(self.epoch, (index / 2) as u32, outcome);
            series.rows += cell.rows;
            add(&mut series.response, &cell.response);
            if let Some(open) = &cell.open {
                add(&mut series.service, &open.service);
                add(&mut series.lag, &open.lag);
            } else {
                add(&mut series.service, &cell.response);
                series
                    .lag
                    .record_n(0, cell.response.len())
                    .expect("zero fits into any histogram");
            }
            cell.clear();
        }
        for (tallies, counts) in [
            (&mut snapshot.dropped, &mut self.dropped),
            (&mut snapshot.cut, &mut self.cut),
        ] {
            for (operation, count) in counts
                .iter_mut()
                .enumerate()
                .filter(|(_, count)| **count > 0)
            {
                snapshot::add_tally(
                    tallies,
                    Tally {
                        epoch: self.epoch,
                        operation: operation as u32,
                        count: std::mem::take(count),
                    },
                );
            }
        }
    }
}

/// Adds narrow counts to wide ones; the buckets are the same, so nothing moves.
fn add(wide: &mut Histogram<u64>, narrow: &Histogram<u32>) {
    for bucket in narrow.iter_recorded() {
        wide.record_n(
            bucket.value_iterated_to(),
            bucket.count_since_last_iteration(),
        )
        .expect("a histogram that resizes takes any value");
    }
}

/// The recorder of one thread.
#[derive(Debug)]
pub(crate) struct Recorder {
    shared: Mutex<Owned>,
}

#[derive(Debug)]
struct Owned {
    cells: Cells,
    cursor: Cursor,
    sampler: Sampler,
    clock: Clock,
    operations: usize,
    open: bool,
}

impl Recorder {
    /// For plans of `operations` operations; `open` says whether due and sent differ, `seed` decides which operations are
    /// drawn as samples.
    pub(crate) fn new(
        timeline: Arc<Timeline>,
        clock: Clock,
        operations: usize,
        open: bool,
        seed: u64,
    ) -> Self {
        Self {
            shared: Mutex::new(Owned {
                cells: Cells::default(),
                cursor: Cursor::new(timeline),
                sampler: Sampler::new(operations, seed),
                clock,
                operations,
                open,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Owned> {
        // A panic while recording loses at most the value being recorded; the counts stay usable.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(crate) fn succeeded(&self, job: Job, times: Times, rows: u64) {
        let mut owned = self.lock();
        owned.cell(job.operation * 2, times.due).record(times, rows);
        if owned.sampler.notice(job.operation, times.response()) {
            owned.keep(job, times, rows);
        }
    }

    pub(crate) fn failed(&self, job: Job, times: Times, failure: Failure) {
        let operation = job.operation;
        let mut owned = self.lock();
        owned.keep_failure(job, times, &failure);
        owned.cell(operation * 2 + 1, times.due).record(times, 0);
        let epoch = owned.cursor.epoch(times.due);
        let Failure {
            class,
            code,
            message,
        } = failure;
        let mut error = ErrorCount {
            epoch,
            operation: operation as u32,
            class,
            code,
            message,
            count: 1,
        };
        let errors = &mut owned.cells.errors;
        if errors.len() >= ERROR_KINDS
            && !errors
                .iter()
                .any(|own| own.class == class && own.code == error.code)
        {
            "OTHER_CODES".clone_into(&mut error.code);
        }
        snapshot::add_error(errors, error);
    }

    pub(crate) fn dropped(&self, operation: usize, due: Nanos) {
        self.lock().epoch(due).dropped[operation] += 1;
    }

    pub(crate) fn cut(&self, operation: usize, due: Nanos) {
        self.lock().epoch(due).cut[operation] += 1;
    }

    /// Exchanges what was recorded for `empty`.
    pub(crate) fn swap(&self, empty: &mut Cells) {
        std::mem::swap(&mut self.lock().cells, empty);
    }
}

impl Owned {
    fn sample(&mut self, job: Job, times: Times, rows: u64, failure: Option<Failure>) -> Sample {
        Sample {
            epoch: self.cursor.epoch(times.due),
            index: job.index,
            key: job.key,
            due: self.clock.instant(times.due),
            response_ns: times.response(),
            service_ns: times.end.saturating_sub(times.sent),
            lag_ns: times.sent.saturating_sub(times.due),
            rows,
            failure,
        }
    }

    #[cold]
    fn keep(&mut self, job: Job, times: Times, rows: u64) {
        let sample = self.sample(job, times, rows, None);
        self.sampler
            .keep(&mut self.cells.samples, job.operation, sample);
    }

    fn keep_failure(&mut self, job: Job, times: Times, failure: &Failure) {
        let sample = self.sample(job, times, 0, Some(failure.clone()));
        let samples = &mut self.cells.samples;
        self.sampler
            .keep_failure(samples, job.operation, failure, || sample.clone());
        if self.sampler.notice(job.operation, times.response()) {
            self.sampler.keep(samples, job.operation, sample);
        }
    }

    #[inline]
    fn epoch(&mut self, due: Nanos) -> &mut EpochCells {
        let epoch = self.cursor.epoch(due);
        self.cells.epoch(epoch, self.operations)
    }

    #[inline]
    fn cell(&mut self, index: usize, due: Nanos) -> &mut Cell {
        let open = self.open;
        self.epoch(due).cells[index].get_or_insert_with(|| Box::new(Cell::new(open)))
    }
}

#[cfg(test)]
mod tests;
