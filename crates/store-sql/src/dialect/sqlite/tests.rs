//! What only SQLite can do wrong, seen from inside.

use std::{fs, sync::Arc};

use gauntlet_store::{
    Intervals, RunOrder, Runs,
    battery::samples::{all, created, interval, run, runs_of, stored},
};
use tempfile::TempDir;

use super::*;
use crate::{statement::Statement, stores};

async fn empty(folder: &TempDir) -> Sql {
    let path = folder.path().join("a folder/store.db");
    let sql = create(&path).unwrap();
    schema::apply(&sql).await.unwrap();
    sql
}

/// Runs a statement on the connection that writes.
async fn on_the_writer(sql: &Sql, text: &str) {
    let statement = Statement::composed(text.to_owned(), vec![]);
    sql.write(Script::of("", statement)).await.unwrap();
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
    let (filter, order) = (runs_of("acme"), RunOrder::NEWEST_FIRST);
    let there = stores.runs.list(&filter, order, all()).await.unwrap();
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
    let ended = Statement::composed("ROLLBACK".to_owned(), vec![]);
    let lost = sql.write(Script::of("", ended)).await;
    assert!(lost.is_err());
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

#[tokio::test]
async fn what_is_late_is_never_done() {
    let folder = TempDir::new().unwrap();
    let sql = empty(&folder).await;
    let one = run("acme", "late");
    let insert = Statement::composed(
        format!("INSERT INTO idempotency VALUES ('{}', '', '', 0)", one.id),
        vec![],
    );
    let past = Instant::now();
    let late = sql.dialect.write(Script::of("", insert), past).await;
    let Err(Failed { error, .. }) = late else {
        panic!("it is done");
    };
    assert_eq!(
        error,
        Error::Unavailable("no answer within 30 s".to_owned())
    );
    let count = Statement::composed("SELECT count(*) FROM idempotency".to_owned(), vec![]);
    let rows = sql.fetch(count).await.unwrap();
    assert_eq!(rows, [[crate::statement::Value::from(0_i64)]]);
}
