//! `gauntlet serve`: the control plane alone.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use gauntlet_store_sql::Location;

use super::{
    Context, exit::Exit, failure::Failure, interrupt, limits::Limits, listen, otlp::Otlp, print,
    retain::Retain,
};
use crate::plane::{self, Options, TlsFiles};

/// Start a control plane
///
/// Starts a control plane on a store that `gauntlet schema apply` has prepared,
/// and serves until Ctrl-C or SIGTERM.
#[derive(Debug, Args)]
pub struct Serve {
    /// The store: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, env = "GAUNTLET_STORE", hide_env_values = true)]
    store: String,
    /// The address to listen on; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS", value_parser = listen::address)]
    listen: SocketAddr,
    /// Allow an address that others reach; whoever reaches it can do everything
    #[arg(long)]
    insecure: bool,
    /// Speak TLS: our certificate with its chain, PEM
    #[arg(long, requires = "tls_key", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, requires = "tls_cert", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Ask callers for a certificate of these authorities, PEM
    #[arg(long, requires = "tls_cert", value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,
    #[command(flatten)]
    retain: Retain,
    #[command(flatten)]
    otlp: Otlp,
    #[command(flatten)]
    limits: Limits,
}

impl Serve {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let store = Location::parse(&self.store)?;
        let stop = interrupt::stop_token()?;
        let tls = self.tls_cert.zip(self.tls_key);
        let options = Options {
            insecure: self.insecure,
            tls: tls.map(|(certificate, key)| TlsFiles {
                certificate,
                key,
                client_authorities: self.tls_client_ca,
            }),
            retain: self.retain.read(),
            otlp: self.otlp.read(),
            limits: self.limits.read(),
            ..Options::new(self.listen, store)
        };
        let plane = plane::start(options, stop).await?;
        let url = plane.url();
        if context.is_json() {
            print::line(&format!("{{\"address\":\"{url}\"}}"))?;
        } else {
            print::line(&format!(
                "serving at {url} until Ctrl-C: open it in a browser for the dashboard"
            ))?;
        }
        plane.wait().await?;
        Ok(Exit::Pass)
    }
}
