//! What was measured, in any of its shapes.

use std::{cmp::Reverse, time::Duration};

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    history::{MOST_POINTS, Percentiles, Resolution},
    id::{Name, RunId},
    lifecycle::Phase,
    sample::SampleKind,
    time::Timestamp,
};

use super::{Span, phase, run_id, run_id_in, span};
use crate::{
    Violations,
    fields::{Fields, read},
    page::{self, Key, Page, take},
    rules::check,
};

/// The most names of operations in one call.
const MOST_OPERATIONS: usize = 1_000;
/// Points when the caller does not say.
const POINTS: u32 = 500;
/// Samples of a target's sessions when the caller does not say.
const ACTIVITY_POINTS: u32 = 600;
/// The longest point, microseconds: what is asked for beyond means the same.
const LONGEST_POINT_US: i64 = 3_600_000_000;

/// Measurements over time.
#[derive(Clone, Debug, PartialEq)]
pub struct GetMetrics {
    /// The run.
    pub run: RunId,
    /// Only this stretch.
    pub range: Span,
    /// The length of a point; `None` for the finest that fits.
    pub resolution: Option<Duration>,
    /// Only these operations, each once; all when empty.
    pub operations: Vec<Name>,
    /// The percentiles.
    pub percentiles: Percentiles,
    /// The most points.
    pub max_points: u32,
}

/// What a run's sessions did at the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetTargetActivity {
    /// The run.
    pub run: RunId,
    /// Only samples after it.
    pub after: Option<Timestamp>,
    /// The most samples.
    pub max_points: u32,
}

/// A run's failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetErrorSummary {
    /// The run.
    pub run: RunId,
    /// Only these operations, each once; all when empty.
    pub operations: Vec<Name>,
    /// Only this phase.
    pub phase: Option<Phase>,
}

/// Operations kept as examples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOperations {
    /// The run.
    pub run: RunId,
    /// Only these operations, each once; all when empty.
    pub operations: Vec<Name>,
    /// Only this kind.
    pub kind: Option<SampleKind>,
    /// Only this phase.
    pub phase: Option<Phase>,
    /// Which page, the slowest first.
    pub page: Page<SamplePlace>,
}

/// Where an example stands in the list: the slower the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SamplePlace {
    /// Its response time, nanoseconds.
    pub response_ns: Reverse<u64>,
    /// The operation's place in the template.
    pub operation: u32,
    /// The place of its kind among the kinds.
    pub kind: u32,
    /// The shard that sent it.
    pub shard: u32,
    /// The attempt that sent it.
    pub attempt: u32,
    /// Its rank, as the worker ranked it.
    pub rank: u32,
}

impl Key for SamplePlace {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.response_ns.0.to_be_bytes());
        let rest = [
            self.operation,
            self.kind,
            self.shard,
            self.attempt,
            self.rank,
        ];
        bytes.extend(rest.into_iter().flat_map(u32::to_be_bytes));
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let response_ns = Reverse(u64::from_be_bytes(take(bytes)?));
        let mut next = || take(bytes).map(u32::from_be_bytes);
        Some(Self {
            response_ns,
            operation: next()?,
            kind: next()?,
            shard: next()?,
            attempt: next()?,
            rank: next()?,
        })
    }
}

/// Runs to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompareRuns {
    /// Two to five, the baseline first.
    pub runs: Vec<RunId>,
    /// The most points of the series.
    pub max_points: u32,
}

/// A run to export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportRun {
    /// The run.
    pub run: RunId,
    /// The file's format.
    pub format: ExportFormat,
    /// The length of a point.
    pub resolution: Resolution,
}

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// One JSON document.
    Json,
    /// Comma-separated values.
    Csv,
    /// A histogram log.
    Hlog,
    /// Apache Parquet.
    Parquet,
    /// The report for people.
    Html,
}

/// `GetMetrics`.
pub fn get_metrics(request: &pb::GetMetricsRequest) -> Result<GetMetrics, Violations> {
    read(check(request), |fields| {
        let run = run_id(fields, &request.run_id);
        let range = span(fields, "range", request.range);
        let resolution = resolution_us(fields, request.resolution_us);
        let operations = operations(fields, &request.operations);
        let percentiles = Percentiles::new(&request.percentiles)
            .map_err(|error| fields.add("percentiles", error.to_string()))
            .ok();
        let max_points = max_points(fields, request.max_points);
        Some(GetMetrics {
            run: run?,
            range: range?,
            resolution: resolution.filter(|asked| !asked.is_zero()),
            operations: operations?,
            percentiles: percentiles?,
            max_points: max_points?,
        })
    })
}

/// `GetTargetActivity`.
pub fn get_target_activity(
    request: &pb::GetTargetActivityRequest,
) -> Result<GetTargetActivity, Violations> {
    read(check(request), |fields| {
        let run = run_id(fields, &request.run_id);
        Some(GetTargetActivity {
            run: run?,
            after: (request.after_us > 0).then_some(Timestamp(request.after_us)),
            max_points: match request.max_points {
                0 => ACTIVITY_POINTS,
                points => points,
            },
        })
    })
}

