//! What people do with a run that there is.

use std::collections::BTreeMap;

use gauntlet_model::{id::RunId, lifecycle::Adjustment, run::Run, time::Timestamp};

use super::{ControlError, Orchestrator};
use crate::task::Ask;

impl Orchestrator {
    /// Checks target and workers, then puts the run on its way.
    pub async fn start(&self, run: RunId) -> Result<Run, ControlError> {
        self.ask(run, Ask::Start).await
    }

    /// Ends a run's load; operations in flight end.
    pub async fn stop(&self, run: RunId, message: String) -> Result<Run, ControlError> {
        self.ask(run, Ask::Stop { message }).await
    }

    /// Cuts a run's load.
    pub async fn abort(&self, run: RunId, message: String) -> Result<Run, ControlError> {
        self.ask(run, Ask::Abort { message }).await
    }

    /// Gives a running load another level, pauses it, or lets it go on. Gives
    /// the instant at which it takes effect at the workers; when it holds
    /// already, that of the last adjustment.
    pub async fn adjust(
        &self,
        run: RunId,
        adjustment: Adjustment,
        message: String,
    ) -> Result<(Run, Timestamp), ControlError> {
        let ask = Ask::Adjust {
            adjustment,
            message,
        };
        let run = self.ask(run, ask).await?;
        let now = self.shared.services.clock.now();
        let effective = run.state.adjusted.unwrap_or(now);
        Ok((run, effective))
    }

    /// Gives a shard up: its worker is released, and the run's worker loss
    /// policy says what becomes of the run. Without an attempt, the newest; one
    /// that is over already changes nothing.
    pub async fn abort_shard(
        &self,
        run: RunId,
        shard: u32,
        attempt: Option<u32>,
        message: String,
    ) -> Result<Run, ControlError> {
        let ask = Ask::AbortShard {
            shard,
            attempt,
            message,
        };
        self.ask(run, ask).await
    }

    /// Gives a run other labels or notes. With an etag, only when it is still
    /// the run's, see [`Run::etag`].
    pub async fn annotate(
        &self,
        run: RunId,
        labels: Option<BTreeMap<String, String>>,
        notes: Option<String>,
        etag: Option<String>,
    ) -> Result<Run, ControlError> {
        let ask = Ask::Annotate {
            labels,
            notes,
            etag,
        };
        self.ask(run, ask).await
    }

    /// Removes a run that is PREPARED or over, with all that is recorded of it.
    pub async fn delete(&self, run: RunId) -> Result<(), ControlError> {
        self.ask(run, Ask::Delete).await.map(|_| ())
    }
}
