//! What people do with a run: adjust, give a shard up, annotate, delete, repeat.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_model::{
    lifecycle::{Action, Adjustment, ShardStage, Status},
    report::ReasonCode,
    run::WorkerStatus,
    template::{Level, Load, Spec},
};
use gauntlet_orchestrator::{ControlError, RerunRun, hub::RunNews};
use gauntlet_store::{Idempotency, PageQuery};
use uuid::Uuid;

use crate::{
    lenient, report,
    script::{Plane, measuring, name, spec},
    two,
    worker::{Script, Worker},
};

const PAUSE: Adjustment = Adjustment::Paused(true);
const RESUME: Adjustment = Adjustment::Paused(false);

fn connections(connections: u32) -> Adjustment {
    Adjustment::Level(Level::Concurrency { connections })
}

fn rate(per_second: u64) -> Adjustment {
    Adjustment::Level(Level::Rate {
        milli_per_s: per_second * 1_000,
    })
}

async fn events(plane: &Plane, run: gauntlet_model::id::RunId) -> String {
    let page = PageQuery {
        after: None,
        limit: 1_000,
    };
    let events = plane.services.stores.runs.events(run, page).await.unwrap();
    let lines: Vec<String> = events.into_iter().map(|event| event.message).collect();
    lines.join("\n")
}

