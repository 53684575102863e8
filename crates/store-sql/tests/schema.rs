//! The schema: applied by a command only, checked by everybody else.

use std::sync::atomic::{AtomicU32, Ordering};

use gauntlet_store::{
    Error,
    battery::samples::{run, stored},
};
use gauntlet_store_sql::{Applied, Location, apply_schema, open};
use gauntlet_testkit::postgres::Cluster;
use tempfile::TempDir;

/// The version of this gauntlet.
const NOW: i32 = 5;

/// A place for a store.
enum Place {
    File(TempDir),
    Database { name: String, url: String },
}

impl Place {
    fn file() -> Self {
        Self::File(TempDir::new().expect("a temporary folder"))
    }

    fn database() -> Self {
        static PLACES: AtomicU32 = AtomicU32::new(0);
        let name = format!("schema_{}", PLACES.fetch_add(1, Ordering::Relaxed));
        let url = Cluster::shared().create_database(&name);
        Self::Database { name, url }
    }

    fn location(&self) -> Location {
        match self {
            Self::File(folder) => Location::Sqlite(folder.path().join("new/store.db")),
            Self::Database { url, .. } => Location::Postgres(url.clone()),
        }
    }

    /// Runs a statement past the store.
    fn meddle(&self, statement: &str) {
        match (self, self.location()) {
            (Self::File(_), Location::Sqlite(path)) => {
                let connection = rusqlite::Connection::open(path).expect("the file opens");
                let sent = connection.execute_batch(statement);
                sent.expect("the statement is right");
            }
            (Self::Database { name, .. }, _) => {
                let sent = Cluster::shared().psql_in(name, statement);
                sent.expect("the statement is right");
            }
            (Self::File(_), Location::Postgres(_)) => unreachable!("a file is SQLite's"),
        }
    }

    async fn applied(self) -> Self {
        apply_schema(&self.location())
            .await
            .expect("the schema is applied");
        self
    }

    /// Why the store does not open.
    async fn refusal(&self) -> String {
        match open(&self.location()).await {
            Ok(_) => panic!("{} opens", self.location()),
            Err(error) => error.to_string(),
        }
    }
}

/// One test per case and store.
macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(super::Place::file()).await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(super::Place::database()).await;
                }
            )+
        }
    };
}

cases!(
    applied_again,
    applied_by_many_at_once,
    not_applied,
    half_applied,
    older,
    newer,
    changed_while_open,
);

async fn applied_again(place: Place) {
    let location = place.location();
    let first = apply_schema(&location).await;
    assert_eq!(
        first,
        Ok(Applied {
            from: None,
            to: NOW
        })
    );
    let stores = open(&location).await.expect("the store opens");
    let one = stored(&stores, &run("acme", "nightly")).await;
    let again = apply_schema(&location).await;
    let unchanged = Applied {
        from: Some(NOW),
        to: NOW,
    };
    assert_eq!(again, Ok(unchanged));
    assert_eq!(stores.health.check().await, Ok(()));
    assert_eq!(stores.runs.get(one.id).await, Ok(Some(one)));
}

async fn applied_by_many_at_once(place: Place) {
    let mut appliers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let location = place.location();
        appliers.spawn(async move { apply_schema(&location).await });
    }
    let results = appliers.join_all().await;
    let fresh = |result: &&_| {
        **result
            == Ok(Applied {
                from: None,
                to: NOW,
            })
    };
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(results.iter().filter(fresh).count(), 1, "{results:?}");
    assert!(open(&place.location()).await.is_ok());
}

async fn not_applied(place: Place) {
    let location = place.location();
    assert_eq!(
        place.refusal().await,
        format!(
            "the store is not available: {location} has no schema; \
             run: gauntlet schema apply --store {location}"
        )
    );
    if let Location::Sqlite(path) = location {
        assert!(!path.exists(), "opening makes no file");
    }
}

async fn half_applied(place: Place) {
    let place = place.applied().await;
    place.meddle("DELETE FROM schema_version");
    assert!(
        place
            .refusal()
            .await
            .contains("has no schema; run: gauntlet schema apply")
    );
    let applied = apply_schema(&place.location()).await;
    assert_eq!(
        applied,
        Ok(Applied {
            from: None,
            to: NOW
        })
    );
    assert!(open(&place.location()).await.is_ok());
}

async fn older(place: Place) {
    let place = place.applied().await;
    place.meddle("UPDATE schema_version SET version = 0");
    let location = place.location();
    assert_eq!(
        place.refusal().await,
        format!(
            "the store is not available: {location} has schema version 0, this gauntlet needs {NOW}; \
             run: gauntlet schema apply --store {location}"
        )
    );
    let applied = Applied {
        from: Some(0),
        to: NOW,
    };
    assert_eq!(apply_schema(&location).await, Ok(applied));
    assert!(open(&location).await.is_ok());
}

async fn newer(place: Place) {
    let place = place.applied().await;
    place.meddle("UPDATE schema_version SET version = 1000");
    let location = place.location();
    let refusal = format!(
        "{location} has schema version 1000, newer than version {NOW} of this gauntlet; \
         use the newer gauntlet"
    );
    assert_eq!(
        place.refusal().await,
        format!("the store is not available: {refusal}")
    );
    let applied = apply_schema(&location).await;
    assert_eq!(applied, Err(Error::Unavailable(refusal)));
}

async fn changed_while_open(place: Place) {
    let place = place.applied().await;
    let stores = open(&place.location()).await.expect("the store opens");
    assert_eq!(stores.health.check().await, Ok(()));
    place.meddle("UPDATE schema_version SET version = 1000");
    let check = stores.health.check().await;
    assert!(matches!(check, Err(Error::Unavailable(_))), "{check:?}");
}
