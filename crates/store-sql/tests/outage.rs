//! A store that is not there, or not as it should be.

use std::{fs, net::TcpListener};

use gauntlet_store::{
    Error, RunOrder,
    battery::samples::{all, created, request, run, runs_of, stored},
};
use gauntlet_store_sql::{Location, apply_schema, open};
use gauntlet_testkit::postgres::Cluster;
use tempfile::TempDir;

/// The sentence of an error that says the store is away.
fn unavailable<T>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Unavailable(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it is there"),
    }
}

#[tokio::test]
async fn a_server_that_stops_is_away_and_comes_back() {
    let cluster = Cluster::start();
    let location = Location::Postgres(cluster.url());
    apply_schema(&location).await.unwrap();
    let stores = open(&location).await.unwrap();
    let one = stored(&stores, &run("acme", "before")).await;
    cluster.stop();
    let (again, request) = (run("acme", "during"), request("k", "f"));
    let insert = async || stores.runs.insert(&again, &created(), Some(&request)).await;
    let (check, get, made) =
        tokio::join!(stores.health.check(), stores.runs.get(one.id), insert(),);
    for why in [unavailable(check), unavailable(get), unavailable(made)] {
        assert!(!why.is_empty());
    }
    cluster.start_again();
    assert_eq!(stores.health.check().await, Ok(()));
    assert_eq!(insert().await, Ok(again.clone()));
    assert_eq!(insert().await, Ok(again));
    let listed = stores
        .runs
        .list(&runs_of("acme"), RunOrder::NEWEST_FIRST, all())
        .await
        .unwrap();
    assert_eq!(listed.len(), 2);
}

#[tokio::test]
async fn a_server_that_dies_loses_nothing_that_was_answered() {
    let cluster = Cluster::start();
    let location = Location::Postgres(cluster.url());
    apply_schema(&location).await.unwrap();
    let stores = open(&location).await.unwrap();
    let one = stored(&stores, &run("acme", "before")).await;
    cluster.kill9();
    cluster.start_again();
    assert_eq!(stores.runs.get(one.id).await, Ok(Some(one)));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_the_cause() {
    // A port that was free a moment ago and is closed again.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let location = Location::parse(&format!("postgres://me:secret@127.0.0.1:{port}/db")).unwrap();
    for why in [
        unavailable(open(&location).await),
        unavailable(apply_schema(&location).await),
    ] {
        assert!(
            why.contains(&format!("postgres://me@127.0.0.1:{port}/db")),
            "{why}"
        );
        assert!(why.contains("refused") && !why.contains("secret"), "{why}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_repeated() {
    let cluster = Cluster::shared();
    let wrong = cluster.url().replace(cluster.password(), "wrong-secret");
    let why = unavailable(open(&Location::parse(&wrong).unwrap()).await);
    assert!(why.contains("password authentication failed"), "{why}");
    assert!(!why.contains("wrong-secret"), "{why}");
    let unknown = cluster.url_of("nowhere");
    let why = unavailable(apply_schema(&Location::parse(&unknown).unwrap()).await);
    assert!(why.contains("\"nowhere\" does not exist"), "{why}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notes.txt");
    let notes = "not a database, and long enough to be read as one\n".repeat(50);
    fs::write(&path, &notes).unwrap();
    let location = Location::Sqlite(path.clone());
    for result in [
        open(&location).await.map(drop),
        apply_schema(&location).await.map(drop),
    ] {
        assert!(matches!(result, Err(Error::Corrupt(_))), "{result:?}");
    }
    assert_eq!(fs::read_to_string(path).unwrap(), notes);
}

#[tokio::test]
async fn a_place_where_no_file_can_be_is_told() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let inside = Location::Sqlite(folder.path().join("file/store.db"));
    let why = unavailable(apply_schema(&inside).await);
    assert!(why.contains("file/store.db cannot be made"), "{why}");
    unavailable(open(&inside).await);
    let is_a_folder = Location::Sqlite(folder.path().to_owned());
    unavailable(apply_schema(&is_a_folder).await);
    unavailable(open(&is_a_folder).await);
}
