//! What bad input gets: one clear sentence that names the thing and what to do.

use std::process::Output;

use gauntlet_testkit::postgres::Cluster;

use crate::plane::{Plane, free_address, gauntlet, text};

const GOOD: &str = "name: good
target: db
table: bench
operations:
  - kind: point_lookup
    weight: 100
    parameters:
      - uniform: {min: 1, max: 100}
load:
  concurrency: {connections: 1}
phases:
  measurement: 1s
";

/// Exit code 1 and, somewhere in what was printed, all of these.
fn assert_refused(output: &Output, words: &[&str]) {
    let printed = text(output);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    for word in words {
        assert!(printed.contains(word), "{word:?} is missing in:\n{printed}");
    }
    assert!(!printed.contains("panicked"), "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_that_makes_no_sense() {
    let plane = Plane::start().await;
    plane.sqlite_target(100);
    for (change, words) in [
        (
            ("weight: 100", "weight: 90"),
            ["weights sum to 90", "must sum to 100"],
        ),
        (("weight: 100", "wieght: 100"), ["bad.yaml:6", "weight"]),
        (("table: bench", "tabel: bench"), ["bad.yaml:3", "table"]),
        (
            ("point_lookup", "point_look"),
            ["bad.yaml:5", "point_lookup"],
        ),
        (
            ("measurement: 1s", "measurement: fast"),
            ["bad.yaml:12", "duration"],
        ),
        (("max: 100", "max: 0"), ["max", "min"]),
    ] {
        plane.file("bad.yaml", &GOOD.replace(change.0, change.1));
        assert_refused(
            &plane.gauntlet(&["template", "apply", "-f", "bad.yaml"]),
            &words,
        );
    }
    assert_refused(
        &plane.gauntlet(&["template", "apply", "-f", "none.yaml"]),
        &["none.yaml"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_cannot_be() {
    let plane = Plane::start().await;
    plane.sqlite_target(100);
    plane.file("good.yaml", GOOD);
    plane.must(&["template", "apply", "-f", "good.yaml"]);
    let run = |name: &str| plane.gauntlet(&["run", name, "--yes"]);
    assert_refused(&run("goot"), &["goot", "good"]);
    assert_refused(&run("good"), &["the run needs 1", "gauntlet worker"]);
    // Without a terminal nobody can confirm.
    let _worker = plane.worker("one").await;
    assert_refused(&plane.gauntlet(&["run", "good"]), &["--yes"]);

    plane.file(
        "table.yaml",
        &GOOD
            .replace("name: good", "name: table")
            .replace("table: bench", "table: nowhere"),
    );
    plane.must(&["template", "apply", "-f", "table.yaml"]);
    assert_refused(&run("table"), &["nowhere"]);
    assert_refused(&plane.gauntlet(&["stop", "nothing"]), &["nothing"]);
    assert_refused(&plane.gauntlet(&["report", "nothing"]), &["nothing"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_says_no() {
    let plane = Plane::start().await;
    let cluster = Cluster::start();
    let wrong = cluster.url().replace(cluster.password(), "wrong");
    plane.must(&["target", "add", "wrong", "--postgres", &wrong]);
    let refused = plane.gauntlet(&["target", "test", "wrong"]);
    assert_refused(&refused, &["password", &cluster.user]);
    assert!(!text(&refused).contains(cluster.password()));

    let nobody = format!("postgres://u:p@{}/d", free_address());
    plane.must(&["target", "add", "nobody", "--postgres", &nobody]);
    assert_refused(
        &plane.gauntlet(&["target", "test", "nobody"]),
        &["127.0.0.1"],
    );

    assert_refused(
        &plane.gauntlet(&["target", "add", "odd", "--postgres", "mysql://x"]),
        &["postgres://"],
    );
    plane.must(&["target", "add", "file", "--sqlite", "/nowhere/t.db"]);
    assert_refused(
        &plane.gauntlet(&["target", "test", "file"]),
        &["/nowhere/t.db"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_that_cannot_start() {
    let plane = Plane::start().await;
    let folder = plane.folder.path();
    let serve = |arguments: &[&str]| {
        gauntlet()
            .arg("serve")
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap()
    };
    let store = format!("sqlite:{}", folder.join("store.db").display());
    let missing = format!("sqlite:{}", folder.join("missing.db").display());
    let free = free_address().to_string();

    let taken = serve(&["--store", &store, "--listen", &plane.address.to_string()]);
    assert_refused(&taken, &[&plane.address.to_string(), "--listen"]);
    let no_schema = serve(&["--store", &missing, "--listen", &free]);
    assert_refused(&no_schema, &["gauntlet schema apply --store", "missing.db"]);
    let open = serve(&["--store", &store, "--listen", "0.0.0.0:0"]);
    assert_refused(&open, &["--insecure"]);

    let nobody = gauntlet()
        .args(["--server", &format!("http://{free}"), "list"])
        .output()
        .unwrap();
    assert_refused(&nobody, &[&free, "gauntlet up"]);
    assert_refused(
        &gauntlet().args(["list", "--colour"]).output().unwrap(),
        &["--colour"],
    );
}
