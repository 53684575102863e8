//! `gauntlet up`: everything on one machine with nothing to configure.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::{
    Context, exit::Exit, failure::Failure, interrupt, limits::Limits, listen, otlp::Otlp, print,
    retain::Retain, text::number::counted,
};
use crate::plane::{self, UpOptions};

/// Start a control plane with an embedded store and local workers
///
/// Starts a control plane with an embedded store and workers on this machine,
/// and serves until Ctrl-C or SIGTERM.
#[derive(Debug, Args)]
pub struct Up {
    /// The folder of the store, its key and the workers' logs
    #[arg(long, default_value = ".gauntlet", value_name = "FOLDER")]
    data_dir: PathBuf,
    #[command(flatten)]
    local: Local,
    /// Allow an address that others reach; whoever reaches it can do everything
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    retain: Retain,
    #[command(flatten)]
    otlp: Otlp,
    #[command(flatten)]
    limits: Limits,
}

/// What `up` and `demo` share.
#[derive(Debug, Args)]
pub struct Local {
    /// The address to listen on; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS", value_parser = listen::address)]
    pub listen: SocketAddr,
    /// How many worker processes to start
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=64))]
    pub workers: u32,
}

impl Up {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let stop = interrupt::stop_token()?;
        let options = UpOptions {
            data_dir: self.data_dir,
            listen: self.local.listen,
            insecure: self.insecure,
            workers: self.local.workers,
            limits: self.limits.read(),
            retain: self.retain.read(),
            otlp: self.otlp.read(),
        };
        let plane = plane::up(options, stop).await?;
        let url = plane.url();
        if context.is_json() {
            print::line(&format!("{{\"address\":\"{url}\"}}"))?;
        } else {
            print::line(&format!(
                "serving at {url} with {} until Ctrl-C: open it in a browser for the dashboard",
                counted(self.local.workers.into(), "worker")
            ))?;
        }
        plane.wait().await?;
        Ok(Exit::Pass)
    }
}
