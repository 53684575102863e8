//! `gauntlet steps`: the levels that a search tried.

use clap::Args;
use gauntlet_client::pb;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print,
    text::{search, wrap},
    view::terminal::columns_of_results,
};

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
        let columns = columns_of_results();
        print::text(&search::steps(&answer.steps).within(columns))?;
        // The table says all of a level that passed.
        let stopped = |step: &&pb::Step| {
            step.outcome() != pb::StepOutcome::Passed && !step.message.is_empty()
        };
        for step in answer.steps.iter().filter(stopped) {
            let line = format!("{:>4}  {}", step.step, step.message);
            print::line(&wrap::prose(&line, columns))?;
        }
        Ok(Exit::Pass)
    }
}
