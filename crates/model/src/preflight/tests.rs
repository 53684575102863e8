//! Each rule: what sets it off, and what does not.

mod control;

use std::collections::BTreeMap;

use uuid::Uuid;

use super::*;
use crate::{
    id::WorkerId,
    run::{Gauges, WorkerStatus},
    template::{
        Control, Limit, Load, Operation, Parameter, Phases, PoolOrder, Scope, Slo, Statement,
        WorkerLossPolicy,
    },
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn operation(label: &str, weight: u32, statement: Statement) -> Operation {
    let parameters = vec![Parameter::Integer(1); statement.parameters()];
    Operation {
        name: name(label),
        weight,
        statement,
        parameters,
        label: None,
    }
}

fn lookup() -> Statement {
    Statement::PointLookup {
        table: "items".to_owned(),
        key: "id".to_owned(),
        columns: Vec::new(),
    }
}

fn insert() -> Statement {
    Statement::Insert {
        table: "items".to_owned(),
        key: "id".to_owned(),
        columns: vec!["k".to_owned()],
    }
}

/// Lookups and inserts by eight connections for a minute: nothing to say about.
fn spec() -> Spec {
    Spec {
        description: String::new(),
        target: name("db"),
        operations: vec![
            operation("read", 9_000, lookup()),
            operation("write", 1_000, insert()),
        ],
        load: Load::Concurrency {
            connections: 8,
            think_time: Duration::ZERO,
        },
        phases: Phases {
            warmup: Duration::from_secs(5),
            measurement: Duration::from_mins(1),
            drain_timeout: Duration::from_secs(10),
            until_steady: None,
        },
        workers: 2,
        seed: 1,
        slos: Vec::new(),
        worker_loss: WorkerLossPolicy::Fail,
        operation_timeout: Duration::from_secs(10),
        start_timeout: Duration::from_secs(30),
        control: Control::default(),
    }
}

fn worker(id: u128, status: WorkerStatus, capacity: u32) -> Worker {
    Worker {
        id: WorkerId(Uuid::from_u128(id)),
        name: format!("w{id}"),
        status,
        capacity,
        processors: 1,
        labels: BTreeMap::new(),
        version: String::new(),
        runs: Vec::new(),
        reserved: 0,
        gauges: Gauges::default(),
        attached: Timestamp(1),
        seen: Timestamp(2),
        clock_offset_us: 0,
        clock_uncertainty: None,
    }
}

fn table() -> TableFacts {
    TableFacts {
        table: "items".to_owned(),
        kind: Some(TableKind::Stored),
        near: Vec::new(),
        rows_estimate: Some(100_000),
        has_statistics: true,
        analyzed: Some(Timestamp(1)),
        modified_since_analyze: Some(20_000),
    }
}

fn target() -> TargetFacts {
    TargetFacts {
        version: "PostgreSQL 15".to_owned(),
        read_only: false,
        connections_free: Some(8),
        tables: vec![table()],
        operations: vec![OperationFacts::default(); 2],
    }
}

fn facts() -> Facts {
    Facts {
        address: Some(postgres("db.example")),
        target: Ok(target()),
        missing_pools: Vec::new(),
        workers: vec![
            worker(1, WorkerStatus::Idle, 4),
            worker(2, WorkerStatus::Idle, 4),
        ],
        store: Some(Place::File(PathBuf::from("/var/lib/gauntlet/gauntlet.db"))),
        price_per_hour: 0.0,
    }
}

fn postgres(host: &str) -> Address {
    Address::Postgres {
        host: host.to_owned(),
        port: 5_432,
        database: "shop".to_owned(),
        user: "app".to_owned(),
        encryption: crate::target::Encryption::None,
    }
}

fn sqlite(path: &str) -> Address {
    Address::Sqlite {
        path: PathBuf::from(path),
    }
}

/// What the rules find after a change to what they find nothing in.
fn changed(change: impl FnOnce(&mut Spec, &mut Facts)) -> Vec<Finding> {
    let (mut spec, mut facts) = (spec(), facts());
    change(&mut spec, &mut facts);
    let found = findings(&spec, &facts);
    for finding in &found {
        assert!(!finding.recommendations.is_empty(), "{finding:?}");
    }
    found
}

/// The same after a change to what the target says.
fn target_changed(change: impl FnOnce(&mut TargetFacts)) -> Vec<Finding> {
    changed(|_, facts| change(facts.target.as_mut().unwrap()))
}

#[track_caller]
fn check(found: &[Finding], expected: &[(Code, Severity, &str)]) {
    let short: Vec<(Code, Severity, &str)> = found
        .iter()
        .map(|finding| (finding.code, finding.severity, finding.field.as_str()))
        .collect();
    assert_eq!(short, expected, "{found:#?}");
}

use Code as C;
use Severity as S;

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    check(&changed(|_, _| {}), &[]);
}

