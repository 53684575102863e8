//! What is kept of a run beside its measurements: lines, samples, pools.

use std::time::Duration;

use gauntlet_model::{
    id::{Name, RunId},
    interval::ErrorClass,
    lifecycle::{Phase, Status},
    logs::{Level, LogLine},
    pool::{Source, ValuePool},
    sample::{OperationSample, SampleKind, SampledError},
    session::{AttemptRef, WorkerEvent},
    template::{Operation, Parameter, PoolOrder, Spec},
};
use gauntlet_orchestrator::ControlError;
use gauntlet_store::{LogFilter, PageQuery, SampleFilter};

use crate::{
    faults::{self, away},
    report,
    script::{FakeTarget, Plane, measuring, name, project, spec},
    sent, two,
    worker::{Script, Worker},
};

async fn lines(plane: &Plane, run: RunId) -> Vec<LogLine> {
    let page = PageQuery {
        after: None,
        limit: 10_000,
    };
    let logs = &plane.services.stores.logs;
    logs.list(run, LogFilter::default(), page).await.unwrap()
}

fn line(worker: &Worker, number: usize) -> LogLine {
    LogLine {
        // Neither is for the worker to say.
        sequence: 99,
        worker: None,
        time: gauntlet_model::time::Timestamp(5),
        shard: Some(worker.attempt().shard),
        level: Level::Info,
        message: format!("line {number}"),
    }
}

