//! Reports in memory.

use async_trait::async_trait;
use gauntlet_model::{id::RunId, report::Report};

use super::Memory;
use crate::{Reports, Result};

#[async_trait]
impl Reports for Memory {
    async fn put(&self, report: &Report) -> Result<()> {
        self.state().record(report.run)?.report = Some(report.clone());
        Ok(())
    }

    async fn get(&self, run: RunId) -> Result<Option<Report>> {
        let state = self.state();
        let record = state.runs.get(&run);
        Ok(record.and_then(|record| record.report.clone()))
    }
}
