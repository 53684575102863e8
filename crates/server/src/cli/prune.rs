//! `gauntlet prune`: removes runs that ended long ago.

use std::time::Duration;

use clap::{ArgGroup, Args};
use gauntlet_store_sql::Location;

use super::{Context, age, exit::Exit, failure::Failure, interrupt, print, text::number::counted};
use crate::plane::{Pruned, Retention, upkeep};

/// Remove runs that ended long ago
///
/// Removes runs that ended so long ago, with all that was recorded of them, or
/// only what they measured in each second.
/// Works on the store itself: a SQLite store must not be served meanwhile, see
/// `gauntlet serve --retain`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("age").required(true).multiple(true).args(["older_than", "raw_older_than"])))]
pub struct Prune {
    /// The store: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, env = "GAUNTLET_STORE", hide_env_values = true)]
    store: String,
    /// How long ago a run must have ended, like 30d
    #[arg(long, value_name = "DURATION", value_parser = age::positive)]
    older_than: Option<Duration>,
    /// How long ago a run must have ended for who measured what in which second
    /// to go; its report, rollups and errors stay
    #[arg(long, value_name = "DURATION", value_parser = age::positive)]
    raw_older_than: Option<Duration>,
    /// Only say how many runs would go
    #[arg(long, requires = "older_than", conflicts_with = "raw_older_than")]
    dry_run: bool,
}

impl Prune {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let store = Location::parse(&self.store)?;
        let stop = interrupt::stop_token()?;
        if let Some(keep) = self.older_than.filter(|_| self.dry_run) {
            let runs = upkeep::count_old(&store, keep, &stop).await?;
            if context.is_json() {
                print::line(&format!("{{\"wouldRemoveRuns\":{runs}}}"))?;
            } else {
                print::line(&format!(
                    "would remove {} from {store}",
                    counted(runs, "run")
                ))?;
            }
            return Ok(Exit::Pass);
        }
        let keep = Retention {
            runs: self.older_than,
            raw: self.raw_older_than,
        };
        let Pruned { runs, intervals } = upkeep::prune(&store, keep, &stop).await?;
        if context.is_json() {
            print::line(&format!("{{\"runs\":{runs},\"intervals\":{intervals}}}"))?;
        } else {
            print::line(&format!(
                "removed {}, and {} of workers of others, from {store}",
                counted(runs, "run"),
                counted(intervals, "second")
            ))?;
        }
        if stop.is_cancelled() {
            return Ok(Exit::Cancelled);
        }
        Ok(Exit::Pass)
    }
}
