//! `gauntlet backup`: a copy of the store.

use std::path::PathBuf;

use clap::Args;
use gauntlet_store_sql::Location;

use super::{Context, exit::Exit, failure::Failure, print};
use crate::plane::upkeep;

/// Copy the store to a file
///
/// Copies a SQLite store as it is at one instant to a new file, also while a
/// control plane serves it.
#[derive(Debug, Args)]
pub struct Backup {
    /// The store: sqlite:PATH
    #[arg(long, env = "GAUNTLET_STORE", hide_env_values = true)]
    store: String,
    /// The copy; nothing may be there yet
    file: PathBuf,
}

impl Backup {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let store = Location::parse(&self.store)?;
        upkeep::backup(&store, &self.file).await?;
        if context.is_json() {
            let file = serde_json::Value::from(self.file.to_string_lossy());
            print::line(&format!("{{\"file\":{file}}}"))?;
        } else {
            print::line(&format!("copied {store} to {}", self.file.display()))?;
        }
        Ok(Exit::Pass)
    }
}
