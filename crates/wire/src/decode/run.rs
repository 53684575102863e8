//! Requests of `RunService`.

mod life;
mod list;
mod measured;

pub use life::{
    AbortShard, AdjustRun, CreateRun, EndRun, GetShard, LoadChange, RerunRun, StartRun, UpdateRun,
    abort_run, abort_shard, adjust_run, create_run, delete_run, get_shard, rerun_run, start_run,
    stop_run, update_run,
};
pub(super) use list::filter;
pub use list::{
    ListRuns, LoadMode, RunField, RunFilter, RunOrder, RunPlace, Span, Validity, list_runs,
};
pub use measured::{
    CompareRuns, ExportFormat, ExportRun, GetErrorSummary, GetMetrics, GetTargetActivity,
    ListOperations, SamplePlace, compare_runs, export_run, get_error_summary, get_metrics,
    get_target_activity, list_operations,
};

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::RunId,
    lifecycle::{Phase, Status},
    time::Timestamp,
};

use crate::{
    Violations,
    fields::{Fields, read},
    page::{self, Page},
    rules::check,
};

/// Which events of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEvents {
    /// The run.
    pub run: RunId,
    /// Which page, by sequence.
    pub page: Page<i64>,
}

/// Which points of a run's metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamMetrics {
    /// The run.
    pub run: RunId,
    /// Only points that start after this instant; `None` for all.
    pub after: Option<Timestamp>,
}

/// `GetRun`.
pub fn get_run(request: &pb::GetRunRequest) -> Result<RunId, Violations> {
    read(check(request), |fields| run_id(fields, &request.run_id))
}

/// `PreflightRun`.
pub fn preflight_run(request: &pb::PreflightRunRequest) -> Result<RunId, Violations> {
    read(check(request), |fields| run_id(fields, &request.run_id))
}

/// `GetReport`.
pub fn get_report(request: &pb::GetReportRequest) -> Result<RunId, Violations> {
    read(check(request), |fields| run_id(fields, &request.run_id))
}

/// `RecomputeReport`.
pub fn recompute_report(request: &pb::RecomputeReportRequest) -> Result<RunId, Violations> {
    read(check(request), |fields| run_id(fields, &request.run_id))
}

/// `RetryProcessing`.
pub fn retry_processing(request: &pb::RetryProcessingRequest) -> Result<RunId, Violations> {
    read(check(request), |fields| run_id(fields, &request.run_id))
}

/// `StreamMetrics`.
pub fn stream_metrics(request: &pb::StreamMetricsRequest) -> Result<StreamMetrics, Violations> {
    read(check(request), |fields| {
        let run = run_id(fields, &request.run_id);
        let after = not_negative(fields, "after_us", request.after_us)?;
        Some(StreamMetrics {
            run: run?,
            after: (after > 0).then_some(Timestamp(after)),
        })
    })
}

/// `ListShards`.
pub fn list_shards(request: &pb::ListShardsRequest) -> Result<RunId, Violations> {
    read(check(request), |fields| run_id(fields, &request.run_id))
}

/// `ListSteps`.
pub fn list_steps(request: &pb::ListStepsRequest) -> Result<RunId, Violations> {
    read(check(request), |fields| run_id(fields, &request.run_id))
}

/// `ListEvents`.
pub fn list_events(request: pb::ListEventsRequest) -> Result<ListEvents, Violations> {
    read(check(&request), |fields| {
        let run = run_id(fields, &request.run_id);
        let query = format!("events {}", request.run_id.to_ascii_lowercase());
        let page = page::page(fields, request.page, &query);
        Some(ListEvents {
            run: run?,
            page: page?,
        })
    })
}

pub(super) fn run_id(fields: &mut Fields<'_>, text: &str) -> Option<RunId> {
    run_id_in(fields, "run_id", text)
}

fn run_id_in(fields: &mut Fields<'_>, field: &str, text: &str) -> Option<RunId> {
    fields.uuid(field, text).map(RunId)
}

/// A number that 0 leaves out.
fn optional_number(number: u32) -> Option<u32> {
    (number > 0).then_some(number)
}

/// A stretch of time; open when it is absent.
fn span(fields: &mut Fields<'_>, field: &str, range: Option<pb::TimeRange>) -> Option<Span> {
    let range = range.unwrap_or_default();
    let mut fields = fields.child(field);
    let from = not_negative(&mut fields, "from_us", range.from_us);
    let to = not_negative(&mut fields, "to_us", range.to_us);
    let bound = |us: i64| (us > 0).then_some(Timestamp(us));
    let (from, to) = (bound(from?), bound(to?));
    if let (Some(first), Some(end)) = (from, to)
        && first >= end
    {
        let message = format!("must be after from_us, {}, it is {}", first.0, end.0);
        fields.add("to_us", message);
        return None;
    }
    Some(Span { from, to })
}

pub(super) fn not_negative(fields: &mut Fields<'_>, field: &str, value: i64) -> Option<i64> {
    if value < 0 {
        fields.add(field, format!("must not be negative, it is {value}"));
        return None;
    }
    Some(value)
}

fn status(status: pb::RunStatus) -> Option<Status> {
    use pb::RunStatus as P;
    Some(match status {
        P::Unspecified => return None,
        P::Prepared => Status::Prepared,
        P::Starting => Status::Starting,
        P::Running => Status::Running,
        P::Stopping => Status::Stopping,
        P::Cancelling => Status::Cancelling,
        P::Completed => Status::Completed,
        P::Stopped => Status::Stopped,
        P::Cancelled => Status::Cancelled,
        P::Failed => Status::Failed,
    })
}

/// A phase; `None` when it is not said.
pub(crate) fn phase(phase: pb::RunPhase) -> Option<Phase> {
    use pb::RunPhase as P;
    Some(match phase {
        P::Unspecified => return None,
        P::Preparing => Phase::Preparing,
        P::Warmup => Phase::Warmup,
        P::Measurement => Phase::Measurement,
        P::Cooldown => Phase::Cooldown,
        P::Processing => Phase::Processing,
        P::Done => Phase::Done,
    })
}
