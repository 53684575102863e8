//! How PostgreSQL would execute statements, from EXPLAIN; nothing is executed.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio_postgres::SimpleQueryMessage;

use super::admin::{Line, check, facts};
use super::capabilities::Server;
use super::catalog;
use super::message;
use super::profile::State;
use crate::access::FACT_WITHIN;
use crate::config::Config;
use crate::error::TargetError;
use crate::facts::{OperationFacts, PreflightFacts, TableFacts};
use crate::name::TableName;
use crate::sql::{Dialect, sql_text};
use crate::statement::{Statement, StatementKind};

pub(crate) async fn preflight(
    config: &Config,
    statements: &[Statement],
) -> Result<PreflightFacts, TargetError> {
    facts(config, async {
        let line = Line::open(config, FACT_WITHIN).await?;
        let server = Server::ask(&line).await?;
        line.only_read().await?;
        let mut named: Vec<&str> = Vec::new();
        let (mut operations, mut planned) = (Vec::new(), BTreeSet::new());
        for (number, statement) in statements.iter().enumerate() {
            let table = statement.table.as_str();
            if statement.kind != StatementKind::Sql && !named.contains(&table) {
                named.push(table);
            }
            operations.push(operation(&line, number, statement, &mut planned).await?);
        }
        let mut tables = Vec::new();
        for table in named {
            let (facts, path) = table_facts(&line, table).await?;
            tables.push(facts);
            planned.remove(&path);
        }
        for table in planned {
            tables.push(table_facts(&line, &table).await?.0);
        }
        Ok(PreflightFacts {
            connections_free: Some(server.free()),
            version: server.version,
            read_only: server.read_only,
            tables,
            operations,
        })
    })
    .await
}

/// What is known of a table, and its full name if it is there.
async fn table_facts(line: &Line<'_>, table: &str) -> Result<(TableFacts, String), TargetError> {
    let Some(found) = catalog::find(line, table).await? else {
        let near = catalog::near_names(line, table).await?;
        return Ok((TableFacts::missing(table, near), String::new()));
    };
    let state = State::ask(line, found.oid).await?;
    let facts = TableFacts {
        table: table.to_owned(),
        kind: Some(found.table.kind),
        near: Vec::new(),
        rows_estimate: found.table.rows_estimate,
        has_statistics: state.has_statistics,
        analyzed_us: found.table.analyzed_us,
        modified_since_analyze: state.modified,
    };
    Ok((facts, found.table.path()))
}

/// Also adds the tables that the plan touches.
async fn operation(
    line: &Line<'_>,
    number: usize,
    statement: &Statement,
    planned: &mut BTreeSet<String>,
) -> Result<OperationFacts, TargetError> {
    let problem = |problem: String| OperationFacts {
        problem: Some(problem),
        ..OperationFacts::default()
    };
    match check(line, statement).await {
        Ok(()) => {}
        Err(error @ (TargetError::BadStatement { .. } | TargetError::NoSuchTable { .. })) => {
            return Ok(problem(error.to_string()));
        }
        Err(error) => return Err(error),
    }
    // The extended protocol takes one statement only, so no second one hides behind the first.
    let text = sql_text(Dialect::Postgres, statement);
    let prepare = format!("PREPARE gauntlet_{number} AS {text}");
    let prepared = line.bounded(async { Ok(line.client.execute(&prepare, &[]).await) });
    if prepared.await?.is_err() {
        // It is no query, like CALL or CHECKPOINT.
        return Ok(OperationFacts::default());
    }
    let nulls = vec!["NULL"; statement.parameters()].join(", ");
    let arguments = if nulls.is_empty() {
        nulls
    } else {
        format!("({nulls})")
    };
    let execute = format!("EXECUTE gauntlet_{number}{arguments}");
    let refused = |message: String| {
        problem(format!(
            "operation {}: the target at {} does not plan its statement: {message}; correct the statement or the role's rights",
            statement.name,
            line.config.address(),
        ))
    };
    let nodes = match explain(line, "VERBOSE, FORMAT JSON", &execute).await? {
        Ok(json) => Nodes::of(&json),
        Err(message) => return Ok(refused(message)),
    };
    let plan = match explain(line, "FORMAT TEXT", &execute).await? {
        Ok(text) => text,
        Err(message) => return Ok(refused(message)),
    };
    planned.extend(nodes.tables);
    Ok(OperationFacts {
        problem: None,
        plan: Some(plan),
        uses_index: nodes.uses_index,
        scans: nodes.scans.into_iter().collect(),
    })
}

