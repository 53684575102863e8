//! The flags of a control plane that sends metrics and spans.

use std::time::Duration;

use clap::Args;

use super::age;
use crate::telemetry::OtlpOptions;

/// Where to send them.
#[derive(Debug, Args)]
pub struct Otlp {
    /// Send metrics and spans to an OTLP collector (gRPC), like `http://127.0.0.1:4317`
    #[arg(long = "otlp", env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
    /// How often metrics are sent there
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = age::positive)]
    otlp_every: Duration,
}

impl Otlp {
    /// As the control plane takes them. An empty address is none.
    pub fn read(self) -> Option<OtlpOptions> {
        let endpoint = self.otlp_endpoint.filter(|endpoint| !endpoint.is_empty())?;
        let every = self.otlp_every;
        Some(OtlpOptions { endpoint, every })
    }
}
