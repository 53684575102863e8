//! The store in PostgreSQL passes the battery.

use std::sync::atomic::{AtomicU32, Ordering};

use gauntlet_store::Stores;
use gauntlet_store_sql::{Location, apply_schema, open};
use gauntlet_testkit::postgres::Cluster;

/// A store of its own in the cluster of this process.
async fn empty() -> (Stores, ()) {
    static STORES: AtomicU32 = AtomicU32::new(0);
    let number = STORES.fetch_add(1, Ordering::Relaxed);
    let url = Cluster::shared().create_database(&format!("store_{number}"));
    let location = Location::Postgres(url);
    apply_schema(&location)
        .await
        .expect("the schema is applied");
    (open(&location).await.expect("the store opens"), ())
}

gauntlet_store::battery!(empty());
