//! Measurements over time.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::RunId,
    interval::{Interval, empty_histogram},
    lifecycle::StopReason,
    report::Summary,
    time::Timestamp,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    made::{ORIGIN, create_mixed, create_named, ended, interval, measure, measuring, second},
    support::Plane,
};

/// The latencies of one second of one shard: the second shard is much slower.
fn latencies(shard: u32, at: u64, operation: u32) -> Vec<u64> {
    let base = [40_000, 9_000_000][shard as usize] * (u64::from(operation) + 1);
    (1..=200).map(|n| base + n * 1_000 + at * 7_000).collect()
}

fn seconds(run: RunId, count: u64) -> Vec<Interval> {
    let mut made = Vec::new();
    for at in 0..count {
        for shard in [0, 1] {
            let (read, write) = (latencies(shard, at, 0), latencies(shard, at, 1));
            made.push(interval(run, shard, at, &[(0, &read), (1, &write)]));
        }
    }
    made
}

/// The summary of one histogram that holds all of some seconds.
fn single(seconds: std::ops::Range<u64>, operations: &[u32]) -> Summary {
    let mut histogram = empty_histogram();
    for at in seconds {
        for shard in [0, 1] {
            for operation in operations {
                for value in latencies(shard, at, *operation) {
                    histogram.record(value).unwrap();
                }
            }
        }
    }
    Summary::of(&histogram)
}

fn assert_same(found: &pb::OperationHistory, expected: Summary) {
    let latency = found.response.as_ref().unwrap();
    let percentiles = [
        expected.p50_us,
        expected.p95_us,
        expected.p99_us,
        expected.p999_us,
    ];
    assert_eq!(latency.percentiles_us, percentiles);
    assert_eq!(
        (latency.min_us, latency.max_us),
        (expected.min_us, expected.max_us)
    );
    assert!((latency.mean_us - expected.mean_us).abs() < 1e-6 * expected.mean_us);
}

async fn measured(count: u64) -> (Plane, RunId) {
    let plane = Plane::ready().await;
    create_mixed(&plane).await;
    let run = create_named(&plane, "mixed", "measured").await;
    ended(&plane, run, StopReason::DurationElapsed, count).await;
    measure(&plane, run, &seconds(run, count), Timestamp(i64::MAX)).await;
    (plane, run)
}

async fn ask(plane: &Plane, request: pb::GetMetricsRequest) -> pb::GetMetricsResponse {
    plane
        .runs()
        .get_metrics(request)
        .await
        .unwrap()
        .into_inner()
}

fn of(run: RunId) -> pb::GetMetricsRequest {
    pb::GetMetricsRequest {
        run_id: run.to_string(),
        ..pb::GetMetricsRequest::default()
    }
}

#[tokio::test]
async fn percentiles_of_two_workers_are_those_of_one_histogram() {
    let (plane, run) = measured(25).await;
    for (resolution_us, length) in [(1_000_000, 1), (10_000_000, 10), (60_000_000, 60)] {
        let request = pb::GetMetricsRequest {
            resolution_us,
            ..of(run)
        };
        let answer = ask(&plane, request).await;
        assert_eq!(answer.resolution_us, resolution_us);
        assert_eq!(answer.percentiles, [50.0, 95.0, 99.0, 99.9]);
        assert_eq!(answer.points.len() as u64, 25_u64.div_ceil(length));
        for (place, point) in answer.points.iter().enumerate() {
            let from = place as u64 * length;
            let held = from..(from + length).min(25);
            assert_eq!(
                (point.time_us, point.length_us),
                (second(from).0, resolution_us)
            );
            assert_eq!(point.phase(), pb::RunPhase::Measurement);
            let total = point.total.as_ref().unwrap();
            assert_eq!(total.succeeded, 800 * (held.end - held.start));
            assert!((total.throughput_per_s - 800.0).abs() < 1e-9, "{total:?}");
            assert_same(total, single(held.clone(), &[0, 1]));
            assert_eq!(point.operations[1].operation, "write");
            assert_same(&point.operations[1], single(held, &[1]));
        }
        let [total] = answer.totals.as_slice() else {
            panic!("there is one phase: {:?}", answer.totals);
        };
        assert_eq!((total.time_us, total.length_us), (ORIGIN.0, 25_000_000));
        assert_same(total.total.as_ref().unwrap(), single(0..25, &[0, 1]));
    }
}

