//! Requests of the watches.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::{Project, RunId},
    logs::Level,
    template::Violation,
};

use super::{
    RunFilter,
    run::{filter, not_negative, run_id},
};
use crate::{
    Violations,
    fields::{Fields, read},
    rules::check,
};

/// The runs of a snapshot when the caller does not say.
const SNAPSHOT: u32 = 100;
/// The most runs of a snapshot.
const LARGEST_SNAPSHOT: u32 = 1_000;

/// Something of a run to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchRun {
    /// The run.
    pub run: RunId,
    /// The last revision that the caller has seen; 0 for none.
    pub seen: i64,
}

/// Runs to watch.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchRuns {
    /// The project; what is below it counts too.
    pub project: Project,
    /// What a run must be like.
    pub filter: RunFilter,
    /// The last revision that the caller has seen; 0 for none.
    pub seen: i64,
    /// How many runs the snapshot holds, 1 to 1,000.
    pub snapshot_size: u32,
}

/// Which lines of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLogs {
    /// The run.
    pub run: RunId,
    /// Only lines after this sequence.
    pub after: i64,
    /// Only lines of at least this level.
    pub min_level: Level,
    /// Only lines of this shard; all when `None`.
    pub shard: Option<u32>,
    /// End once the stored lines have been sent.
    pub stored_only: bool,
}

/// `WatchRun`.
pub fn watch_run(request: &pb::WatchRunRequest) -> Result<WatchRun, Violations> {
    watch(check(request), &request.run_id, request.options)
}

/// `WatchShards`.
pub fn watch_shards(request: &pb::WatchShardsRequest) -> Result<WatchRun, Violations> {
    watch(check(request), &request.run_id, request.options)
}

/// `WatchEvents`.
pub fn watch_events(request: &pb::WatchEventsRequest) -> Result<WatchRun, Violations> {
    watch(check(request), &request.run_id, request.options)
}

/// `WatchWorkers`: the last revision that the caller has seen.
pub fn watch_workers(request: &pb::WatchWorkersRequest) -> Result<i64, Violations> {
    read(check(request), |fields| seen(fields, request.options))
}

/// `WatchRuns`.
pub fn watch_runs(request: pb::WatchRunsRequest) -> Result<WatchRuns, Violations> {
    read(check(&request), |fields| {
        let project = fields.project("project", request.project);
        let filter = filter(
            &mut fields.child("filter"),
            request.filter.unwrap_or_default(),
        );
        let seen = seen(fields, request.options);
        let snapshot_size = match request.snapshot_size {
            0 => Some(SNAPSHOT),
            size => fields.count("snapshot_size", size, LARGEST_SNAPSHOT),
        };
        Some(WatchRuns {
            project: project?,
            filter: filter?,
            seen: seen?,
            snapshot_size: snapshot_size?,
        })
    })
}

/// `StreamLogs`.
pub fn stream_logs(request: &pb::StreamLogsRequest) -> Result<StreamLogs, Violations> {
    read(check(request), |fields| {
        let run = run_id(fields, &request.run_id);
        let after = not_negative(fields, "after_sequence", request.after_sequence);
        let min_level = match request.min_level {
            0 => Some(Level::Info),
            number => fields.choice("min_level", number, level),
        };
        Some(StreamLogs {
            run: run?,
            after: after?,
            min_level: min_level?,
            shard: request.shard,
            stored_only: request.stored_only,
        })
    })
}

fn watch(
    broken: Vec<Violation>,
    run: &str,
    options: Option<pb::WatchOptions>,
) -> Result<WatchRun, Violations> {
    read(broken, |fields| {
        let run = run_id(fields, run);
        let seen = seen(fields, options);
        Some(WatchRun {
            run: run?,
            seen: seen?,
        })
    })
}

fn seen(fields: &mut Fields<'_>, options: Option<pb::WatchOptions>) -> Option<i64> {
    let seen = options.map_or(0, |options| options.resume_from_revision);
    not_negative(&mut fields.child("options"), "resume_from_revision", seen)
}

fn level(level: pb::LogLevel) -> Option<Level> {
    match level {
        pb::LogLevel::Unspecified => None,
        pb::LogLevel::Debug => Some(Level::Debug),
        pb::LogLevel::Info => Some(Level::Info),
        pb::LogLevel::Warn => Some(Level::Warn),
        pb::LogLevel::Error => Some(Level::Error),
    }
}
