//! The store in SQLite passes the battery, and does what only a file can do.

use std::path::Path;

use gauntlet_model::run::Run;
use gauntlet_store::{
    Error, MaintenanceError, RunOrder, Stores,
    battery::samples::{all, created, full, interval, request, run, runs_of, stored},
};
use gauntlet_store_sql::{Location, apply_schema, open};
use tempfile::TempDir;

async fn empty() -> (Stores, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    let stores = at(&folder.path().join("store.db")).await;
    (stores, folder)
}

async fn at(path: &Path) -> Stores {
    let location = Location::Sqlite(path.to_owned());
    let applied = apply_schema(&location).await;
    applied.expect("the schema is applied");
    open(&location).await.expect("the store opens")
}

gauntlet_store::battery!(empty());

/// The tables that still hold something of a run.
fn tables_with(path: &Path, run: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).expect("the file opens");
    let mut tables = connection
        .prepare(
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND c.name = 'run_id'",
        )
        .expect("the statement is right");
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .expect("a list")
        .map(|name| name.expect("a name"))
        .collect();
    assert!(tables.len() >= 14, "{tables:?}");
    let holds = |table: &String| {
        let count = format!("SELECT count(*) FROM {table} WHERE run_id = ?1");
        let count: i64 = connection
            .query_row(&count, [run], |row| row.get(0))
            .expect("a count");
        count > 0
    };
    tables.into_iter().filter(holds).collect()
}

#[tokio::test]
async fn a_run_that_is_removed_is_in_no_table() {
    let (stores, folder) = empty().await;
    let path = folder.path().join("store.db");
    let one = full(&stores, "one", 1).await;
    // Workers name the run that they serve, and stay.
    let before = tables_with(&path, &one.to_string());
    assert!(before.len() >= 13, "{before:?}");
    stores.runs.delete(one).await.expect("a run goes");
    assert_eq!(tables_with(&path, &one.to_string()), [""; 0]);
}

#[tokio::test]
async fn one_that_fails_does_not_hurt_those_that_are_written_with_it() {
    let (stores, _folder) = empty().await;
    let taken = stored(&stores, &run("acme", "taken")).await;
    let mut writers = tokio::task::JoinSet::new();
    for place in 0..200 {
        let stores = stores.clone();
        let called = match place % 4 {
            0 => "taken".to_owned(),
            _ => format!("r{place}"),
        };
        writers.spawn(async move {
            let asked = (place % 4 == 1).then(|| request("same", "f"));
            let one = run("acme", &called);
            let made = stores.runs.insert(&one, &created(), asked.as_ref()).await;
            (place % 4, made)
        });
    }
    let mut firsts = Vec::new();
    for (kind, made) in writers.join_all().await {
        match kind {
            0 => assert_eq!(made, Err(Error::AlreadyExists("run acme/taken".to_owned()))),
            1 => firsts.push(made.expect("the first one's run").id),
            _ => assert!(made.is_ok(), "{made:?}"),
        }
    }
    firsts.dedup();
    assert_eq!(firsts.len(), 1, "one request makes one run");
    let filter = runs_of("acme");
    let list = stores.runs.list(&filter, RunOrder::NEWEST_FIRST, all());
    assert_eq!(list.await.map(|all| all.len()), Ok(102));
    assert_eq!(stores.runs.get(taken.id).await, Ok(Some(taken)));
}

#[tokio::test]
async fn a_backup_is_whole_and_made_while_others_write() {
    let (stores, folder) = empty().await;
    let before = stored(&stores, &run("acme", "before")).await;
    let path = folder.path().join("copy.db");
    let many: Vec<_> = (1..=500)
        .map(|sequence| interval(before.id, sequence))
        .collect();
    let (copied, stored_too) = tokio::join!(
        stores.maintenance.backup(&path),
        stores.intervals.append(&many)
    );
    assert_eq!(copied, Ok(()));
    assert_eq!(stored_too.map(|new| new.len()), Ok(500));
    let copy = at(&path).await;
    let read: Result<Option<Run>, Error> = copy.runs.get(before.id).await;
    assert_eq!(read, Ok(Some(before)));
    let again = stores.maintenance.backup(&path).await;
    let taken = Error::AlreadyExists(format!("the file {}", path.display()));
    assert_eq!(again, Err(MaintenanceError::Store(taken)));
    let nowhere = folder.path().join("no/copy.db");
    let refused = stores.maintenance.backup(&nowhere).await;
    let absent = Error::Missing(format!("the folder {}", folder.path().join("no").display()));
    assert_eq!(refused, Err(MaintenanceError::Store(absent)));
}

#[tokio::test]
async fn a_vacuum_gives_room_back() {
    let (stores, folder) = empty().await;
    let one = full(&stores, "one", 1).await;
    let many: Vec<_> = (10..=2_000)
        .map(|sequence| interval(one, sequence))
        .collect();
    stores.intervals.append(&many).await.expect("intervals");
    stores.runs.delete(one).await.expect("a run goes");
    let size = || {
        let file = folder.path().join("store.db");
        std::fs::metadata(file).expect("the file is there").len()
    };
    let before = size();
    assert_eq!(stores.maintenance.vacuum().await, Ok(()));
    assert!(size() < before / 2, "{} of {before}", size());
}
