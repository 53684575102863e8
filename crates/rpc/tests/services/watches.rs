//! Watches on runs, shards, events, lines and workers.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::RunId,
    logs::{Level, LogLine},
    run::{RunEvent, RunEventKind},
    time::Timestamp,
};
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use crate::support::{Plane, create_run};

fn options(seen: i64) -> pb::WatchOptions {
    pb::WatchOptions {
        resume_from_revision: seen,
    }
}

fn id(run: &pb::Run) -> RunId {
    RunId(Uuid::parse_str(&run.run_id).unwrap())
}

async fn next<T>(stream: &mut Streaming<T>) -> T {
    stream.message().await.unwrap().expect("the stream goes on")
}

/// Fails a run: there is no worker to start it with.
async fn fail(plane: &Plane, run: &pb::Run) {
    let request = pb::StartRunRequest {
        run_id: run.run_id.clone(),
        ..Default::default()
    };
    plane.runs().start_run(request).await.unwrap_err();
}

mod runs {
    use pb::watch_runs_response::Update;

    use super::*;

    async fn watch(plane: &Plane, filter: pb::RunFilter, seen: i64) -> Watch {
        let request = pb::WatchRunsRequest {
            project: "acme".to_owned(),
            filter: Some(filter),
            options: Some(options(seen)),
            snapshot_size: 0,
        };
        let answer = plane.runs().watch_runs(request).await;
        Watch(answer.unwrap().into_inner())
    }

    struct Watch(Streaming<pb::WatchRunsResponse>);

    impl Watch {
        async fn next(&mut self) -> Update {
            next(&mut self.0).await.update.unwrap()
        }

        /// The next state: the run's id, its own revision, the watch's revision.
        async fn state(&mut self) -> (String, i64, i64) {
            match self.next().await {
                Update::Run(state) => {
                    let run = state.run.unwrap();
                    assert_eq!((run.spec, run.load.is_some()), (None, true));
                    (run.run_id, run.revision, state.revision)
                }
                other => panic!("{other:?}"),
            }
        }

        async fn done(&mut self) -> i64 {
            match self.next().await {
                Update::SnapshotDone(done) => done.revision,
                other => panic!("{other:?}"),
            }
        }

