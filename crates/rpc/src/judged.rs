//! A run with what its report says of it.

use std::sync::Arc;

use gauntlet_api::v1 as pb;
use gauntlet_model::{id::RunId, run::Run};
use gauntlet_orchestrator::ControlError;
use gauntlet_store::{Stores, Validity};
use gauntlet_wire::encode;

use crate::Backend;

/// See the module.
pub(crate) struct Judged {
    pub(crate) run: Arc<Run>,
    pub(crate) judged: Option<gauntlet_store::Judged>,
}

impl Judged {
    /// Reads a run, and its report once it is over.
    pub(crate) async fn load(stores: &Stores, id: RunId) -> Result<Self, ControlError> {
        Self::of(stores, run(stores, id).await?).await
    }

    /// Reads the report of a run that is over.
    pub(crate) async fn of(stores: &Stores, run: Run) -> Result<Self, ControlError> {
        let judged = if run.status().is_terminal() {
            let report = stores.reports.get(run.id).await?;
            report.map(|report| gauntlet_store::judged(&report))
        } else {
            None
        };
        Ok(Self {
            run: Arc::new(run),
            judged,
        })
    }

    /// As it is now.
    pub(crate) fn encode(&self, backend: &Backend) -> pb::Run {
        let mut message = encode::run(&self.run, backend.clock.now());
        message.queue_position = backend.orchestrator.queue_position(self.run.id);
        if let Some((verdict, validity)) = self.judged {
            encode::judge(&mut message, verdict, validity == Validity::Valid);
        }
        message
    }
}

/// Reads a run.
pub(crate) async fn run(stores: &Stores, id: RunId) -> Result<Run, ControlError> {
    let found = stores.runs.get(id).await?;
    found.ok_or(ControlError::NoSuchRun(id))
}
