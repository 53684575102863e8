//! Statements in `pg_stat_statements`, each under the operation that sends it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Lack;
use crate::evidence::{StatementCounts, StatementFigures};
use crate::postgres::admin::Line;
use crate::sql::{Dialect, quoted, shape, sql_text};
use crate::statement::Statement;

/// The schema of the extension, whether its library is loaded, and the settings that keep it from counting.
const EXTENSION: &str = "SELECT \
    (SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
     WHERE e.extname = 'pg_stat_statements'), \
    EXISTS (SELECT FROM pg_settings WHERE name = 'pg_stat_statements.max'), \
    coalesce(current_setting('pg_stat_statements.track', true), '') = 'none', \
    coalesce(current_setting('compute_query_id', true), '') = 'off'";

/// Entries of this database and login. Columns differ by the extension's version, so a row comes as JSON.
const ENTRIES: &str = "SELECT (to_jsonb(s) - 'queryid')::text FROM {schema}.pg_stat_statements AS s \
    WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
    AND s.userid = (SELECT oid FROM pg_roles WHERE rolname = session_user)";

const STATE: &str = "SELECT to_jsonb(i) ->> 'dealloc', \
    (extract(epoch FROM i.stats_reset) * 1000000)::bigint FROM {schema}.pg_stat_statements_info AS i";

/// What the server counts of statements.
pub(super) async fn counts(
    line: &Line<'_>,
    statements: &[Statement],
) -> Result<Option<StatementCounts>, Lack> {
    let row = line.bounded(line.client.query_one(EXTENSION, &[])).await?;
    let (schema, is_loaded): (Option<String>, bool) = (row.get(0), row.get(1));
    if !is_loaded {
        let why = "the library is not loaded; add pg_stat_statements to shared_preload_libraries and restart the server";
        return Err(Lack::Known(why.to_owned()));
    }
    let Some(schema) = schema else {
        let why = "the extension is not installed; run CREATE EXTENSION pg_stat_statements in this database";
        return Err(Lack::Known(why.to_owned()));
    };
    for (is_off, setting) in [
        (
            row.get(2),
            "pg_stat_statements.track is none; set it to top",
        ),
        (row.get(3), "compute_query_id is off; set it to auto"),
    ] {
        if is_off {
            return Err(Lack::Known(setting.to_owned()));
        }
    }
    let schema = quoted(&schema);
    let entries = ENTRIES.replace("{schema}", &schema);
    let entries = line.bounded(line.client.query(&entries, &[])).await?;
    let entries: Vec<String> = entries.iter().map(|row| row.get(0)).collect();
    let mut counts = StatementCounts {
        figures: figures(statements, &entries),
        ..StatementCounts::default()
    };
    // An older extension does not say; the figures themselves still tell when they fall.
    let state = format!(
        "SELECT to_regclass('{}.pg_stat_statements_info') IS NOT NULL",
        schema.replace('\'', "''")
    );
    let has_state = line.bounded(line.client.query_one(&state, &[])).await?;
    if has_state.get(0) {
        let state = STATE.replace("{schema}", &schema);
        let row = line.bounded(line.client.query_one(&state, &[])).await?;
        let forgotten: Option<String> = row.get(0);
        counts.forgotten = forgotten.and_then(|text| text.parse().ok()).unwrap_or(0);
        counts.reset_us = row.get(1);
    }
    Ok(Some(counts))
}

/// The entries added up by statement. An entry belongs to the statements of its shape: the server keeps the text of the
/// first that it saw, whose comment may be that of another template. Without one it belongs to the statement that its
/// comment names.
fn figures(statements: &[Statement], entries: &[String]) -> Vec<StatementFigures> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut marks: Vec<(String, String)> = Vec::new();
    for statement in statements {
        let text = sql_text(Dialect::Postgres, statement);
        let shape = shape(&text);
        let joined = names.entry(shape).or_default();
        if !joined.is_empty() {
            joined.push_str(" + ");
        }
        joined.push_str(&statement.name);
        if let Some(marked) = head(&text) {
            marks.push((marked.to_owned(), statement.name.clone()));
        }
    }
    let mut sums: BTreeMap<String, StatementFigures> = BTreeMap::new();
    for entry in entries {
        let entry: Value = serde_json::from_str(entry).unwrap_or_default();
        let Some(text) = entry.get("query").and_then(Value::as_str) else {
            continue;
        };
        let by_mark = || {
            let mark = head(text)?;
            let named = marks.iter().find(|(marked, _)| marked == mark)?;
            // Names that the server cannot tell apart stay together.
            let joined = |name: &&String| name.split(" + ").any(|one| one == named.1);
            names.values().find(joined)
        };
        let Some(name) = names.get(&shape(text)).or_else(by_mark) else {
            continue;
        };
        add(sums.entry(name.clone()).or_default(), &entry);
    }
    let named = sums
        .into_iter()
        .map(|(name, sum)| StatementFigures { name, ..sum });
    named.collect()
}