#[test]
fn codes_are_read_back() {
    for code in Code::ALL {
        assert_eq!(Code::parse(code.as_str()), Some(*code));
    }
    assert_eq!(Code::parse("NO_SUCH"), None);
}

#[test]
fn a_target_that_says_nothing_blocks() {
    type Silent = fn(String) -> TargetProblem;
    let cases: [(Silent, Code); 3] = [
        (TargetProblem::Missing, C::TargetMissing),
        (TargetProblem::Unreachable, C::TargetUnreachable),
        (TargetProblem::Refused, C::TargetRefused),
    ];
    for (problem, code) in cases {
        let found = changed(|_, facts| facts.target = Err(problem("says who".to_owned())));
        check(&found, &[(code, S::Blocking, "target")]);
        assert_eq!(found[0].message, "says who");
        assert!(code.is_found_at_start());
    }
}

#[test]
fn a_missing_table_is_said_once_and_names_those_near() {
    let found = target_changed(|target| {
        target.tables[0].kind = None;
        target.tables[0].near = vec!["item".to_owned()];
        target.operations[0].problem = Some("no such table".to_owned());
        target.operations[1].problem = Some("no such table".to_owned());
    });
    check(
        &found,
        &[(C::TableMissing, S::Blocking, "operations[0].table")],
    );
    assert_eq!(
        found[0].message,
        "the target has no table items; there is item"
    );
}

#[test]
fn a_statement_that_is_not_taken_blocks() {
    let found = target_changed(|target| {
        target.operations[1].problem = Some("no column k".to_owned());
    });
    check(
        &found,
        &[(C::StatementRefused, S::Blocking, "operations[1]")],
    );
    assert_eq!(found[0].message, "no column k");
}

#[test]
fn a_missing_pool_blocks_where_it_is_drawn_from() {
    let found = changed(|spec, facts| {
        spec.operations[1].parameters[0] = Parameter::Pool {
            pool: name("keys"),
            order: PoolOrder::Uniform,
        };
        facts.missing_pools = vec![name("keys")];
    });
    let field = "operations[1].parameters[0].pool";
    check(&found, &[(C::PoolMissing, S::Blocking, field)]);
}

#[test]
fn writes_need_a_target_and_a_table_that_take_them() {
    let found = target_changed(|target| target.read_only = true);
    check(&found, &[(C::ReadOnlyTarget, S::Blocking, "operations[1]")]);
    let found = target_changed(|target| target.tables[0].kind = Some(TableKind::View));
    check(
        &found,
        &[(C::WritesToView, S::Blocking, "operations[1].table")],
    );
    assert!(!found[0].code.is_found_at_start());
    // Reading may be from both.
    let found = changed(|spec, facts| {
        spec.operations.truncate(1);
        let target = facts.target.as_mut().unwrap();
        target.read_only = true;
        target.tables[0].kind = Some(TableKind::View);
    });
    check(&found, &[]);
}

#[test]
fn connections_must_be_left() {
    check(
        &target_changed(|target| target.connections_free = None),
        &[],
    );
    let found = target_changed(|target| target.connections_free = Some(7));
    check(&found, &[(C::ConnectionsShort, S::Severe, "load")]);
    assert_eq!(
        found[0].message,
        "the load needs 8 connections, the target has 7 left"
    );
}

#[test]
fn a_scan_is_severe_unless_the_table_is_small_or_the_scan_is_meant() {
    let scan = |statement: Statement, rows: Option<u64>| {
        changed(|spec, facts| {
            spec.operations = vec![operation("one", 10_000, statement)];
            spec.operations[0]
                .parameters
                .fill(Parameter::Uniform { min: 1, max: 5_000 });
            let target = facts.target.as_mut().unwrap();
            target.tables[0].rows_estimate = rows;
            target.tables[0].modified_since_analyze = None;
            target.operations[0].scans = vec!["items".to_owned()];
        })
    };
    let field = "operations[0].key_column";
    let severe = [(C::TableScan, S::Severe, field)];
    check(&scan(lookup(), Some(1_001)), &severe);
    check(&scan(lookup(), None), &severe);
    check(
        &scan(lookup(), Some(1_000)),
        &[(C::TableScan, S::Info, field)],
    );
    let update = Statement::Update {
        table: "items".to_owned(),
        key: "id".to_owned(),
        columns: vec!["k".to_owned()],
    };
    check(&scan(update, Some(5_000)), &severe);
    let range = Statement::RangeScan {
        table: "items".to_owned(),
        key: "id".to_owned(),
        columns: Vec::new(),
        limit: 10,
    };
    check(&scan(range, Some(5_000)), &severe);
    let own = Statement::Sql {
        text: "SELECT count(*) FROM items".to_owned(),
        class: Class::Read,
    };
    check(&scan(own, Some(5_000)), &[]);
}

