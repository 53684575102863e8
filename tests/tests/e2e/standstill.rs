//! A database that stands still: its seconds are there, and are 0.

use gauntlet_api::v1::{self as pb, stream_metrics_response::Update};
use gauntlet_testkit::postgres::Cluster;

use crate::plane::Plane;

const UPDATES: &str = "
name: updates
target: db
table: bench
workers: 1
operations:
  - kind: update
    weight: 100
    columns: [k]
    parameters:
      - uniform: {min: 1, max: 100}
      - uniform: {min: 1, max: 100}
load:
  concurrency: {connections: 4, think_time: 5ms}
phases:
  measurement: 9s
  drain_timeout: 8s
";

/// So long that whole seconds lie in it, also where a busy machine merges two.
const LOCKED: &str =
    "BEGIN; LOCK TABLE bench IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(4.5); COMMIT";

/// The points of a run to its end; the table is locked when the second one comes.
async fn points(plane: &Plane, cluster: &Cluster, run_id: &str) -> Vec<pb::MetricsPoint> {
    let request = pb::StreamMetricsRequest {
        run_id: run_id.to_owned(),
        after_us: 0,
    };
    let stream = plane.runs().await.stream_metrics(request).await;
    let mut stream = stream.unwrap().into_inner();
    let mut points = Vec::new();
    std::thread::scope(|scope| {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                while let Some(message) = stream.message().await.unwrap() {
                    if let Some(Update::Point(point)) = message.update {
                        points.push(point);
                        if points.len() == 2 {
                            scope.spawn(|| cluster.psql(LOCKED).unwrap());
                        }
                    }
                }
            });
        });
    });
    points
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seconds_without_operations_have_points() {
    let cluster = Cluster::start();
    let plane = Plane::start().await;
    let _worker = plane.worker("w1").await;
    plane.must(&["target", "add", "db", "--postgres", &cluster.url()]);
    plane.must(&["target", "load", "db", "--table", "bench", "--rows", "100"]);
    plane.file("updates.yaml", UPDATES);
    plane.must(&["template", "apply", "-f", "updates.yaml"]);
    let run = plane.start_run("updates").await;
    let live = points(&plane, &cluster, &run).await;
    assert_eq!(
        plane.until_over(&run).await.status(),
        pb::RunStatus::Completed
    );

    let total = |point: &pb::MetricsPoint| point.total.clone().unwrap();
    let still: Vec<&pb::MetricsPoint> = live
        .iter()
        .filter(|point| point.phase() == pb::RunPhase::Measurement)
        .filter(|point| total(point).succeeded == 0 && point.in_flight == 4)
        .collect();
    assert!(!still.is_empty(), "{live:?}");
    for point in &still {
        assert_eq!(total(point).response, None);
        assert_eq!(point.operations.len(), 1);
    }
    // What stands still counts nothing twice.
    let report = plane.report(&run).await;
    let streamed: u64 = live.iter().map(|point| total(point).succeeded).sum();
    assert_eq!(report.total.unwrap().succeeded, streamed);

    let request = pb::GetMetricsRequest {
        run_id: run,
        ..pb::GetMetricsRequest::default()
    };
    let history = plane.runs().await.get_metrics(request).await;
    let history = history.unwrap().into_inner().points;
    for point in &still {
        let kept = history.iter().find(|kept| kept.time_us == point.time_us);
        let kept = kept.unwrap();
        let total = kept.total.as_ref().unwrap();
        assert_eq!((total.succeeded, &total.response), (0, &None));
        assert_eq!((kept.in_flight_max, kept.operations.len()), (4, 1));
    }
}
