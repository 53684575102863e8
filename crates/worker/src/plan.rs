//! From an assignment to what the engine and the target need.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gauntlet_engine::{Generator, KeyBlock, Load, Operation, Plan, PoolOrder, Share, Value};
use gauntlet_model::{
    id::Name,
    session::{Assign, AttemptRef},
    template::{self, Parameter, share, share_before},
};
use gauntlet_targets::{Config, Statement};

use crate::driver::{application, statements, target_config};

/// How often the engine hands out what it measured.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(1);

/// One shard of a run, ready for the engine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    pub(crate) config: Config,
    pub(crate) statements: Vec<Statement>,
    pub(crate) plan: Plan,
}

impl Work {
    /// The work of an assignment, on at most `threads` load threads.
    pub(crate) fn new(assign: &Assign, threads: usize) -> Self {
        let (shard, shards) = (assign.attempt.shard, assign.shards);
        let spec = &assign.spec;
        let total = spec.load.connections();
        let connections = connections(assign);
        let first_connection = share_before(u64::from(total), shard, shards) as u32;
        Self {
            config: config(assign),
            statements: statements(spec),
            plan: Plan {
                seed: spec.seed,
                operations: operations(assign),
                load: load(spec.load, connections, shard, shards),
                share: Share {
                    shard,
                    shards,
                    first_connection,
                    connections_total: total.max(first_connection + connections),
                    first_index: first_index(assign),
                },
                keys: KeyBlock {
                    first: assign.keys.first,
                    len: assign.keys.length,
                },
                threads: load_threads(spec.load, threads, connections),
                operation_timeout: spec.operation_timeout,
                snapshot_every: SNAPSHOT_EVERY,
            },
        }
    }
}

/// Whether a shard joins a run that is under way: it takes the place of one that
/// was lost, or was not there at the start.
pub(crate) fn joins(assign: &Assign) -> bool {
    assign.attempt.attempt > 1 || assign.attempt.shard >= assign.spec.workers
}

/// Connections that a shard opens: its part of the run's, and at least one. A
/// shard that was added may have none of those of the template.
pub(crate) fn connections(assign: &Assign) -> u32 {
    let total = u64::from(assign.spec.load.connections());
    let part = share(total, assign.attempt.shard, assign.shards) as u32;
    part.max(1)
}

/// The shards that there are at the start of a run share its indices: together
/// they do the same work however many they are. One that joins repeats none of
/// it: bit 62 says so, and below it ten bits of the shard and ten of the attempt
/// leave it 2^42 indices of its own. They stay below 2^63, as they are stored as
/// signed integers.
fn first_index(assign: &Assign) -> u64 {
    if !joins(assign) {
        return 0;
    }
    let AttemptRef { shard, attempt, .. } = assign.attempt;
    let (shard, attempt) = (u64::from(shard % 1_024), u64::from(attempt % 1_024));
    (1 << 62) | (shard << 52) | (attempt << 42)
}

/// Each shard that a worker holds has all of the worker's load threads: what they
/// do not use costs nothing, and which shard will need them nobody knows.
/// A closed loop keeps all its threads: a higher level may bring connections
/// for them. In an open loop the connections stay as many as they are.
fn load_threads(load: template::Load, threads: usize, connections: u32) -> usize {
    match load {
        template::Load::Concurrency { .. } => threads.max(1),
        template::Load::Rate { .. } => threads.clamp(1, connections.max(1) as usize),
    }
}

fn config(assign: &Assign) -> Config {
    let application = application(assign.run_name.as_str());
    target_config(&assign.address, assign.password.as_ref(), application)
}

fn operations(assign: &Assign) -> Vec<Operation> {
    // Several parameters may draw from one pool, which is held once.
    let pools: BTreeMap<&Name, Arc<[Value]>> = assign
        .pools
        .iter()
        .map(|(name, values)| {
            (
                name,
                values
                    .iter()
                    .map(|text| pool_value(text.as_ref()))
                    .collect(),
            )
        })
        .collect();
    let operations = assign.spec.operations.iter();
    operations.map(|given| operation(given, &pools)).collect()
}

fn pool_value(text: Option<&String>) -> Value {
    text.map_or(Value::Null, |text| Value::Text(text.clone()))
}

