//! `gauntlet delete`: removes a run.

use clap::Args;
use gauntlet_client::pb;

use super::{Context, exit::Exit, failure::Failure, find, print};

/// Remove a run
///
/// Removes a run that is not active, with all that is recorded of it.
#[derive(Debug, Args)]
pub struct Delete {
    /// The run's name or id
    run: String,
}

impl Delete {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let run = find::run(&client, context, Some(&self.run)).await?;
        let run_id = run.run_id.clone();
        let request = pb::DeleteRunRequest { run_id };
        let deleted = client.runs().delete_run(request).await?.into_inner();
        if context.is_json() {
            print::document("DeleteRunResponse", &deleted)?;
        } else {
            print::line(&format!("run {} ({}) is deleted", run.name, run.run_id))?;
        }
        Ok(Exit::Pass)
    }
}
