//! A template's spec.

use std::time::Duration;

use gauntlet_model::template::{
    Class, Limit, Load, Operation, Parameter, Phases, Slo, Spec, Statement, WorkerLossPolicy,
};

use super::name;

/// A spec with every variant that one spec can hold.
#[must_use]
pub fn spec() -> Spec {
    Spec {
        description: "reads 90 %, \"writes\" 10 %\n— ö".to_owned(),
        target: name("main"),
        operations: operations(),
        load: Load::Rate {
            per_second: 1_000.1,
            connections: 16,
            max_backlog: u64::MAX,
        },
        phases: Phases {
            warmup: Duration::from_millis(1_500),
            measurement: Duration::from_mins(1),
            drain_timeout: Duration::from_nanos(1),
        },
        workers: 2,
        seed: u64::MAX,
        slos: slos(),
        worker_loss: WorkerLossPolicy::Continue,
        operation_timeout: Duration::from_secs(30),
        start_timeout: Duration::from_secs(20),
    }
}

fn operations() -> Vec<Operation> {
    let (table, key) = ("bench.rows".to_owned(), "id".to_owned());
    let columns = vec!["c".to_owned(), "d".to_owned()];
    let statements = [
        Statement::PointLookup {
            table: table.clone(),
            key: key.clone(),
            columns: Vec::new(),
        },
        Statement::RangeScan {
            table: table.clone(),
            key: key.clone(),
            columns: columns.clone(),
            limit: u32::MAX,
        },
        Statement::Insert {
            table: table.clone(),
            key: key.clone(),
            columns: columns.clone(),
        },
        Statement::Update {
            table,
            key,
            columns,
        },
        Statement::Sql {
            text: "UPDATE t SET a = $1 WHERE b LIKE '50%'".to_owned(),
            class: Class::Write,
        },
        Statement::Sql {
            text: "TABLE t".to_owned(),
            class: Class::Read,
        },
    ];
    let named = |(index, statement)| Operation {
        name: name(&format!("operation-{index}")),
        weight: 10_000 - index as u32,
        statement,
        parameters: parameters(),
    };
    statements.into_iter().enumerate().map(named).collect()
}

fn parameters() -> Vec<Parameter> {
    vec![
        Parameter::Integer(i64::MIN),
        Parameter::Number(0.1 + 0.2),
        Parameter::Number(f64::MIN_POSITIVE),
        Parameter::Text("it's $1, 50%".to_owned()),
        Parameter::Null,
        Parameter::Uniform {
            min: i64::MIN,
            max: i64::MAX,
        },
        Parameter::Zipf {
            min: 1,
            max: 1_000,
            exponent: 0.99,
        },
        Parameter::Sequential { min: 0, max: 9 },
        Parameter::RandomText { length: 32 },
    ]
}

fn slos() -> Vec<Slo> {
    let latency = Limit::Latency {
        percentile: 99.9,
        max: Duration::from_micros(2_500),
    };
    [
        latency,
        Limit::ErrorRatio(0.001),
        Limit::Throughput(1.0 / 3.0),
    ]
    .into_iter()
    .enumerate()
    .map(|(index, limit)| Slo {
        name: format!("objective {index}"),
        operation: (index > 0).then(|| name("operation-0")),
        limit,
        confidence: 0.9999,
    })
    .collect()
}
