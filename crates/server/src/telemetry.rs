//! What the control plane tells of itself: metrics, for whoever scrapes them.
//!
//! Everything is counted where it happens, by decorators and observers, and
//! put together only when somebody asks. Whatever a caller can make up never
//! becomes a label.

mod calls;
mod exposition;
mod hub;
mod latencies;
mod otlp;
mod process;
mod runs;
mod store;
mod workers;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use gauntlet_connect::{CallEnd, CallStart, Fault, Observer};
use gauntlet_model::{interval::Interval, run::Run};
use gauntlet_orchestrator::Orchestrator;
use gauntlet_store::{RunChange, Witness};
use prometheus_client::{
    metrics::{histogram::Histogram, info::Info},
    registry::Registry,
};

use calls::Calls;
pub use exposition::Format;
use hub::Publishing;
use latencies::{BOUNDS_S, SCHEMA};
use otlp::Spans;
pub use otlp::{BadCollector, Caller, Exporter, OtlpOptions, Served};
use runs::ActiveRuns;
use store::StoreCalls;
use workers::AttachedWorkers;

/// Counts for as long as the process lives. Methods never wait for a scrape
/// for longer than one run's numbers take to copy.
#[derive(Debug)]
pub struct Telemetry {
    calls: Calls,
    store: StoreCalls,
    runs: ActiveRuns,
    publishing: Publishing,
    spans: Spans,
}

impl Telemetry {
    /// Everything at 0.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            calls: Calls::new(),
            store: StoreCalls::new(),
            runs: ActiveRuns::default(),
            publishing: Publishing::new(),
            spans: Spans::default(),
        })
    }

    /// What a scrape reads.
    #[must_use]
    pub fn registry(self: &Arc<Self>, orchestrator: &Orchestrator) -> Registry {
        let mut all = Registry::default();
        all.register_collector(Box::new(process::Process::new()));
        let ours = all.sub_registry_with_prefix("gauntlet");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        ours.register("build", "The version that runs", version);
        self.calls.register(ours);
        self.store.register(ours);
        self.publishing.register(ours);
        self.spans.register(ours);
        ours.register_collector(Box::new(AttachedWorkers::of(orchestrator)));
        ours.register_collector(Box::new(self.runs.clone()));
        all
    }

    /// Who sends what a scrape reads, and spans, to a collector.
    pub fn exporter(
        self: &Arc<Self>,
        options: &OtlpOptions,
        orchestrator: &Orchestrator,
    ) -> Result<Exporter, BadCollector> {
        Exporter::new(options, self.registry(orchestrator), &self.spans)
    }

    /// A call was answered.
    pub fn served(&self, call: &Served<'_>) {
        self.spans.served(call);
    }

    /// How many connections are open.
    pub fn connections(&self) -> i64 {
        self.calls.connections()
    }

    /// The newest revision of the hub that was read from it.
    pub fn followed(&self) -> tokio::sync::watch::Receiver<i64> {
        self.publishing.followed()
    }

    /// Reads the hub as any watcher does, until the control plane ends.
    pub async fn follow(
        self: Arc<Self>,
        orchestrator: Orchestrator,
        stop: tokio_util::sync::CancellationToken,
    ) {
        let following = hub::follow(&self.publishing, orchestrator.hub());
        stop.run_until_cancelled(following).await;
    }
}

impl Observer for Telemetry {
    fn call_started(&self, call: &CallStart<'_>) {
        self.calls.started(call);
    }

    fn call_ended(&self, call: &CallStart<'_>, end: &CallEnd) {
        self.calls.ended(call, end);
    }

    fn fault(&self, fault: Fault) {
        self.calls.fault(fault);
    }

    fn connection_opened(&self) {
        self.calls.opened();
    }

    fn connection_closed(&self) {
        self.calls.closed();
    }
}

impl Witness for Telemetry {
    fn answered(&self, call: &'static str, took: Duration, error: Option<&'static str>) {
        self.store.answered(call, took, error);
    }

    fn listed_active(&self, runs: &[Run]) {
        for run in runs {
            self.runs.changed(run, Instant::now());
        }
    }

    fn advanced(&self, change: &RunChange, revision: i64) {
        let (run, now) = (&change.run, Instant::now());
        self.spans.entered(run, &change.phases);
        self.publishing.stored(run.id, revision, now);
        self.runs.changed(run, now);
    }

    fn measured(&self, intervals: &[Interval], new: &[bool]) {
        self.runs.measured(intervals, new);
    }
}

/// A histogram of seconds, in both forms: classic buckets for text, native ones
/// for protobuf.
fn seconds() -> Histogram {
    use prometheus_client::metrics::histogram::NativeHistogramConfig;
    // Coarser than what is measured of databases: 9 % from bucket to bucket.
    const OWN_SCHEMA: i8 = 3;
    const { assert!(OWN_SCHEMA as i32 <= SCHEMA) };
    let native = NativeHistogramConfig::with_schema(OWN_SCHEMA).max_buckets(160);
    Histogram::new_classic_and_native(BOUNDS_S, native)
}

#[cfg(test)]
mod tests;
