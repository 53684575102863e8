//! Plans and statements that the tests of all databases share.

use std::time::{Duration, Instant};

use gauntlet_engine::{
    Epoch, ErrorClass, Generator, Handle, KeyBlock, Load, Operation, Outcome, Plan, Share,
    Snapshot, Value,
};
use gauntlet_targets::{
    Class, Config, Dataset, Loaded, Statement, StatementKind, TargetError, load_dataset,
};

pub fn statement(kind: StatementKind, columns: &[&str]) -> Statement {
    let class = if matches!(kind, StatementKind::Insert | StatementKind::Update) {
        Class::Write
    } else {
        Class::Read
    };
    Statement {
        name: format!("{kind:?}"),
        kind,
        class,
        table: "demo".into(),
        key_column: "id".into(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        sql: String::new(),
    }
}

pub fn sql(name: &str, text: &str) -> Statement {
    Statement {
        name: name.into(),
        sql: text.into(),
        ..statement(StatementKind::Sql, &[])
    }
}

pub fn dataset(rows: u64) -> Dataset {
    Dataset {
        table: "demo".into(),
        rows,
        seed: 7,
        replace: false,
    }
}

pub async fn load(config: &Config, dataset: &Dataset) -> Result<Loaded, TargetError> {
    load_dataset(config, dataset, |_| ()).await
}

/// One operation per statement, in equal shares, on four connections of a closed loop.
pub fn plan(parameters: Vec<Vec<Generator>>) -> Plan {
    let weight = 10_000 / parameters.len() as u32;
    let operation = |(number, parameters)| Operation {
        name: format!("op{number}"),
        weight,
        parameters,
    };
    Plan {
        seed: 3,
        operations: parameters.into_iter().enumerate().map(operation).collect(),
        load: Load::Closed {
            connections: 4,
            think: Duration::ZERO,
        },
        share: Share {
            shard: 0,
            shards: 1,
            first_connection: 0,
            connections_total: 4,
            first_index: 0,
        },
        keys: KeyBlock {
            first: 1_000_001,
            len: 1_000_000,
        },
        threads: 2,
        operation_timeout: Duration::from_secs(10),
        snapshot_every: Duration::from_millis(20),
    }
}

pub const ONE_TO_THOUSAND: Generator = Generator::Uniform { min: 1, max: 1_000 };

pub fn key(key: i64) -> Vec<Generator> {
    vec![Generator::Literal(Value::Int(key))]
}

/// Starts a load, lets it end at least so many operations, stops it and returns everything that it counted.
pub async fn run(mut handle: Handle, operations: u64) -> Snapshot {
    handle
        .ready()
        .await
        .expect("the target accepts the connections");
    handle.start(Instant::now(), Epoch(0));
    let mut whole = handle.next_snapshot().await.expect("the load runs");
    while handle.status().operations < operations {
        whole.merge(handle.next_snapshot().await.expect("the load runs"));
    }
    handle.stop(Instant::now(), Duration::from_secs(10));
    while let Some(snapshot) = handle.next_snapshot().await {
        whole.merge(snapshot);
    }
    assert_eq!(handle.fault(), None);
    whole
}

/// (operations, rows) that ended so.
pub fn ended(snapshot: &Snapshot, operation: u32, outcome: Outcome) -> (u64, u64) {
    let series = snapshot
        .series
        .iter()
        .filter(|series| series.operation == operation && series.outcome == outcome);
    series.fold((0, 0), |(count, rows), series| {
        (count + series.response.len(), rows + series.rows)
    })
}

pub fn errors(snapshot: &Snapshot) -> Vec<(u32, ErrorClass, &str)> {
    let mut errors: Vec<_> = snapshot
        .errors
        .iter()
        .map(|error| (error.operation, error.class, &error.code[..]))
        .collect();
    errors.sort_unstable();
    errors
}
