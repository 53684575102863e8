use super::*;
use crate::value::Value;

fn plan() -> Plan {
    Plan {
        seed: 1,
        operations: vec![Operation {
            name: "read".into(),
            weight: 10_000,
            parameters: vec![Generator::UniqueKey],
        }],
        load: Load::Closed {
            connections: 2,
            think: Duration::ZERO,
        },
        share: Share {
            shard: 0,
            shards: 1,
            first_connection: 0,
            connections_total: 2,
            first_index: 0,
        },
        keys: KeyBlock { first: 1, len: 100 },
        threads: 1,
        operation_timeout: Duration::from_secs(1),
        snapshot_every: Duration::from_secs(1),
    }
}

fn check(change: impl FnOnce(&mut Plan), expected: impl Into<Option<PlanError>>) {
    let mut plan = plan();
    change(&mut plan);
    assert_eq!(plan.validate().err(), expected.into());
}

#[test]
fn plans_are_accepted_or_refused_with_the_reason() {
    check(|_| {}, None);
    check(|p| p.operations.clear(), PlanError::NoOperations);
    check(
        |p| p.operations[0].weight = 9_999,
        PlanError::Weights { sum: 9_999 },
    );
    check(
        |p| {
            p.load = Load::Closed {
                connections: 0,
                think: Duration::ZERO,
            }
        },
        PlanError::NoConnections,
    );
    check(
        |p| {
            p.load = Load::Open {
                rate_per_s: 0.0,
                connections: 1,
                max_backlog: 0,
            }
        },
        PlanError::Rate { rate_per_s: 0.0 },
    );
    check(|p| p.share.connections_total = 1, {
        let share = Share {
            shard: 0,
            shards: 1,
            first_connection: 0,
            connections_total: 1,
            first_index: 0,
        };
        PlanError::Share {
            share,
            connections: 2,
        }
    });
    check(
        |p| p.keys.len = 1,
        PlanError::Keys {
            first: 1,
            len: 1,
            connections: 2,
        },
    );
    check(
        |p| p.keys.first = i64::MAX,
        PlanError::Keys {
            first: i64::MAX,
            len: 100,
            connections: 2,
        },
    );
    check(|p| p.threads = 0, PlanError::Zero { field: "threads" });
    check(
        |p| p.operation_timeout = Duration::ZERO,
        PlanError::Zero {
            field: "operation_timeout",
        },
    );
    check(
        |p| p.snapshot_every = Duration::ZERO,
        PlanError::Zero {
            field: "snapshot_every",
        },
    );
}

#[test]
fn generators_are_accepted_or_refused_with_the_reason() {
    check(
        |p| p.operations[0].parameters = vec![Generator::Uniform { min: 2, max: 1 }],
        PlanError::EmptyRange {
            operation: "read".into(),
            parameter: 1,
            min: 2,
            max: 1,
        },
    );
    check(
        |p| {
            p.operations[0].parameters = vec![Generator::Zipf {
                min: 1,
                max: 2,
                exponent: -1.0,
            }];
        },
        PlanError::Exponent {
            operation: "read".into(),
            parameter: 1,
            exponent: -1.0,
        },
    );
    let pool = |values: &[Value], order| Generator::Pool {
        values: values.into(),
        order,
    };
    check(
        |p| p.operations[0].parameters = vec![pool(&[], PoolOrder::Uniform)],
        PlanError::EmptyPool {
            operation: "read".into(),
            parameter: 1,
        },
    );
    check(
        |p| {
            let order = PoolOrder::Zipf { exponent: -2.0 };
            p.operations[0].parameters = vec![pool(&[Value::Null], order)];
        },
        PlanError::Exponent {
            operation: "read".into(),
            parameter: 1,
            exponent: -2.0,
        },
    );
}
