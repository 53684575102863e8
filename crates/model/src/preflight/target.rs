//! Rules about the target: whether it is there, takes the statements, and finds
//! the rows as a benchmark means it.

use std::path::Path;

use super::{
    Code, Facts, Finding, OperationFacts, Place, Severity, TableFacts, TableKind, TargetFacts,
    TargetProblem, field, first_write,
};
use crate::{
    target::Address,
    template::{Load, Operation, Parameter, Spec, Statement},
};

/// A table of so few rows is read whole because that is the fastest way.
const SMALL_TABLE: u64 = 1_000;
/// Statistics are old when more than a fifth of the rows has changed since:
/// twice the share at which PostgreSQL analyses a table by itself.
const CHANGED_SHARE: f64 = 0.2;

pub(super) fn check(spec: &Spec, facts: &Facts, found: &mut Vec<Finding>) {
    pools(spec, facts, found);
    if let Some(address) = &facts.address {
        neighbours(address, facts.store.as_ref(), found);
    }
    match &facts.target {
        Ok(target) => {
            let sqlite = matches!(facts.address, Some(Address::Sqlite { .. }));
            tables(spec, target, sqlite, found);
            for (index, operation) in spec.operations.iter().enumerate() {
                if let Some(facts) = target.operations.get(index) {
                    statement(index, operation, facts, target, found);
                }
            }
            writes(spec, target, found);
            connections(spec, target, found);
        }
        Err(problem) => found.push(absent(problem)),
    }
}

fn absent(problem: &TargetProblem) -> Finding {
    let (code, title, message, recommendation) = match problem {
        TargetProblem::Missing(message) => (
            Code::TargetMissing,
            "the target is not registered",
            message,
            "register it with \"gauntlet target add\"",
        ),
        TargetProblem::Unreachable(message) => (
            Code::TargetUnreachable,
            "the target does not answer",
            message,
            "see that the database runs and that its address is right: \"gauntlet target test\" tries it",
        ),
        TargetProblem::Refused(message) => (
            Code::TargetRefused,
            "the target refuses the login",
            message,
            "correct the target's address or password with \"gauntlet target update\"",
        ),
    };
    Finding {
        code,
        severity: Severity::Blocking,
        title,
        message: message.clone(),
        recommendations: vec![recommendation.to_owned()],
        field: "target".to_owned(),
    }
}

fn pools(spec: &Spec, facts: &Facts, found: &mut Vec<Finding>) {
    for missing in &facts.missing_pools {
        let place = spec.operations.iter().enumerate().find_map(|(index, op)| {
            let draws = |parameter: &Parameter| matches!(parameter, Parameter::Pool { pool, .. } if pool == missing);
            let place = op.parameters.iter().position(draws)?;
            Some(field(index, &format!("parameters[{place}].pool")))
        });
        found.push(Finding {
            code: Code::PoolMissing,
            severity: Severity::Blocking,
            title: "a value pool is missing",
            message: format!("there is no value pool {missing} in the template's project"),
            recommendations: vec![
                "make it from a column with \"gauntlet template prepare\", or give its values with \"gauntlet pool create\"".to_owned(),
            ],
            field: place.unwrap_or_default(),
        });
    }
}

/// The field that names a table first; empty for one that only plans name.
fn naming(spec: &Spec, table: &str) -> String {
    let names = |op: &Operation| {
        op.statement
            .table_and_key()
            .is_some_and(|(named, _)| named == table)
    };
    spec.operations
        .iter()
        .position(names)
        .map_or_else(String::new, |index| field(index, "table"))
}

fn tables(spec: &Spec, target: &TargetFacts, sqlite: bool, found: &mut Vec<Finding>) {
    for table in &target.tables {
        match table.kind {
            None => found.push(missing_table(spec, table)),
            Some(TableKind::Stored) => statistics(spec, table, sqlite, found),
            Some(TableKind::View | TableKind::Foreign) => {}
        }
    }
}

fn missing_table(spec: &Spec, table: &TableFacts) -> Finding {
    let near = match table.near.as_slice() {
        [] => String::new(),
        near => format!("; there is {}", near.join(", ")),
    };
    Finding {
        code: Code::TableMissing,
        severity: Severity::Blocking,
        title: "a table is missing",
        message: format!("the target has no table {}{near}", table.table),
        recommendations: vec![
            "correct the template's table (\"gauntlet target tables\" lists those there are), or make it with \"gauntlet target load\"".to_owned(),
        ],
        field: naming(spec, &table.table),
    }
}

