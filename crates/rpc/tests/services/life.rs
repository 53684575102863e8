//! One run from its making to its report, on a worker that is played.

use std::time::Duration;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    interval::{Encoded, Interval, Latencies, OperationInterval, empty_histogram},
    lifecycle::{Action, Phase},
    session::{Assign, AttemptRef, Command, ControlMessage, ShardTotals, WorkerEvent},
    time::Timestamp,
};
use tonic::Streaming;

use crate::{
    support::{PATIENCE, Plane, hello},
    watches::every_resume_gives_the_rest,
    workers::Scripted,
};

/// Lookups that the played worker counts.
const LOOKUPS: u64 = 500;

impl Scripted {
    pub async fn assigned(&mut self) -> Box<Assign> {
        match self.hear().await.unwrap() {
            Some(ControlMessage::Assign(assign)) => assign,
            other => panic!("expected an assignment, got {other:?}"),
        }
    }

    pub async fn commanded(&mut self) -> Command {
        match self.hear().await.unwrap() {
            Some(ControlMessage::Command(command)) => command,
            other => panic!("expected a command, got {other:?}"),
        }
    }

    pub async fn acknowledge(&self, command: &Command) {
        let late = Duration::ZERO;
        let (attempt, sequence) = (command.attempt, command.sequence);
        self.say(WorkerEvent::Ack {
            attempt,
            sequence,
            late,
        })
        .await;
    }
}

fn interval(attempt: AttemptRef, start: Timestamp) -> Interval {
    let mut histogram = empty_histogram();
    histogram.record_n(2_000_000, LOOKUPS).unwrap();
    let encoded = Encoded::from_histogram(&histogram);
    let succeeded = Latencies {
        response: encoded.clone(),
        service: encoded.clone(),
        lag: encoded,
        rows: LOOKUPS,
    };
    Interval {
        attempt,
        sequence: 1,
        start,
        end: start + Duration::from_secs(1),
        operations: vec![OperationInterval {
            operation: 0,
            phase: Phase::Measurement,
            step: 0,
            succeeded,
            failed: Latencies::default(),
            cut: 0,
            dropped: 0,
        }],
        errors: Vec::new(),
        in_flight: 0,
        backlog: 0,
    }
}

/// Plays a worker's whole part.
async fn play(mut worker: Scripted) {
    let attempt = worker.assigned().await.attempt;
    let target_version = "Fake 1".to_owned();
    worker
        .say(WorkerEvent::Ready {
            attempt,
            target_version,
        })
        .await;
    let start = worker.commanded().await;
    assert_eq!(start.action, Action::Start(Phase::Measurement));
    worker.acknowledge(&start).await;
    worker
        .say(WorkerEvent::Interval {
            interval: Box::new(interval(attempt, start.at)),
            first_operation: Some(start.at),
        })
        .await;
    let stored = worker.hear().await.unwrap().unwrap();
    let expected = ControlMessage::IntervalsAck {
        attempt,
        sequence: 1,
    };
    assert_eq!(stored, expected);

    let stop = worker.commanded().await;
    assert!(
        matches!(stop.action, Action::Stop { drain_us } if drain_us > 0),
        "{stop:?}"
    );
    worker.acknowledge(&stop).await;
    worker
        .say(WorkerEvent::ShardFinished(ShardTotals {
            attempt,
            intervals: 1,
            operations: LOOKUPS,
            first_operation: Some(start.at),
            peak_cpu: 0.1,
        }))
        .await;
    let released = worker.hear().await.unwrap();
    assert_eq!(released, Some(ControlMessage::Release { attempt }));
}

async fn all<T>(mut stream: Streaming<T>) -> Vec<T> {
    let mut messages = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        messages.push(message);
    }
    messages
}

fn states(messages: Vec<pb::WatchRunResponse>) -> Vec<(i64, pb::RunStatus, pb::RunPhase)> {
    let runs = messages
        .into_iter()
        .filter_map(|message| match message.update {
            Some(pb::watch_run_response::Update::Run(run)) => Some(run),
            _ => None,
        });
    runs.map(|run| (run.revision, run.status(), run.phase()))
        .collect()
}

fn lookups(messages: Vec<pb::StreamMetricsResponse>) -> Vec<u64> {
    use pb::stream_metrics_response::Update;
    let points = messages
        .into_iter()
        .filter_map(|message| match message.update {
            Some(Update::Point(point)) => point.total,
            _ => None,
        });
    points.map(|total| total.succeeded).collect()
}

