//! `ServerService`: the control plane itself.

use std::sync::Arc;

use gauntlet_api::v1::{self as pb, server_service_server::ServerService};
use gauntlet_model::time::{Clock, Timestamp};
use tonic::{Request, Response, Status};

/// What the control plane is, as the composition root knows it. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    /// gauntlet's version.
    pub version: String,
    /// When it began to serve.
    pub started: Timestamp,
    /// The kind of store: "sqlite", "postgres" or "memory".
    pub store: &'static str,
    /// The version of the store's schema.
    pub schema_version: u32,
    /// Whether the dashboard is part of the build.
    pub dashboard: bool,
    /// Looks at its parts.
    pub parts: Arc<dyn Parts>,
}

/// Knows which parts of the control plane work.
#[tonic::async_trait]
pub trait Parts: Send + Sync {
    /// Those that do not work now, one sentence each; none when calls can be
    /// answered. Answers within a few seconds.
    async fn failing(&self) -> Vec<String>;
}

pub(crate) struct ServerApi {
    pub(crate) server: Server,
    pub(crate) clock: Arc<dyn Clock>,
}

#[tonic::async_trait]
impl ServerService for ServerApi {
    async fn get_server(
        &self,
        _: Request<pb::GetServerRequest>,
    ) -> Result<Response<pb::GetServerResponse>, Status> {
        let server = &self.server;
        let failing = server.parts.failing().await;
        let server = pb::Server {
            version: server.version.clone(),
            started_us: server.started.0,
            // Last, so that a caller who measures the way there and back is not misled.
            server_time_us: self.clock.now().0,
            store: server.store.to_owned(),
            schema_version: server.schema_version,
            failing,
            dashboard: server.dashboard,
        };
        Ok(Response::new(pb::GetServerResponse {
            server: Some(server),
        }))
    }
}