/// SQLite finds rows by a key without statistics, so their absence is no more
/// than good to know there.
fn statistics(spec: &Spec, table: &TableFacts, sqlite: bool, found: &mut Vec<Finding>) {
    let name = &table.table;
    let rows = table.rows_estimate;
    let (title, message) = if table.has_statistics {
        let rows = rows.unwrap_or(0);
        let changed = table.modified_since_analyze.unwrap_or(0);
        if changed <= SMALL_TABLE || changed as f64 <= rows as f64 * CHANGED_SHARE {
            return;
        }
        (
            "the statistics of a table are old",
            format!(
                "{changed} rows of {name} have changed since its statistics were gathered, of about {rows}"
            ),
        )
    } else {
        if rows.is_some_and(|rows| rows <= SMALL_TABLE) {
            return;
        }
        (
            "a table was never analyzed",
            format!(
                "the planner has no statistics of {name}: it guesses, and may choose other plans once it has them"
            ),
        )
    };
    found.push(Finding {
        code: Code::StatisticsStale,
        severity: if sqlite {
            Severity::Info
        } else {
            Severity::Warning
        },
        title,
        message,
        recommendations: vec![format!("run ANALYZE {name} on the target")],
        field: naming(spec, name),
    });
}

fn statement(
    index: usize,
    operation: &Operation,
    facts: &OperationFacts,
    target: &TargetFacts,
    found: &mut Vec<Finding>,
) {
    let named = operation.statement.table_and_key();
    let table = named.and_then(|(table, _)| find_table(target, table));
    // A missing table is said once, not again by each of its operations.
    if table.is_some_and(|table| table.kind.is_none()) {
        return;
    }
    if let Some(problem) = &facts.problem {
        found.push(Finding {
            code: Code::StatementRefused,
            severity: Severity::Blocking,
            title: "the target does not take a statement",
            message: problem.clone(),
            recommendations: vec![format!(
                "correct operation {} so that the target can prepare it",
                operation.name
            )],
            field: field(index, ""),
        });
        return;
    }
    scan(index, operation, facts, target, found);
}

fn find_table<'a>(target: &'a TargetFacts, name: &str) -> Option<&'a TableFacts> {
    target.tables.iter().find(|table| table.table == name)
}

fn scan(
    index: usize,
    operation: &Operation,
    facts: &OperationFacts,
    target: &TargetFacts,
    found: &mut Vec<Finding>,
) {
    let (Some(scanned), Some((table, key))) =
        (facts.scans.first(), operation.statement.table_and_key())
    else {
        return;
    };
    let meant = match operation.statement {
        Statement::PointLookup { .. } | Statement::Update { .. } => "one row",
        Statement::RangeScan { .. } => "a few rows in the order of their key",
        // An INSERT searches nothing; an own statement may mean to read all.
        Statement::Insert { .. } | Statement::Sql { .. } => return,
    };
    let known = find_table(target, scanned).or_else(|| find_table(target, table));
    let rows = known.and_then(|known| known.rows_estimate);
    let small = rows.is_some_and(|rows| rows <= SMALL_TABLE);
    let size = rows.map_or(String::new(), |rows| format!(", about {rows} rows"));
    found.push(Finding {
        code: Code::TableScan,
        severity: if small { Severity::Info } else { Severity::Severe },
        title: "a whole table is read for a few rows",
        message: format!(
            "operation {} means {meant} by {key}, and the target reads the whole table {scanned}{size}",
            operation.name
        ),
        recommendations: if small {
            vec!["nothing, if the table is meant to be so small: it is the fastest way to read it".to_owned()]
        } else {
            vec![
                format!("make an index on {key} of {table}, or correct key_column"),
                format!("run ANALYZE {table} on the target if there is such an index"),
            ]
        },
        field: field(index, "key_column"),
    });
}