fn operation(operation: &template::Operation, pools: &BTreeMap<&Name, Arc<[Value]>>) -> Operation {
    let key = matches!(operation.statement, template::Statement::Insert { .. })
        .then_some(Generator::UniqueKey);
    Operation {
        name: operation.name.to_string(),
        weight: operation.weight,
        parameters: key
            .into_iter()
            .chain(
                operation
                    .parameters
                    .iter()
                    .map(|parameter| generator(parameter, pools)),
            )
            .collect(),
    }
}

fn generator(parameter: &Parameter, pools: &BTreeMap<&Name, Arc<[Value]>>) -> Generator {
    match *parameter {
        // The decoder has seen that every pool is there; the engine refuses one without values.
        Parameter::Pool { ref pool, order } => Generator::Pool {
            values: pools.get(pool).cloned().unwrap_or_default(),
            order: match order {
                template::PoolOrder::Uniform => PoolOrder::Uniform,
                template::PoolOrder::Sequential => PoolOrder::Sequential,
                template::PoolOrder::Zipf { exponent } => PoolOrder::Zipf { exponent },
            },
        },
        Parameter::Integer(integer) => Generator::Literal(Value::Int(integer)),
        Parameter::Number(number) => Generator::Literal(Value::Float(number)),
        Parameter::Text(ref text) => Generator::Literal(Value::Text(text.clone())),
        Parameter::Null => Generator::Literal(Value::Null),
        Parameter::Uniform { min, max } => Generator::Uniform { min, max },
        Parameter::Zipf { min, max, exponent } => Generator::Zipf { min, max, exponent },
        Parameter::Sequential { min, max } => Generator::Sequential { min, max },
        Parameter::RandomText { length } => Generator::Text {
            length: length as usize,
        },
    }
}

