//! What the charts are drawn from: a bounded part of the history.

use gauntlet_model::{
    history::{Counts, HistoryPoint, Percentiles, Resolution, Rollup, Series},
    interval::{BadHistogram, Encoded},
    lifecycle::{Phase, Window},
    report::Offered,
    run::{ControlEvent, Run},
    search::Step,
    template::Load,
    time::{Timestamp, micros},
};

use crate::{Contents, ExportError};

/// A bucket of which a phase covers less says too little of it.
const LEAST_COVERED: f64 = 0.25;
/// Rows of the heat map for each power of ten.
pub(super) const ROWS: u32 = 10;

/// One bucket of one phase.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moment {
    /// The middle of what the phase covers of it, seconds after the load began.
    pub(super) at_s: f64,
    /// Operations that succeeded, per second.
    pub(super) throughput_per_s: f64,
    /// What an open loop was asked for; `None` for a closed loop.
    pub(super) offered_per_s: Option<f64>,
    /// Operations that failed, per second.
    pub(super) failed_per_s: f64,
    /// Of the response time, microseconds: p50, p95, p99, p99.9; `None` when
    /// nothing succeeded.
    pub(super) percentiles_us: Option<[f64; 4]>,
    /// Operations due and not sent at the end of a second; the most.
    pub(super) backlog: u64,
}

/// How many operations of one bucket took how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Column {
    /// The bucket, counted from when the load began.
    pub(super) bucket: u64,
    /// By [`row_of`], grown as far as needed.
    pub(super) rows: Vec<u64>,
}

/// See the module. It holds a few hundred bytes for each bucket, and a
/// histogram for each operation.
#[derive(Clone, Debug)]
pub(super) struct Gathered {
    /// In the order of time; within a bucket in that of the phases.
    pub(super) moments: Vec<Moment>,
    /// In the order of time.
    pub(super) columns: Vec<Column>,
    /// Response times by operation: of the measurement, or of the step that a
    /// search's figures are of.
    pub(super) counts: Vec<Counts>,
    origin: Timestamp,
    resolution: Resolution,
    phases: Vec<(Phase, Window)>,
    controls: Vec<ControlEvent>,
    asked_per_s: Option<f64>,
    /// The window of the step that the report's figures are of.
    window: Option<Window>,
    series: Box<Series>,
}

impl Gathered {
    pub(super) fn new(contents: &Contents) -> Self {
        let run = &contents.run;
        let origin = origin(run);
        let phases = contents.phases.clone();
        let percentiles = Percentiles::default();
        let series = Series::new(origin, contents.resolution, percentiles, phases.clone());
        Self {
            moments: Vec::new(),
            columns: Vec::new(),
            counts: vec![Counts::default(); run.spec.operations.len()],
            origin,
            resolution: contents.resolution,
            phases,
            controls: contents.background.controls.clone(),
            asked_per_s: match run.spec.load {
                Load::Rate { per_second, .. } => Some(per_second),
                Load::Concurrency { .. } => None,
            },
            window: reported_step(contents).map(Step::window),
            series: Box::new(series),
        }
    }

    /// Takes the next rollup. An error leaves a part of it in.
    pub(super) fn push(&mut self, rollup: &Rollup) -> Result<(), ExportError> {
        let points = self.series.push(rollup)?;
        self.add(&points);
        self.heat(rollup.start, &rollup.succeeded.response)?;
        if rollup.phase == Phase::Measurement && self.is_reported(rollup) {
            let counts = self.counts.get_mut(rollup.operation as usize);
            if let Some(counts) = counts {
                counts.add(&rollup.succeeded.response)?;
            }
        }
        Ok(())
    }

    /// Takes what is left.
    pub(super) fn finish(&mut self) {
        let points = self.series.finish();
        self.add(&points);
    }

    /// The length of a bucket, seconds.
    pub(super) fn bucket_s(&self) -> f64 {
        self.resolution.length().as_secs_f64()
    }

    /// When the charts end, seconds after the load began: with the load, or with
    /// the last bucket where that is not known.
    pub(super) fn end_s(&self) -> f64 {
        let last = self.columns.last().map_or(0, |column| column.bucket + 1);
        let load = self.stretches().filter(|(phase, ..)| phase.is_load());
        let load = load.map(|(_, _, to)| to).fold(0.0, f64::max);
        let drawn = self.moments.last().map_or(0.0, |moment| moment.at_s);
        let last = last as f64 * self.bucket_s();
        let end = if load > 0.0 { last.min(load) } else { last };
        end.max(drawn)
    }

