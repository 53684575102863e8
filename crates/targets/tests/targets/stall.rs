//! The stall oracle: a table is locked for 2 s of 10 s at 1,000/s. Arrivals go on while nobody is served, so of the
//! response times a fifth is spread evenly from 0 to 2 s: the 99th percentile is 1.9 s. A loop that waits for its answer
//! before it asks again sends nothing during the stall and hardly notices; that is what an open loop is for.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use gauntlet_engine::{Epoch, Handle, Load, Plan, Snapshot};
use gauntlet_targets::{StatementKind, start};
use gauntlet_testkit::postgres::Cluster;

use crate::postgres::config;
use crate::support::{ONE_TO_THOUSAND, dataset, load, plan, statement};

const LENGTH: Duration = Duration::from_secs(10);
const STALL: &str = "BEGIN; LOCK TABLE demo IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT";

async fn stalled_run(cluster: &'static Cluster, database: &'static str, offered: Load) -> Snapshot {
    let config = config(cluster, database);
    load(&config, &dataset(1_000)).await.expect("a dataset");
    let plan = Plan {
        load: offered,
        ..plan(vec![vec![ONE_TO_THOUSAND]])
    };
    let mut handle =
        start(&config, &[statement(StatementKind::PointLookup, &[])], plan).expect("a good plan");
    handle.ready().await.expect("the server is there");
    let origin = Instant::now();
    handle.start(origin, Epoch(0));
    handle.stop(origin + LENGTH, LENGTH);
    let mut whole = until(&mut handle, origin + LENGTH / 5).await;
    let stall = tokio::task::spawn_blocking(|| cluster.psql_in(database, STALL).map(drop));
    whole.merge(until(&mut handle, origin + LENGTH * 10).await);
    stall
        .await
        .expect("the session did not panic")
        .expect("the table was locked");
    whole
}

/// Everything measured until an instant or the end.
async fn until(handle: &mut Handle, instant: Instant) -> Snapshot {
    let mut whole = handle
        .next_snapshot()
        .await
        .expect("a last snapshot always comes");
    while whole.ended < instant {
        let Some(snapshot) = handle.next_snapshot().await else {
            break;
        };
        whole.merge(snapshot);
    }
    whole
}

#[tokio::test]
async fn an_open_loop_shows_a_stall_in_full_and_a_closed_loop_does_not() {
    // A server of its own, which no other test loads.
    static CLUSTER: LazyLock<Cluster> = LazyLock::new(Cluster::start);
    let cluster = &*CLUSTER;
    let open = Load::Open {
        rate_per_s: 1_000.0,
        connections: 4,
        max_backlog: 10_000,
    };
    let whole = stalled_run(cluster, "open", open).await;
    let [series] = &whole.series[..] else {
        panic!("one series: {:?}", whole.errors)
    };
    assert_eq!(series.response.len(), 10_000, "every arrival was sent");
    let p99 = series.response.value_at_quantile(0.99) as f64 / 1e9;
    assert!((p99 - 1.9).abs() <= 0.05 * 1.9, "response p99 is {p99} s");

    let closed = Load::Closed {
        connections: 4,
        think: Duration::ZERO,
    };
    let whole = stalled_run(cluster, "closed", closed).await;
    let [series] = &whole.series[..] else {
        panic!("one series: {:?}", whole.errors)
    };
    let p99 = series.service.value_at_quantile(0.99);
    assert!(
        p99 < 200_000_000,
        "service p99 of a closed loop is {p99} ns"
    );
}