fn writes(spec: &Spec, target: &TargetFacts, found: &mut Vec<Finding>) {
    let Some(first) = first_write(spec) else {
        return;
    };
    if target.read_only {
        found.push(Finding {
            code: Code::ReadOnlyTarget,
            severity: Severity::Blocking,
            title: "the target takes no writes",
            message: format!(
                "operation {} writes, and the target is a replica or set to read only",
                spec.operations[first].name
            ),
            recommendations: vec![
                "choose the primary as the target, or leave out the operations that write"
                    .to_owned(),
            ],
            field: field(first, ""),
        });
    }
    for (index, operation) in spec.operations.iter().enumerate() {
        let (Statement::Insert { table, .. } | Statement::Update { table, .. }) =
            &operation.statement
        else {
            continue;
        };
        let view =
            find_table(target, table).is_some_and(|found| found.kind == Some(TableKind::View));
        if view {
            found.push(Finding {
                code: Code::WritesToView,
                severity: Severity::Blocking,
                title: "an operation writes to a view",
                message: format!(
                    "operation {} writes to {table}, which is a view",
                    operation.name
                ),
                recommendations: vec!["write to the table behind it".to_owned()],
                field: field(index, "table"),
            });
        }
    }
}

fn connections(spec: &Spec, target: &TargetFacts, found: &mut Vec<Finding>) {
    let wanted = spec.load.connections();
    let Some(free) = target.connections_free else {
        return;
    };
    let (severity, message) = if free < wanted {
        (
            Severity::Severe,
            format!("the load needs {wanted} connections, the target has {free} left"),
        )
    } else if let Some(most) = searched(spec).filter(|most| *most > f64::from(free)) {
        (
            Severity::Warning,
            format!(
                "the search may try up to {most} connections, the target has {free} left: beyond them it finds that limit, not the database's"
            ),
        )
    } else {
        return;
    };
    found.push(Finding {
        code: Code::ConnectionsShort,
        severity,
        title: "too few connections are free",
        message,
        recommendations: vec![
            format!("ask for at most {free} connections"),
            "raise max_connections of the target, or end other sessions".to_owned(),
        ],
        field: if free < wanted {
            "load".to_owned()
        } else {
            "search.max_level".to_owned()
        },
    });
}

/// The most connections that a search of a closed loop may try.
fn searched(spec: &Spec) -> Option<f64> {
    let search = spec.control.search.as_ref()?;
    matches!(spec.load, Load::Concurrency { .. }).then_some(search.max_level)
}

fn neighbours(address: &Address, store: Option<&Place>, found: &mut Vec<Finding>) {
    let (code, severity, title, message) = match (address, store) {
        (Address::Sqlite { path }, Some(Place::File(store))) if path == store => own_store(),
        (Address::Sqlite { path }, Some(Place::File(store))) if same_folder(path, store) => (
            Code::SharedServer,
            Severity::Warning,
            "target and store share a disk",
            format!(
                "the target and gauntlet's own store are in {}: what gauntlet writes down takes from what is measured",
                path.parent().unwrap_or(path).display()
            ),
        ),
        (
            Address::Postgres {
                host,
                port,
                database,
                ..
            },
            Some(Place::Server {
                host: store_host,
                port: store_port,
                database: store_database,
            }),
        ) if port == store_port && same_host(host, store_host) => {
            if database == store_database {
                own_store()
            } else {
                (
                    Code::SharedServer,
                    Severity::Warning,
                    "target and store are on one server",
                    format!(
                        "the server {host}:{port} also keeps gauntlet's own store: what gauntlet writes down takes from what is measured"
                    ),
                )
            }
        }
        _ => return,
    };
    found.push(Finding {
        code,
        severity,
        title,
        message,
        recommendations: vec![
            "keep gauntlet's store on another machine (serve --store)".to_owned(),
        ],
        field: "target".to_owned(),
    });
}

fn own_store() -> (Code, Severity, &'static str, String) {
    (
        Code::StoreIsTarget,
        Severity::Severe,
        "the target is gauntlet's own store",
        "the load would go to the database that gauntlet keeps its runs in".to_owned(),
    )
}

fn same_folder(one: &Path, other: &Path) -> bool {
    one.parent().is_some() && one.parent() == other.parent()
}

/// By name only: two names of one machine are not found out.
fn same_host(one: &str, other: &str) -> bool {
    let local = |host: &str| {
        host.is_empty()
            || host.starts_with('/')
            || matches!(host, "localhost" | "127.0.0.1" | "::1")
    };
    one.eq_ignore_ascii_case(other) || (local(one) && local(other))
}
