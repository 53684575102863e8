//! Streams down that need no worker.

use std::sync::atomic::Ordering;

use gauntlet_api::v1::{self as pb, watch_run_response::Update};
use tonic::{Code, Streaming};

use crate::support::{PATIENCE, Plane};

async fn watch(plane: &Plane, run_id: &str, seen: i64) -> Streaming<pb::WatchRunResponse> {
    let request = pb::WatchRunRequest {
        run_id: run_id.to_owned(),
        options: Some(pb::WatchOptions {
            resume_from_revision: seen,
        }),
    };
    plane.runs().watch_run(request).await.unwrap().into_inner()
}

async fn next(stream: &mut Streaming<pb::WatchRunResponse>) -> Option<Update> {
    stream
        .message()
        .await
        .unwrap()
        .and_then(|message| message.update)
}

fn revision(update: Option<Update>) -> Option<i64> {
    match update {
        Some(Update::Run(run)) => Some(run.revision),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_gives_the_snapshot_and_signs_of_life() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let mut states = watch(&plane, &run.run_id, 0).await;
    assert_eq!(revision(next(&mut states).await), Some(1));
    let done = pb::SnapshotDone { revision: 1 };
    assert_eq!(next(&mut states).await, Some(Update::SnapshotDone(done)));
    for _ in 0..2 {
        let update = next(&mut states).await;
        assert!(matches!(update, Some(Update::Heartbeat(_))), "{update:?}");
    }
}

#[tokio::test]
async fn a_watch_resumes_where_it_was() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let mut seen = watch(&plane, &run.run_id, 1).await;
    let done = Some(Update::SnapshotDone(pb::SnapshotDone { revision: 1 }));
    assert_eq!(next(&mut seen).await, done);
    // A revision that this store never had: the snapshot is sent.
    let mut foreign = watch(&plane, &run.run_id, 99).await;
    let resync = next(&mut foreign).await;
    assert!(matches!(resync, Some(Update::Resync(_))), "{resync:?}");
    assert_eq!(revision(next(&mut foreign).await), Some(1));
}

#[tokio::test]
async fn a_reader_that_was_slow_gets_the_last_state() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let mut states = watch(&plane, &run.run_id, 0).await;
    let run_id = run.run_id.clone();
    // No worker is attached, so the start fails the run.
    let start = plane
        .runs()
        .start_run(pb::StartRunRequest {
            run_id,
            ..Default::default()
        })
        .await;
    assert_eq!(start.unwrap_err().code(), Code::FailedPrecondition);

    assert_eq!(revision(next(&mut states).await), Some(1));
    assert!(matches!(
        next(&mut states).await,
        Some(Update::SnapshotDone(_))
    ));
    let last = next(&mut states).await;
    assert!(
        matches!(&last, Some(Update::Run(run)) if run.status() == pb::RunStatus::Failed),
        "{last:?}"
    );
    assert_eq!(next(&mut states).await, None);

    // A run that is over: its state, and the end.
    let mut late = watch(&plane, &run.run_id, 0).await;
    assert_eq!(revision(next(&mut late).await), revision(last));
    assert!(matches!(
        next(&mut late).await,
        Some(Update::SnapshotDone(_))
    ));
    assert_eq!(next(&mut late).await, None);
}

#[tokio::test]
async fn the_end_of_the_control_plane_ends_every_stream() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let mut states = watch(&plane, &run.run_id, 1).await;
    let request = pb::StreamMetricsRequest {
        run_id: run.run_id.clone(),
        after_us: 0,
    };
    let points = plane.runs().stream_metrics(request).await.unwrap();
    let mut points = points.into_inner();
    let mut load = plane.targets().load_dataset(dataset(3)).await.unwrap();
    assert!(states.message().await.unwrap().is_some());
    assert!(points.message().await.unwrap().is_some());
    plane.backend.stop.cancel();
    let codes = [
        states.message().await.unwrap_err().code(),
        points.message().await.unwrap_err().code(),
        load.get_mut().message().await.unwrap_err().code(),
    ];
    assert_eq!(codes, [Code::Unavailable; 3]);
}

#[tokio::test(start_paused = true)]
async fn metrics_of_a_run_that_has_not_begun_wait() {
    use pb::stream_metrics_response::Update;
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let request = pb::StreamMetricsRequest {
        run_id: run.run_id.clone(),
        after_us: 0,
    };
    let points = plane.runs().stream_metrics(request).await.unwrap();
    let mut points = points.into_inner();
    let mut update = async || {
        let message = points.message().await.unwrap();
        message.and_then(|message| message.update)
    };
    assert!(matches!(update().await, Some(Update::SnapshotDone(_))));
    assert!(matches!(update().await, Some(Update::Heartbeat(_))));
    let run_id = run.run_id;
    let start = plane
        .runs()
        .start_run(pb::StartRunRequest {
            run_id,
            ..Default::default()
        })
        .await;
    start.unwrap_err();
    assert_eq!(update().await, None);
}

fn dataset(rows: i64) -> pb::LoadDatasetRequest {
    pb::LoadDatasetRequest {
        project: "acme".to_owned(),
        name: "db".to_owned(),
        dataset: Some(pb::Dataset {
            table: "items".to_owned(),
            rows,
            seed: 1,
            replace: false,
        }),
    }
}

#[tokio::test]
async fn a_load_tells_how_far_it_is() {
    let plane = Plane::ready().await;
    let stream = plane.targets().load_dataset(dataset(3)).await.unwrap();
    let mut stream = stream.into_inner();
    let mut loaded = Vec::new();
    plane.target.rows.0.add_permits(1);
    while let Some(message) = stream.message().await.unwrap() {
        loaded.push((message.rows_loaded, message.rows_total));
        plane.target.rows.0.add_permits(1);
    }
    assert_eq!(loaded, [(1, 3), (2, 3), (3, 3)]);
}

#[tokio::test]
async fn a_load_ends_when_its_caller_goes() {
    let plane = Plane::ready().await;
    let stream = plane.targets().load_dataset(dataset(3)).await.unwrap();
    let mut stream = stream.into_inner();
    plane.target.rows.0.add_permits(1);
    stream.message().await.unwrap();
    assert_eq!(plane.target.loading.load(Ordering::SeqCst), 1);
    drop(stream);
    let ended = async {
        while plane.target.loading.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
}