#[tokio::test]
async fn only_what_is_asked_for_is_measured_together() {
    let (plane, run) = measured(12).await;
    let request = pb::GetMetricsRequest {
        operations: vec!["write".to_owned()],
        percentiles: vec![99.9, 12.5],
        resolution_us: 5_000_000,
        range: Some(pb::TimeRange {
            from_us: second(4).0,
            to_us: second(6).0,
        }),
        ..of(run)
    };
    let answer = ask(&plane, request).await;
    assert_eq!((answer.resolution_us, answer.points.len()), (1_000_000, 2));
    assert_eq!(answer.percentiles, [12.5, 99.9]);
    for (at, point) in (4..).zip(&answer.points) {
        let total = point.total.as_ref().unwrap();
        assert_eq!((point.operations.len(), total.succeeded), (1, 400));
        let expected = single(at..at + 1, &[1]);
        let found = total.response.as_ref().unwrap();
        assert_eq!(found.percentiles_us[1..], [expected.p999_us]);
    }
    assert_eq!(answer.totals[0].total.as_ref().unwrap().succeeded, 800);
}

#[tokio::test]
async fn too_many_points_are_made_fewer() {
    let (plane, run) = measured(61).await;
    for (max_points, resolution_us, points) in [
        (0, 1_000_000, 61),
        (61, 1_000_000, 61),
        (60, 10_000_000, 7),
        (2, 60_000_000, 2),
        (1, 600_000_000, 1),
    ] {
        let request = pb::GetMetricsRequest {
            max_points,
            resolution_us: 1,
            ..of(run)
        };
        let answer = ask(&plane, request).await;
        assert_eq!(
            (answer.resolution_us, answer.points.len()),
            (resolution_us, points),
            "{max_points}"
        );
        let all = answer.points.iter().flat_map(|point| &point.total);
        assert_eq!(all.map(|total| total.succeeded).sum::<u64>(), 61 * 800);
    }
    // A stretch that is not whole buckets counts the buckets that it touches.
    let request = pb::GetMetricsRequest {
        max_points: 1,
        range: Some(pb::TimeRange {
            from_us: second(9).0,
            to_us: second(11).0,
        }),
        ..of(run)
    };
    let answer = ask(&plane, request).await;
    assert_eq!((answer.resolution_us, answer.points.len()), (60_000_000, 1));
}

#[tokio::test]
async fn a_run_that_goes_on_is_shown_up_to_its_last_whole_second() {
    let plane = Plane::ready().await;
    create_mixed(&plane).await;
    let run = create_named(&plane, "mixed", "live").await;
    measuring(&plane, run).await;
    measure(&plane, run, &seconds(run, 25), second(25)).await;
    let request = pb::GetMetricsRequest {
        resolution_us: 10_000_000,
        ..of(run)
    };
    let answer = ask(&plane, request).await;
    let counts: Vec<(i64, u64)> = answer
        .points
        .iter()
        .map(|point| (point.time_us, point.total.as_ref().unwrap().succeeded))
        .collect();
    let expected = [(0, 8_000), (10, 8_000), (20, 4_000)];
    assert_eq!(counts, expected.map(|(at, count)| (second(at).0, count)));
    assert_same(
        answer.points[2].total.as_ref().unwrap(),
        single(20..25, &[0, 1]),
    );
    assert_same(
        answer.totals[0].total.as_ref().unwrap(),
        single(0..25, &[0, 1]),
    );
}

#[tokio::test]
async fn a_run_without_load_has_no_points() {
    let plane = Plane::ready().await;
    let run = create_named(&plane, "lookups", "idle").await;
    let answer = ask(&plane, of(run)).await;
    assert_eq!((answer.points.len(), answer.totals.len()), (0, 0));
    assert_eq!(answer.resolution_us, 1_000_000);
}

#[tokio::test]
async fn an_unknown_operation_names_those_there_are() {
    let (plane, run) = measured(1).await;
    let run_id = run.to_string();
    let operations = vec!["read".to_owned(), "reed".to_owned()];
    let metrics = pb::GetMetricsRequest {
        operations: operations.clone(),
        ..of(run)
    };
    let errors = pb::GetErrorSummaryRequest {
        run_id: run_id.clone(),
        operations: operations.clone(),
        phase: 0,
    };
    let examples = pb::ListOperationsRequest {
        run_id,
        operations,
        ..pb::ListOperationsRequest::default()
    };
    let refused = [
        plane.runs().get_metrics(metrics).await.err(),
        plane.runs().get_error_summary(errors).await.err(),
        plane.runs().list_operations(examples).await.err(),
    ];
    for status in refused.map(Option::unwrap) {
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_details_bad_request().unwrap();
        let violation = &details.field_violations[0];
        assert_eq!(violation.field, "operations");
        assert!(
            violation.description.contains("read, write"),
            "{violation:?}"
        );
    }
}
