//! The store in SQLite passes the battery.

use gauntlet_store::Stores;
use gauntlet_store_sql::{Location, apply_schema, open};
use tempfile::TempDir;

async fn empty() -> (Stores, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    let location = Location::Sqlite(folder.path().join("store.db"));
    apply_schema(&location)
        .await
        .expect("the schema is applied");
    (open(&location).await.expect("the store opens"), folder)
}

gauntlet_store::battery!(empty());
