//! Nothing lost, nothing doubled: the rows in the target are the operations
//! that the report counts, whatever happened on the way.

use gauntlet_api::v1 as pb;
use gauntlet_testkit::postgres::Cluster;
use tempfile::TempDir;

use crate::{
    plane::{Plane, Process, eventually},
    proxy::Proxy,
};

/// Only INSERTs, so that every operation leaves a row.
const INSERTS: &str = "
name: inserts
target: db
table: bench
workers: 2
worker_loss: continue
operations:
  - kind: insert
    weight: 100
    columns: [k, c, pad]
    parameters:
      - uniform: {min: 1, max: 1000}
      - text: {length: 20}
      - literal: {text: pad}
load:
  concurrency: {connections: 4}
phases:
  warmup: 1s
  measurement: 6s
  drain_timeout: 5s
";

const ROWS: u64 = 100;

struct Bench {
    plane: Plane,
    cluster: Cluster,
    proxy: Proxy,
    workers: [Process; 2],
}

impl Bench {
    /// Two workers, the second one behind a proxy, and a PostgreSQL target.
    async fn start() -> Self {
        Self::with(Plane::start().await, Cluster::start()).await
    }

    async fn with(plane: Plane, cluster: Cluster) -> Self {
        let proxy = Proxy::start(plane.address).await;
        let workers = [
            plane.worker("w1").await,
            plane.worker_through(proxy.address, "w2").await,
        ];
        plane.must(&["target", "add", "db", "--postgres", &cluster.url()]);
        plane.must(&[
            "target",
            "load",
            "db",
            "--table",
            "bench",
            "--rows",
            &ROWS.to_string(),
        ]);
        plane.file("inserts.yaml", INSERTS);
        plane.must(&["template", "apply", "-f", "inserts.yaml"]);
        Self {
            plane,
            cluster,
            proxy,
            workers,
        }
    }

    fn inserted(&self) -> u64 {
        let count = self.cluster.psql("SELECT count(*) FROM bench").unwrap();
        count.trim().parse::<u64>().unwrap() - ROWS
    }

    /// Waits until a point of the live view says that the load has been
    /// measured for a while.
    async fn after_points(&self, run_id: &str, points: usize) {
        let request = pb::StreamMetricsRequest {
            run_id: run_id.to_owned(),
            after_us: 0,
        };
        let mut stream = self
            .plane
            .runs()
            .await
            .stream_metrics(request)
            .await
            .unwrap()
            .into_inner();
        let mut seen = 0;
        while seen < points {
            let message = stream.message().await.unwrap().expect("the run goes on");
            seen += usize::from(matches!(
                message.update,
                Some(pb::stream_metrics_response::Update::Point(_))
            ));
        }
    }
}

fn counted(report: &pb::Report) -> u64 {
    report.reconciliations.iter().map(|one| one.counted).sum()
}

fn found(report: &pb::Report) -> u64 {
    report.reconciliations.iter().map(|one| one.found).sum()
}