#[tokio::test]
async fn a_run_goes_through_its_phases_to_a_report() {
    let plane = Plane::ready().await;
    let worker = Scripted::attach(&plane, hello(1)).await;
    let worker = tokio::spawn(play(worker));
    let run = plane.create_run().await;
    let run_id = run.run_id.clone();

    let watch = pb::WatchRunRequest {
        run_id: run_id.clone(),
        options: None,
    };
    let watched = plane.runs().watch_run(watch).await.unwrap().into_inner();
    let watched = tokio::spawn(all(watched));
    let metrics = pb::StreamMetricsRequest {
        run_id: run_id.clone(),
        after_us: 0,
    };
    let live = plane.runs().stream_metrics(metrics.clone()).await.unwrap();
    let live = tokio::spawn(all(live.into_inner()));

    let start = pb::StartRunRequest {
        run_id: run_id.clone(),
        ..Default::default()
    };
    let started = plane.runs().start_run(start).await.unwrap().into_inner();
    assert_eq!(started.run.unwrap().status(), pb::RunStatus::Starting);

    let watched = tokio::time::timeout(PATIENCE, watched)
        .await
        .unwrap()
        .unwrap();
    let live = tokio::time::timeout(PATIENCE, live).await.unwrap().unwrap();
    worker.await.unwrap();
    let states = states(watched);
    assert!(states.is_sorted_by(|(a, ..), (b, ..)| a < b), "{states:?}");
    assert_eq!(states[0].1, pb::RunStatus::Prepared);
    let (_, status, phase) = states[states.len() - 1];
    assert_eq!(
        (status, phase),
        (pb::RunStatus::Completed, pb::RunPhase::Done)
    );
    assert_eq!(lookups(live), [LOOKUPS]);
    let afterwards = plane.runs().stream_metrics(metrics).await.unwrap();
    assert_eq!(lookups(all(afterwards.into_inner()).await), [LOOKUPS]);

    report_is_right(&plane, &run_id).await;
    history_is_right(&plane, &run_id).await;
    every_resume_gives_the_rest(&plane, &run_id).await;
}

/// What the control plane has rolled up is what the worker measured; the report
/// made anew is the one that was made; and the file has the same second.
async fn history_is_right(plane: &Plane, run_id: &str) {
    let run_id = run_id.to_owned();
    let request = pb::GetMetricsRequest {
        run_id: run_id.clone(),
        ..pb::GetMetricsRequest::default()
    };
    let metrics = plane
        .runs()
        .get_metrics(request)
        .await
        .unwrap()
        .into_inner();
    for points in [&metrics.points, &metrics.totals] {
        let counts = points
            .iter()
            .map(|point| point.total.as_ref().unwrap().succeeded);
        assert_eq!(counts.collect::<Vec<_>>(), [LOOKUPS]);
    }
    let get = pb::GetReportRequest {
        run_id: run_id.clone(),
    };
    let first = plane.runs().get_report(get).await.unwrap().into_inner();
    assert_eq!(first.run.unwrap().validity(), pb::Validity::Valid);
    let first = first.report.unwrap();
    let recompute = pb::RecomputeReportRequest { run_id };
    let anew = plane.runs().recompute_report(recompute).await.unwrap();
    let anew = anew.into_inner().report.unwrap();
    let expected = pb::Report {
        created_us: anew.created_us,
        ..first
    };
    assert_eq!(anew, expected);
}

async fn report_is_right(plane: &Plane, run_id: &str) {
    let request = pb::GetReportRequest {
        run_id: run_id.to_owned(),
    };
    let answer = plane.runs().get_report(request).await.unwrap().into_inner();
    assert_eq!(answer.run.unwrap().status(), pb::RunStatus::Completed);
    let report = answer.report.unwrap();
    assert_eq!(report.measured_us, 1_000_000);
    let total = report.total.as_ref().unwrap();
    assert_eq!((total.succeeded, total.failed), (LOOKUPS, 0));
    assert_eq!(
        report.environment.as_ref().unwrap().target_version,
        "Fake 1"
    );
    assert_eq!(
        report.validity(),
        pb::Validity::Valid,
        "{:?}",
        report.reasons
    );

    let request = pb::ListShardsRequest {
        run_id: run_id.to_owned(),
    };
    let shards = plane
        .runs()
        .list_shards(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(shards.shards.len(), 1);
    assert_eq!(shards.shards[0].status(), pb::AttemptStatus::Finished);
}