fn load(load: template::Load, connections: u32, shard: u32, shards: u32) -> Load {
    match load {
        template::Load::Concurrency { think_time, .. } => Load::Closed {
            connections,
            think: think_time,
        },
        template::Load::Rate {
            per_second,
            max_backlog,
            ..
        } => Load::Open {
            rate_per_s: per_second,
            connections,
            // Without a place to wait an arrival that comes while all
            // connections are busy for a moment would be dropped.
            max_backlog: share(max_backlog, shard, shards).max(1),
        },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use gauntlet_model::{
        id::RunId,
        session::{AttemptRef, KeyRange},
        target::Address,
        template::{Control, Phases, Spec, WorkerLossPolicy},
    };
    use uuid::Uuid;

    use super::*;

    /// An assignment of a shard whose run has one lookup and one insert.
    pub(crate) fn assign(shard: u32, shards: u32, load: template::Load) -> Assign {
        Assign {
            attempt: AttemptRef {
                run: RunId(Uuid::from_u128(1)),
                shard,
                attempt: 1,
            },
            run_name: Name::new("run").unwrap(),
            spec: Spec {
                description: String::new(),
                target: Name::new("db").unwrap(),
                operations: vec![
                    template::Operation {
                        name: Name::new("read").unwrap(),
                        weight: 7_500,
                        statement: template::Statement::PointLookup {
                            table: "demo".into(),
                            key: "id".into(),
                            columns: vec!["c".into()],
                        },
                        parameters: vec![Parameter::Uniform { min: 1, max: 50 }],
                        label: None,
                    },
                    template::Operation {
                        name: Name::new("insert").unwrap(),
                        weight: 2_500,
                        statement: template::Statement::Insert {
                            table: "demo".into(),
                            key: "id".into(),
                            columns: vec!["k".into(), "c".into(), "pad".into()],
                        },
                        parameters: vec![
                            Parameter::Integer(7),
                            Parameter::RandomText { length: 5 },
                            Parameter::Text("x".into()),
                        ],
                        label: None,
                    },
                ],
                load,
                phases: Phases {
                    warmup: Duration::ZERO,
                    measurement: Duration::from_secs(1),
                    drain_timeout: Duration::from_secs(1),
                    until_steady: None,
                },
                workers: shards,
                seed: 42,
                slos: Vec::new(),
                worker_loss: WorkerLossPolicy::Fail,
                operation_timeout: Duration::from_secs(2),
                start_timeout: Duration::from_secs(5),
                control: Control::default(),
            },
            address: Address::Sqlite {
                path: "/tmp/demo.db".into(),
            },
            password: None,
            shards,
            keys: KeyRange {
                first: 1_000,
                length: 500,
            },
            pools: Vec::new(),
        }
    }

    pub(crate) fn five_connections() -> template::Load {
        template::Load::Concurrency {
            connections: 5,
            think_time: Duration::from_millis(3),
        }
    }

    #[test]
    fn two_shards_share_five_connections() {
        let work = |shard| Work::new(&assign(shard, 2, five_connections()), 8).plan;
        let place = |plan: &Plan| {
            (
                plan.share.first_connection,
                plan.load.connections(),
                plan.threads,
            )
        };
        assert_eq!(place(&work(0)), (0, 3, 8));
        assert_eq!(place(&work(1)), (3, 2, 8));
        for shard in [0, 1] {
            let plan = work(shard);
            assert_eq!(plan.validate(), Ok(()));
            assert_eq!(plan.share.connections_total, 5);
            assert_eq!((plan.share.shard, plan.share.shards), (shard, 2));
        }
    }

    #[test]
    fn only_a_shard_that_joins_has_indices_of_its_own() {
        let first = |shard, attempt| {
            let mut assign = assign(0, 2, five_connections());
            assign.shards = 5;
            (assign.attempt.shard, assign.attempt.attempt) = (shard, attempt);
            let work = Work::new(&assign, 1);
            assert_eq!(work.plan.validate(), Ok(()));
            work.plan.share.first_index
        };
        // Two at the start; others were added.
        assert_eq!([first(0, 1), first(1, 1)], [0, 0]);
        let mut joined: Vec<u64> = [(0, 2), (0, 3), (1, 2), (2, 1), (4, 1), (4, 2)]
            .map(|(shard, attempt)| first(shard, attempt))
            .into();
        joined.sort_unstable();
        assert!(joined[0] >= 1 << 62 && joined[5] < 1 << 63);
        let apart = |pair: &[u64]| pair[1] - pair[0] >= 1 << 42;
        assert!(joined.windows(2).all(apart), "{joined:?}");
    }

    #[test]
    fn a_shard_that_is_added_has_a_connection_though_the_template_has_none_for_it() {
        let mut assign = assign(5, 6, five_connections());
        assign.spec.workers = 5;
        let plan = Work::new(&assign, 2).plan;
        assert_eq!(plan.validate(), Ok(()));
        assert_eq!(plan.load.connections(), 1);
    }

    #[test]
    fn an_open_loop_keeps_the_rate_of_the_run_and_shares_the_backlog() {
        let rate = |max_backlog| template::Load::Rate {
            per_second: 1_000.0,
            connections: 4,
            max_backlog,
        };
        let load =
            |shard, max_backlog| Work::new(&assign(shard, 3, rate(max_backlog)), 1).plan.load;
        let open = |connections, max_backlog| Load::Open {
            rate_per_s: 1_000.0,
            connections,
            max_backlog,
        };
        assert_eq!(load(0, 100), open(2, 34));
        assert_eq!(load(2, 100), open(1, 33));
        assert_eq!(load(2, 1), open(1, 1));
    }

    #[test]
    fn statements_and_generators_belong_together() {
        let work = Work::new(&assign(0, 1, five_connections()), 1);
        for (statement, operation) in work.statements.iter().zip(&work.plan.operations) {
            assert_eq!(statement.parameters(), operation.parameters.len());
            assert_eq!(statement.name, operation.name);
        }
        assert_eq!(
            work.plan.operations[1].parameters,
            vec![
                Generator::UniqueKey,
                Generator::Literal(Value::Int(7)),
                Generator::Text { length: 5 },
                Generator::Literal(Value::Text("x".into())),
            ]
        );
        assert_eq!(work.statements[1].class, gauntlet_targets::Class::Write);
        assert_eq!((work.plan.keys.first, work.plan.keys.len), (1_000, 500));
        assert_eq!(work.plan.seed, 42);
    }

    #[test]
    fn a_postgres_session_carries_the_name_of_the_run() {
        let mut assign = assign(0, 1, five_connections());
        assign.address = Address::Postgres {
            host: "h".into(),
            port: 5_432,
            database: "d".into(),
            user: "u".into(),
            encryption: gauntlet_model::target::Encryption::VerifyHost(
                gauntlet_model::target::Authorities::System,
            ),
        };
        assign.password = Some(gauntlet_model::target::Secret::new("pw".into()));
        assert_eq!(
            Work::new(&assign, 1).config,
            Config::Postgres {
                host: "h".into(),
                port: 5_432,
                database: "d".into(),
                user: "u".into(),
                password: Some(gauntlet_targets::Secret::new("pw")),
                application_name: "gauntlet run".into(),
                encryption: gauntlet_targets::Encryption::VerifyHost(
                    gauntlet_targets::Authorities::System,
                ),
            }
        );
    }
}
