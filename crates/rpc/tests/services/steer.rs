//! A run that is changed while it goes on.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    lifecycle::Action,
    session::{ControlMessage, WorkerEvent},
    template::Level,
};
use pb::{adjust_run_request::Adjustment, load_level, watch_events_response::Update};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    support::{PATIENCE, Plane, create_template, hello, spec},
    workers::Scripted,
};

/// A run of one worker that goes on for an hour, and its worker.
async fn under_load() -> (Plane, Scripted, pb::Run) {
    let plane = Plane::ready().await;
    let mut template = create_template("long");
    let mut long = spec();
    long.phases = Some(pb::Phases {
        measurement: Some(prost_types::Duration {
            seconds: 3_600,
            nanos: 0,
        }),
        ..pb::Phases::default()
    });
    template.spec = Some(long);
    plane.templates().create_template(template).await.unwrap();
    let mut worker = Scripted::attach(&plane, hello(1)).await;
    let create = pb::CreateRunRequest {
        project: "acme".to_owned(),
        template: "long".to_owned(),
        ..pb::CreateRunRequest::default()
    };
    let run = plane.runs().create_run(create).await.unwrap().into_inner();
    let run = run.run.unwrap();
    let start = pb::StartRunRequest {
        run_id: run.run_id.clone(),
        ..pb::StartRunRequest::default()
    };
    plane.runs().start_run(start).await.unwrap();
    let attempt = worker.assigned().await.attempt;
    let target_version = "Fake 1".to_owned();
    let ready = WorkerEvent::Ready {
        attempt,
        target_version,
    };
    worker.say(ready).await;
    let start = worker.commanded().await;
    worker.acknowledge(&start).await;
    (plane, worker, run)
}

fn adjust(run: &pb::Run, adjustment: Adjustment) -> pb::AdjustRunRequest {
    pb::AdjustRunRequest {
        run_id: run.run_id.clone(),
        adjustment: Some(adjustment),
        message: "a test".to_owned(),
    }
}

fn connections(count: u32) -> load_level::Level {
    load_level::Level::Connections(count)
}

fn level(level: load_level::Level) -> Adjustment {
    Adjustment::Level(pb::LoadLevel { level: Some(level) })
}

#[tokio::test]
async fn a_load_is_changed_paused_and_resumed() {
    let (plane, mut worker, run) = under_load().await;
    let steps = [
        (
            level(connections(3)),
            Action::SetTarget(Level::Concurrency { connections: 3 }.into()),
            false,
        ),
        (Adjustment::Paused(true), Action::Pause, true),
        (Adjustment::Paused(false), Action::Resume, false),
    ];
    for (adjustment, action, paused) in steps {
        let adjusted = plane.runs().adjust_run(adjust(&run, adjustment)).await;
        let adjusted = adjusted.unwrap().into_inner();
        let command = worker.commanded().await;
        worker.acknowledge(&command).await;
        assert_eq!(
            (command.action, command.at.0),
            (action, adjusted.effective_us)
        );
        let now = adjusted.run.unwrap();
        assert_eq!(now.paused, paused);
        assert_eq!(now.level.unwrap().level, Some(connections(3)));
    }
}

#[tokio::test]
async fn events_tell_the_commands() {
    let (plane, mut worker, run) = under_load().await;
    let watch = pb::WatchEventsRequest {
        run_id: run.run_id.clone(),
        options: None,
    };
    let watch = plane.runs().watch_events(watch).await;
    let mut watch = watch.unwrap().into_inner();
    let mut instants = Vec::new();
    for adjustment in [level(connections(3)), Adjustment::Paused(true)] {
        let adjusted = plane.runs().adjust_run(adjust(&run, adjustment)).await;
        adjusted.unwrap();
        let command = worker.commanded().await;
        worker.acknowledge(&command).await;
        instants.push(command.at.0);
    }
    // The first was sent before the watch began, the others after it.
    let mut watched = Vec::new();
    while watched.len() < 3 {
        let message = tokio::time::timeout(PATIENCE, watch.message()).await;
        if let Some(Update::Event(event)) = message.unwrap().unwrap().unwrap().update {
            assert_eq!(
                event.command.is_some(),
                event.kind() == pb::RunEventKind::Control,
                "{event:?}"
            );
            watched.extend(event.command);
        }
    }
    let command = |sequence, action: pb::ControlAction| pb::ControlCommand {
        sequence,
        at_us: instants[sequence as usize - 2],
        action: action.into(),
        ..pb::ControlCommand::default()
    };
    let start = pb::ControlCommand {
        sequence: 1,
        at_us: watched[0].at_us,
        action: pb::ControlAction::Start.into(),
        phase: pb::RunPhase::Measurement.into(),
        ..pb::ControlCommand::default()
    };
    let target = pb::ControlCommand {
        level: Some(pb::LoadLevel {
            level: Some(connections(3)),
        }),
        ..command(2, pb::ControlAction::SetTarget)
    };
    let expected = [start, target, command(3, pb::ControlAction::Pause)];
    assert_eq!(watched, expected);

    let list = pb::ListEventsRequest {
        run_id: run.run_id.clone(),
        page: None,
    };
    let listed = plane.runs().list_events(list).await.unwrap().into_inner();
    let listed = listed.events.into_iter().filter_map(|event| event.command);
    assert_eq!(listed.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_level_of_the_other_kind_is_the_callers_mistake() {
    let (plane, _worker, run) = under_load().await;
    let rate = level(load_level::Level::PerSecond(10.0));
    let status = plane.runs().adjust_run(adjust(&run, rate)).await;
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_details_bad_request().unwrap();
    assert_eq!(details.field_violations[0].field, "level");

    // More than the worker is willing to hold.
    let many = level(connections(100_000));
    let status = plane.runs().adjust_run(adjust(&run, many)).await;
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    let details = status.get_details_precondition_failure().unwrap();
    assert_eq!(details.violations[0].r#type, "WORKER_CAPACITY");
}

#[tokio::test]
async fn a_shard_that_is_given_up_releases_its_worker() {
    let (plane, mut worker, run) = under_load().await;
    let get = pb::GetShardRequest {
        run_id: run.run_id.clone(),
        shard: 0,
    };
    let shard = plane.runs().get_shard(get).await.unwrap().into_inner();
    let shard = shard.shard.unwrap();
    assert_eq!((shard.index, shard.attempts.len()), (0, 1));
    let abort = |shard, attempt| pb::AbortShardRequest {
        run_id: run.run_id.clone(),
        shard,
        attempt,
        message: "a test".to_owned(),
    };
    for (shard, attempt) in [(1, 0), (0, 2)] {
        let status = plane.runs().abort_shard(abort(shard, attempt)).await;
        assert_eq!(
            status.unwrap_err().code(),
            Code::NotFound,
            "{shard} {attempt}"
        );
    }
    let aborted = plane.runs().abort_shard(abort(0, 1)).await.unwrap();
    let aborted = aborted.into_inner();
    assert_eq!(aborted.shard.unwrap().status(), pb::AttemptStatus::Failed);
    let released = tokio::time::timeout(PATIENCE, async {
        loop {
            match worker.hear().await.unwrap() {
                Some(ControlMessage::Release { attempt }) => return attempt,
                Some(_) => {}
                None => panic!("the stream ended before the release"),
            }
        }
    });
    assert_eq!(released.await.unwrap().shard, 0);
    // The only shard is gone, so the run is over or about to be.
    let status = aborted.run.unwrap().status();
    assert_ne!(status, pb::RunStatus::Running);
}
