//! A value pool made from a real table, and a run that draws from it: exactly
//! the rows of the pool are touched.

use std::collections::BTreeSet;

use gauntlet_api::v1 as pb;
use gauntlet_testkit::postgres::Cluster;

use crate::plane::Plane;

/// Marks rows; which ones is what differs between the versions.
fn template(key: &str) -> String {
    format!(
        "
name: marks
target: db
table: bench
operations:
  - kind: update
    weight: 100
    columns: [pad]
    parameters:
      - literal: {{text: marked}}
      - {key}
load:
  concurrency: {{connections: 1}}
phases:
  warmup: 0s
  measurement: 2s
"
    )
}

const ROWS: u64 = 2_000;
const VALUES: usize = 50;

/// Makes the pool twice, runs, and gives the keys in it.
async fn marked_by_a_run(plane: &Plane) -> BTreeSet<u64> {
    plane.file("marks.yaml", &template("uniform: {min: 1, max: 1}"));
    plane.must(&["template", "apply", "-f", "marks.yaml"]);
    let prepare = ["template", "prepare", "marks", "--pool", "keys=id"];
    let prepare = [prepare.as_slice(), &["--size", "50", "--seed", "7"]].concat();
    let prepared = plane.must(&prepare);
    assert!(prepared.contains("bench: 2,000 rows"), "{prepared}");
    let shown = plane.must(&["pool", "show", "keys"]);
    // The same again leaves it as it is.
    plane.must(&prepare);
    assert_eq!(plane.must(&["pool", "show", "keys"]), shown);
    let keys: BTreeSet<u64> = shown.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(keys.len(), VALUES, "{shown}");
    assert!(keys.iter().all(|key| (1..=ROWS).contains(key)), "{keys:?}");

    plane.file(
        "marks.yaml",
        &template("pool: {pool: keys, order: sequential}"),
    );
    plane.must(&["template", "apply", "-f", "marks.yaml"]);
    let checked = plane.must(&["preflight", "marks"]);
    assert!(checked.contains("MEASUREMENT_SHORT"), "{checked}");
    let run = plane.start_run("marks").await;
    let run = plane.until_over(&run).await;
    assert_eq!(run.status(), pb::RunStatus::Completed, "{run:?}");
    let total = plane.report(&run.run_id).await.total.unwrap();
    assert!(total.succeeded >= VALUES as u64, "{total:?}");
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_sqlite() {
    let plane = Plane::start().await;
    let _worker = plane.worker("w1").await;
    plane.sqlite_target(ROWS as u32);
    marked_by_a_run(&plane).await;
    // All rows are looked at, so the share is that of the table.
    let profile = plane.must(&["--output", "json", "target", "profile", "db", "bench"]);
    let profile: serde_json::Value = serde_json::from_str(&profile).unwrap();
    let columns = profile["columns"].as_array().unwrap();
    let pad = columns
        .iter()
        .find(|column| column["name"] == "pad")
        .unwrap();
    let common = pad["commonValues"].as_array().unwrap();
    let marked = common.iter().find(|value| value["value"] == "marked");
    let share = marked.unwrap()["ratio"].as_f64().unwrap();
    assert!(
        (share * ROWS as f64 - VALUES as f64).abs() < 1e-6,
        "{share}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_postgres() {
    let plane = Plane::start().await;
    let _worker = plane.worker("w1").await;
    let cluster = Cluster::start();
    plane.must(&["target", "add", "db", "--postgres", &cluster.url()]);
    let rows = ROWS.to_string();
    plane.must(&["target", "load", "db", "--table", "bench", "--rows", &rows]);
    let keys = marked_by_a_run(&plane).await;
    let marked = cluster
        .psql("SELECT id FROM bench WHERE pad = 'marked'")
        .unwrap();
    let marked: BTreeSet<u64> = marked
        .lines()
        .map(|line| line.trim().parse().unwrap())
        .collect();
    assert_eq!(marked, keys);
}
