//! `gauntlet vacuum`: gives room back to the disk.

use clap::Args;
use gauntlet_store_sql::Location;

use super::{Context, exit::Exit, failure::Failure, print};
use crate::plane::upkeep;

/// Give the store's unused room back to the disk
///
/// Gives the room of what was removed from a SQLite store back to the disk.
/// Not while a control plane serves it.
#[derive(Debug, Args)]
pub struct Vacuum {
    /// The store: sqlite:PATH
    #[arg(long, env = "GAUNTLET_STORE", hide_env_values = true)]
    store: String,
}

impl Vacuum {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let store = Location::parse(&self.store)?;
        upkeep::vacuum(&store).await?;
        if context.is_json() {
            print::line("{}")?;
        } else {
            print::line(&format!("gave the unused room of {store} back"))?;
        }
        Ok(Exit::Pass)
    }
}
