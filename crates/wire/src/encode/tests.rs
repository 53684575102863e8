//! What goes out comes back the same, and never a password.

use std::time::Duration;

use gauntlet_model::{
    id::{Name, Project, RunId, TargetId, TemplateId, WorkerId},
    lifecycle::{End, RunState, ShardStage, ShardState, Stage, StopReason},
    run::{Attempt, Run},
    session::KeyRange,
    target::{Address, Target},
    template::{
        Class, Limit, Load, Operation, Parameter, Phases, PoolOrder, Slo, Spec, Statement,
        Template, WorkerLossPolicy,
    },
};
use proptest::{collection::vec, prelude::*, sample::select};
use uuid::Uuid;

use super::*;
use crate::decode;

mod runs;

fn word() -> impl Strategy<Value = String> {
    vec(select(vec!['a', 'b', '_', 'é', '"', '.', '$']), 1..12)
        .prop_map(|letters| letters.into_iter().collect())
}

fn a_name() -> impl Strategy<Value = Name> {
    "[a-z]([a-z0-9-]{0,20}[a-z0-9])?".prop_map(|text| Name::new(text).unwrap())
}

fn a_duration(longest_s: u64) -> impl Strategy<Value = Duration> {
    (0..longest_s, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

fn a_positive_duration(longest_s: u64) -> impl Strategy<Value = Duration> {
    a_duration(longest_s).prop_map(|duration| duration.max(Duration::from_nanos(1)))
}

fn a_parameter() -> impl Strategy<Value = Parameter> {
    let range = (any::<i64>(), any::<i64>()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        any::<i64>().prop_map(Parameter::Integer),
        (-1e300..1e300).prop_map(Parameter::Number),
        word().prop_map(Parameter::Text),
        Just(Parameter::Null),
        range
            .clone()
            .prop_map(|(min, max)| Parameter::Uniform { min, max }),
        (range.clone(), 0.01..100.0).prop_map(|((min, max), exponent)| Parameter::Zipf {
            min,
            max,
            exponent
        }),
        range.prop_map(|(min, max)| Parameter::Sequential { min, max }),
        (1_u32..=65_536).prop_map(|length| Parameter::RandomText { length }),
        (a_name(), a_pool_order()).prop_map(|(pool, order)| Parameter::Pool { pool, order }),
    ]
}

fn a_pool_order() -> impl Strategy<Value = PoolOrder> {
    prop_oneof![
        Just(PoolOrder::Uniform),
        Just(PoolOrder::Sequential),
        (0.01..100.0).prop_map(|exponent| PoolOrder::Zipf { exponent }),
    ]
}

fn a_statement() -> impl Strategy<Value = Statement> {
    let names = vec(word(), 1..4).prop_map(|mut columns| {
        columns.sort();
        columns.dedup();
        columns
    });
    let keyed =
        (word(), word(), names, 1_u32.., 0..4).prop_map(|(table, key, columns, limit, kind)| {
            match kind {
                0 => Statement::PointLookup {
                    table,
                    key,
                    columns,
                },
                1 => Statement::RangeScan {
                    table,
                    key,
                    columns,
                    limit,
                },
                2 => Statement::Insert {
                    columns: columns.into_iter().filter(|name| *name != key).collect(),
                    table,
                    key,
                },
                _ => Statement::Update {
                    table,
                    key,
                    columns,
                },
            }
        });
    let sql = (0..3, any::<bool>()).prop_map(|(parameters, reads)| Statement::Sql {
        text: format!(
            "SELECT {}",
            (1..=parameters)
                .map(|n| format!("${n}"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        class: if reads { Class::Read } else { Class::Write },
    });
    prop_oneof![4 => keyed, 1 => sql]
}

fn a_mix() -> impl Strategy<Value = Vec<Operation>> {
    let operation = a_statement().prop_flat_map(|statement| {
        let parameters = vec(a_parameter(), statement.parameters());
        (Just(statement), parameters, 1_u32..=1_000)
    });
    vec(operation, 1..8).prop_map(|parts| {
        let last = parts.len() as u32 - 1;
        let others: u32 = parts.iter().take(last as usize).map(|part| part.2).sum();
        parts
            .into_iter()
            .zip(0..)
            .map(|((statement, parameters, weight), index)| Operation {
                name: Name::new(format!("op-{index}")).unwrap(),
                weight: if index == last {
                    10_000 - others
                } else {
                    weight
                },
                statement,
                parameters,
            })
            .collect()
    })
}

fn a_load() -> impl Strategy<Value = Load> {
    let connections = 8_u32..=100_000;
    prop_oneof![
        (connections.clone(), a_duration(3_600)).prop_map(|(connections, think_time)| {
            Load::Concurrency {
                connections,
                think_time,
            }
        }),
        (0.001..10_000_000.0, connections, 1_u64..=1_000_000_000).prop_map(
            |(per_second, connections, max_backlog)| Load::Rate {
                per_second,
                connections,
                max_backlog,
            }
        ),
    ]
}

fn an_slo() -> impl Strategy<Value = Slo> {
    let limit = prop_oneof![
        (0.001..99.999, a_positive_duration(3_600))
            .prop_map(|(percentile, max)| Limit::Latency { percentile, max }),
        (0.0..=1.0).prop_map(Limit::ErrorRatio),
        (0.001..10_000_000.0).prop_map(Limit::Throughput),
    ];
    (word(), any::<bool>(), limit, 0.5..0.9999).prop_map(|(name, all, limit, confidence)| Slo {
        name,
        operation: (!all).then(|| Name::new("op-0").unwrap()),
        limit,
        confidence,
    })
}

prop_compose! {
    fn a_spec()(
        description in ".{0,40}",
        operations in a_mix(),
        load in a_load(),
        warmup in a_duration(604_800),
        measurement in a_positive_duration(604_800),
        drain_timeout in a_duration(3_600),
        workers in 1_u32..=8,
        seed in 1_u64..,
        slos in vec(an_slo(), 0..4),
        fails in any::<bool>(),
        operation_timeout in a_positive_duration(3_600),
        start_timeout in a_positive_duration(3_600),
    ) -> Spec {
        Spec {
            description: description.replace('\0', ""),
            target: Name::new("db").unwrap(),
            operations,
            load,
            phases: Phases { warmup, measurement, drain_timeout },
            workers,
            seed,
            slos,
            worker_loss: if fails { WorkerLossPolicy::Fail } else { WorkerLossPolicy::Continue },
            operation_timeout,
            start_timeout,
        }
    }
}

proptest! {
    #[test]
    fn a_description_survives(spec in a_spec()) {
        prop_assert_eq!(decode::template_spec(super::spec(&spec)), Ok(spec));
    }
}

pub(crate) fn a_simple_spec() -> Spec {
    Spec {
        description: "reads".into(),
        target: Name::new("db").unwrap(),
        operations: vec![Operation {
            name: Name::new("read").unwrap(),
            weight: 10_000,
            statement: Statement::PointLookup {
                table: "items".into(),
                key: "id".into(),
                columns: Vec::new(),
            },
            parameters: vec![Parameter::Uniform { min: 1, max: 9 }],
        }],
        load: Load::Concurrency {
            connections: 4,
            think_time: Duration::ZERO,
        },
        phases: Phases {
            warmup: Duration::ZERO,
            measurement: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(1),
        },
        workers: 2,
        seed: u64::MAX,
        slos: Vec::new(),
        worker_loss: WorkerLossPolicy::Fail,
        operation_timeout: Duration::from_secs(1),
        start_timeout: Duration::from_secs(2),
    }
}

#[test]
fn the_common_table_is_said_once() {
    let mut spec = a_simple_spec();
    let mut other = spec.operations[0].clone();
    other.statement = Statement::PointLookup {
        table: "orders".into(),
        key: "id".into(),
        columns: Vec::new(),
    };
    spec.operations.push(other);
    let message = super::spec(&spec);
    assert_eq!(
        (message.table.as_str(), message.key_column.as_str()),
        ("items", "id")
    );
    let tables: Vec<(&str, &str)> = message
        .operations
        .iter()
        .map(|operation| (operation.table.as_str(), operation.key_column.as_str()))
        .collect();
    assert_eq!(tables, vec![("", ""), ("orders", "")]);
}

#[test]
fn a_target_goes_out_without_a_password() {
    let message = target(&Target {
        id: TargetId(Uuid::nil()),
        project: Project::new("acme").unwrap(),
        name: Name::new("db").unwrap(),
        address: Address::Postgres {
            host: "h".into(),
            port: 5_433,
            database: "d".into(),
            user: "u".into(),
        },
        created: Timestamp(3),
        revision: 1,
    });
    let Some(pb::target::Address::Postgres(address)) = message.address else {
        panic!("it is a PostgreSQL target");
    };
    assert_eq!(address.password, "");
    assert_eq!((address.port, message.created_us), (5_433, 3));
}

#[test]
fn a_template_carries_the_etag_of_its_version() {
    let message = template(&Template {
        id: TemplateId(Uuid::nil()),
        project: Project::new("acme").unwrap(),
        name: Name::new("reads").unwrap(),
        version: 7,
        spec: a_simple_spec(),
        created: Timestamp(1),
        updated: Timestamp(2),
    });
    assert_eq!(message.etag, etag(7));
    assert_eq!((message.created_us, message.updated_us), (1, 2));
}

fn a_run(state: RunState) -> Run {
    Run {
        id: RunId(Uuid::from_u128(1)),
        project: Project::new("acme").unwrap(),
        name: Name::new("run").unwrap(),
        template: Name::new("reads").unwrap(),
        template_version: 2,
        spec: a_simple_spec(),
        state,
        revision: 4,
        labels: [("a".to_owned(), "b".to_owned())].into(),
        notes: String::new(),
        rerun_of: None,
        created: Timestamp(10),
        started: None,
        ended: None,
    }
}

#[test]
fn a_prepared_run_has_no_phase_and_no_reason() {
    let message = run(&a_run(RunState::prepared()), Timestamp(99));
    assert_eq!(message.status(), pb::RunStatus::Prepared);
    assert_eq!(message.phase(), pb::RunPhase::Unspecified);
    assert_eq!(message.stop_reason(), pb::StopReason::Unspecified);
    assert_eq!(message.processing(), pb::ProcessingStatus::Pending);
    assert_eq!(
        (
            message.phase_started_us,
            message.started_us,
            message.ended_us
        ),
        (0, 0, 0)
    );
    assert_eq!((message.server_time_us, message.shards_total), (99, 2));
    assert!(message.spec.is_some());
}

#[test]
fn an_ending_run_says_why_and_who_is_ready() {
    let shard = |stage| ShardState {
        worker: WorkerId(Uuid::nil()),
        attempt: 1,
        stage,
    };
    let state = RunState {
        stage: Stage::Cooldown {
            since: Timestamp(50),
            deadline: Timestamp(60),
            measured: None,
            end: End {
                reason: StopReason::UserStop,
                message: "enough".into(),
            },
        },
        shards: vec![shard(ShardStage::Finished), shard(ShardStage::Lost)],
        ..RunState::prepared()
    };
    let message = run(&a_run(state), Timestamp(55));
    assert_eq!(message.status(), pb::RunStatus::Cancelling);
    assert_eq!(message.phase(), pb::RunPhase::Cooldown);
    assert_eq!(message.stop_reason(), pb::StopReason::UserStop);
    assert_eq!(message.stop_message, "enough");
    assert_eq!((message.phase_started_us, message.shards_ready), (50, 1));
}

#[test]
fn attempts_are_gathered_by_shard() {
    let attempt = |shard, number, stage| Attempt {
        shard,
        number,
        worker: WorkerId(Uuid::nil()),
        worker_text: String::new(),
        stage,
        message: String::new(),
        keys: KeyRange {
            first: 1,
            length: 10,
        },
        assigned: Timestamp(1),
        ended: None,
        first_operation: None,
        peak_cpu_permille: 0,
        clock_uncertainty: None,
        revision: 0,
    };
    let shards = shards(&[
        attempt(1, 1, ShardStage::Running),
        attempt(0, 2, ShardStage::Ready),
        attempt(0, 1, ShardStage::Lost),
    ]);
    let seen: Vec<(u32, pb::AttemptStatus, Vec<u32>)> = shards
        .iter()
        .map(|shard| {
            let numbers = shard
                .attempts
                .iter()
                .map(|attempt| attempt.number)
                .collect();
            (shard.index, shard.status(), numbers)
        })
        .collect();
    assert_eq!(
        seen,
        vec![
            (0, pb::AttemptStatus::Ready, vec![1, 2]),
            (1, pb::AttemptStatus::Running, vec![1]),
        ]
    );
}
