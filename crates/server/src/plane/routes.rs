//! The services of the port: ours, health and reflection.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use gauntlet_connect::code_name;
use gauntlet_rpc::{Backend, Server};
use tonic::{Code, service::Routes};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_reflection::server::Builder;
use tracing::Instrument as _;

use crate::telemetry::{Caller, Served, Telemetry};

/// Everything that is served, for JSON.
pub(super) const DESCRIPTOR_SETS: [&[u8]; 4] = [
    gauntlet_api::DESCRIPTOR_SET,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
];

/// The services that the health service tells of.
pub(super) const SERVICES: [&str; 5] = [
    "gauntlet.v1.RunService",
    "gauntlet.v1.TemplateService",
    "gauntlet.v1.TargetService",
    "gauntlet.v1.WorkerService",
    "gauntlet.v1.ServerService",
];

/// All services, and who is to tell the health service how they are: until it is
/// told otherwise it says that they serve.
pub(super) async fn all(
    backend: &Backend,
    server: Server,
    telemetry: &Arc<Telemetry>,
) -> (Routes, HealthReporter) {
    let (reporter, health) = tonic_health::server::health_reporter();
    for service in SERVICES {
        let serving = ServingStatus::Serving;
        reporter.set_service_status(service, serving).await;
    }
    let fits = "the descriptor sets are those that the services were generated from";
    let routes = gauntlet_rpc::routes(backend, server)
        .add_service(health)
        .add_service(reflection().build_v1().expect(fits))
        .add_service(reflection().build_v1alpha().expect(fits));
    let in_span = middleware::from_fn_with_state(telemetry.clone(), in_span);
    let routes = routes.into_axum_router().layer(in_span);
    (Routes::from(routes), reporter)
}

/// Gives what is logged on the way to a response the method that was called, and
/// tells of the call when the response begins.
async fn in_span(
    State(telemetry): State<Arc<Telemetry>>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let method = request.uri().path().trim_start_matches('/').to_owned();
    let caller = request.headers().get("traceparent");
    let caller = caller.and_then(|header| Caller::parse(header.to_str().ok()?));
    let span = tracing::info_span!("rpc", method);
    let response = next.run(request).instrument(span).await;
    // A call that fails at once says so in its headers.
    let code = response.headers().get("grpc-status");
    let code = code.map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()));
    telemetry.served(&Served {
        method: &method,
        caller,
        took: began.elapsed(),
        failed: (code != Code::Ok).then_some(code_name(code)),
    });
    response
}

fn reflection() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(gauntlet_api::DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