#[tokio::test(start_paused = true)]
async fn an_adjustment_reaches_every_worker_at_one_instant() {
    let plane = Plane::new(spec()).await;
    let (a, b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    let adjust = |adjustment, message: &str| {
        plane
            .orchestrator
            .adjust(id, adjustment, message.to_owned())
    };
    let (run, at) = adjust(connections(9), "more").await.unwrap();
    assert_eq!(run.state.level, Some(Level::Concurrency { connections: 9 }));
    let (again, same) = adjust(connections(9), "more").await.unwrap();
    assert_eq!(
        (again.revision, same),
        (run.revision, at),
        "it holds already"
    );
    let (paused, pause_at) = adjust(PAUSE, "").await.unwrap();
    assert!(paused.state.paused);
    let (_, resume_at) = adjust(RESUME, "").await.unwrap();
    let over = plane.until_over(id).await;
    assert_eq!(over.status(), Status::Completed, "{:?}", over.state.end());
    assert_eq!(
        over.state.measured().unwrap().length(),
        Duration::from_secs(5)
    );
    let level = Level::Concurrency { connections: 9 };
    let expected = [
        (at, Action::SetTarget(level.into())),
        (pause_at, Action::Pause),
        (resume_at, Action::Resume),
    ];
    for worker in [&a, &b] {
        assert_eq!(worker.told()[2..5], expected);
    }
    let text = events(&plane, id).await;
    assert!(text.contains("SET_TARGET 9 connections"), "{text}");
    assert!(text.contains(": more"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_refused_with_a_sentence() {
    let plane = Plane::new(spec()).await;
    let _workers = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    let adjust = |adjustment| plane.orchestrator.adjust(id, adjustment, String::new());
    let refused = adjust(PAUSE).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a run in status PREPARED and phase - cannot be paused"
    );
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    let wrong = adjust(rate(5)).await.unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "the run's load is a closed loop, which has no rate; give connections"
    );
    let much = adjust(connections(201)).await.unwrap_err();
    assert_eq!(
        much.to_string(),
        "worker w1 holds at most 100 connections, its part of the level would be 101; ask for fewer connections"
    );
    plane.until_over(id).await;
    let late = adjust(RESUME).await.unwrap_err();
    assert!(matches!(late, ControlError::Refused(_)), "{late}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_away_learns_what_was_adjusted() {
    let plane = Plane::new(spec()).await;
    let (a, mut b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    b.cut();
    for adjustment in [connections(9), PAUSE] {
        let adjusted = plane.orchestrator.adjust(id, adjustment, String::new());
        adjusted.await.unwrap();
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    b.reattach(&plane).await;
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    assert_eq!(a.told(), b.told());
    assert_eq!(a.told().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_report_holds_an_open_loop_against_what_was_asked_for() {
    let plane = Plane::new(Spec {
        load: Load::Rate {
            per_second: 4.0,
            connections: 2,
            max_backlog: 10,
        },
        ..spec()
    })
    .await;
    let script = Script {
        warms_up: true,
        ..Script::default()
    };
    let _workers = two(&plane, script).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let measuring = plane.until(id, measuring).await;
    let begins = measuring.state.phase_started().unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    let adjusted = plane.orchestrator.adjust(id, rate(1_000), String::new());
    let (_, at) = adjusted.await.unwrap();
    let run = plane.until_over(id).await;
    let report = report(&plane, &run).await;
    let slow = at.since(begins).as_secs_f64();
    let asked = 4.0 * slow + 1_000.0 * (5.0 - slow);
    assert!((report.offered_per_s.unwrap() - asked / 5.0).abs() < 1e-6);
    let codes: Vec<ReasonCode> = report.reasons.iter().map(|reason| reason.code).collect();
    assert!(codes.contains(&ReasonCode::RateMissed), "{codes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shard_can_be_given_up() {
    for (spec, status) in [(spec(), Status::Failed), (lenient(), Status::Completed)] {
        let plane = Plane::new(spec).await;
        let (_a, b) = two(&plane, Script::default()).await;
        let id = plane.run(7).await;
        let give_up = |shard, attempt| {
            let message = "its disk is full".to_owned();
            plane.orchestrator.abort_shard(id, shard, attempt, message)
        };
        assert!(matches!(
            give_up(0, None).await,
            Err(ControlError::Refused(_))
        ));
        plane.orchestrator.start(id).await.unwrap();
        plane.until(id, measuring).await;
        for (shard, attempt, missing) in
            [(2, None, "shard 2"), (1, Some(2), "attempt 2 of shard 1")]
        {
            let error = give_up(shard, attempt).await.unwrap_err();
            assert_eq!(error.to_string(), format!("run {id} has no {missing}"));
        }
        let run = give_up(1, Some(1)).await.unwrap();
        assert_eq!(run.state.shards[1].stage, ShardStage::Failed);
        let worker = plane.orchestrator.workers();
        let freed = worker.iter().find(|worker| worker.id == b.id).unwrap();
        assert_eq!((freed.status, freed.runs.len()), (WorkerStatus::Idle, 0));
        let again = give_up(1, None).await.unwrap();
        assert_eq!(again.state.shards[1], run.state.shards[1]);
        let run = plane.until_over(id).await;
        assert_eq!(run.status(), status);
        assert!(b.memory.lock().unwrap().released);
        let report = report(&plane, &run).await;
        let lost = &report.reasons[0];
        assert_eq!(lost.code, ReasonCode::WorkerLost);
        assert!(
            lost.message
                .contains("given up by a person: its disk is full"),
            "{}",
            lost.message
        );
    }
}

#[tokio::test(start_paused = true)]
async fn labels_and_notes_change_under_an_etag() {
    let plane = Plane::new(spec()).await;
    let _workers = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    let before = plane.get(id).await;
    let labels = BTreeMap::from([("team".to_owned(), "db".to_owned())]);
    let orchestrator = &plane.orchestrator;
    let channel = orchestrator.channel(id);
    let mut states = channel.states();
    let etag = Some(before.etag());
    let changed = orchestrator
        .annotate(id, Some(labels.clone()), None, etag.clone())
        .await
        .unwrap();
    assert_eq!(
        (&changed.labels, changed.revision),
        (&labels, before.revision + 1)
    );
    let told = states.borrow_and_update().clone().unwrap();
    assert_eq!(*told.run, changed, "watchers are told");
    let notes = "slow disk".to_owned();
    let stale = orchestrator
        .annotate(id, None, Some(notes.clone()), etag)
        .await;
    assert!(
        matches!(stale, Err(ControlError::Stale { run, etag }) if run == id && etag == changed.etag())
    );
    // While the run is under load, through its one writer.
    orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    let noted = orchestrator
        .annotate(id, None, Some(notes.clone()), None)
        .await
        .unwrap();
    assert_eq!((noted.labels, noted.notes), (labels, notes));
    let over = plane.until_over(id).await;
    assert_eq!(over.status(), Status::Completed);
    let same = orchestrator.annotate(id, None, None, Some(over.etag()));
    assert_eq!(same.await.unwrap().revision, over.revision);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_deleted_unless_it_is_active() {
    let plane = Plane::new(spec()).await;
    let _workers = two(&plane, Script::default()).await;
    let (prepared, ended) = (plane.run(1).await, plane.run(2).await);
    let orchestrator = &plane.orchestrator;
    orchestrator.start(ended).await.unwrap();
    let refused = orchestrator.delete(ended).await.unwrap_err();
    let sentence = refused.to_string();
    assert!(
        sentence.ends_with("cannot be deleted: stop it first"),
        "{sentence}"
    );
    plane.until_over(ended).await;
    let feed = orchestrator.hub().runs();
    let begin = *feed.newest().borrow();
    for id in [prepared, ended] {
        orchestrator.delete(id).await.unwrap();
        assert_eq!(plane.services.stores.runs.get(id).await.unwrap(), None);
        let again = orchestrator.delete(id).await;
        assert!(matches!(again, Err(ControlError::NoSuchRun(run)) if run == id));
    }
    let gone = feed.after(begin).unwrap();
    let gone: Vec<_> = gone
        .into_iter()
        .filter(|(_, _, news)| matches!(news, RunNews::Gone(_)))
        .map(|(_, id, _)| id)
        .collect();
    assert_eq!(gone, [prepared, ended]);
}

#[tokio::test(start_paused = true)]
async fn a_run_can_be_repeated_from_its_snapshot() {
    let plane = Plane::new(spec()).await;
    let _worker = Worker::attach(&plane, 1, Script::default()).await;
    let first = plane.run(1).await;
    plane
        .orchestrator
        .stop(first, "no need".to_owned())
        .await
        .unwrap();
    let other = plane.get(first).await;
    plane
        .services
        .stores
        .templates
        .delete(&other.project, &other.template)
        .await
        .unwrap();
    let request = |name: &str| RerunRun {
        run: first,
        name: Some(crate::script::name(name)),
        labels: BTreeMap::new(),
        idempotency: Some(Idempotency {
            key: "k".to_owned(),
            fingerprint: name.to_owned(),
        }),
    };
    let id = |number| gauntlet_model::id::RunId(Uuid::from_u128(number));
    let orchestrator = &plane.orchestrator;
    let run = orchestrator.rerun(id(2), request("again")).await.unwrap();
    assert_eq!(run.status(), Status::Prepared);
    assert_eq!((run.name, run.rerun_of), (name("again"), Some(first)));
    assert_eq!((run.spec, run.template_version), (other.spec, 1));
    let repeated = orchestrator.rerun(id(3), request("again")).await.unwrap();
    assert_eq!(repeated.id, id(2));
    assert!(orchestrator.rerun(id(4), request("else")).await.is_err());
    let text = events(&plane, id(2)).await;
    assert!(text.ends_with(&format!("again as run {first}")), "{text}");
    let unknown = RerunRun {
        run: id(99),
        ..request("x")
    };
    let missing = orchestrator.rerun(id(5), unknown).await;
    assert!(matches!(missing, Err(ControlError::NoSuchRun(_))));
}