    /// A phase's stretches, seconds after the load began.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (Phase, f64, f64)> + '_ {
        self.phases.iter().map(|(phase, window)| {
            let after = |instant: Timestamp| (instant.0.saturating_sub(self.origin.0)) as f64 / 1e6;
            (*phase, after(window.from), after(window.to))
        })
    }

    /// The drain is no part of it: nothing is asked for then.
    fn add(&mut self, points: &[HistoryPoint]) {
        for point in points.iter().filter(|point| point.phase.is_load()) {
            let part = self.part(point);
            let share = part.length().as_secs_f64() / self.bucket_s();
            // A run that is shorter than a part of a bucket is still shown.
            if share >= LEAST_COVERED || (self.moments.is_empty() && share > 0.0) {
                let moment = self.moment(point, part);
                self.moments.push(moment);
            }
        }
    }

    fn moment(&self, point: &HistoryPoint, part: Window) -> Moment {
        let middle = i64::midpoint(part.from.0, part.to.0);
        let total = &point.total;
        let asked = self.asked_per_s.map(|per_second| {
            let offered = Offered::of(per_second, part, &self.controls);
            offered.per_second
        });
        Moment {
            at_s: (middle - self.origin.0) as f64 / 1e6,
            throughput_per_s: total.throughput_per_s.unwrap_or_default(),
            offered_per_s: asked,
            failed_per_s: total.failed as f64 / point.covered.as_secs_f64(),
            percentiles_us: total
                .response
                .as_ref()
                .and_then(|response| <[f64; 4]>::try_from(response.percentiles_us.as_slice()).ok()),
            backlog: point.backlog_max,
        }
    }

    /// The part of a bucket that its phase covers; all of it when the phases do
    /// not say. A worker's second that reaches over the end of a phase may tell
    /// of the next phase in a bucket that this does not cover: an empty part.
    fn part(&self, point: &HistoryPoint) -> Window {
        let whole = Window {
            from: point.start,
            to: point.start + point.resolution.length(),
        };
        let inside = |window: &Window| Window {
            from: window.from.clamp(whole.from, whole.to),
            to: window.to.clamp(whole.from, whole.to),
        };
        let of_phase = |(phase, _): &&(Phase, Window)| *phase == point.phase;
        let parts = self.phases.iter().filter(of_phase);
        let longest = parts
            .map(|(_, window)| inside(window))
            .max_by_key(|part| part.length());
        longest.unwrap_or(whole)
    }

    fn is_reported(&self, rollup: &Rollup) -> bool {
        let Some(window) = self.window else {
            return true;
        };
        // A step's window begins and ends with a second; longer buckets blur it,
        // so these come by the second: see [`Contents::by_second`].
        let middle = rollup.start + rollup.resolution.length() / 2;
        rollup.resolution == Resolution::Second && (window.from..window.to).contains(&middle)
    }

    fn heat(&mut self, start: Timestamp, response: &Encoded) -> Result<(), BadHistogram> {
        let start = self.resolution.bucket_of(self.origin, start);
        let after = start.0.saturating_sub(self.origin.0).max(0);
        let bucket = after.unsigned_abs() / self.resolution.us().unsigned_abs();
        if self.columns.last().is_none_or(|last| last.bucket != bucket) {
            let rows = Vec::new();
            self.columns.push(Column { bucket, rows });
        }
        let Some(column) = self.columns.last_mut() else {
            return Ok(());
        };
        for recorded in response.decode()?.iter_recorded() {
            let row = row_of(recorded.value_iterated_to());
            if row >= column.rows.len() {
                column.rows.resize(row + 1, 0);
            }
            let count = &mut column.rows[row];
            *count = count.saturating_add(recorded.count_since_last_iteration());
        }
        Ok(())
    }
}

/// The row of the heat map that a latency in nanoseconds lies in.
fn row_of(ns: u64) -> usize {
    ((ns.max(1) as f64).log10() * f64::from(ROWS)).floor() as usize
}

/// Where a row begins, microseconds.
pub(super) fn row_starts_us(row: usize) -> f64 {
    10_f64.powf(row as f64 / f64::from(ROWS)) / 1e3
}

/// When the load began, or when the run was created if it never did.
pub(super) fn origin(run: &Run) -> Timestamp {
    run.state.load_started.unwrap_or(run.created)
}

/// The step that a search's report is of: its best or, if none passed, the
/// first in which anything succeeded.
pub(crate) fn reported_step(contents: &Contents) -> Option<&Step> {
    let findings = contents.report.as_ref()?.search.as_ref()?;
    let steps = &findings.steps;
    let best = steps
        .iter()
        .find(|step| step.trial.step == findings.best_step);
    best.or_else(|| steps.iter().find(|step| step.figures.succeeded > 0))
}

/// How long the load lasted; zero when there was none.
pub(super) fn loaded(phases: &[(Phase, Window)]) -> i64 {
    let windows = phases.iter().filter(|(phase, _)| phase.is_load());
    windows.map(|(_, window)| micros(window.length())).sum()
}
