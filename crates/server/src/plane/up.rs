//! Everything on one machine with nothing to configure.

use std::{net::SocketAddr, path::PathBuf};

use gauntlet_store_sql::Location;
use tokio_util::sync::CancellationToken;

use super::{
    Error, Limits, Options, Plane, Retention, listen,
    local_workers::{self, LocalWorkers},
    make_folder, start_on,
};
use crate::telemetry::OtlpOptions;

/// What is to be set up.
#[derive(Clone, Debug)]
pub struct UpOptions {
    /// Holds the store, its key and the workers' logs; made when it is not there.
    pub data_dir: PathBuf,
    /// The port and where it can be reached from.
    pub listen: SocketAddr,
    /// Whether an address other than loopback is allowed.
    pub insecure: bool,
    /// How many worker processes to start.
    pub workers: u32,
    /// What bounds callers.
    pub limits: Limits,
    /// What is removed with time.
    pub retain: Retention,
    /// Where metrics and spans are sent; `None` is nowhere.
    pub otlp: Option<OtlpOptions>,
}

/// Applies the schema to the store in the data folder, starts a control plane
/// on it and local workers, and returns when they are attached.
pub async fn up(options: UpOptions, stop: CancellationToken) -> Result<Plane, Error> {
    // The port comes first: when it is taken, nothing has been made.
    let listener = listen(options.listen, options.insecure)?;
    make_folder(&options.data_dir)?;
    let store = Location::Sqlite(options.data_dir.join("store.db"));
    gauntlet_store_sql::apply_schema(&store).await?;
    let plane_options = Options {
        insecure: options.insecure,
        limits: options.limits,
        retain: options.retain,
        otlp: options.otlp,
        ..Options::new(options.listen, store)
    };
    let mut plane = start_on(listener, plane_options, stop.clone()).await?;
    let setup = local_workers::Setup {
        count: options.workers,
        server: plane.url(),
        logs: options.data_dir,
    };
    let orchestrator = plane.orchestrator.clone();
    let attached = move || orchestrator.workers();
    match LocalWorkers::start(&setup, attached, &stop).await {
        Ok(workers) => {
            plane.workers = Some(workers);
            Ok(plane)
        }
        Err(error) => {
            stop.cancel();
            if let Err(second) = plane.wait().await {
                tracing::warn!(error = %second, "the control plane did not end well");
            }
            Err(error.into())
        }
    }
}
