//! What is known of a benchmark's statements before any is executed.

use gauntlet_targets::{OperationFacts, PreflightFacts, Statement, StatementKind, preflight};

use super::*;
use crate::support::{sql, statement};

fn statements() -> Vec<Statement> {
    let mut elsewhere = statement(StatementKind::PointLookup, &[]);
    elsewhere.table = "dem".into();
    vec![
        statement(StatementKind::PointLookup, &["c"]),
        statement(StatementKind::RangeScan { limit: 10 }, &[]),
        statement(StatementKind::Update, &["k"]),
        sql(
            "scan",
            "SELECT count(*) FROM demo AS d WHERE c = $1 OR pad LIKE $2",
        ),
        sql("broken", "SELEKT 1"),
        elsewhere,
        sql(
            "other",
            "SELECT o.v FROM other o JOIN demo d ON d.id = o.id WHERE d.id = $1",
        ),
        statement(StatementKind::Insert, &["k", "c", "pad"]),
        sql("two", "SELECT 1; DELETE FROM demo"),
    ]
}

async fn check_facts(config: &Config, schema: &str) -> PreflightFacts {
    let facts = preflight(config, &statements()).await.expect("facts");
    let seen: Vec<(bool, bool, bool, Vec<String>)> = facts
        .operations
        .iter()
        .map(|o| {
            (
                o.problem.is_some(),
                o.plan.is_some(),
                o.uses_index,
                o.scans.clone(),
            )
        })
        .collect();
    let demo = format!("{schema}.demo");
    assert_eq!(
        seen[..6],
        [
            (false, true, true, vec![]),
            (false, true, true, vec![]),
            (false, true, true, vec![]),
            (false, true, false, vec![demo.clone()]),
            (true, false, false, vec![]),
            (true, false, false, vec![]),
        ]
    );
    assert_eq!(seen[7], (false, true, false, vec![]));
    let problem = |index: usize| facts.operations[index].problem.clone().unwrap_or_default();
    assert!(!problem(8).is_empty(), "a second statement is refused");
    assert!(problem(4).contains("operation broken"), "{}", problem(4));
    assert!(problem(5).contains("(there is: demo)"), "{}", problem(5));

    let tables: Vec<(&str, bool, Option<u64>)> = facts
        .tables
        .iter()
        .map(|table| {
            (
                table.table.as_str(),
                table.kind.is_some(),
                table.rows_estimate,
            )
        })
        .collect();
    let other = format!("{schema}.other");
    assert_eq!(
        tables,
        [
            ("demo", true, Some(5_000)),
            ("dem", false, None),
            (other.as_str(), true, None)
        ]
    );
    assert!(facts.tables[0].has_statistics && !facts.tables[2].has_statistics);
    assert_eq!(facts.tables[1].near, ["demo"]);
    assert!(!facts.read_only);
    assert_eq!(
        gauntlet_targets::count_keys(config, "demo", "id", 0, 10_000).await,
        Ok(5_000)
    );
    facts
}

#[tokio::test]
async fn sqlite_tells_its_plans() {
    let (_folder, config) = sqlite::database("CREATE TABLE other (id INTEGER PRIMARY KEY, v TEXT)");
    load(&config, &dataset(5_000)).await.expect("a dataset");
    let facts = check_facts(&config, "main").await;
    let plan = |index: usize| facts.operations[index].plan.clone().unwrap_or_default();
    assert!(plan(0).starts_with("SEARCH demo USING"), "{}", plan(0));
    assert!(plan(3).starts_with("SCAN d"), "{}", plan(3));
    assert_eq!(plan(7), "");
    assert_eq!(facts.connections_free, None);
}

#[tokio::test]
async fn postgres_tells_its_plans() {
    let config = postgres::database(
        "facts_plans",
        "CREATE TABLE other (id BIGINT PRIMARY KEY, v TEXT)",
    );
    load(&config, &dataset(5_000)).await.expect("a dataset");
    let facts = check_facts(&config, "public").await;
    let plan = |index: usize| facts.operations[index].plan.clone().unwrap_or_default();
    assert!(
        plan(0).contains("Index Scan using demo_pkey"),
        "{}",
        plan(0)
    );
    // The plan is the one for any value: it names the parameter.
    assert!(plan(0).contains("(id = $1)"), "{}", plan(0));
    assert!(plan(3).contains("Seq Scan on demo"), "{}", plan(3));
    assert!(facts.tables[0].analyzed_us.is_some());
    assert_eq!(facts.tables[0].modified_since_analyze, Some(0));
    assert!(
        facts
            .connections_free
            .is_some_and(|free| free > 0 && free <= 300)
    );
}

/// What is no query has no plan, and no problem either; what would write does not.
#[tokio::test]
async fn a_statement_without_a_plan_is_not_executed() {
    let config = postgres::database(
        "facts_calls",
        "CREATE TABLE t (id INT); CREATE PROCEDURE fill() LANGUAGE SQL AS 'INSERT INTO t VALUES (1)';
         CREATE FUNCTION put() RETURNS INT LANGUAGE SQL AS 'INSERT INTO t VALUES (2) RETURNING id';
         CREATE FUNCTION sly() RETURNS INT IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN put(); END'",
    );
    let statements = [
        sql("call", "CALL fill()"),
        sql("vacuum", "VACUUM"),
        sql("sly", "SELECT sly() FROM t"),
        sql("delete", "DELETE FROM t"),
    ];
    let facts = preflight(&config, &statements).await.expect("facts");
    let nothing = OperationFacts::default();
    assert_eq!(facts.operations[..2], [nothing.clone(), nothing]);
    let problem = facts.operations[2].problem.as_deref().unwrap_or_default();
    assert!(problem.contains("read-only"), "{problem}");
    assert_eq!(facts.operations[3].scans, ["public.t"]);
    let empty = profile(&config, "t", 10).await.expect("a profile");
    assert_eq!((empty.rows, empty.rows_exact), (0, true));

    let (_folder, config) = sqlite::database("CREATE TABLE t (id INT)");
    let statements = [
        sql("pragma", "PRAGMA user_version = 7"),
        sql("explain", "EXPLAIN SELECT 1"),
        sql("delete", "DELETE FROM t WHERE id = $1"),
    ];
    let facts = preflight(&config, &statements).await.expect("facts");
    assert!(
        facts.operations[..2]
            .iter()
            .all(|operation| operation.problem.is_none())
    );
    assert_eq!(facts.operations[2].scans, ["main.t"]);
}
