//! Metrics and spans, as a collector receives them.

use std::time::Duration;

use gauntlet_api::v1::{self as pb, worker_service_client::WorkerServiceClient};
use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    metrics::v1::{Metric, metric::Data},
    trace::v1::Span,
};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use crate::support::{Served, passed, refused};

/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);
const METHOD: &str = "gauntlet.v1.WorkerService/ListWorkers";

/// A collector that hands on what it gets.
#[derive(Clone)]
struct Collector {
    spans: mpsc::UnboundedSender<Span>,
    metrics: mpsc::UnboundedSender<Vec<Metric>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            // A test that has seen enough listens no more.
            let _ = self.spans.send(span);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let resources = request.into_inner().resource_metrics.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_metrics);
        let _ = self
            .metrics
            .send(scopes.flat_map(|scope| scope.metrics).collect());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

async fn list_workers(url: &str, traceparent: Option<&str>) {
    let mut workers = WorkerServiceClient::connect(url.to_owned()).await.unwrap();
    let mut request = Request::new(pb::ListWorkersRequest::default());
    if let Some(header) = traceparent {
        let header = header.parse().unwrap();
        request.metadata_mut().insert("traceparent", header);
    }
    workers.list_workers(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_spans_with_their_parents_and_metrics() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (spans, mut got_spans) = mpsc::unbounded_channel();
    let (metrics, mut got_metrics) = mpsc::unbounded_channel();
    let collector = Collector { spans, metrics };
    let server = Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .add_service(MetricsServiceServer::new(collector));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));

    let served = Served::start(&["--otlp", &endpoint, "--otlp-every", "1s"]);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    list_workers(&served.url, Some(parent)).await;
    let span = loop {
        let span = timeout(PATIENCE, got_spans.recv()).await.unwrap().unwrap();
        if span.name == METHOD {
            break span;
        }
    };
    assert_eq!(span.trace_id[..2], [0x0a, 0xf7]);
    assert_eq!(span.parent_span_id[..2], [0xb7, 0xad]);
    assert_eq!(span.status, None);
    assert!(span.start_time_unix_nano < span.end_time_unix_nano);
    while unary_calls(
        &timeout(PATIENCE, got_metrics.recv())
            .await
            .unwrap()
            .unwrap(),
    ) == 0
    {}

    served.terminate();
    let ended = tokio::task::spawn_blocking(move || served.ended());
    let (status, log) = ended.await.unwrap();
    assert!(status.success(), "{log}");
}

/// How many calls the histogram of unary calls holds, by its buckets too.
fn unary_calls(metrics: &[Metric]) -> u64 {
    let name = "gauntlet_rpc_duration_seconds";
    let found = metrics.iter().find(|one| one.name == name);
    let Some(Data::ExponentialHistogram(durations)) = found.and_then(|one| one.data.as_ref())
    else {
        return 0;
    };
    let points = durations.data_points.iter();
    let counts = points.map(|point| {
        let buckets = point.positive.as_ref().unwrap();
        let in_buckets: u64 = buckets.bucket_counts.iter().sum();
        assert_eq!(in_buckets + point.zero_count, point.count);
        point.count
    });
    counts.sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_hurts_nobody() {
    // The port was free a moment ago and nothing of ours listens on it now.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let away = ["--otlp", &endpoint, "--otlp-every", "1s", "--log", "warn"];
    let served = Served::start(&away);
    list_workers(&served.url, None).await;
    served.terminate();
    let ended = tokio::task::spawn_blocking(move || served.ended());
    let (status, log) = ended.await.unwrap();
    assert!(status.success(), "{log}");
    let said = log.matches("does not take what it is sent").count();
    assert_eq!(said, 1, "{log}");
}

#[test]
fn an_address_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("store.db").display());
    passed(&["schema", "apply", "--store", &store]);
    let serve = ["serve", "--store", &store, "--listen", "127.0.0.1:0"];
    let said = refused(&[&serve[..], &["--otlp", "collector:4317"]].concat());
    assert!(said.contains("no address of an OTLP collector"), "{said}");
}