/// The text up to the end of our comment: the first keyword and whose it is.
fn head(text: &str) -> Option<&str> {
    let begin = text.find("/* gauntlet op=")?;
    let end = begin + text[begin..].find("*/")? + 2;
    Some(&text[..end])
}

fn add(sum: &mut StatementFigures, entry: &Value) {
    // What a statement calls in turn is counted with it.
    if entry.get("toplevel").and_then(Value::as_bool) == Some(false) {
        return;
    }
    let count = |column: &str| entry.get(column).and_then(Value::as_u64).unwrap_or(0);
    let ms = entry.get("total_exec_time").and_then(Value::as_f64);
    sum.calls += count("calls");
    sum.total_us += ms.unwrap_or(0.0) * 1e3;
    sum.rows += count("rows");
    sum.pages_hit += count("shared_blks_hit");
    sum.pages_read += count("shared_blks_read");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::{Class, StatementKind};

    fn lookup(name: &str, table: &str) -> Statement {
        Statement {
            name: name.to_owned(),
            kind: StatementKind::PointLookup,
            class: Class::Read,
            table: table.to_owned(),
            key_column: "id".to_owned(),
            columns: Vec::new(),
            sql: String::new(),
        }
    }

    fn entry(query: &str, calls: u64) -> String {
        serde_json::json!({
            "query": query, "calls": calls, "total_exec_time": 1.5, "rows": calls,
            "shared_blks_hit": 3, "shared_blks_read": 4, "toplevel": true,
        })
        .to_string()
    }

    fn calls(statements: &[Statement], entries: &[String]) -> Vec<(String, u64)> {
        let figures = figures(statements, entries);
        figures
            .into_iter()
            .map(|one| (one.name, one.calls))
            .collect()
    }

    #[test]
    fn an_entry_belongs_to_the_statement_of_its_shape() {
        let statements = [lookup("a", "t"), lookup("b", "u")];
        let entries = [
            // First seen with another template.
            entry(
                "SELECT /* gauntlet op=old class=READ */ * FROM \"t\" WHERE \"id\" = $1",
                5,
            ),
            entry(
                "SELECT /* gauntlet op=a class=READ */ * FROM \"u\" WHERE \"id\" = $1",
                7,
            ),
            // Written in another way, but marked.
            entry(
                "SELECT /* gauntlet op=b class=READ */ * FROM \"u\" WHERE \"id\" = ($1)",
                2,
            ),
            entry(
                "PREPARE x AS SELECT /* gauntlet op=b class=READ */ * FROM \"u\" WHERE \"id\" = ($1)",
                9,
            ),
            entry("SELECT 1", 9),
            "no json".to_owned(),
        ];
        assert_eq!(
            calls(&statements, &entries),
            [("a".to_owned(), 5), ("b".to_owned(), 9)]
        );
    }

    #[test]
    fn statements_of_one_shape_are_one() {
        let statements = [lookup("a", "t"), lookup("b", "t"), lookup("c", "u")];
        let text = "SELECT /* gauntlet op=b class=READ */ * FROM \"t\" WHERE \"id\" = $1";
        assert_eq!(
            calls(&statements, &[entry(text, 5), entry(text, 6)]),
            [("a + b".to_owned(), 11)]
        );
    }

    #[test]
    fn what_a_statement_calls_is_counted_with_it() {
        let text = "SELECT * FROM \"t\" WHERE \"id\" = $1";
        let inner = entry(text, 5).replace("true", "false");
        let made = figures(&[lookup("a", "t")], &[inner, entry(text, 6)]);
        let expected = StatementFigures {
            name: "a".to_owned(),
            calls: 6,
            total_us: 1_500.0,
            rows: 6,
            pages_hit: 3,
            pages_read: 4,
        };
        assert_eq!(made, [expected]);
    }
}
