//! `gauntlet steps`: the levels that a search tried.

use clap::Args;
use gauntlet_client::pb;

use super::{Context, exit::Exit, failure::Failure, find, print, text::search};

/// List the levels that a run's search tried
///
/// Lists the levels that a run's search has tried, and what became of each.
#[derive(Debug, Args)]
pub struct Steps {
    /// The run's name or id [default: the newest run]
    run: Option<String>,
}

impl Steps {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let run = find::run(&client, context, self.run.as_deref()).await?;
        let request = pb::ListStepsRequest { run_id: run.run_id };
        let answer = client.runs().list_steps(request).await?.into_inner();
        if context.is_json() {
            print::document("ListStepsResponse", &answer)?;
            return Ok(Exit::Pass);
        }
        if answer.steps.is_empty() {
            print::aside(&format!("run {} has no steps", run.name));
            return Ok(Exit::Pass);
        }
        print::text(&search::steps(&answer.steps).to_string())?;
        for step in answer.steps.iter().filter(|step| !step.message.is_empty()) {
            print::line(&format!("{:>4}  {}", step.step, step.message))?;
        }
        Ok(Exit::Pass)
    }
}
