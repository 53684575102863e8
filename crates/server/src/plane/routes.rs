//! The services of the port: ours, health and reflection.

use gauntlet_rpc::Backend;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_reflection::server::Builder;

/// Everything that is served, for JSON.
pub(super) const DESCRIPTOR_SETS: [&[u8]; 4] = [
    gauntlet_api::DESCRIPTOR_SET,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
];

const SERVICES: [&str; 4] = [
    "gauntlet.v1.RunService",
    "gauntlet.v1.TemplateService",
    "gauntlet.v1.TargetService",
    "gauntlet.v1.WorkerService",
];

/// All services.
pub(super) async fn all(backend: &Backend) -> Routes {
    let (reporter, health) = tonic_health::server::health_reporter();
    for service in SERVICES {
        reporter
            .set_service_status(service, ServingStatus::Serving)
            .await;
    }
    let fits = "the descriptor sets are those that the services were generated from";
    gauntlet_rpc::routes(backend)
        .add_service(health)
        .add_service(reflection().build_v1().expect(fits))
        .add_service(reflection().build_v1alpha().expect(fits))
}

fn reflection() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(gauntlet_api::DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
