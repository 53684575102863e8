//! Changes by another control plane over the same store, heard of or not.

use std::{collections::BTreeMap, sync::Arc};

use gauntlet_api::v1::{self as pb, watch_run_response, watch_runs_response};
use gauntlet_model::{id::RunId, run::Run};
use gauntlet_store::{Feed, FeedEvent, FeedReceiver, FeedSender, RunChange, Stores, feed, memory};
use tonic::Streaming;
use uuid::Uuid;

use crate::support::Plane;

/// A feed that says what the test says.
struct Scripted(FeedSender);

impl Feed for Scripted {
    fn subscribe(&self) -> FeedReceiver {
        self.0.subscribe()
    }
}

fn stores() -> (Stores, FeedSender) {
    let (mut stores, sender) = (memory::stores(), feed());
    stores.feed = Arc::new(Scripted(sender.clone()));
    (stores, sender)
}

async fn next<T>(stream: &mut Streaming<T>) -> T {
    stream.message().await.unwrap().expect("the stream goes on")
}

/// Changes a run as another control plane would.
async fn change(plane: &Plane, run: &pb::Run) {
    let runs = &plane.backend.stores.runs;
    let id = RunId(Uuid::parse_str(&run.run_id).unwrap());
    let before = runs.get(id).await.unwrap().unwrap();
    let change = RunChange {
        run: Run {
            labels: BTreeMap::from([("by".to_owned(), "another".to_owned())]),
            ..before
        },
        attempts: Vec::new(),
        controls: Vec::new(),
        phases: Vec::new(),
        events: Vec::new(),
    };
    runs.advance(&change).await.unwrap();
}

/// The store's listener was cut and is back: what it missed is read.
#[tokio::test]
async fn what_was_missed_is_told_after_a_resync() {
    use watch_run_response::Update as One;
    use watch_runs_response::Update as All;
    let (stores, feed) = stores();
    let plane = Plane::ready_over(stores).await;
    let run = plane.create_run().await;
    let request = pb::WatchRunRequest {
        run_id: run.run_id.clone(),
        options: None,
    };
    let mut one = plane.runs().watch_run(request).await.unwrap().into_inner();
    let request = pb::WatchRunsRequest {
        project: "acme".to_owned(),
        ..Default::default()
    };
    let mut all = plane.runs().watch_runs(request).await.unwrap().into_inner();
    for _ in 0..2 {
        next(&mut one).await;
        next(&mut all).await;
    }

    change(&plane, &run).await;
    feed.send(FeedEvent::Resync);
    match next(&mut one).await.update {
        Some(One::Run(seen)) => assert_eq!((seen.revision, seen.labels.len()), (2, 1)),
        other => panic!("{other:?}"),
    }
    let resync = next(&mut all).await.update;
    assert!(matches!(resync, Some(All::Resync(_))), "{resync:?}");
    match next(&mut all).await.update {
        Some(All::Run(state)) => assert_eq!(state.run.unwrap().revision, 2),
        other => panic!("{other:?}"),
    }
    let done = next(&mut all).await.update;
    assert!(matches!(done, Some(All::SnapshotDone(_))), "{done:?}");
}
