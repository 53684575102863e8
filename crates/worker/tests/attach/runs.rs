//! Whole runs of one worker.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use gauntlet_model::{
    id::{Name, RunId},
    interval::Interval,
    lifecycle::{Action, Phase},
    sample::{OperationSample, SampleKind},
    session::{Assign, AttemptRef, Command, ControlMessage, KeyRange, ShardTotals, WorkerEvent},
    target::Address,
    template::{
        Level, Load, Operation, Parameter, Phases, PoolOrder, Spec, Statement, WorkerLossPolicy,
    },
    time::Timestamp,
};
use gauntlet_targets::{Dataset, count_keys, load_dataset};
use gauntlet_worker::{Config, Error, LogTap, run, run_with_logs};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
use uuid::Uuid;

use crate::control_plane::{ControlPlane, Session, now};

const KEYS: KeyRange = KeyRange {
    first: 1_000_000,
    length: 1_000_000,
};

fn attempt() -> AttemptRef {
    AttemptRef {
        run: RunId(Uuid::from_u128(1)),
        shard: 0,
        attempt: 1,
    }
}

fn start_worker(
    control_plane: &ControlPlane,
) -> (JoinHandle<Result<(), Error>>, CancellationToken) {
    start_worker_with(control_plane, LogTap::default())
}

fn start_worker_with(
    control_plane: &ControlPlane,
    logs: LogTap,
) -> (JoinHandle<Result<(), Error>>, CancellationToken) {
    let stop = CancellationToken::new();
    let config = Config {
        server: format!("http://{}", control_plane.address),
        name: Some("w1".to_owned()),
        capacity: 10,
        labels: BTreeMap::new(),
        threads: Some(1),
    };
    (
        tokio::spawn(run_with_logs(config, logs, stop.clone())),
        stop,
    )
}

fn assign(path: PathBuf) -> Box<Assign> {
    let keyed = |columns: &[&str]| {
        let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
        ("demo".to_owned(), "id".to_owned(), columns)
    };
    let (table, key, columns) = keyed(&[]);
    let read = Statement::PointLookup {
        table,
        key,
        columns,
    };
    let (table, key, columns) = keyed(&["k", "c", "pad"]);
    let insert = Statement::Insert {
        table,
        key,
        columns,
    };
    let text = Parameter::RandomText { length: 10 };
    let operation = |name: &str, statement, parameters| Operation {
        name: Name::new(name).unwrap(),
        weight: 5_000,
        statement,
        parameters,
    };
    Box::new(Assign {
        attempt: attempt(),
        run_name: Name::new("run").unwrap(),
        spec: Spec {
            description: String::new(),
            target: Name::new("db").unwrap(),
            operations: vec![
                operation("read", read, vec![Parameter::Uniform { min: 1, max: 100 }]),
                operation(
                    "insert",
                    insert,
                    vec![Parameter::Integer(1), text.clone(), text],
                ),
            ],
            load: Load::Concurrency {
                connections: 2,
                think_time: Duration::from_millis(1),
            },
            phases: Phases {
                warmup: Duration::ZERO,
                measurement: Duration::from_mins(1),
                drain_timeout: Duration::from_secs(5),
            },
            workers: 1,
            seed: 1,
            slos: Vec::new(),
            worker_loss: WorkerLossPolicy::Fail,
            operation_timeout: Duration::from_secs(5),
            start_timeout: Duration::from_secs(20),
        },
        address: Address::Sqlite { path },
        password: None,
        shards: 1,
        keys: KEYS,
        pools: Vec::new(),
    })
}

async fn demo(folder: &Path) -> gauntlet_targets::Config {
    let config = gauntlet_targets::Config::Sqlite {
        path: folder.join("demo.db"),
    };
    let dataset = Dataset {
        table: "demo".to_owned(),
        rows: 100,
        seed: 1,
        replace: false,
    };
    load_dataset(&config, &dataset, |_| ()).await.unwrap();
    config
}

async fn command(session: &Session, sequence: i64, at: Timestamp, action: Action) {
    session
        .say(ControlMessage::Command(Command {
            attempt: attempt(),
            sequence,
            at,
            action,
        }))
        .await;
}

async fn acked(session: &mut Session, expected: i64) {
    session
        .wait_for(|event| match event {
            WorkerEvent::Ack { sequence, .. } if sequence == expected => Some(()),
            _ => None,
        })
        .await;
}

