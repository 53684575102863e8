//! A worker: it attaches to a control plane, takes shards of runs, several at a
//! time if its capacity allows, sends their load and reports what it measured.
//!
//! `session` is the state machine, free of io; `engines` is the engines' side,
//! `link` the network's. One loop, `serve`, turns what happens on either side
//! into the session's events and performs what the session says must be done.

use std::{collections::BTreeMap, time::Instant};

use gauntlet_model::id::WorkerId;
use http::HeaderValue;
use tokio_util::sync::CancellationToken;
use tracing::info;

mod backoff;
mod clock;
mod commentary;
mod driver;
mod engines;
mod examples;
mod link;
mod logs;
mod measured;
mod outbox;
mod plan;
mod serve;
mod session;
mod shard;
#[doc(hidden)]
pub mod sim;
mod usage;

use clock::WorkerClock;
pub use driver::{application, statements, target_config};
use engines::Engines;
pub use gauntlet_dial::Tls;
use link::Link;
pub use logs::LogTap;
use serve::Worker;
use session::{Identity, Session};
use usage::Meter;

/// What a worker needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The control plane, like `http://127.0.0.1:8090`.
    pub server: String,
    /// For a control plane whose address begins with `https`.
    pub tls: Option<Tls>,
    /// Says who calls, for a proxy that asks: `Bearer` and a token. It prints as
    /// nothing when it is marked as sensitive; in the clear it is sent to this
    /// machine only.
    pub authorization: Option<HeaderValue>,
    /// A name for people; the host's name and the process id when `None`.
    pub name: Option<String>,
    /// Connections that the worker is willing to hold.
    pub capacity: u32,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
    /// Load threads of each shard that is held; the processors that there are
    /// when `None`.
    pub threads: Option<usize>,
}

/// Why a worker ended without being told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's address is none.
    #[error(
        "{server:?} is not an address of a control plane: {reason}; give one like \"http://127.0.0.1:8090\""
    )]
    BadServer {
        /// The address given.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address with `https` and nobody to vouch for who answers there.
    #[error(
        "nobody vouches for who answers at {server}; name the file of its certificate's authority with --tls-ca"
    )]
    NoAuthority {
        /// The server.
        server: String,
    },
    /// What says who calls would be sent where others can read it.
    #[error(
        "the token is not sent to {server}, where others could read it; give an address with https://"
    )]
    TokenInTheClear {
        /// The server.
        server: String,
    },
    /// The server does not take this worker, and asking again cannot help.
    #[error("the control plane at {server} refuses this worker: {message}")]
    Refused {
        /// The server.
        server: String,
        /// Why.
        message: String,
    },
}

/// Attaches to the control plane and serves it until `stop`; then cuts the load,
/// delivers what was measured, and says goodbye. A lost connection is made again
/// with growing pauses, and measuring goes on meanwhile.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), Error> {
    run_with_logs(config, LogTap::default(), stop).await
}

/// The same, and sends the lines in the tap to the control plane, once a second.
pub async fn run_with_logs(
    config: Config,
    logs: LogTap,
    stop: CancellationToken,
) -> Result<(), Error> {
    let link = Link::new(&config.server, config.tls, config.authorization)?;
    let processors = usage::processors();
    let worker = WorkerId(uuid::Uuid::new_v4());
    let identity = Identity {
        worker,
        name: config.name.unwrap_or_else(default_name),
        capacity: config.capacity,
        labels: config.labels,
        processors,
    };
    info!(%worker, name = identity.name, server = config.server, "the worker starts");
    let worker = Worker {
        server: config.server,
        threads: config.threads.unwrap_or(processors as usize).max(1),
        clock: WorkerClock::starting_now(),
        session: Session::new(identity),
        engines: Engines::default(),
        logs,
        link,
        meter: Meter::starting_now(),
        sampled: Instant::now(),
    };
    worker.serve(stop).await
}

/// The host's name and the process id.
fn default_name() -> String {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    format!("{host}-{}", std::process::id())
}
