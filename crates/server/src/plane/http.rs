//! What the port answers to plain HTTP.

use std::net::SocketAddr;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use gauntlet_store::Stores;

/// `/healthz`, `/readyz` and a word for a person at `/`.
pub(super) fn router(stores: Stores, address: SocketAddr) -> Router {
    let welcome = welcome(address);
    Router::new()
        .route("/", get(|| async { welcome }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(stores))
}

/// Whether calls can be answered: the store is there and fits.
async fn ready(State(stores): State<Stores>) -> (StatusCode, String) {
    match stores.health.check().await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

fn welcome(address: SocketAddr) -> String {
    format!(
        "gauntlet {version}: the control plane, at http://{address}. The dashboard is not part of this build. Try:\n\
         \x20 gauntlet list --server http://{address}\n\
         \x20 curl -H 'content-type: application/json' -d '{{}}' http://{address}/gauntlet.v1.WorkerService/ListWorkers\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}
