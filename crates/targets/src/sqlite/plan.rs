//! How SQLite would execute statements, from `EXPLAIN QUERY PLAN` and the statements' bytecode.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use rusqlite::Connection;

use super::admin::{ask, check};
use super::{capabilities, catalog, target_error};
use crate::access::FACTS_WITHIN;
use crate::error::TargetError;
use crate::facts::{OperationFacts, PreflightFacts, TableFacts};
use crate::name::TableName;
use crate::sql::{Dialect, sql_text};
use crate::statement::{Statement, StatementKind};

pub(crate) async fn preflight(
    path: &Path,
    statements: &[Statement],
) -> Result<PreflightFacts, TargetError> {
    let statements = statements.to_vec();
    ask(path, FACTS_WITHIN, move |connection, path| {
        // A pragma among the statements may take effect when it is prepared; this one forbids what writes.
        connection
            .pragma_update(None, "query_only", true)
            .map_err(|error| target_error(path, &error))?;
        facts(connection, path, &statements)
    })
    .await
}

fn facts(
    connection: &Connection,
    path: &Path,
    statements: &[Statement],
) -> Result<PreflightFacts, TargetError> {
    let failed = |error| target_error(path, &error);
    let roots = Roots::read(connection).map_err(failed)?;
    let mut named: Vec<String> = Vec::new();
    let mut operations = Vec::new();
    let mut planned = BTreeSet::new();
    for statement in statements {
        if statement.kind != StatementKind::Sql && !named.contains(&statement.table) {
            named.push(statement.table.clone());
        }
        operations.push(operation(
            connection,
            path,
            statement,
            &roots,
            &mut planned,
        )?);
    }
    let mut tables = Vec::new();
    for table in named {
        let (facts, path) = table_facts(connection, table).map_err(failed)?;
        tables.push(facts);
        planned.remove(&path);
    }
    for table in planned {
        tables.push(table_facts(connection, table).map_err(failed)?.0);
    }
    Ok(PreflightFacts {
        version: capabilities::version(connection).map_err(failed)?,
        read_only: connection.is_readonly("main").map_err(failed)?,
        connections_free: None,
        tables,
        operations,
    })
}

/// What is known of a table, and its full name if it is there.
fn table_facts(connection: &Connection, table: String) -> rusqlite::Result<(TableFacts, String)> {
    let Some(found) = catalog::find(connection, &table)? else {
        let near = catalog::near_names(connection, &table)?;
        return Ok((TableFacts::missing(&table, near), String::new()));
    };
    let facts = TableFacts {
        table,
        kind: Some(found.table.kind),
        near: Vec::new(),
        rows_estimate: found.table.rows_estimate,
        has_statistics: found.table.rows_estimate.is_some(),
        analyzed_us: None,
        modified_since_analyze: None,
    };
    Ok((facts, found.table.path()))
}

/// Also adds the tables that the plan touches.
fn operation(
    connection: &Connection,
    path: &Path,
    statement: &Statement,
    roots: &Roots,
    planned: &mut BTreeSet<String>,
) -> Result<OperationFacts, TargetError> {
    if let Err(problem) = check(connection, path, statement) {
        return Ok(OperationFacts {
            problem: Some(problem.to_string()),
            ..OperationFacts::default()
        });
    }
    let text = sql_text(Dialect::Sqlite, statement);
    // What is no query, like a pragma or an EXPLAIN, has no plan.
    let Ok(plan) = lines(connection, &text) else {
        return Ok(OperationFacts::default());
    };
    let touched = roots.touched(connection, &text);
    let touched = touched.map_err(|error| target_error(path, &error))?;
    planned.extend(touched.iter().map(|(table, _)| table.clone()));
    let scans: BTreeSet<String> = touched
        .into_iter()
        .filter(|(_, is_whole)| *is_whole && plan.iter().any(|(_, line)| line.starts_with("SCAN")))
        .map(|(table, _)| table)
        .collect();
    Ok(OperationFacts {
        problem: None,
        uses_index: plan.iter().any(|(_, line)| uses_index(line)),
        plan: Some(indented(&plan)),
        scans: scans.into_iter().collect(),
    })
}

/// An automatic index is made for the one statement, because there is none.
fn uses_index(line: &str) -> bool {
    line.contains(" USING ") && !line.contains(" AUTOMATIC ")
}

/// The lines of a plan, each with its depth.
fn lines(connection: &Connection, text: &str) -> rusqlite::Result<Vec<(usize, String)>> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
    let mut depths: HashMap<i64, usize> = HashMap::new();
    let mut lines = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let depth = depths.get(&row.get(1)?).map_or(0, |depth| depth + 1);
        depths.insert(row.get(0)?, depth);
        lines.push((depth, row.get(3)?));
    }
    Ok(lines)
}

fn indented(lines: &[(usize, String)]) -> String {
    let line = |(depth, line): &(usize, String)| format!("{}{line}", "  ".repeat(*depth));
    let lines: Vec<String> = lines.iter().map(line).collect();
    lines.join("\n")
}

/// Where the trees of tables and indexes begin in the file, and whose they are. Lines of a plan name a table by its alias,
/// the bytecode names it by this page.
struct Roots(HashMap<i64, String>);

impl Roots {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement = connection
            .prepare("SELECT rootpage, tbl_name FROM main.sqlite_schema WHERE rootpage > 0")?;
        let named = |name: String| TableName::new("main", &name).text();
        let roots = statement.query_map([], |row| Ok((row.get(0)?, named(row.get(1)?))))?;
        Ok(Self(roots.collect::<rusqlite::Result<_>>()?))
    }

    /// The tables that a statement opens, and whether it begins with their first or last row and not with a key.
    fn touched(
        &self,
        connection: &Connection,
        text: &str,
    ) -> rusqlite::Result<Vec<(String, bool)>> {
        let mut statement = connection.prepare(&format!("EXPLAIN {text}"))?;
        let mut opened: Vec<(i64, String, bool)> = Vec::new();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            let (code, cursor): (String, i64) = (row.get(1)?, row.get(2)?);
            match code.as_str() {
                "OpenRead" | "OpenWrite" if row.get::<_, i64>(4)? == 0 => {
                    let table = self.0.get(&row.get(3)?);
                    opened.extend(table.map(|table| (cursor, table.clone(), false)));
                }
                "Rewind" | "Last" | "Count" | "Sort" => {
                    let begun = opened.iter_mut().filter(|(other, _, _)| *other == cursor);
                    begun.for_each(|(_, _, is_whole)| *is_whole = true);
                }
                _ => {}
            }
        }
        Ok(opened
            .into_iter()
            .map(|(_, table, whole)| (table, whole))
            .collect())
    }
}
