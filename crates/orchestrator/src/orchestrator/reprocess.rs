//! Reports that are made after their run has ended.

use std::{sync::Arc, time::Duration};

use gauntlet_model::{
    history::Resolution,
    id::RunId,
    lifecycle::{Event, ProcessingStatus},
    report::Report,
    run::Run,
};
use gauntlet_store::{PageQuery, TimeRange};

use super::{ControlError, Orchestrator};
use crate::{
    login::{login, price},
    report::{self, Inputs, ReportError},
    rollups,
    task::Ask,
};

impl Orchestrator {
    /// Makes the report of an ended run anew from its stored measurements. What
    /// was found at the target and what the run was made with stay as they were.
    pub async fn recompute(&self, run: RunId) -> Result<(Run, Report), ControlError> {
        let ended = self.ended(run).await?;
        self.remake(ended).await
    }

    /// Makes the report of an ended run whose report could not be made.
    pub async fn retry_processing(&self, run: RunId) -> Result<(Run, Report), ControlError> {
        let ended = self.ended(run).await?;
        if ended.state.processing() != ProcessingStatus::Failed {
            return Err(ControlError::Reported(run));
        }
        self.remake(ended).await
    }

    /// A run that has ended and sent load.
    async fn ended(&self, id: RunId) -> Result<Run, ControlError> {
        let services = &self.shared.services;
        let stored = services.stores.runs.get(id).await?;
        let run = stored.ok_or(ControlError::NoSuchRun(id))?;
        let skipped = run.state.processing() == ProcessingStatus::Skipped;
        if skipped || run.status().is_terminal() && run.state.load_started.is_none() {
            return Err(ControlError::NothingSent(id));
        }
        // The state machine says no in its own words.
        let now = services.clock.now();
        run.state.on(&run.timing(), Event::ReportRemade, now)?;
        Ok(run)
    }

    async fn remake(&self, run: Run) -> Result<(Run, Report), ControlError> {
        let _permit = self.shared.reports.acquire().await;
        let (id, services) = (run.id, &self.shared.services);
        let stores = &services.stores;
        let attempts = stores.runs.attempts(id).await?;
        let before = stores.reports.get(id).await?;
        let sums = report::sums(stores, &run).await.map_err(broken)?;
        let login = login(services, &run).await;
        let target_version = match &login {
            Ok(login) if before.is_none() => services.access.test(login).await,
            _ => Err(crate::access::AccessError::Unreachable(String::new())),
        };
        let inputs = Inputs {
            run: run.clone(),
            attempts,
            command_lateness: Duration::ZERO,
            target_version: target_version.map_or(String::new(), |version| version.version),
            login,
            version: services.version.clone(),
            price_per_hour: price(services, &run).await,
            before,
        };
        let made = report::make(services, &inputs, sums).await?;
        let before = inputs.before.as_ref();
        if before.is_some_and(|before| operations(&made) < operations(before)) {
            return Err(ControlError::Pruned(id));
        }
        if before.is_none() || !self.has_rollups(id).await? {
            rollups::rebuild_all(stores, &run).await.map_err(broken)?;
        }
        let report = Arc::new(made);
        let run = self.ask(id, Ask::KeepReport(report.clone())).await?;
        Ok((run, Arc::unwrap_or_clone(report)))
    }

    async fn has_rollups(&self, run: RunId) -> Result<bool, ControlError> {
        let page = PageQuery {
            after: None,
            limit: 1,
        };
        let rollups = &self.shared.services.stores.rollups;
        let started = TimeRange::default();
        let found = rollups.list(run, Resolution::Second, started, &[], page);
        Ok(!found.await?.is_empty())
    }
}

/// Every operation that a report knows of.
fn operations(report: &Report) -> u64 {
    let total = &report.total;
    total.succeeded + total.failed + total.cut + total.dropped + report.warmup_operations
}

fn broken(error: ReportError) -> ControlError {
    match error {
        ReportError::Store(error) => error.into(),
        ReportError::Interval(error) => gauntlet_store::Error::Corrupt(error.to_string()).into(),
    }
}