        async fn left(&mut self) -> String {
            match self.next().await {
                Update::Left(left) => left.run_id,
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_new_run_appears_and_a_deleted_one_leaves() {
        let plane = Plane::ready().await;
        let before = plane.create_run().await;
        let mut watch = watch(&plane, pb::RunFilter::default(), 0).await;
        assert_eq!(watch.state().await.0, before.run_id);
        let begin = watch.done().await;

        let new = plane.create_run().await;
        let (run_id, revision, at) = watch.state().await;
        assert_eq!((run_id, revision), (new.run_id.clone(), 1));
        assert!(at > begin);

        let run_id = new.run_id.clone();
        let gone = pb::DeleteRunRequest { run_id };
        plane.runs().delete_run(gone).await.unwrap();
        assert_eq!(watch.left().await, new.run_id);
    }

    #[tokio::test]
    async fn it_resumes_without_gap_or_repeat() {
        let plane = Plane::ready().await;
        let (one, two) = (plane.create_run().await, plane.create_run().await);
        let mut first = watch(&plane, pb::RunFilter::default(), 0).await;
        first.state().await;
        first.state().await;
        let seen = first.done().await;
        drop(first);

        fail(&plane, &one).await;
        fail(&plane, &two).await;
        let mut resumed = watch(&plane, pb::RunFilter::default(), seen).await;
        let (first, _, at) = resumed.state().await;
        let (second, _, _) = resumed.state().await;
        assert_eq!([first, second], [one.run_id, two.run_id.clone()]);
        resumed.done().await;
        drop(resumed);

        let mut rest = watch(&plane, pb::RunFilter::default(), at).await;
        assert_eq!(rest.state().await.0, two.run_id);
        rest.done().await;
    }

    #[tokio::test]
    async fn a_revision_of_another_life_gives_a_resync() {
        let plane = Plane::ready().await;
        let run = plane.create_run().await;
        let mut watch = watch(&plane, pb::RunFilter::default(), 7).await;
        assert!(matches!(watch.next().await, Update::Resync(_)));
        assert_eq!(watch.state().await.0, run.run_id);
        watch.done().await;
    }

    #[tokio::test]
    async fn a_run_that_the_filter_no_longer_holds_for_leaves() {
        let plane = Plane::ready().await;
        let run = plane.create_run().await;
        let prepared = pb::RunFilter {
            statuses: vec![pb::RunStatus::Prepared.into()],
            ..Default::default()
        };
        let mut watch = watch(&plane, prepared, 0).await;
        watch.state().await;
        watch.done().await;
        fail(&plane, &run).await;
        assert_eq!(watch.left().await, run.run_id);
    }

    #[tokio::test]
    async fn runs_of_other_projects_stay_unseen() {
        let plane = Plane::ready().await;
        let request = pb::WatchRunsRequest {
            project: "acme/shop".to_owned(),
            ..Default::default()
        };
        let watch = plane.runs().watch_runs(request).await;
        let mut watch = Watch(watch.unwrap().into_inner());
        watch.done().await;
        plane.create_run().await;
        plane.backend.stop.cancel();
        let end = watch.0.message().await.unwrap_err();
        assert_eq!(end.code(), Code::Unavailable);
    }

    #[tokio::test]
    async fn a_slow_reader_gets_the_newest_of_each_run_and_delays_nobody() {
        let plane = Plane::ready().await;
        let mut slow = watch(&plane, pb::RunFilter::default(), 0).await;
        slow.done().await;
        let mut made = Vec::new();
        for _ in 0..200 {
            let run = plane.create_run().await;
            fail(&plane, &run).await;
            made.push(run.run_id);
        }
        for run_id in made {
            let (id, revision, _) = slow.state().await;
            // Revision 1 was never sent: the failure took its place.
            assert_eq!((id, revision > 1), (run_id, true));
        }
    }
}

mod shards {
    use pb::watch_shards_response::Update;

    use super::*;

    #[tokio::test]
    async fn a_run_without_shards_ends_with_its_failure() {
        let plane = Plane::ready().await;
        let run = plane.create_run().await;
        let request = pb::WatchShardsRequest {
            run_id: run.run_id.clone(),
            options: Some(options(0)),
        };
        let watch = plane.runs().watch_shards(request).await;
        let mut watch = watch.unwrap().into_inner();
        let first = next(&mut watch).await.update;
        let done = pb::SnapshotDone { revision: 1 };
        assert_eq!(first, Some(Update::SnapshotDone(done)));
        fail(&plane, &run).await;
        assert!(watch.message().await.unwrap().is_none());
    }
}

mod events {
    use pb::watch_events_response::Update;

    use super::*;

    async fn watch(plane: &Plane, run: &pb::Run, seen: i64) -> Streaming<pb::WatchEventsResponse> {
        let request = pb::WatchEventsRequest {
            run_id: run.run_id.clone(),
            options: Some(options(seen)),
        };
        let answer = plane.runs().watch_events(request).await;
        answer.unwrap().into_inner()
    }

    async fn sequences(stream: &mut Streaming<pb::WatchEventsResponse>) -> Vec<i64> {
        let mut seen = Vec::new();
        while let Some(message) = stream.message().await.unwrap() {
            match message.update.unwrap() {
                Update::Event(event) => seen.push(event.sequence),
                Update::SnapshotDone(_) => {}
                other => panic!("{other:?}"),
            }
        }
        seen
    }

    #[tokio::test]
    async fn all_events_come_in_order_however_many_there_are() {
        let plane = Plane::ready().await;
        let run = plane.create_run().await;
        let event = RunEvent {
            sequence: 0,
            time: Timestamp(1),
            kind: RunEventKind::Worker(None),
            message: "something".to_owned(),
            shard: None,
        };
        let many = vec![event; 700];
        let mut live = watch(&plane, &run, 0).await;
        next(&mut live).await;
        let stores = &plane.backend.stores;
        stores.runs.append_events(id(&run), &many).await.unwrap();
        fail(&plane, &run).await;

        let late = sequences(&mut watch(&plane, &run, 0).await).await;
        assert!(late.len() > 700, "{}", late.len());
        let expected: Vec<i64> = (1..=late.len() as i64).collect();
        assert_eq!(late, expected);
        // The first was read above, and the events appended behind the hub's
        // back are a gap that is read from the store.
        assert_eq!(sequences(&mut live).await, expected[1..]);

        let rest = sequences(&mut watch(&plane, &run, 690).await).await;
        assert_eq!(rest, expected[690..]);
    }

    #[tokio::test]
    async fn an_event_that_is_not_there_gives_a_resync() {
        let plane = Plane::ready().await;
        let run = plane.create_run().await;
        let mut watch = watch(&plane, &run, 99).await;
        let first = next(&mut watch).await.update.unwrap();
        assert!(matches!(first, Update::Resync(_)), "{first:?}");
        let second = next(&mut watch).await.update.unwrap();
        assert!(matches!(second, Update::Event(event) if event.sequence == 1));
    }
}

mod logs {
    use pb::stream_logs_response::Update;

    use super::*;

    type Change = fn(&mut pb::StreamLogsRequest);

    fn line(level: Level, shard: Option<u32>) -> LogLine {
        LogLine {
            sequence: 0,
            time: Timestamp(1),
            worker: None,
            shard,
            level,
            message: "a word".to_owned(),
        }
    }

    async fn lines(plane: &Plane, request: pb::StreamLogsRequest) -> Vec<i64> {
        let answer = plane.runs().stream_logs(request).await;
        let mut stream = answer.unwrap().into_inner();
        let mut seen = Vec::new();
        while let Some(message) = stream.message().await.unwrap() {
            match message.update.unwrap() {
                Update::Line(line) => seen.push(line.sequence),
                Update::SnapshotDone(_) => {}
                other => panic!("{other:?}"),
            }
        }
        seen
    }

    #[tokio::test]
    async fn lines_are_chosen_by_level_shard_and_sequence() {
        let plane = Plane::ready().await;
        let run = plane.create_run().await;
        let logs = &plane.backend.stores.logs;
        let stored = [
            line(Level::Debug, None),
            line(Level::Info, Some(0)),
            line(Level::Warn, Some(1)),
            line(Level::Error, Some(0)),
        ];
        let stored = logs.append(id(&run), &stored).await.unwrap();
        let first = stored[0].sequence;
        let wanted = |change: Change| {
            let mut request = pb::StreamLogsRequest {
                run_id: run.run_id.clone(),
                stored_only: true,
                ..Default::default()
            };
            change(&mut request);
            request
        };
        let cases: [(Change, &[i64]); 4] = [
            (|_| {}, &[1, 2, 3]),
            (|r| r.min_level = pb::LogLevel::Debug.into(), &[0, 1, 2, 3]),
            (|r| r.min_level = pb::LogLevel::Error.into(), &[3]),
            (|r| r.shard = Some(0), &[1, 3]),
        ];
        for (change, expected) in cases {
            let seen: Vec<i64> = lines(&plane, wanted(change)).await;
            let seen: Vec<i64> = seen.iter().map(|sequence| sequence - first).collect();
            assert_eq!(seen, expected);
        }
        let mut after = wanted(|_| {});
        after.after_sequence = stored[2].sequence;
        assert_eq!(lines(&plane, after).await, [stored[3].sequence]);
    }

    #[tokio::test]
    async fn a_stream_ends_with_the_run() {
        let plane = Plane::ready().await;
        let run = plane.create_run().await;
        let request = pb::StreamLogsRequest {
            run_id: run.run_id.clone(),
            ..Default::default()
        };
        let stream = plane.runs().stream_logs(request).await.unwrap();
        fail(&plane, &run).await;
        let mut stream = stream.into_inner();
        while stream.message().await.unwrap().is_some() {}
    }
}

mod workers {
    use pb::watch_workers_response::Update;

    use super::*;

    #[tokio::test]
    async fn an_empty_list_is_a_snapshot_too() {
        let plane = Plane::ready().await;
        let request = pb::WatchWorkersRequest {
            options: Some(options(3)),
        };
        let watch = plane.workers().watch_workers(request).await;
        let mut watch = watch.unwrap().into_inner();
        let first = next(&mut watch).await.update.unwrap();
        assert!(matches!(first, Update::Resync(_)), "{first:?}");
        let second = next(&mut watch).await.update.unwrap();
        assert!(matches!(second, Update::SnapshotDone(_)), "{second:?}");
    }
}

/// What a watch on a run that is not there, or goes away, answers.
#[tokio::test]
async fn a_watch_on_a_run_that_is_deleted_ends() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let request = pb::WatchRunRequest {
        run_id: run.run_id.clone(),
        options: Some(options(1)),
    };
    let watch = plane.runs().watch_run(request.clone()).await;
    let mut watch = watch.unwrap().into_inner();
    next(&mut watch).await;
    let run_id = run.run_id.clone();
    let gone = pb::DeleteRunRequest { run_id };
    plane.runs().delete_run(gone).await.unwrap();
    let end: Status = watch.message().await.unwrap_err();
    assert_eq!(end.code(), Code::NotFound);
    let again = plane.runs().watch_run(request).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound);
    // The name is free again.
    plane.runs().create_run(create_run("")).await.unwrap();
}

/// Whatever a watcher had seen of a run that is over, going on from there gives
/// it exactly what it had not.
pub async fn every_resume_gives_the_rest(plane: &Plane, run_id: &str) {
    let last = plane.get_run(run_id).await.revision;
    for seen in 0..=last {
        let request = pb::WatchRunRequest {
            run_id: run_id.to_owned(),
            options: Some(options(seen)),
        };
        let watch = plane.runs().watch_run(request).await.unwrap();
        let states: Vec<i64> = everything(watch.into_inner())
            .await
            .into_iter()
            .filter_map(|message| match message.update {
                Some(pb::watch_run_response::Update::Run(run)) => Some(run.revision),
                _ => None,
            })
            .collect();
        let rest = if seen == last { vec![] } else { vec![last] };
        assert_eq!(states, rest, "after {seen}");
    }
    let shards = shards_after(plane, run_id, 0).await;
    assert!(!shards.is_empty());
    for seen in 0..=last {
        let newer = |(_, revision): &&(u32, i64)| *revision > seen;
        let expected: Vec<(u32, i64)> = shards.iter().filter(newer).copied().collect();
        assert_eq!(shards_after(plane, run_id, seen).await, expected);
    }
    let events = events_after(plane, run_id, 0).await;
    for seen in 0..=events.len() {
        let rest = events_after(plane, run_id, seen as i64).await;
        assert_eq!(rest, events[seen..]);
    }
}

async fn shards_after(plane: &Plane, run_id: &str, seen: i64) -> Vec<(u32, i64)> {
    let request = pb::WatchShardsRequest {
        run_id: run_id.to_owned(),
        options: Some(options(seen)),
    };
    let watch = plane.runs().watch_shards(request).await.unwrap();
    let messages = everything(watch.into_inner()).await.into_iter();
    messages
        .filter_map(|message| match message.update {
            Some(pb::watch_shards_response::Update::Shard(state)) => {
                Some((state.shard.unwrap().index, state.revision))
            }
            _ => None,
        })
        .collect()
}

async fn events_after(plane: &Plane, run_id: &str, seen: i64) -> Vec<i64> {
    let request = pb::WatchEventsRequest {
        run_id: run_id.to_owned(),
        options: Some(options(seen)),
    };
    let watch = plane.runs().watch_events(request).await.unwrap();
    let messages = everything(watch.into_inner()).await.into_iter();
    messages
        .filter_map(|message| match message.update {
            Some(pb::watch_events_response::Update::Event(event)) => Some(event.sequence),
            _ => None,
        })
        .collect()
}

async fn everything<T>(mut stream: Streaming<T>) -> Vec<T> {
    let mut messages = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        messages.push(message);
    }
    messages
}
