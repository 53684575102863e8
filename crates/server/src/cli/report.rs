//! `gauntlet report`: the result of a run that is over.

use clap::Args;
use gauntlet_client::{pb, watch::is_over};

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find,
    follow::{self, Conclusion},
};

/// Prints the report of a run that is over. The exit code is the run's.
#[derive(Debug, Args)]
pub struct Report {
    /// The run's name or id [default: the newest run]
    run: Option<String>,
}

impl Report {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let run = find::run(&client, context, self.run.as_deref()).await?;
        if !is_over(run.status()) {
            return Err(Failure::Asked(unfinished(&run)));
        }
        let conclusion = if context.is_json() {
            Conclusion::Document
        } else {
            Conclusion::Text
        };
        follow::conclude(&client, &run, conclusion).await
    }
}

fn unfinished(run: &pb::Run) -> String {
    let status = super::text::word::status(run);
    if run.status() == pb::RunStatus::Prepared {
        return format!("run {} is {status}: it was never started", run.name);
    }
    format!(
        "run {} is {status}: its report comes at its end; see: gauntlet watch {}",
        run.name, run.name
    )
}