/// What the server stores: each interval once. Ends with the shard.
async fn deliver(session: &mut Session, stored: &mut BTreeMap<i64, Interval>) -> ShardTotals {
    loop {
        match session.next().await.expect("the stream goes on") {
            WorkerEvent::Interval(interval) => {
                let sequence = interval.sequence;
                let first = stored
                    .entry(sequence)
                    .or_insert_with(|| (*interval).clone());
                assert_eq!(*first, *interval, "a repeat is unchanged");
                session
                    .say(ControlMessage::IntervalsAck {
                        attempt: attempt(),
                        sequence,
                    })
                    .await;
            }
            WorkerEvent::ShardFinished(totals) => return totals,
            WorkerEvent::ShardFailed { message, .. } => panic!("{message}"),
            _ => {}
        }
    }
}

fn succeeded(stored: &BTreeMap<i64, Interval>, operation: u32) -> u64 {
    stored
        .values()
        .flat_map(|interval| &interval.operations)
        .filter(|part| part.operation == operation)
        .map(|part| part.succeeded.response.decode().unwrap().len())
        .sum()
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_over_a_broken_stream() {
    let folder = tempfile::tempdir().unwrap();
    let target = demo(folder.path()).await;
    let mut control_plane = ControlPlane::start(false).await;
    let (worker, stop) = start_worker(&control_plane);

    let (mut session, hello) = control_plane.attached(1).await;
    assert_eq!((hello.name.as_str(), hello.resume), ("w1", None));
    session
        .say(ControlMessage::Assign(assign(
            folder.path().join("demo.db"),
        )))
        .await;
    let version = session
        .wait_for(|event| match event {
            WorkerEvent::Ready { target_version, .. } => Some(target_version),
            WorkerEvent::ShardFailed { message, .. } => panic!("{message}"),
            _ => None,
        })
        .await;
    assert!(version.contains("SQLite"), "{version}");

    let begin = now() + Duration::from_millis(100);
    command(&session, 1, begin, Action::Start(Phase::Measurement)).await;
    acked(&mut session, 1).await;
    // The first interval arrives and is not acknowledged: the stream breaks.
    session
        .wait_for(|event| matches!(event, WorkerEvent::Interval(_)).then_some(()))
        .await;
    drop(session);

    let (mut session, again) = control_plane.attached(2).await;
    assert_eq!(again.worker, hello.worker);
    let resume = again.resume.unwrap();
    assert_eq!((resume.attempt, resume.last_command), (attempt(), 1));
    command(&session, 2, now(), Action::stop(Duration::from_secs(5))).await;
    let mut stored = BTreeMap::new();
    let totals = deliver(&mut session, &mut stored).await;

    let sequences: Vec<i64> = stored.keys().copied().collect();
    assert_eq!(sequences, (1..=totals.intervals).collect::<Vec<_>>());
    let (reads, inserts) = (succeeded(&stored, 0), succeeded(&stored, 1));
    assert!(reads > 0 && inserts > 0);
    assert_eq!(totals.operations, reads + inserts);
    assert!(totals.first_operation.is_some());
    let errors = stored.values().map(|interval| interval.errors.len());
    assert_eq!(errors.sum::<usize>(), 0);
    let rows = count_keys(&target, "demo", "id", KEYS.first, KEYS.length).await;
    assert_eq!(rows.unwrap(), inserts);

    // Free again, and gone when told to.
    session
        .say(ControlMessage::Release { attempt: attempt() })
        .await;
    stop.cancel();
    session
        .wait_for(|event| matches!(event, WorkerEvent::Goodbye { .. }).then_some(()))
        .await;
    assert!(session.next().await.is_none());
    drop(session);
    worker.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_worker_under_load_delivers_what_it_measured_before_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let target = demo(folder.path()).await;
    let mut control_plane = ControlPlane::start(false).await;
    let (worker, stop) = start_worker(&control_plane);
    let (mut session, _) = control_plane.attached(1).await;
    session
        .say(ControlMessage::Assign(assign(
            folder.path().join("demo.db"),
        )))
        .await;
    session
        .wait_for(|event| matches!(event, WorkerEvent::Ready { .. }).then_some(()))
        .await;
    command(&session, 1, now(), Action::Start(Phase::Measurement)).await;
    let first = session
        .wait_for(|event| match event {
            WorkerEvent::Interval(interval) => Some(*interval),
            _ => None,
        })
        .await;
    stop.cancel();
    let mut stored = BTreeMap::from([(first.sequence, first)]);
    deliver(&mut session, &mut stored).await;
    assert!(matches!(
        session.next().await,
        Some(WorkerEvent::Goodbye { .. })
    ));
    assert!(session.next().await.is_none());
    drop(session);
    worker.await.unwrap().unwrap();
    // An INSERT that was cut may or may not have left a row.
    let cut: u64 = stored
        .values()
        .flat_map(|interval| &interval.operations)
        .map(|part| part.cut)
        .sum();
    let inserts = succeeded(&stored, 1);
    let rows = count_keys(&target, "demo", "id", KEYS.first, KEYS.length).await;
    assert!((inserts..=inserts + cut).contains(&rows.unwrap()));
}

#[tokio::test]
async fn a_target_that_is_not_there_fails_the_shard_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing.db");
    let mut control_plane = ControlPlane::start(false).await;
    let (worker, stop) = start_worker(&control_plane);
    let (mut session, _) = control_plane.attached(1).await;
    session
        .say(ControlMessage::Assign(assign(path.clone())))
        .await;
    let message = session
        .wait_for(|event| match event {
            WorkerEvent::ShardFailed { message, .. } => Some(message),
            _ => None,
        })
        .await;
    assert!(message.contains("missing.db"), "{message}");
    assert!(!path.exists(), "no database is made by asking for one");
    // Whoever stops the worker does not have to release the shard first.
    stop.cancel();
    session
        .wait_for(|event| matches!(event, WorkerEvent::Goodbye { .. }).then_some(()))
        .await;
    drop(session);
    worker.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_refusal_and_a_bad_address_end_the_worker() {
    let control_plane = ControlPlane::start(true).await;
    let (worker, _stop) = start_worker(&control_plane);
    let error = worker.await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the control plane at http://{} refuses this worker: no workers wanted",
            control_plane.address
        )
    );
    for server in [
        "not a server",
        "",
        "127.0.0.1:8090",
        "https://127.0.0.1:8090",
    ] {
        let config = Config {
            server: server.to_owned(),
            name: None,
            capacity: 1,
            labels: BTreeMap::new(),
            threads: None,
        };
        let error = run(config, CancellationToken::new()).await.unwrap_err();
        assert!(matches!(error, Error::BadServer { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_worker_without_a_server_still_stops() {
    let config = Config {
        // The discard port: nobody listens there.
        server: "http://127.0.0.1:9".to_owned(),
        name: None,
        capacity: 1,
        labels: BTreeMap::new(),
        threads: None,
    };
    let stop = CancellationToken::new();
    stop.cancel();
    run(config, stop).await.unwrap();
}

/// What a steered worker told, by kind.
#[derive(Default)]
struct Told {
    stored: BTreeMap<i64, Interval>,
    samples: Vec<OperationSample>,
    lines: Vec<String>,
}

impl Told {
    /// Listens until something is as wanted.
    async fn until<T>(
        &mut self,
        session: &mut Session,
        wanted: impl Fn(&WorkerEvent) -> Option<T>,
    ) -> T {
        loop {
            let event = session.next().await.expect("the stream goes on");
            let found = wanted(&event);
            match event {
                WorkerEvent::Interval(interval) => {
                    self.stored.insert(interval.sequence, *interval);
                }
                WorkerEvent::Samples { samples, .. } => self.samples = samples,
                WorkerEvent::Logs { run, lines } => {
                    assert_eq!(run, attempt().run);
                    self.lines
                        .extend(lines.into_iter().map(|line| line.message));
                }
                WorkerEvent::ShardFailed { message, .. } => panic!("{message}"),
                _ => {}
            }
            if let Some(found) = found {
                return found;
            }
        }
    }

    fn has_line(&self, beginning: &str) {
        let found = self.lines.iter().any(|line| line.starts_with(beginning));
        assert!(found, "{beginning:?} is not in {:?}", self.lines);
    }
}

fn quiet(event: &WorkerEvent) -> Option<()> {
    match event {
        WorkerEvent::Interval(interval) => interval.operations.is_empty().then_some(()),
        _ => None,
    }
}

fn busy(event: &WorkerEvent) -> Option<()> {
    match event {
        WorkerEvent::Interval(interval) => (!interval.operations.is_empty()).then_some(()),
        _ => None,
    }
}

#[tokio::test]
async fn a_worker_is_steered_tells_examples_and_lines_and_leaves_when_drained() {
    let logs = LogTap::default();
    // For the whole process: a subscriber of one thread does not hear of events that another thread was first to send.
    tracing_subscriber::registry().with(logs.layer()).init();
    let folder = tempfile::tempdir().unwrap();
    let target = demo(folder.path()).await;
    let mut control_plane = ControlPlane::start(false).await;
    let (worker, _stop) = start_worker_with(&control_plane, logs);
    let (mut session, _) = control_plane.attached(1).await;
    let mut assign = assign(folder.path().join("demo.db"));
    let pool = Name::new("texts").unwrap();
    assign.pools = vec![(pool.clone(), vec![Some("from the pool".to_owned())])];
    assign.spec.operations[1].parameters[1] = Parameter::Pool {
        pool,
        order: PoolOrder::Uniform,
    };
    session.say(ControlMessage::Assign(assign)).await;
    let mut told = Told::default();
    let ready = |event: &WorkerEvent| matches!(event, WorkerEvent::Ready { .. }).then_some(());
    told.until(&mut session, ready).await;

    command(&session, 1, now(), Action::Start(Phase::Warmup)).await;
    told.until(&mut session, busy).await;
    let level = Action::SetTarget(Level::Concurrency { connections: 4 });
    command(&session, 2, now(), level).await;
    command(&session, 3, now(), Action::SetPhase(Phase::Measurement)).await;
    command(&session, 4, now(), Action::Pause).await;
    told.until(&mut session, quiet).await;
    session
        .say(ControlMessage::Drain {
            message: "enough".to_owned(),
        })
        .await;
    command(&session, 5, now(), Action::Resume).await;
    told.until(&mut session, busy).await;
    told.until(&mut session, busy).await;
    command(&session, 6, now(), Action::stop(Duration::from_secs(5))).await;
    let totals = told
        .until(&mut session, |event| match event {
            WorkerEvent::ShardFinished(totals) => Some(*totals),
            _ => None,
        })
        .await;

    let (reads, inserts) = (succeeded(&told.stored, 0), succeeded(&told.stored, 1));
    assert_eq!(totals.operations, reads + inserts);
    let rows = count_keys(&target, "demo", "id", KEYS.first, KEYS.length).await;
    assert_eq!(rows.unwrap(), inserts, "of all four connections");

    let kinds = |operation, kind| {
        let samples = told.samples.iter();
        let own = samples.filter(|one| (one.operation, one.kind) == (operation, kind));
        own.count()
    };
    for operation in [0, 1] {
        assert_eq!(kinds(operation, SampleKind::Slowest), 10);
        assert_eq!(kinds(operation, SampleKind::Reservoir), 10);
        assert_eq!(kinds(operation, SampleKind::FirstError), 0);
    }
    for sample in told.samples.iter().filter(|one| one.operation == 1) {
        let parameters: Vec<&str> = sample.parameters.split(", ").collect();
        let key: i64 = parameters[0].parse().unwrap();
        assert!((KEYS.first..KEYS.first + KEYS.length).contains(&key));
        assert_eq!(parameters[1..3], ["1", "'from the pool'"]);
    }
    // All of them came before the end.
    for beginning in [
        "opening the connections",
        "connections are open, statements prepared",
        "the load starts",
        "entered WARMUP",
        "the level changes connections=4",
        "entered MEASUREMENT",
        "the load is paused",
        "connections are open connections=4",
        "the load goes on",
        "the load stops",
        "the load has ended",
    ] {
        told.has_line(beginning);
    }

    session
        .say(ControlMessage::Release { attempt: attempt() })
        .await;
    let goodbye = session
        .wait_for(|event| match event {
            WorkerEvent::Goodbye { message } => Some(message),
            _ => None,
        })
        .await;
    assert_eq!(goodbye, "the worker was drained: enough");
    assert!(session.next().await.is_none());
    drop(session);
    worker.await.unwrap().unwrap();
}
