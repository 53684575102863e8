//! `gauntlet schema`: the only thing that runs DDL on the store.

use clap::{Args, Subcommand};
use gauntlet_store_sql::Location;

use super::{Context, exit::Exit, failure::Failure, print};
use crate::plane::upkeep;

/// Prepares the store of a control plane.
#[derive(Debug, Subcommand)]
pub enum Schema {
    Apply(Apply),
}

/// Make the tables that are missing; running it again changes nothing
#[derive(Debug, Args)]
pub struct Apply {
    /// The store: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, env = "GAUNTLET_STORE", hide_env_values = true)]
    store: String,
}

impl Schema {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let Self::Apply(apply) = self;
        let location = Location::parse(&apply.store)?;
        let applied = upkeep::apply_schema(&location).await?;
        let words = match applied.from {
            None => format!("made, version {}", applied.to),
            Some(from) if from == applied.to => format!("unchanged, version {from}"),
            Some(from) => format!("updated from version {from} to {}", applied.to),
        };
        if context.is_json() {
            let from = applied
                .from
                .map_or_else(|| "null".to_owned(), |from| from.to_string());
            print::line(&format!("{{\"from\":{from},\"to\":{}}}", applied.to))?;
        } else {
            print::line(&format!("schema of {location}: {words}"))?;
        }
        Ok(Exit::Pass)
    }
}
