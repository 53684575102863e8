//! What the tests assign, command and count.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use gauntlet_model::{
    id::{Name, RunId},
    interval::Interval,
    lifecycle::Action,
    sample::OperationSample,
    session::{Assign, AttemptRef, Command, ControlMessage, KeyRange, ShardTotals, WorkerEvent},
    target::Address,
    template::{Control, Load, Operation, Parameter, Phases, Spec, Statement, WorkerLossPolicy},
    time::Timestamp,
};
use gauntlet_targets::{Dataset, load_dataset};
use gauntlet_worker::{Config, Error, LogTap, run_with_logs};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::control_plane::{ControlPlane, Session};

pub const KEYS: KeyRange = KeyRange {
    first: 1_000_000,
    length: 1_000_000,
};

pub fn attempt() -> AttemptRef {
    AttemptRef {
        run: RunId(Uuid::from_u128(1)),
        shard: 0,
        attempt: 1,
    }
}

pub fn start_worker(
    control_plane: &ControlPlane,
) -> (JoinHandle<Result<(), Error>>, CancellationToken) {
    start_worker_with(control_plane, LogTap::default())
}

pub fn start_worker_with(
    control_plane: &ControlPlane,
    logs: LogTap,
) -> (JoinHandle<Result<(), Error>>, CancellationToken) {
    let stop = CancellationToken::new();
    let config = Config {
        server: format!("http://{}", control_plane.address),
        tls: None,
        authorization: None,
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

pub fn assign(path: PathBuf) -> Box<Assign> {
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
        label: None,
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
                until_steady: None,
            },
            workers: 1,
            seed: 1,
            slos: Vec::new(),
            worker_loss: WorkerLossPolicy::Fail,
            operation_timeout: Duration::from_secs(5),
            start_timeout: Duration::from_secs(20),
            control: Control::default(),
        },
        address: Address::Sqlite { path },
        password: None,
        shards: 1,
        keys: KEYS,
        pools: Vec::new(),
    })
}

pub async fn demo(folder: &Path) -> gauntlet_targets::Config {
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

pub async fn command(session: &Session, sequence: i64, at: Timestamp, action: Action) {
    session
        .say(ControlMessage::Command(Command {
            attempt: attempt(),
            sequence,
            at,
            action,
        }))
        .await;
}

pub async fn acked(session: &mut Session, expected: i64) {
    session
        .wait_for(|event| match event {
            WorkerEvent::Ack { sequence, .. } if sequence == expected => Some(()),
            _ => None,
        })
        .await;
}

/// What the server stores: each interval once. Ends with the shard.
pub async fn deliver(session: &mut Session, stored: &mut BTreeMap<i64, Interval>) -> ShardTotals {
    loop {
        match session.next().await.expect("the stream goes on") {
            WorkerEvent::Interval { interval, .. } => {
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

pub fn succeeded(stored: &BTreeMap<i64, Interval>, operation: u32) -> u64 {
    stored
        .values()
        .flat_map(|interval| &interval.operations)
        .filter(|part| part.operation == operation)
        .map(|part| part.succeeded.response.decode().unwrap().len())
        .sum()
}

/// What a steered worker told, by kind.
#[derive(Default)]
pub struct Told {
    pub stored: BTreeMap<i64, Interval>,
    pub samples: Vec<OperationSample>,
    pub lines: Vec<String>,
}

impl Told {
    /// Listens until something is as wanted.
    pub async fn until<T>(
        &mut self,
        session: &mut Session,
        wanted: impl Fn(&WorkerEvent) -> Option<T>,
    ) -> T {
        loop {
            let event = session.next().await.expect("the stream goes on");
            let found = wanted(&event);
            match event {
                WorkerEvent::Interval { interval, .. } => {
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

    pub fn has_line(&self, beginning: &str) {
        let found = self.lines.iter().any(|line| line.starts_with(beginning));
        assert!(found, "{beginning:?} is not in {:?}", self.lines);
    }
}

pub fn quiet(event: &WorkerEvent) -> Option<()> {
    match event {
        WorkerEvent::Interval { interval, .. } => (interval.ended() == Ok(0)).then_some(()),
        _ => None,
    }
}

pub fn busy(event: &WorkerEvent) -> Option<()> {
    match event {
        WorkerEvent::Interval { interval, .. } => (interval.ended() != Ok(0)).then_some(()),
        _ => None,
    }
}