fn assert_whole(report: &pb::Report, inserted: u64) {
    assert_eq!(
        report.validity(),
        pb::Validity::Valid,
        "{:?}",
        report.reasons
    );
    assert_eq!(counted(report), inserted, "counted operations are rows");
    assert_eq!(found(report), inserted);
    // Warmup is counted apart and nothing is counted twice.
    let total = report.total.as_ref().unwrap();
    assert_eq!(total.succeeded + report.warmup_operations, inserted);
    assert!(total.succeeded > 0 && report.warmup_operations > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undisturbed() {
    let bench = Bench::start().await;
    let run = bench.plane.start_run("inserts").await;
    assert_eq!(
        bench.plane.until_over(&run).await.status(),
        pb::RunStatus::Completed
    );
    assert_whole(&bench.plane.report(&run).await, bench.inserted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_store_in_postgresql() {
    let cluster = Cluster::start();
    let store = cluster.create_database("store");
    let mut bench = Bench::with(
        Plane::start_on(TempDir::new().unwrap(), store).await,
        cluster,
    )
    .await;
    let run = bench.plane.start_run("inserts").await;
    bench.after_points(&run, 2).await;
    bench.plane.kill_and_start_again().await;
    assert_eq!(
        bench.plane.until_over(&run).await.status(),
        pb::RunStatus::Completed
    );
    assert_whole(&bench.plane.report(&run).await, bench.inserted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_stream_cut_and_resumed() {
    let bench = Bench::start().await;
    let run = bench.plane.start_run("inserts").await;
    bench.after_points(&run, 2).await;
    bench.proxy.cut();
    eventually("the cut to be noticed", async || {
        let workers = bench.plane.attached().await;
        workers
            .iter()
            .any(|worker| worker.name == "w2" && worker.status() == pb::WorkerStatus::Lost)
            .then_some(())
    })
    .await;
    bench.proxy.mend();
    assert_eq!(
        bench.plane.until_over(&run).await.status(),
        pb::RunStatus::Completed
    );
    assert_whole(&bench.plane.report(&run).await, bench.inserted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_control_plane_killed_and_started_again() {
    let mut bench = Bench::start().await;
    let run = bench.plane.start_run("inserts").await;
    bench.after_points(&run, 2).await;
    bench.plane.kill_and_start_again().await;
    assert_eq!(
        bench.plane.until_over(&run).await.status(),
        pb::RunStatus::Completed
    );
    assert_whole(&bench.plane.report(&run).await, bench.inserted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_worker_killed() {
    let mut bench = Bench::start().await;
    let run = bench.plane.start_run("inserts").await;
    bench.after_points(&run, 2).await;
    bench.workers[1].kill();
    assert_eq!(
        bench.plane.until_over(&run).await.status(),
        pb::RunStatus::Completed
    );
    let report = bench.plane.report(&run).await;
    let reasons: Vec<&str> = report
        .reasons
        .iter()
        .map(|reason| reason.code.as_str())
        .collect();
    assert!(reasons.contains(&"WORKER_LOST"), "{reasons:?}");
    // What the killed worker did and never told is found in the target.
    let [alive, killed] = report.reconciliations.as_slice() else {
        panic!("two attempts")
    };
    assert_eq!((alive.unreported, alive.counted), (0, alive.found));
    assert_eq!(killed.counted + killed.unreported, killed.found);
    let unreported: u64 = report
        .reconciliations
        .iter()
        .map(|one| one.unreported)
        .sum();
    assert_eq!(counted(&report) + unreported, bench.inserted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_begin_together() {
    let bench = Bench::start().await;
    let short = INSERTS
        .replace("name: inserts", "name: short")
        .replace("warmup: 1s", "warmup: 0s")
        .replace("measurement: 6s", "measurement: 1s");
    bench.plane.file("short.yaml", &short);
    bench.plane.must(&["template", "apply", "-f", "short.yaml"]);
    // The machine may be busy in one of them; the best one shows what START can do.
    let mut best = i64::MAX;
    for _ in 0..5 {
        let run = bench.plane.start_run("short").await;
        bench.plane.until_over(&run).await;
        best = best.min(bench.plane.report(&run).await.start_skew_us);
        if best <= 5_000 {
            break;
        }
    }
    assert!(best <= 5_000, "the workers began {best} us apart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_goes_away_is_counted_as_failures() {
    let bench = Bench::start().await;
    let run = bench.plane.start_run("inserts").await;
    bench.after_points(&run, 2).await;
    bench.cluster.stop();
    let run_after = bench.plane.until_over(&run).await;
    assert_eq!(
        run_after.status(),
        pb::RunStatus::Completed,
        "{}",
        run_after.stop_message
    );
    let report = bench.plane.report(&run).await;
    let total = report.total.as_ref().unwrap();
    assert!(total.succeeded > 0 && total.failed > 0, "{total:?}");
    assert!(
        report
            .errors
            .iter()
            .any(|error| error.class == "CONNECTION"),
        "{:?}",
        report.errors
    );
    assert_eq!(
        report.validity(),
        pb::Validity::Invalid,
        "rows that cannot be counted are no proof"
    );
}
