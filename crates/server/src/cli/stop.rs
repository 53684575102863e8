//! `gauntlet stop`: ends a run from outside.

use clap::Args;
use gauntlet_client::pb;

use super::{Context, exit::Exit, failure::Failure, find, print, text::word};

/// Stop a run: no new operations, those in flight end
///
/// Stops a run: no new operations, those in flight end and count.
#[derive(Debug, Args)]
pub struct Stop {
    /// The run's name or id
    run: String,
    /// Cut the operations in flight too
    #[arg(long)]
    abort: bool,
    /// Why, for the record
    #[arg(long, default_value = "", hide_default_value = true)]
    message: String,
}

impl Stop {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let run = find::run(&client, context, Some(&self.run)).await?;
        let (run_id, message) = (run.run_id, self.message);
        let run = if self.abort {
            let request = pb::AbortRunRequest { run_id, message };
            client.runs().abort_run(request).await?.into_inner().run
        } else {
            let request = pb::StopRunRequest { run_id, message };
            client.runs().stop_run(request).await?.into_inner().run
        };
        let run = run.unwrap_or_default();
        if context.is_json() {
            print::document("Run", &run)?;
        } else {
            print::line(&format!("run {} is {}", run.name, word::status(&run)))?;
        }
        Ok(Exit::Pass)
    }
}