#[test]
fn statistics_are_there_and_fresh() {
    let never = |rows| {
        target_changed(|target| {
            target.tables[0].has_statistics = false;
            target.tables[0].rows_estimate = rows;
        })
    };
    let stale = [(C::StatisticsStale, S::Warning, "operations[0].table")];
    check(&never(None), &stale);
    check(&never(Some(1_001)), &stale);
    check(&never(Some(1_000)), &[]);
    let since = |changed, rows| {
        target_changed(|target| {
            target.tables[0].modified_since_analyze = Some(changed);
            target.tables[0].rows_estimate = Some(rows);
        })
    };
    check(&since(20_001, 100_000), &stale);
    check(&since(1_000, 100), &[]);
    let on_sqlite = changed(|spec, facts| {
        spec.operations.truncate(1);
        facts.address = Some(sqlite("/data/shop.db"));
        facts.target.as_mut().unwrap().tables[0].has_statistics = false;
    });
    check(
        &on_sqlite,
        &[(C::StatisticsStale, S::Info, "operations[0].table")],
    );
}

#[test]
fn the_store_is_better_elsewhere() {
    let server = |host: &str, port, database: &str| Place::Server {
        host: host.to_owned(),
        port,
        database: database.to_owned(),
    };
    let between = |address: Address, store: Place| {
        changed(|spec, facts| {
            spec.operations.truncate(1);
            facts.address = Some(address);
            facts.store = Some(store);
        })
    };
    let shared = [(C::SharedServer, S::Warning, "target")];
    let own = [(C::StoreIsTarget, S::Severe, "target")];
    check(
        &between(
            postgres("db.example"),
            server("DB.example", 5_432, "gauntlet"),
        ),
        &shared,
    );
    check(
        &between(
            postgres("localhost"),
            server("/run/postgresql", 5_432, "gauntlet"),
        ),
        &shared,
    );
    check(
        &between(postgres("::1"), server("127.0.0.1", 5_432, "shop")),
        &own,
    );
    check(
        &between(postgres("127.0.0.1"), server("127.0.0.1", 5_433, "shop")),
        &[],
    );
    check(
        &between(postgres("one"), server("other", 5_432, "shop")),
        &[],
    );
    let file = |path: &str| Place::File(PathBuf::from(path));
    check(&between(sqlite("/data/a.db"), file("/data/a.db")), &own);
    check(&between(sqlite("/data/a.db"), file("/data/b.db")), &shared);
    check(&between(sqlite("/data/a.db"), file("/other/a.db")), &[]);
    check(&between(postgres("one"), file("/data/b.db")), &[]);
}

#[test]
fn several_connections_that_write_to_sqlite_wait() {
    let with = |connections, operations| {
        changed(|spec, facts| {
            spec.operations.truncate(operations);
            spec.workers = 1;
            spec.load = Load::Concurrency {
                connections,
                think_time: Duration::ZERO,
            };
            facts.address = Some(sqlite("/data/shop.db"));
        })
    };
    let found = with(2, 2);
    check(&found, &[(C::WriteContention, S::Warning, "operations[1]")]);
    assert!(
        found[0]
            .message
            .contains("with 2 connections and 10 % of writes")
    );
    check(&with(1, 2), &[]);
    check(&with(2, 1), &[]);
}

#[test]
fn workers_must_be_free_and_large_enough() {
    let short = [(C::WorkersShort, S::Blocking, "workers")];
    check(
        &changed(|_, facts| facts.workers[0].status = WorkerStatus::Lost),
        &short,
    );
    check(
        &changed(|_, facts| facts.workers[0].status = WorkerStatus::Draining),
        &short,
    );
    check(&changed(|_, facts| facts.workers.clear()), &short);
    let found = changed(|_, facts| facts.workers[0].capacity = 3);
    check(&found, &short);
    assert_eq!(
        found[0].message,
        "2 workers are free, 1 of them for fewer connections; the run needs 2, with 4 connections each"
    );
}

