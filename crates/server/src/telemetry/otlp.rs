//! What is measured, and spans, to a collector that speaks OTLP over gRPC.
//!
//! Metrics are those of a scrape, with the native histograms as exponential
//! ones. Nobody waits for the collector: spans wait in a bounded queue, and
//! what does not fit or cannot be sent is dropped and counted.

mod metrics;
mod spans;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{ExportMetricsServiceRequest, metrics_service_client::MetricsServiceClient},
        trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    },
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    metrics::v1::{ResourceMetrics, ScopeMetrics},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prometheus_client::{encoding::prometheus_protobuf, registry::Registry};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

pub(super) use spans::Spans;
pub use spans::{Caller, Served};

/// Spans that wait to be sent; further ones are dropped.
const QUEUE: usize = 4_096;
/// Spans in one message.
const TOGETHER: usize = 512;
/// How often waiting spans are sent.
const PERIOD: Duration = Duration::from_secs(1);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take for the last words.
const LAST: Duration = Duration::from_millis(500);

/// Where to send what is measured.
#[derive(Clone, Debug)]
pub struct OtlpOptions {
    /// The collector, like `http://127.0.0.1:4317`.
    pub endpoint: String,
    /// How often metrics are sent.
    pub every: Duration,
}

/// The address is none of a collector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no address of an OTLP collector; give one like http://127.0.0.1:4317, without TLS"
)]
pub struct BadCollector(String);

/// Sends until the control plane ends.
#[derive(Debug)]
pub struct Exporter {
    channel: Channel,
    every: Duration,
    registry: Registry,
    queue: mpsc::Receiver<Span>,
    spans: Spans,
    resource: Resource,
    began_ns: u64,
    /// Whether the last message arrived.
    well: bool,
}

impl Exporter {
    /// An exporter of what a registry has and of the spans from now on. Nothing
    /// is sent before [`Self::run`].
    pub(super) fn new(
        options: &OtlpOptions,
        registry: Registry,
        spans: &Spans,
    ) -> Result<Self, BadCollector> {
        let bad = || BadCollector(options.endpoint.clone());
        let endpoint = Endpoint::from_shared(options.endpoint.clone()).map_err(|_| bad())?;
        if endpoint.uri().scheme_str() != Some("http") || endpoint.uri().host().is_none() {
            return Err(bad());
        }
        let (sender, queue) = mpsc::channel(QUEUE);
        spans.send_to(sender);
        Ok(Self {
            channel: endpoint.connect_timeout(PATIENCE).connect_lazy(),
            every: options.every,
            registry,
            queue,
            spans: spans.clone(),
            resource: resource(),
            began_ns: now_ns(),
            well: true,
        })
    }

    /// Sends spans every second and metrics as often as was asked for, and both
    /// a last time when `stop` fires.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut period = interval(PERIOD.min(self.every));
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = Instant::now();
        while stop.run_until_cancelled(period.tick()).await.is_some() {
            let sending = async {
                self.send_spans(PATIENCE).await;
                if told.elapsed() >= self.every {
                    told = Instant::now();
                    self.send_metrics(PATIENCE).await;
                }
            };
            // What is being sent when the end comes is lost: it is not waited for.
            stop.run_until_cancelled(sending).await;
        }
        self.send_spans(LAST).await;
        self.send_metrics(LAST).await;
    }

    async fn send_spans(&mut self, patience: Duration) {
        // Only those that wait now: calls that keep coming do not keep this from ending.
        let mut waiting = self.queue.len();
        while waiting > 0 {
            let mut spans = Vec::with_capacity(TOGETHER);
            while spans.len() < TOGETHER
                && let Ok(span) = self.queue.try_recv()
            {
                spans.push(span);
            }
            let count = spans.len();
            if count == 0 {
                return;
            }
            waiting = waiting.saturating_sub(count);
            let request = ExportTraceServiceRequest {
                resource_spans: vec![ResourceSpans {
                    resource: Some(self.resource.clone()),
                    scope_spans: vec![ScopeSpans {
                        scope: Some(scope()),
                        spans,
                        schema_url: String::new(),
                    }],
                    schema_url: String::new(),
                }],
            };
            let mut client = TraceServiceClient::new(self.channel.clone());
            let sent = timeout(patience, client.export(request)).await;
            let sent = self.note(sent.map(|sent| sent.map(drop)));
            self.spans.sent(count as u64, sent);
            if !sent {
                return;
            }
        }
    }

    async fn send_metrics(&mut self, patience: Duration) {
        let Ok(families) = prometheus_protobuf::encode(&self.registry) else {
            return;
        };
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(scope()),
                    metrics: metrics::convert(families, self.began_ns, now_ns()),
                    schema_url: String::new(),
                }],
                schema_url: String::new(),
            }],
        };
        let mut client = MetricsServiceClient::new(self.channel.clone());
        let sent = timeout(patience, client.export(request)).await;
        self.note(sent.map(|sent| sent.map(drop)));
    }

    /// Notes whether a message arrived, and says so when that changes.
    fn note(&mut self, sent: Result<Result<(), Status>, tokio::time::error::Elapsed>) -> bool {
        let why = match sent {
            Ok(Ok(())) => None,
            Ok(Err(status)) => Some(status.to_string()),
            Err(elapsed) => Some(elapsed.to_string()),
        };
        match &why {
            Some(why) if self.well => {
                tracing::warn!(why, "the OTLP collector does not take what it is sent");
            }
            None if !self.well => {
                tracing::info!("the OTLP collector takes what it is sent again");
            }
            _ => {}
        }
        if why.is_some() {
            self.spans.failed();
        }
        self.well = why.is_none();
        self.well
    }
}

fn resource() -> Resource {
    Resource {
        attributes: vec![
            attribute("service.name", "gauntlet"),
            attribute("service.version", env!("CARGO_PKG_VERSION")),
            attribute("service.instance.id", &Uuid::new_v4().to_string()),
        ],
        ..Resource::default()
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "gauntlet".to_owned(),
        ..InstrumentationScope::default()
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// Nanoseconds since the Unix epoch.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}