/// `GetErrorSummary`.
pub fn get_error_summary(
    request: &pb::GetErrorSummaryRequest,
) -> Result<GetErrorSummary, Violations> {
    read(check(request), |fields| {
        let run = run_id(fields, &request.run_id);
        let operations = operations(fields, &request.operations);
        let phase = fields.chosen("phase", request.phase, phase);
        Some(GetErrorSummary {
            run: run?,
            operations: operations?,
            phase,
        })
    })
}

/// `ListOperations`.
pub fn list_operations(request: pb::ListOperationsRequest) -> Result<ListOperations, Violations> {
    read(check(&request), |fields| {
        let run = run_id(fields, &request.run_id);
        let operations = operations(fields, &request.operations);
        let kind = fields.chosen("kind", request.kind, kind);
        let phase = fields.chosen("phase", request.phase, phase);
        let mut names = request.operations;
        names.sort_unstable();
        names.dedup();
        let run_text = request.run_id.to_ascii_lowercase();
        let query = format!("operations {run_text} {names:?} {kind:?} {phase:?}");
        let page = page::page(fields, request.page, &query);
        Some(ListOperations {
            run: run?,
            operations: operations?,
            kind,
            phase,
            page: page?,
        })
    })
}

/// `CompareRuns`.
pub fn compare_runs(request: &pb::CompareRunsRequest) -> Result<CompareRuns, Violations> {
    read(check(request), |fields| {
        let given = &request.run_ids;
        if !(2..=5).contains(&given.len()) {
            let message = format!("must be 2 to 5 runs, there are {}", given.len());
            fields.add("run_ids", message);
            return None;
        }
        let mut runs: Vec<RunId> = Vec::with_capacity(given.len());
        for (index, text) in given.iter().enumerate() {
            let field = format!("run_ids[{index}]");
            let Some(run) = run_id_in(fields, &field, text) else {
                continue;
            };
            if runs.contains(&run) {
                fields.add(
                    &field,
                    "is there twice; a run differs from itself in nothing",
                );
            }
            runs.push(run);
        }
        let max_points = max_points(fields, request.max_points)?;
        Some(CompareRuns { runs, max_points })
    })
}

/// `ExportRun`.
pub fn export_run(request: &pb::ExportRunRequest) -> Result<ExportRun, Violations> {
    read(check(request), |fields| {
        let run = run_id(fields, &request.run_id);
        let format = fields.choice("format", request.format, format);
        let resolution = resolution_us(fields, request.resolution_us)?;
        let at_most = |known: &Resolution| known.length() <= resolution;
        let coarsest = Resolution::ALL.into_iter().rfind(at_most);
        Some(ExportRun {
            run: run?,
            format: format?,
            resolution: coarsest.unwrap_or(Resolution::Second),
        })
    })
}

fn operations(fields: &mut Fields<'_>, names: &[String]) -> Option<Vec<Name>> {
    if names.len() > MOST_OPERATIONS {
        let count = names.len();
        let message = format!("must be at most {MOST_OPERATIONS} names, there are {count}");
        fields.add("operations", message);
        return None;
    }
    let mut found: Vec<Name> = Vec::with_capacity(names.len());
    let mut good = true;
    for (index, text) in names.iter().enumerate() {
        match fields.name(&format!("operations[{index}]"), text.clone()) {
            Some(name) if found.contains(&name) => {}
            Some(name) => found.push(name),
            None => good = false,
        }
    }
    good.then_some(found)
}

/// A point's length; zero when it is not given.
fn resolution_us(fields: &mut Fields<'_>, us: i64) -> Option<Duration> {
    let us = super::not_negative(fields, "resolution_us", us)?;
    let us = us.min(LONGEST_POINT_US).unsigned_abs();
    Some(Duration::from_micros(us))
}

fn max_points(fields: &mut Fields<'_>, points: u32) -> Option<u32> {
    match points {
        0 => Some(POINTS),
        points => fields.count("max_points", points, MOST_POINTS),
    }
}

fn kind(kind: pb::OperationSampleKind) -> Option<SampleKind> {
    match kind {
        pb::OperationSampleKind::Unspecified => None,
        pb::OperationSampleKind::Slowest => Some(SampleKind::Slowest),
        pb::OperationSampleKind::FirstError => Some(SampleKind::FirstError),
        pb::OperationSampleKind::Reservoir => Some(SampleKind::Reservoir),
    }
}

fn format(format: pb::ExportFormat) -> Option<ExportFormat> {
    match format {
        pb::ExportFormat::Unspecified => None,
        pb::ExportFormat::Json => Some(ExportFormat::Json),
        pb::ExportFormat::Csv => Some(ExportFormat::Csv),
        pb::ExportFormat::Hlog => Some(ExportFormat::Hlog),
        pb::ExportFormat::Parquet => Some(ExportFormat::Parquet),
        pb::ExportFormat::Html => Some(ExportFormat::Html),
    }
}
