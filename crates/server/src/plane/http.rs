//! What the port answers to plain HTTP.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::registry::Registry;

use super::{
    VERSION,
    dashboard::{Asset, Dashboard},
    ready::Readiness,
};
use crate::telemetry::Format;

/// `/healthz`, `/readyz`, `/metrics`, and the dashboard everywhere else.
pub(super) fn router(
    readiness: Readiness,
    registry: Registry,
    files: &'static [Asset],
    url: &str,
) -> Router {
    let dashboard = Dashboard::new(files, welcome(url));
    let answer = move |request: Request| async move { dashboard.answer(&request) };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(metrics).with_state(Arc::new(registry)))
        .fallback(answer)
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

/// For a person who looks at a build without dashboard.
fn welcome(url: &str) -> String {
    format!(
        "gauntlet {VERSION}: the control plane, at {url}. The dashboard is not part of this build.\n\
         Make it and build again, in gauntlet's source:\n\
         \x20 make dashboard\n\
         \x20 make run\n\
         Or do without:\n\
         \x20 gauntlet list --server {url}\n\
         \x20 curl -H 'content-type: application/json' -d '{{}}' {url}/gauntlet.v1.WorkerService/ListWorkers\n"
    )
}
