//! Control planes that share a database hear of each other's changes.

use std::time::Duration;

use gauntlet_model::run::Run;
use gauntlet_store::{
    ChangedRun, FeedEvent, FeedReceiver, Stores,
    battery::samples::{event, moved, run, starting, stored},
};
use gauntlet_store_sql::{Location, apply_schema, open};
use gauntlet_testkit::postgres::Cluster;
use tokio::time::timeout;

/// Long enough for any answer; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Two control planes on one database, both listening.
async fn pair(cluster: &Cluster, database: &str) -> (Stores, Stores) {
    let location = Location::Postgres(cluster.create_database(database));
    let applied = apply_schema(&location).await;
    applied.expect("the schema is applied");
    let one = open(&location).await.expect("the store opens");
    let other = open(&location).await.expect("the store opens");
    assert_eq!(one.health.check().await, Ok(()));
    assert_eq!(other.health.check().await, Ok(()));
    (one, other)
}

async fn next(feed: &mut FeedReceiver) -> FeedEvent {
    let event = timeout(PATIENCE, feed.next()).await;
    event.expect("an event in time").expect("the store is open")
}

/// Reads until a run has this revision; gives whether a resync came before.
async fn until(feed: &mut FeedReceiver, run: &Run, revision: Option<i64>) -> bool {
    let wanted = ChangedRun {
        run: run.id,
        project: run.project.clone(),
        revision,
    };
    let mut resync = false;
    loop {
        match next(feed).await {
            FeedEvent::Resync => resync = true,
            FeedEvent::Changed(changes) if changes.contains(&wanted) => return resync,
            FeedEvent::Changed(_) => {}
        }
    }
}

#[tokio::test]
async fn every_kind_of_change_is_told() {
    let (here, there) = pair(Cluster::shared(), "feed_told").await;
    let mut feed = there.feed.subscribe();
    let one = stored(&here, &run("acme/web", "nightly")).await;
    assert!(!until(&mut feed, &one, Some(1)).await);
    let change = moved(&one, starting());
    here.runs.advance(&change).await.expect("a change");
    until(&mut feed, &one, Some(2)).await;
    let events = here.runs.append_events(one.id, &[event("a")]).await;
    events.expect("an event");
    until(&mut feed, &one, Some(2)).await;
    let gone = stored(&here, &run("acme", "gone")).await;
    here.runs.delete(gone.id).await.expect("a run goes");
    until(&mut feed, &gone, None).await;
}

#[tokio::test]
async fn nobody_hears_himself() {
    let (here, there) = pair(Cluster::shared(), "feed_self").await;
    let mut feed = here.feed.subscribe();
    let mine = stored(&here, &run("acme", "mine")).await;
    let yours = stored(&there, &run("acme", "yours")).await;
    loop {
        let FeedEvent::Changed(changes) = next(&mut feed).await else {
            continue;
        };
        assert!(changes.iter().all(|change| change.run != mine.id));
        if changes.iter().any(|change| change.run == yours.id) {
            return;
        }
    }
}

#[tokio::test]
async fn thousands_of_changes_arrive() {
    let (here, there) = pair(Cluster::shared(), "feed_many").await;
    let mut feed = there.feed.subscribe();
    let mut missing = std::collections::BTreeSet::new();
    for place in 0..500 {
        let one = stored(&here, &run("acme/web/prod", &format!("r{place}"))).await;
        missing.insert(one.id);
    }
    while !missing.is_empty() {
        match next(&mut feed).await {
            // Told to read again, a reader would find all of them.
            FeedEvent::Resync => return,
            FeedEvent::Changed(changes) => {
                for change in changes {
                    missing.remove(&change.run);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_listener_that_was_killed_comes_back_and_says_so() {
    let cluster = Cluster::shared();
    let (here, there) = pair(cluster, "feed_killed").await;
    let mut feed = there.feed.subscribe();
    let before = stored(&here, &run("acme", "before")).await;
    until(&mut feed, &before, Some(1)).await;
    let killed = cluster.psql_in(
        "feed_killed",
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    assert!(killed.expect("the statement is right").trim() != "0");
    // Every connection of both is gone: the pools' and the listeners'.
    let resync = next(&mut feed).await;
    assert_eq!(resync, FeedEvent::Resync);
    assert_eq!(here.health.check().await, Ok(()));
    assert_eq!(there.health.check().await, Ok(()));
    let after = stored(&here, &run("acme", "after")).await;
    until(&mut feed, &after, Some(1)).await;
}

#[tokio::test]
async fn while_nobody_is_heard_the_health_says_so() {
    let cluster = Cluster::start();
    let (here, _there) = pair(&cluster, "feed_down").await;
    cluster.stop();
    assert!(here.health.check().await.is_err());
    cluster.start_again();
    assert_eq!(here.health.check().await, Ok(()));
}
