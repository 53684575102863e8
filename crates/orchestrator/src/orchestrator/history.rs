//! A run's seconds, those of before and those to come.

use std::sync::Arc;

use gauntlet_model::{
    history::{Buckets, Resolution},
    id::RunId,
    point::Point,
    run::Run,
};
use tokio::sync::broadcast;

use super::{ControlError, Orchestrator};
use crate::{
    hub::Channel,
    points::{points, stored_points},
    report::{ReportError, each_interval},
};

/// A run's seconds: those stored, and those to come.
#[derive(Debug)]
pub struct Metrics {
    /// By time and phase.
    pub history: Vec<Point>,
    /// Points from then on, by time and phase. Some of the history may come
    /// again at first. `None` when the run is over.
    pub live: Option<broadcast::Receiver<Arc<Point>>>,
}

impl Orchestrator {
    /// A run's seconds from the first on.
    pub async fn metrics(&self, run: RunId) -> Result<(Arc<Channel>, Metrics), ControlError> {
        let channel = self.shared.hub.channel(run);
        // A second is stored before it is published: with this order none is missed.
        let live = channel.points();
        let runs = &self.shared.services.stores.runs;
        let stored = runs.get(run).await?.ok_or(ControlError::NoSuchRun(run))?;
        let over = stored.status().is_terminal();
        let history = self
            .seconds(&stored, over)
            .await
            .map_err(|error| match error {
                ReportError::Store(error) => error,
                ReportError::Interval(error) => gauntlet_store::Error::Corrupt(error.to_string()),
            })?;
        let metrics = Metrics {
            history,
            live: (!over).then_some(live),
        };
        Ok((channel, metrics))
    }

    async fn seconds(&self, run: &Run, over: bool) -> Result<Vec<Point>, ReportError> {
        let stores = &self.shared.services.stores;
        let Some(origin) = run.state.load_started else {
            return Ok(Vec::new());
        };
        let operations = run.spec.operations.len();
        let history = stored_points(stores, run.id, operations).await?;
        if !history.is_empty() || !over {
            return Ok(history);
        }
        // A run of a version that made no rollups.
        let mut seconds = Buckets::new(run.id, origin, Resolution::Second);
        each_interval(stores, run.id, |interval| seconds.add(interval)).await?;
        Ok(points(&seconds.take_all(), operations)?)
    }
}
