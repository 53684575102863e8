//! What was measured, and what came of it.

use async_trait::async_trait;
use gauntlet_model::{
    errors::ErrorGroup,
    evidence::Piece,
    history::{Resolution, Rollup},
    id::RunId,
    interval::Interval,
    lifecycle::Phase,
    logs::{Level, LogLine},
    report::Report,
    sample::{OperationSample, SampleKind},
    session::AttemptRef,
    time::Timestamp,
};

use crate::{PageQuery, Result, TimeRange};

/// Where a scan of intervals goes on: (end, shard, attempt, sequence).
pub type IntervalKey = (Timestamp, u32, u32, i64);

/// Measurements, one second of one worker each.
#[async_trait]
pub trait Intervals: Send + Sync {
    /// Stores intervals; those that are there already (by run, shard, attempt
    /// and sequence) are passed over. The failures of the new ones are added to
    /// the run's [error groups](Errors) in the same transaction. All or none:
    /// [`Missing`](crate::Error::Missing) when there is no such run. Returns,
    /// for each, whether it was new.
    async fn append(&self, intervals: &[Interval]) -> Result<Vec<bool>>;
    /// The highest sequence up to which an attempt's intervals are stored
    /// without a gap; 0 for none.
    async fn contiguous(&self, attempt: AttemptRef) -> Result<i64>;
    /// A run's intervals whose end is in a range, by (end, shard, attempt, sequence).
    async fn list(
        &self,
        run: RunId,
        ended: TimeRange,
        page: PageQuery<IntervalKey>,
    ) -> Result<Vec<Interval>>;
    /// Removes the intervals of a run that ended before an instant and has a
    /// report; gives how many went, 0 for any other run. Nothing is lost that
    /// lists, reports, [`Rollups`] and [`Errors`] show: their counts are exact
    /// and stay. What goes is who measured what in which second, so the report
    /// cannot be computed again.
    async fn prune(&self, run: RunId, run_ended_before: Timestamp) -> Result<u64>;
}

/// Where a scan of rollups goes on: (start, operation, phase).
pub type RollupKey = (Timestamp, u32, Phase);

/// Measurements of all workers, merged over longer times.
#[async_trait]
pub trait Rollups: Send + Sync {
    /// Stores rollups, each in place of an earlier one of the same run,
    /// resolution, start, operation and phase. All or none:
    /// [`Missing`](crate::Error::Missing) when there is no such run.
    async fn put(&self, rollups: &[Rollup]) -> Result<()>;
    /// A run's rollups of one resolution whose start is in a range, of some
    /// operations (all when `operations` is empty), by (start, operation,
    /// phase): phases by their stable words, as bytes.
    async fn list(
        &self,
        run: RunId,
        resolution: Resolution,
        started: TimeRange,
        operations: &[u32],
        page: PageQuery<RollupKey>,
    ) -> Result<Vec<Rollup>>;
}

/// Failures, grouped. [`Intervals::append`] writes them.
#[async_trait]
pub trait Errors: Send + Sync {
    /// A run's groups by (operation, phase, class, code, message), phases and
    /// classes in their order. There are not many more than
    /// [`MOST_GROUPS`](gauntlet_model::errors::MOST_GROUPS): failures of
    /// further kinds are counted together. A count stays at 2⁶³ − 1 once it is
    /// there.
    async fn list(&self, run: RunId) -> Result<Vec<ErrorGroup>>;
}

/// Which samples to list. A field that is `None` holds for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleFilter {
    /// Only of this operation.
    pub operation: Option<u32>,
    /// Only those kept for this.
    pub kind: Option<SampleKind>,
    /// Only of this phase.
    pub phase: Option<Phase>,
}

/// The place of a sample among those of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleKey {
    /// The operation's place in the template.
    pub operation: u32,
    /// Why it was kept.
    pub kind: SampleKind,
    /// The shard.
    pub shard: u32,
    /// The attempt.
    pub attempt: u32,
    /// From 0, as the worker ranked them.
    pub rank: u32,
}

impl SampleKey {
    /// What lists go by, in this order.
    #[must_use]
    pub fn order(&self) -> (u32, &'static str, u32, u32, u32) {
        let Self {
            operation,
            kind,
            shard,
            attempt,
            rank,
        } = *self;
        (operation, kind.as_str(), shard, attempt, rank)
    }
}

/// A sample and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// Its place.
    pub key: SampleKey,
    /// The operation that was kept.
    pub sample: OperationSample,
}

/// Single operations kept as examples.
#[async_trait]
pub trait Samples: Send + Sync {
    /// Stores samples, ranked in the order given: all of an attempt, operation
    /// and kind that occurs here take the place of those that were there. All
    /// or none: [`Missing`](crate::Error::Missing) when there is no such run.
    async fn put(&self, samples: &[OperationSample]) -> Result<()>;
    /// A run's samples by [`SampleKey::order`].
    async fn list(
        &self,
        run: RunId,
        filter: SampleFilter,
        page: PageQuery<SampleKey>,
    ) -> Result<Vec<Sampled>>;
}

/// The most lines that are kept of a run; beyond that the oldest go.
pub const MOST_LOG_LINES: i64 = 100_000;

/// Which lines to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Only lines that matter at least so much.
    pub least: Option<Level>,
    /// Only lines of this shard.
    pub shard: Option<u32>,
}

/// What workers and the control plane say of a run.
#[async_trait]
pub trait Logs: Send + Sync {
    /// Appends lines; gives them numbered. Beyond [`MOST_LOG_LINES`] the
    /// oldest go. [`Missing`](crate::Error::Missing) when there is no such run.
    async fn append(&self, run: RunId, lines: &[LogLine]) -> Result<Vec<LogLine>>;
    /// A run's lines after a sequence, by sequence.
    async fn list(
        &self,
        run: RunId,
        filter: LogFilter,
        page: PageQuery<i64>,
    ) -> Result<Vec<LogLine>>;
    /// How many lines of a run went: sequences up to this one are not there.
    async fn dropped(&self, run: RunId) -> Result<i64>;
}

/// Reports.
#[async_trait]
pub trait Reports: Send + Sync {
    /// Stores a run's report, in place of an earlier one; lists show its
    /// verdict and validity from then on. [`Missing`](crate::Error::Missing)
    /// when there is no such run.
    async fn put(&self, report: &Report) -> Result<()>;
    /// A run's report.
    async fn get(&self, run: RunId) -> Result<Option<Report>>;
}

/// What targets say of runs in their own statistics.
#[async_trait]
pub trait Evidence: Send + Sync {
    /// Stores a piece, in place of an earlier one of the same place.
    /// [`Missing`](crate::Error::Missing) when there is no such run.
    async fn put(&self, run: RunId, piece: &Piece) -> Result<()>;
    /// A run's pieces but those of its activity, in the order of their places;
    /// none for an unknown run.
    async fn get(&self, run: RunId) -> Result<Vec<Piece>>;
    /// The pieces of a run's activity by the instant they were taken, which is
    /// that of their last sample; none for an unknown run.
    async fn activity(&self, run: RunId, page: PageQuery<Timestamp>) -> Result<Vec<Piece>>;
}