fn said(lines: &[LogLine], worker: &Worker) -> Vec<String> {
    let own = lines.iter().filter(|line| line.worker == Some(worker.id));
    own.map(|line| line.message.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn lines_are_numbered_and_end_before_the_run_does() {
    let plane = Plane::new(spec()).await;
    let (a, _b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    let channel = plane.orchestrator.channel(id);
    let mut live = channel.logs();
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    for number in 0..3 {
        let lines = vec![line(&a, number)];
        a.say(WorkerEvent::Logs { run: id, lines }).await;
    }
    // A worker that has nothing to do with the run, and a run that is unknown.
    let c = Worker::attach(&plane, 3, Script::default()).await;
    let foreign = LogLine {
        shard: Some(7),
        ..line(&a, 9)
    };
    for run in [id, RunId(uuid::Uuid::from_u128(99))] {
        let lines = vec![foreign.clone()];
        c.say(WorkerEvent::Logs { run, lines }).await;
    }
    plane.until_over(id).await;
    let stored = lines(&plane, id).await;
    let numbers: Vec<i64> = stored.iter().map(|line| line.sequence).collect();
    assert_eq!(numbers, (1..=stored.len() as i64).collect::<Vec<_>>());
    assert_eq!(said(&stored, &a), ["line 0", "line 1", "line 2"]);
    assert_eq!(said(&stored, &c), Vec::<String>::new());
    let own = stored.iter().filter(|line| line.worker.is_none());
    let own: Vec<&str> = own.map(|line| line.message.as_str()).collect();
    assert!(own[0].contains("ASSIGNED"), "{own:?}");
    assert!(
        own.last().unwrap().starts_with("status: COMPLETED"),
        "{own:?}"
    );
    let mut published = Vec::new();
    while let Ok(line) = live.try_recv() {
        published.push(LogLine::clone(&line));
    }
    assert_eq!(published, stored);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_loses_nothing_and_is_not_lamented() {
    let (stores, fault) = faults::stores();
    let plane = Plane::with(
        stores,
        FakeTarget::default(),
        Spec {
            phases: gauntlet_model::template::Phases {
                measurement: Duration::from_mins(1),
                ..spec().phases
            },
            ..spec()
        },
    )
    .await;
    let (a, b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    fault.set(Some(away()));
    for number in 0..4 {
        let lines = vec![line(&a, number)];
        a.say(WorkerEvent::Logs { run: id, lines }).await;
        tokio::time::sleep(Duration::from_secs(8)).await; // allow-sleep: time is paused
    }
    fault.set(None);
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    let total = report(&plane, &run).await.total.succeeded;
    assert_eq!(total, sent(&a) + sent(&b));
    crate::history::check(&plane, &run).await;
    let stored = lines(&plane, id).await;
    assert_eq!(said(&stored, &a).len(), 4);
    let warnings = stored.iter().filter(|line| line.level == Level::Warn);
    let warnings: Vec<&str> = warnings.map(|line| line.message.as_str()).collect();
    // 32 s, three causes, each at most once in 10 s.
    assert!((1..=12).contains(&warnings.len()), "{warnings:#?}");
}

fn sample(attempt: AttemptRef, operation: u32, kind: SampleKind, index: u64) -> OperationSample {
    OperationSample {
        attempt,
        operation,
        phase: Phase::Measurement,
        kind,
        index,
        due: gauntlet_model::time::Timestamp(1),
        response_ns: 3,
        service_ns: 2,
        lag_ns: 1,
        rows: 1,
        error: (kind == SampleKind::FirstError).then(|| SampledError {
            class: ErrorClass::Timeout,
            code: String::new(),
            message: "é".repeat(2_000),
        }),
        parameters: "p".repeat(2_000),
    }
}

#[tokio::test(start_paused = true)]
async fn samples_are_kept_within_bounds() {
    let plane = Plane::new(spec()).await;
    let (a, _b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    let attempt = a.attempt();
    let slowest = |index| sample(attempt, 0, SampleKind::Slowest, index);
    let first: Vec<_> = (0..3).map(slowest).collect();
    let mut then: Vec<_> = (10..510).map(slowest).collect();
    then.push(sample(attempt, 0, SampleKind::FirstError, 1));
    // The template has one operation.
    then.push(sample(attempt, 1, SampleKind::Slowest, 1));
    for samples in [first, then] {
        a.say(WorkerEvent::Samples { attempt, samples }).await;
    }
    let unknown = AttemptRef {
        attempt: 9,
        ..attempt
    };
    let samples = vec![sample(unknown, 0, SampleKind::Reservoir, 1)];
    let foreign = WorkerEvent::Samples {
        attempt: unknown,
        samples,
    };
    a.say(foreign).await;
    plane.until_over(id).await;
    let page = PageQuery {
        after: None,
        limit: 1_000,
    };
    let samples = &plane.services.stores.samples;
    let kept = samples
        .list(id, SampleFilter::default(), page)
        .await
        .unwrap();
    let slowest = kept
        .iter()
        .filter(|one| one.sample.kind == SampleKind::Slowest);
    let indexes: Vec<u64> = slowest.map(|one| one.sample.index).collect();
    assert_eq!(indexes, (10..210).collect::<Vec<u64>>());
    assert_eq!(kept.len(), 201);
    for one in &kept {
        assert_eq!(one.sample.parameters.len(), 1_000);
        let error = one.sample.error.as_ref();
        assert!(error.is_none_or(|error| error.message.chars().count() == 1_000));
    }
}

fn pool(pool: &str, values: &[&str]) -> ValuePool {
    ValuePool {
        project: project(),
        name: name(pool),
        source: Source::Given,
        values: values
            .iter()
            .map(|value| Some((*value).to_owned()))
            .collect(),
        count: values.len() as u32,
        created: gauntlet_model::time::Timestamp(1),
    }
}

fn drawing(pools: &[&str]) -> Spec {
    let [operation] = <[Operation; 1]>::try_from(spec().operations).unwrap();
    let parameters = pools.iter().map(|pool| Parameter::Pool {
        pool: name(pool),
        order: PoolOrder::Uniform,
    });
    Spec {
        operations: vec![Operation {
            parameters: parameters.collect(),
            ..operation
        }],
        ..spec()
    }
}

#[tokio::test(start_paused = true)]
async fn every_worker_gets_the_values_of_the_pools() {
    let plane = Plane::new(drawing(&["cities", "names", "cities"])).await;
    let (a, b) = two(&plane, Script::default()).await;
    let pools = &plane.services.stores.pools;
    let cities = pool("cities", &["Rome", "Oslo"]);
    let names = pool("names", &["Ada"]);
    for pool in [&names, &cities] {
        pools.insert(pool, None).await.unwrap();
    }
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    let expected: Vec<(Name, Vec<Option<String>>)> =
        [cities, names].map(|pool| (pool.name, pool.values)).into();
    for worker in [&a, &b] {
        let memory = worker.memory.lock().unwrap();
        assert_eq!(memory.assigned.as_ref().unwrap().pools, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_pool_fails_the_run_by_its_name() {
    let plane = Plane::new(drawing(&["cities"])).await;
    let _workers = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    let failed = plane.orchestrator.start(id).await.unwrap_err();
    assert!(matches!(&failed, ControlError::SetupFailed(_)));
    assert_eq!(
        failed.to_string(),
        "value pool cities does not exist in project acme; make it with CreateValuePool or PrepareTemplate"
    );
    assert_eq!(plane.get(id).await.status(), Status::Failed);
}