#[test]
fn a_rate_needs_connections_and_processors() {
    let at = |per_second, connections, capacity| {
        changed(|spec, facts| {
            spec.load = Load::Rate {
                per_second,
                connections,
                max_backlog: 1,
            };
            facts.target.as_mut().unwrap().connections_free = None;
            for worker in &mut facts.workers {
                worker.capacity = capacity;
            }
        })
    };
    check(&at(80_000.0, 8, 8), &[]);
    let found = at(80_001.0, 8, 8);
    check(
        &found,
        &[(C::RateAboveConnections, S::Warning, "load.rate.connections")],
    );
    let found = at(100_001.0, 100, 50);
    check(
        &found,
        &[(C::GeneratorShort, S::Warning, "load.rate.per_second")],
    );
    assert!(
        found[0]
            .message
            .contains("of 2 processors, which can be expected to send 100000")
    );
    // Who is not chosen does not count, and without workers that is what is wrong.
    let found = changed(|spec, facts| {
        spec.load = Load::Rate {
            per_second: 100_001.0,
            connections: 8,
            max_backlog: 1,
        };
        facts.workers.clear();
    });
    check(
        &found,
        &[
            (C::WorkersShort, S::Blocking, "workers"),
            (C::RateAboveConnections, S::Warning, "load.rate.connections"),
        ],
    );
}

#[test]
fn an_objective_needs_samples_that_the_load_can_give() {
    let p99 = Limit::Latency {
        percentile: 99.0,
        max: Duration::from_millis(5),
    };
    let at = |load: Load, limit: Limit, operation: Option<&str>| {
        changed(|spec, _| {
            spec.load = load;
            spec.slos = vec![Slo {
                name: "it".to_owned(),
                scope: operation.map_or(Scope::All, |named| Scope::Operation(name(named))),
                limit,
                confidence: 0.95,
                abort_on_fail: false,
            }];
        })
    };
    let rate = |per_second| Load::Rate {
        per_second,
        connections: 8,
        max_backlog: 1,
    };
    let short = [(C::SloSamplesShort, S::Warning, "slos[0].latency.percentile")];
    // 299 are needed (see `verdict`); a minute gives 60 times the rate.
    check(&at(rate(5.0), p99, None), &[]);
    let found = at(rate(4.9), p99, None);
    check(&found, &short);
    assert!(
        found[0].message.contains("needs 299 operations"),
        "{}",
        found[0].message
    );
    assert!(
        found[0].message.contains("about 294"),
        "{}",
        found[0].message
    );
    assert_eq!(
        found[0].recommendations,
        ["measure for 62 s or longer, or send more per second"]
    );
    // A tenth of the load is the operation's.
    check(&at(rate(49.0), p99, Some("write")), &short);
    check(&at(rate(50.0), p99, Some("write")), &[]);
    let errors = Limit::ErrorRatio(0.001);
    check(
        &at(rate(4.9), errors, None),
        &[(C::SloSamplesShort, S::Warning, "slos[0].max_error_ratio")],
    );
    // Without think time only the target limits a closed loop.
    let closed = |think_time| Load::Concurrency {
        connections: 8,
        think_time,
    };
    check(&at(closed(Duration::ZERO), p99, None), &[]);
    check(&at(closed(Duration::from_secs(2)), p99, None), &short);
    let floor = [(C::SloAboveLoad, S::Warning, "slos[0].min_throughput_per_s")];
    check(&at(rate(100.0), Limit::Throughput(100.0), None), &[]);
    check(&at(rate(100.0), Limit::Throughput(101.0), None), &floor);
}

#[test]
fn phases_have_a_length_that_says_something() {
    let found = changed(|spec, _| {
        spec.phases.warmup = Duration::from_millis(4_999);
        spec.phases.measurement = Duration::from_millis(9_999);
    });
    // The worse one first, whichever rule comes first.
    check(
        &found,
        &[
            (C::MeasurementShort, S::Warning, "phases.measurement"),
            (C::WarmupShort, S::Info, "phases.warmup"),
        ],
    );
}

#[test]
fn the_plan_counts_every_phase_of_an_open_loop() {
    let mut spec = spec();
    assert_eq!(planned_operations(&spec), None);
    spec.load = Load::Rate {
        per_second: 100.0,
        connections: 8,
        max_backlog: 1,
    };
    assert_eq!(planned_operations(&spec), Some(6_500));
}
