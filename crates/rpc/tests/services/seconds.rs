//! What failed and what waited, second by second.

use gauntlet_api::v1::{self as pb, stream_metrics_response::Update};
use gauntlet_model::{
    id::RunId,
    interval::{ErrorClass, ErrorCount, Interval},
    lifecycle::{Phase, StopReason},
    time::Timestamp,
};

use crate::{
    made::{create_mixed, create_named, ended, interval, measure},
    support::Plane,
};

/// Seconds that are measured.
const SECONDS: u64 = 12;

fn failed(operation: u32, class: ErrorClass, code: &str, count: u64) -> ErrorCount {
    ErrorCount {
        operation,
        phase: Phase::Measurement,
        class,
        code: code.to_owned(),
        message: "wrong".to_owned(),
        count,
    }
}

/// Failures in the seconds 3 and 7; ever more in flight, and a backlog in second 5.
fn seconds(run: RunId) -> Vec<Interval> {
    let mut made = Vec::new();
    for at in 0..SECONDS {
        for shard in [0, 1] {
            let mut one = interval(run, shard, at, &[(0, &[1_000]), (1, &[2_000])]);
            one.in_flight = shard + at as u32;
            one.backlog = if at == 5 { 20 } else { 0 };
            one.errors = match (at, shard) {
                (3, 0) => vec![
                    failed(1, ErrorClass::Timeout, "a", 2),
                    failed(1, ErrorClass::Timeout, "b", 1),
                ],
                (3, 1) => vec![
                    failed(0, ErrorClass::Timeout, "a", 1),
                    failed(1, ErrorClass::Constraint, "c", 4),
                ],
                (7, 0) => vec![failed(0, ErrorClass::Other, "d", 5)],
                _ => Vec::new(),
            };
            made.push(one);
        }
    }
    made
}

async fn a_run() -> (Plane, RunId) {
    let plane = Plane::ready().await;
    create_mixed(&plane).await;
    let run = create_named(&plane, "mixed", "seconds").await;
    ended(&plane, run, StopReason::DurationElapsed, SECONDS).await;
    measure(&plane, run, &seconds(run), Timestamp(i64::MAX)).await;
    (plane, run)
}

async fn ask(plane: &Plane, run: RunId, resolution_us: i64) -> pb::GetMetricsResponse {
    let request = pb::GetMetricsRequest {
        run_id: run.to_string(),
        resolution_us,
        ..pb::GetMetricsRequest::default()
    };
    let answer = plane.runs().get_metrics(request).await;
    answer.unwrap().into_inner()
}

async fn streamed(plane: &Plane, run: RunId) -> Vec<pb::MetricsPoint> {
    let request = pb::StreamMetricsRequest {
        run_id: run.to_string(),
        after_us: 0,
    };
    let stream = plane.runs().stream_metrics(request).await;
    let mut stream = stream.unwrap().into_inner();
    let mut points = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        if let Some(Update::Point(point)) = message.update {
            points.push(point);
        }
    }
    points
}

fn counts(failures: &[pb::FailureCount]) -> Vec<(&str, u64)> {
    let counts = failures.iter();
    counts.map(|one| (one.class.as_str(), one.count)).collect()
}

fn of_history(history: &pb::OperationHistory) -> Vec<(&str, u64)> {
    counts(&history.failures)
}

fn of_point(point: &pb::OperationPoint) -> Vec<(&str, u64)> {
    counts(&point.failures)
}

#[tokio::test]
async fn failures_are_counted_by_class() {
    let (plane, run) = a_run().await;
    let read = [("TIMEOUT", 1)];
    let write = [("TIMEOUT", 3), ("CONSTRAINT", 4)];
    let both = [("TIMEOUT", 4), ("CONSTRAINT", 4)];

    let answer = ask(&plane, run, 1_000_000).await;
    let live = streamed(&plane, run).await;
    assert_eq!((answer.points.len(), live.len()), (12, 12));
    let (point, second) = (&answer.points[3], &live[3]);
    assert_eq!(of_history(&point.operations[0]), read);
    assert_eq!(of_point(&second.operations[0]), read);
    assert_eq!(of_history(&point.operations[1]), write);
    assert_eq!(of_point(&second.operations[1]), write);
    assert_eq!(of_history(point.total.as_ref().unwrap()), both);
    assert_eq!(of_point(second.total.as_ref().unwrap()), both);
    for (place, (point, second)) in answer.points.iter().zip(&live).enumerate() {
        let quiet = ![3, 7].contains(&place);
        assert_eq!(point.total.as_ref().unwrap().failures.is_empty(), quiet);
        assert_eq!(second.total.as_ref().unwrap().failures.is_empty(), quiet);
    }

    let all = [("TIMEOUT", 4), ("CONSTRAINT", 4), ("OTHER", 5)];
    let coarse = ask(&plane, run, 10_000_000).await;
    for total in [&answer.totals[0], &coarse.totals[0], &coarse.points[0]] {
        assert_eq!(of_history(total.total.as_ref().unwrap()), all);
        let read = [("TIMEOUT", 1), ("OTHER", 5)];
        assert_eq!(of_history(&total.operations[0]), read);
    }
}

#[tokio::test]
async fn what_is_in_flight_and_what_waits_is_the_whole_runs() {
    let (plane, run) = a_run().await;
    // Two shards: n and n + 1 in flight in second n, 20 waiting at each in second 5.
    let expected: Vec<(u64, u64)> = (0..SECONDS)
        .map(|at| (2 * at + 1, if at == 5 { 40 } else { 0 }))
        .collect();
    let live = streamed(&plane, run).await;
    let live = live.iter().map(|point| (point.in_flight, point.backlog));
    assert_eq!(live.collect::<Vec<_>>(), expected);

    let most = |points: &[pb::HistoryPoint]| -> Vec<(u64, u64)> {
        let points = points.iter();
        points
            .map(|point| (point.in_flight_max, point.backlog_max))
            .collect()
    };
    let fine = ask(&plane, run, 1_000_000).await;
    assert_eq!(most(&fine.points), expected);
    let coarse = ask(&plane, run, 10_000_000).await;
    assert_eq!(most(&coarse.points), [(19, 40), (23, 0)]);
    for answer in [fine, coarse] {
        assert_eq!(most(&answer.totals), [(23, 40)]);
    }
}
