//! A run's measurements over time.

use std::time::Duration;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    history::{
        HistoryPoint, Percentiles, PhaseTotal, RangeTooLong, Resolution, Series, SeriesError,
        Totals, choose, phase_windows,
    },
    interval::BadHistogram,
    lifecycle::{Phase, Window},
    run::Run,
    time::Timestamp,
};
use gauntlet_store::{Error as StoreError, Stores};
use gauntlet_wire::{Violations, decode, encode};
use tonic::{Response, Status};

use super::{operations::places, rollups::RollupReader};
use crate::{Backend, judged, status};

/// What a question about the history of a run goes by.
pub(super) struct Stretch {
    pub(super) run: Run,
    /// When the load began.
    pub(super) origin: Timestamp,
    /// Whole buckets.
    pub(super) window: Window,
    pub(super) resolution: Resolution,
    pub(super) phases: Vec<(Phase, Window)>,
}

/// The points of a stretch, and all of it at once.
pub(super) struct History {
    pub(super) points: Vec<HistoryPoint>,
    pub(super) totals: Vec<PhaseTotal>,
}

/// Why there is no history to give.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HistoryError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored makes no sense.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// What is stored makes no sense.
    #[error(transparent)]
    Histogram(#[from] BadHistogram),
}

pub(super) async fn get_metrics(
    backend: &Backend,
    request: pb::GetMetricsRequest,
) -> Result<Response<pb::GetMetricsResponse>, Status> {
    let request = decode::get_metrics(&request)?;
    let run = judged::run(&backend.stores, request.run).await;
    let run = run.map_err(status::control)?;
    let operations = places(&run.spec, &request.operations)?;
    let percentiles = request.percentiles;
    let now = backend.clock.now();
    let read = Stretch::load(&backend.stores, run, now, request.range).await;
    let Some(mut stretch) = read.map_err(status::store)? else {
        let resolution = request.resolution.unwrap_or(Resolution::Second.length());
        return Ok(Response::new(pb::GetMetricsResponse {
            resolution_us: coarsest(resolution).us(),
            percentiles: percentiles.values(),
            ..pb::GetMetricsResponse::default()
        }));
    };
    let chosen = stretch.choose(request.resolution, request.max_points);
    chosen.map_err(|error| Violations::one("max_points", error.to_string()))?;
    let read = stretch
        .read(&backend.stores, operations, &percentiles)
        .await;
    let history = read.map_err(status::history)?;
    let spec = &stretch.run.spec;
    let points = history.points.iter();
    let totals = history.totals.iter();
    Ok(Response::new(pb::GetMetricsResponse {
        points: points.map(|one| encode::history_point(one, spec)).collect(),
        resolution_us: stretch.resolution.us(),
        percentiles: percentiles.values(),
        totals: totals.map(|one| encode::phase_total(one, spec)).collect(),
    }))
}

/// The coarsest resolution that is at least as fine as what is asked for.
fn coarsest(asked: Duration) -> Resolution {
    let fine = |known: &Resolution| known.length() <= asked;
    let found = Resolution::ALL.into_iter().rfind(fine);
    found.unwrap_or(Resolution::Second)
}

impl Stretch {
    /// The stretch of a run that is asked for, in seconds; `None` when it holds
    /// no load. A run that goes on reaches to `now`.
    pub(super) async fn load(
        stores: &Stores,
        run: Run,
        now: Timestamp,
        asked: decode::Span,
    ) -> Result<Option<Self>, StoreError> {
        let Some(origin) = run.state.load_started else {
            return Ok(None);
        };
        let end = run.ended.unwrap_or(now);
        let from = asked.from.map_or(origin, |from| from.max(origin));
        let to = asked.to.map_or(end, |to| to.min(end));
        if from >= to {
            return Ok(None);
        }
        let transitions = stores.runs.phases(run.id).await?;
        let mut stretch = Self {
            run,
            origin,
            window: Window { from, to },
            resolution: Resolution::Second,
            phases: phase_windows(&transitions, end),
        };
        stretch.set(Resolution::Second);
        Ok(Some(stretch))
    }

    /// Sets the resolution to the one asked for, or to the next coarser one
    /// that gives no more than `max_points` buckets.
    pub(super) fn choose(
        &mut self,
        asked: Option<Duration>,
        max_points: u32,
    ) -> Result<(), RangeTooLong> {
        let mut length = self.window.length();
        loop {
            let resolution = choose(length, asked, max_points)?;
            let whole = self.whole(resolution);
            if whole.length() == length {
                self.set(resolution);
                return Ok(());
            }
            // The buckets at both ends are read whole, which may be one more.
            length = whole.length();
        }
    }

    /// Widens the window to whole buckets.
    pub(super) fn set(&mut self, resolution: Resolution) {
        self.window = self.whole(resolution);
        self.resolution = resolution;
    }

    fn whole(&self, resolution: Resolution) -> Window {
        let last = Timestamp(self.window.to.0 - 1);
        Window {
            from: resolution.bucket_of(self.origin, self.window.from),
            to: resolution.bucket_of(self.origin, last) + resolution.length(),
        }
    }

    /// Reads the whole stretch; all operations when `operations` is empty.
    pub(super) async fn read(
        &self,
        stores: &Stores,
        operations: Vec<u32>,
        percentiles: &Percentiles,
    ) -> Result<History, HistoryError> {
        let mut series = self.series(percentiles);
        let mut totals = Totals::new(self.window, percentiles.clone(), self.phases.clone());
        let mut points = Vec::new();
        let mut reader = self.reader(stores, operations);
        while let Some(rollups) = reader.next().await? {
            for rollup in &rollups {
                points.extend(series.push(rollup)?);
                totals.push(rollup)?;
            }
        }
        points.extend(series.finish());
        let totals = totals.finish();
        Ok(History { points, totals })
    }

    /// Turns rollups into this stretch's points.
    pub(super) fn series(&self, percentiles: &Percentiles) -> Series {
        let (origin, resolution) = (self.origin, self.resolution);
        Series::new(origin, resolution, percentiles.clone(), self.phases.clone())
    }

    /// Reads this stretch's rollups; all operations when `operations` is empty.
    pub(super) fn reader(&self, stores: &Stores, operations: Vec<u32>) -> RollupReader {
        let (resolution, window) = (self.resolution, self.window);
        RollupReader::new(stores, &self.run, resolution, window, operations)
    }
}
