//! What the port answers to plain HTTP.

use std::{fmt::Write as _, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::registry::Registry;

use super::ready::Readiness;
use crate::telemetry::Format;

/// `/healthz`, `/readyz`, `/metrics` and a word for a person at `/`.
pub(super) fn router(readiness: Readiness, registry: Registry, address: SocketAddr) -> Router {
    let welcome = welcome(address);
    Router::new()
        .route("/", get(|| async { welcome }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(metrics).with_state(Arc::new(registry)))
}

/// Whether calls can be answered: a line for each part that does not work.
async fn ready(State(readiness): State<Readiness>) -> (StatusCode, String) {
    let failing = readiness.failing().await;
    if failing.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let mut lines = String::new();
    for one in failing {
        // A cause may span lines; here it is one.
        let one = one.to_string().replace('\n', " ");
        writeln!(lines, "{one}").expect("writing to a string does not fail");
    }
    (StatusCode::SERVICE_UNAVAILABLE, lines)
}

async fn metrics(State(registry): State<Arc<Registry>>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    match format.encode(&registry) {
        Ok(body) => ([(CONTENT_TYPE, format.content_type())], body).into_response(),
        Err(error) => {
            tracing::error!(%error, ?format, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
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
