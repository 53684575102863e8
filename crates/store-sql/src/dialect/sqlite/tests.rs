//! What only SQLite can do wrong, seen from inside.

use std::{fs, sync::Arc};

use gauntlet_model::lifecycle::Status;
use gauntlet_store::{
    Intervals, PageQuery, RunFilter, Runs,
    battery::samples::{all, created, interval, name, project, run, stored},
};
use sqlx::Row;
use tempfile::TempDir;

use super::*;
use crate::{
    runs::list,
    statement::{Statement, Value},
    stores,
};

async fn empty(folder: &TempDir) -> Sql<Sqlite> {
    let path = folder.path().join("a folder/store.db");
    let sql = create(&path).await.unwrap();
    schema::apply(&sql).await.unwrap();
    sql
}

/// Runs a statement on the connection that writes.
async fn on_the_writer(sql: &Sql<Sqlite>, text: &str) {
    let mut transaction = sql.begin().await.unwrap();
    let statement = Statement::composed(text.to_owned(), vec![]);
    transaction.fetch("", statement).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing_half_done() {
    let folder = TempDir::new().unwrap();
    let sql = empty(&folder).await;
    // SQLite takes the number of pages there are when it is more than asked.
    on_the_writer(&sql, "PRAGMA max_page_count = 1").await;
    let stores = stores(sql);
    let mut made = 0;
    let error = loop {
        let one = run("acme", &format!("r{made}"));
        match stores.runs.insert(&one, &created(), None).await {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
        assert!(made < 1_000, "the file is bounded");
    };
    assert!(matches!(error, Error::Full(_)), "{error:?}");
    let filter = filter("acme", vec![], false);
    let there = stores.runs.list(&filter, all()).await.unwrap();
    assert_eq!(there.len(), made);
    assert_eq!(stores.health.check().await, Ok(()));
}

#[tokio::test]
async fn room_again_is_found_without_a_restart() {
    let folder = TempDir::new().unwrap();
    let sql = Arc::new(empty(&folder).await);
    let (runs, intervals): (&dyn Runs, &dyn Intervals) = (&*sql, &*sql);
    let one = run("acme", "r");
    runs.insert(&one, &created(), None).await.unwrap();
    let many: Vec<_> = (1..=500)
        .map(|sequence| interval(one.id, sequence))
        .collect();
    on_the_writer(&sql, "PRAGMA max_page_count = 1").await;
    let full = intervals.append(&many).await;
    assert!(matches!(full, Err(Error::Full(_))), "{full:?}");
    assert_eq!(intervals.contiguous(many[0].attempt).await, Ok(0));
    on_the_writer(&sql, "PRAGMA max_page_count = 1000000").await;
    assert_eq!(intervals.append(&many).await, Ok(vec![true; 500]));
}

#[tokio::test]
async fn a_transaction_that_sqlite_ended_by_itself_blocks_nothing() {
    let folder = TempDir::new().unwrap();
    let sql = empty(&folder).await;
    let mut transaction = sql.begin().await.unwrap();
    let ended = Statement::composed("ROLLBACK".to_owned(), vec![]);
    transaction.fetch("", ended).await.unwrap();
    drop(transaction);
    let stores = stores(sql);
    let one = run("acme", "r");
    let made = stores.runs.insert(&one, &created(), None).await;
    assert_eq!(made.map(|run| run.id), Ok(one.id));
}

#[tokio::test]
async fn a_file_that_is_gone_takes_no_writes() {
    let folder = TempDir::new().unwrap();
    let sql = empty(&folder).await;
    let stores = stores(sql);
    let one = stored(&stores, &run("acme", "r")).await;
    fs::remove_dir_all(folder.path().join("a folder")).unwrap();
    for result in [
        stores.health.check().await,
        stores.runs.get(one.id).await.map(drop),
        stores
            .intervals
            .append(&[interval(one.id, 1)])
            .await
            .map(drop),
    ] {
        let Err(Error::Unavailable(why)) = result else {
            panic!("{result:?}");
        };
        assert!(why.contains("a folder/store.db is gone"), "{why}");
    }
}

#[tokio::test]
async fn a_file_that_was_replaced_is_not_mixed_with_the_old_one() {
    let folder = TempDir::new().unwrap();
    let stores = stores(empty(&folder).await);
    let path = folder.path().join("a folder/store.db");
    fs::rename(&path, folder.path().join("moved.db")).unwrap();
    fs::write(&path, b"").unwrap();
    let Err(Error::Unavailable(why)) = stores.health.check().await else {
        panic!("a replaced file is not noticed");
    };
    assert!(why.contains("was replaced"), "{why}");
}

fn filter(of: &str, statuses: Vec<Status>, template: bool) -> RunFilter {
    RunFilter {
        project: project(of),
        statuses,
        template: template.then(|| name("mixed")),
    }
}

/// The steps of SQLite's plan for a statement.
async fn plan(sql: &Sql<Sqlite>, statement: &Statement) -> Vec<String> {
    let text = format!("EXPLAIN QUERY PLAN {}", statement.text.as_str());
    let explain = Statement::composed(text, statement.values.clone());
    let rows = sql.fetch(explain).await.unwrap();
    rows.iter().map(|row| row.get(3)).collect()
}

#[tokio::test]
async fn no_list_of_runs_reads_or_sorts_all_of_them() {
    let folder = TempDir::new().unwrap();
    let sql = empty(&folder).await;
    for of in ["acme", "acme/web", "acme/web/prod"] {
        for statuses in [
            vec![],
            vec![Status::Failed],
            vec![Status::Failed, Status::Running],
        ] {
            for template in [false, true] {
                let filter = filter(of, statuses.clone(), template);
                let statement = list::statement(&filter, &all());
                refuse_scans(&filter, &plan(&sql, &statement).await);
            }
        }
    }
    let active = Statement::new(query!("runs/list_active"), []);
    let plan = plan(&sql, &active).await;
    assert_eq!(plan, ["SCAN runs USING INDEX runs_active"]);
}

fn refuse_scans(filter: &RunFilter, plan: &[String]) {
    let branches = filter.statuses.len().max(1);
    let searches = plan
        .iter()
        .filter(|step| step.starts_with("SEARCH runs USING INDEX runs_by_scope_"))
        .filter(|step| step.contains("(created_us,run_id)<"));
    assert_eq!(searches.count(), branches, "{filter:?}: {plan:#?}");
    // What is sorted is the page of a branch, never what it comes from.
    for pair in plan
        .windows(2)
        .filter(|pair| pair[1].contains("TEMP B-TREE"))
    {
        assert_eq!(pair[0], "SCAN one_status", "{filter:?}: {plan:#?}");
    }
    let scans = plan.iter().filter(|step| step.starts_with("SCAN runs"));
    assert_eq!(scans.count(), 0, "{filter:?}: {plan:#?}");
}

#[tokio::test]
async fn no_list_of_intervals_reads_those_of_other_runs() {
    let folder = TempDir::new().unwrap();
    let sql = empty(&folder).await;
    let values = std::array::from_fn::<Value, 6, _>(|_| Value::from(1_i64));
    let plan = plan(&sql, &Statement::new(query!("intervals/list"), values)).await;
    let header = "SEARCH intervals USING INDEX intervals_by_end (run_id=?";
    assert!(
        plan.iter().any(|step| step.starts_with(header)),
        "{plan:#?}"
    );
    let operations = plan.iter().find(|step| step.contains(" o ")).unwrap();
    let by_key = "(run_id=? AND shard=? AND attempt=? AND sequence=?)";
    assert!(
        operations.starts_with("SEARCH") && operations.contains(by_key),
        "{plan:#?}"
    );
}

#[tokio::test]
async fn no_list_by_name_reads_all() {
    let folder = TempDir::new().unwrap();
    let sql = empty(&folder).await;
    let values = || {
        crate::targets::page_values(
            &project("acme"),
            PageQuery {
                after: None,
                limit: 10,
            },
        )
    };
    for (table, text) in [
        ("targets", query!("targets/list")),
        ("t", query!("templates/list")),
    ] {
        let plan = plan(&sql, &Statement::new(text, values())).await;
        assert!(
            plan[0].starts_with(&format!("SEARCH {table} USING INDEX")),
            "{plan:?}"
        );
        assert!(
            plan.iter()
                .all(|step| !step.contains("TEMP B-TREE") && !step.starts_with("SCAN")),
            "{plan:?}"
        );
    }
}
