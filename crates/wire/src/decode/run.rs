//! Requests of `RunService`.

use std::collections::BTreeMap;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::{Name, Project, RunId},
    lifecycle::{Phase, Status},
    time::Timestamp,
};

use super::template::version;
use crate::{
    Violations,
    digest::digest,
    fields::{Fields, read},
    page::{self, Page},
};

const LONGEST_MESSAGE: usize = 1_000;

/// A run to prepare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRun {
    /// Makes the call repeatable.
    pub request_id: Option<String>,
    /// The template's project.
    pub project: Project,
    /// The template.
    pub template: Name,
    /// Its version; `None` for the newest.
    pub template_version: Option<i32>,
    /// The run's name; `None` to have one made.
    pub name: Option<Name>,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
}

impl CreateRun {
    /// A digest of the content.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let content = (
            &self.project,
            &self.template,
            self.template_version,
            &self.name,
            &self.labels,
        );
        format!("{:032x}", digest(&format!("{content:?}")))
    }
}

/// Which runs to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRuns {
    /// The project; what is below it counts too.
    pub project: Project,
    /// Only these, each once; all when empty.
    pub statuses: Vec<Status>,
    /// Only runs of this template.
    pub template: Option<Name>,
    /// Which page, newest first.
    pub page: Page<(Timestamp, RunId)>,
}

/// A run to stop or to abort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndRun {
    /// The run.
    pub run: RunId,
    /// Why; may be empty.
    pub message: String,
}

/// A run to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchRun {
    /// The run.
    pub run: RunId,
    /// The last revision that the caller has seen; 0 for none.
    pub seen: i64,
}

/// Which points of a run's metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamMetrics {
    /// The run.
    pub run: RunId,
    /// Only points that start after this instant; `None` for all.
    pub after: Option<Timestamp>,
}

/// Which events of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEvents {
    /// The run.
    pub run: RunId,
    /// Which page, by sequence.
    pub page: Page<i64>,
}

/// `CreateRun`.
pub fn create_run(request: pb::CreateRunRequest) -> Result<CreateRun, Violations> {
    read(|fields| {
        let request_id = fields.request_id(request.request_id);
        let project = fields.project("project", request.project);
        let template = fields.name("template", request.template);
        let template_version = version(fields, "template_version", request.template_version);
        let name = fields.optional_name("name", request.name);
        let labels = fields.labels("labels", request.labels);
        Some(CreateRun {
            request_id,
            project: project?,
            template: template?,
            template_version,
            name,
            labels: labels?,
        })
    })
}

/// `GetRun`.
pub fn get_run(request: &pb::GetRunRequest) -> Result<RunId, Violations> {
    read(|fields| run_id(fields, &request.run_id))
}

/// `ListRuns`.
pub fn list_runs(request: pb::ListRunsRequest) -> Result<ListRuns, Violations> {
    read(|fields| {
        let mut statuses = request.statuses;
        statuses.sort_unstable();
        statuses.dedup();
        let query = format!("runs {} {statuses:?} {}", request.project, request.template);
        let project = fields.project("project", request.project);
        let statuses = statuses
            .into_iter()
            .map(|number| fields.choice("statuses", number, status))
            .collect::<Vec<_>>();
        let template = fields.optional_name("template", request.template);
        let page = page::page(fields, request.page, &query);
        Some(ListRuns {
            project: project?,
            statuses: statuses.into_iter().collect::<Option<_>>()?,
            template,
            page: page?,
        })
    })
}

/// `StartRun`.
pub fn start_run(request: &pb::StartRunRequest) -> Result<RunId, Violations> {
    read(|fields| run_id(fields, &request.run_id))
}

/// `StopRun`.
pub fn stop_run(request: pb::StopRunRequest) -> Result<EndRun, Violations> {
    read(|fields| end_run(fields, &request.run_id, request.message))
}

/// `AbortRun`.
pub fn abort_run(request: pb::AbortRunRequest) -> Result<EndRun, Violations> {
    read(|fields| end_run(fields, &request.run_id, request.message))
}

/// `WatchRun`.
pub fn watch_run(request: &pb::WatchRunRequest) -> Result<WatchRun, Violations> {
    read(|fields| {
        let run = run_id(fields, &request.run_id);
        let seen = request
            .options
            .map_or(0, |options| options.resume_from_revision);
        let seen = not_negative(&mut fields.child("options"), "resume_from_revision", seen);
        Some(WatchRun {
            run: run?,
            seen: seen?,
        })
    })
}

/// `StreamMetrics`.
pub fn stream_metrics(request: &pb::StreamMetricsRequest) -> Result<StreamMetrics, Violations> {
    read(|fields| {
        let run = run_id(fields, &request.run_id);
        let after = not_negative(fields, "after_us", request.after_us)?;
        Some(StreamMetrics {
            run: run?,
            after: (after > 0).then_some(Timestamp(after)),
        })
    })
}

/// `GetReport`.
pub fn get_report(request: &pb::GetReportRequest) -> Result<RunId, Violations> {
    read(|fields| run_id(fields, &request.run_id))
}

/// `ListShards`.
pub fn list_shards(request: &pb::ListShardsRequest) -> Result<RunId, Violations> {
    read(|fields| run_id(fields, &request.run_id))
}

/// `ListEvents`.
pub fn list_events(request: pb::ListEventsRequest) -> Result<ListEvents, Violations> {
    read(|fields| {
        let run = run_id(fields, &request.run_id);
        let query = format!("events {}", request.run_id.to_ascii_lowercase());
        let page = page::page(fields, request.page, &query);
        Some(ListEvents {
            run: run?,
            page: page?,
        })
    })
}

fn run_id(fields: &mut Fields<'_>, text: &str) -> Option<RunId> {
    fields.uuid("run_id", text).map(RunId)
}

fn end_run(fields: &mut Fields<'_>, run: &str, message: String) -> Option<EndRun> {
    let run = run_id(fields, run);
    let message = fields.text("message", message, LONGEST_MESSAGE);
    Some(EndRun {
        run: run?,
        message: message?,
    })
}

fn not_negative(fields: &mut Fields<'_>, field: &str, value: i64) -> Option<i64> {
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