/// The rows that the planner expects of a query.
pub(super) async fn estimated_rows(line: &Line<'_>, query: &str) -> Result<u64, TargetError> {
    match explain(line, "FORMAT JSON", query).await? {
        Ok(json) => {
            let json: Value = serde_json::from_str(&json).unwrap_or_default();
            let rows = json.pointer("/0/Plan/Plan Rows").and_then(Value::as_f64);
            Ok(rows.unwrap_or(0.0).max(0.0) as u64)
        }
        Err(message) => Err(TargetError::Failed {
            address: line.config.address(),
            message,
        }),
    }
}

/// A plan as text, or why there is none. `statement` is our own text: the protocol would take several.
async fn explain(
    line: &Line<'_>,
    options: &str,
    statement: &str,
) -> Result<Result<String, String>, TargetError> {
    let query = format!("EXPLAIN ({options}) {statement}");
    let answer = line
        .bounded(async { Ok(line.client.simple_query(&query).await) })
        .await?;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.as_db_error().is_some() => return Ok(Err(message(&error))),
        Err(error) => return Err(line.failed(&error)),
    };
    let text = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    let lines: Vec<String> = answer.iter().filter_map(text).collect();
    Ok(Ok(lines.join("\n")))
}

/// What matters of a plan's nodes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Nodes {
    tables: BTreeSet<String>,
    scans: BTreeSet<String>,
    uses_index: bool,
}

impl Nodes {
    fn of(json: &str) -> Self {
        let mut nodes = Self::default();
        // A server that does not keep to its own format says nothing that can be used.
        let json: Value = serde_json::from_str(json).unwrap_or_default();
        nodes.add(&json);
        nodes
    }

    /// Nodes are objects anywhere below: children, init plans, subplans.
    fn add(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.add(value)),
            Value::Object(fields) => {
                self.add_node(value);
                fields.values().for_each(|value| self.add(value));
            }
            _ => {}
        }
    }

    fn add_node(&mut self, node: &Value) {
        let text = |field: &str| node.get(field).and_then(Value::as_str).unwrap_or_default();
        let node_type = text("Node Type");
        self.uses_index |= node_type.contains("Index");
        if text("Relation Name").is_empty() {
            return;
        }
        let table = TableName::new(text("Schema"), text("Relation Name")).text();
        if node_type == "Seq Scan" {
            self.scans.insert(table.clone());
        }
        self.tables.insert(table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_found_at_any_depth() {
        let json = r#"[{"Plan": {"Node Type": "ModifyTable", "Operation": "Update", "Relation Name": "t", "Schema": "public",
            "Plans": [{"Node Type": "Nested Loop", "Plans": [
                {"Node Type": "Seq Scan", "Relation Name": "a.b", "Schema": "s"},
                {"Node Type": "Bitmap Heap Scan", "Relation Name": "u", "Schema": "s",
                 "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": "i"}]}]}]}}]"#;
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(
            Nodes::of(json),
            Nodes {
                tables: texts(&["public.t", "s.\"a.b\"", "s.u"]),
                scans: texts(&["s.\"a.b\""]),
                uses_index: true,
            }
        );
        assert_eq!(Nodes::of("no plan"), Nodes::default());
    }
}
