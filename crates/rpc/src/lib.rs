//! The gRPC services: decode by `wire`, one call of the domain, encode by `wire`.
//!
//! What is more than that is apart from tonic: [`catalog`] makes and changes
//! targets and templates, [`roster`] puts the list of workers together. A
//! stream is a struct with an async `next`: it is driven by its reader, so a
//! slow one skips states and makes nobody wait.

pub mod catalog;
mod feed;
mod follow;
mod judged;
mod load;
mod logs;
mod metrics;
mod pools;
mod pull;
pub mod roster;
mod runs;
mod server;
mod session;
mod status;
mod targets;
mod template_files;
mod templates;
mod watch;
mod watch_events;
mod watch_runs;
mod watch_shards;
mod watch_workers;
mod workers;

use std::{sync::Arc, time::Duration};

use gauntlet_api::v1::{
    run_service_server::RunServiceServer, server_service_server::ServerServiceServer,
    target_service_server::TargetServiceServer, template_service_server::TemplateServiceServer,
    worker_service_server::WorkerServiceServer,
};
use gauntlet_model::{preflight::Place, time::Clock};
use gauntlet_orchestrator::{
    Orchestrator,
    access::{TargetAccess, Vault},
};
use gauntlet_store::Stores;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use uuid::Uuid;

pub use server::{Parts, Server};

use crate::{
    runs::RunApi, server::ServerApi, targets::TargetApi, templates::TemplateApi, workers::WorkerApi,
};

/// A stream that has been quiet for so long says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The longest message that the services take, bytes: the largest value pool
/// with all that is around its values.
pub const LARGEST_REQUEST: usize = 10 << 20;

/// What the services stand on. Cheap to clone.
#[derive(Clone)]
pub struct Backend {
    /// Runs runs and knows the workers.
    pub orchestrator: Orchestrator,
    /// Where everything is kept.
    pub stores: Stores,
    /// Where that is, to tell a target that is its neighbour; `None` when it is
    /// in memory.
    pub store_place: Option<Place>,
    /// The way to the targets.
    pub access: Arc<dyn TargetAccess>,
    /// Seals and opens passwords.
    pub vault: Arc<dyn Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Gives ids that no other call gives: UUIDv7, so that they sort by creation.
    pub ids: fn() -> Uuid,
    /// Ends all streams: the control plane is shutting down.
    pub stop: CancellationToken,
}

/// The services of `gauntlet.v1`.
#[must_use]
pub fn routes(backend: &Backend, server: Server) -> Routes {
    let runs = RunServiceServer::new(RunApi(backend.clone()));
    let templates = TemplateServiceServer::new(TemplateApi(backend.clone()));
    let targets = TargetServiceServer::new(TargetApi(backend.clone()));
    let workers = WorkerServiceServer::new(WorkerApi(backend.clone()));
    let clock = backend.clock.clone();
    let server = ServerServiceServer::new(ServerApi { server, clock });
    Routes::new(runs.max_decoding_message_size(LARGEST_REQUEST))
        .add_service(templates.max_decoding_message_size(LARGEST_REQUEST))
        .add_service(targets.max_decoding_message_size(LARGEST_REQUEST))
        .add_service(workers.max_decoding_message_size(LARGEST_REQUEST))
        .add_service(server)
}
