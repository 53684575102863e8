//! `gauntlet serve`: the control plane alone.

use std::net::SocketAddr;

use clap::Args;
use gauntlet_store_sql::Location;

use super::{Context, exit::Exit, failure::Failure, interrupt, print};
use crate::plane::{self, Options};

/// Starts a control plane on a store that `gauntlet schema apply` has prepared,
/// and serves until Ctrl-C or SIGTERM.
#[derive(Debug, Args)]
pub struct Serve {
    /// The store: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, env = "GAUNTLET_STORE", hide_env_values = true)]
    store: String,
    /// The address to listen on; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Allow an address that others reach; whoever reaches it can do everything
    #[arg(long)]
    insecure: bool,
}

impl Serve {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let store = Location::parse(&self.store)?;
        let stop = interrupt::stop_token()?;
        let options = Options {
            insecure: self.insecure,
            ..Options::new(self.listen, store)
        };
        let plane = plane::start(options, stop).await?;
        let url = plane.url();
        if context.is_json() {
            print::line(&format!("{{\"address\":\"{url}\"}}"))?;
        } else {
            print::line(&format!("serving at {url} until Ctrl-C"))?;
        }
        plane.wait().await?;
        Ok(Exit::Pass)
    }
}
