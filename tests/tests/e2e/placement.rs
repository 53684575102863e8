//! Workers that a run starts itself, and runs that wait for workers.

use gauntlet_api::v1 as pb;

use crate::plane::{Plane, eventually};

fn template(name: &str, connections: u32, more: &str) -> String {
    format!(
        "
name: {name}
target: db
table: bench
operations:
  - {{kind: point_lookup, weight: 100, parameters: [{{uniform: {{min: 1, max: 100}}}}]}}
load:
  concurrency: {{connections: {connections}}}
phases: {{measurement: 3s}}
{more}
"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_starts_its_own_workers_and_leaves_none_behind() {
    let plane = Plane::start().await;
    plane.sqlite_target(100);
    let text = template("local", 4, "workers: 2\nlauncher: local");
    plane.file("local.yaml", &text);
    plane.must(&["template", "apply", "-f", "local.yaml"]);
    let run_id = plane.start_run("local").await;
    let run = plane.until_over(&run_id).await;
    assert_eq!(
        run.status(),
        pb::RunStatus::Completed,
        "{}",
        run.stop_message
    );
    let logs = plane.must(&["logs", &run.name]);
    assert!(
        logs.contains("shard 0") && logs.contains("shard 1"),
        "{logs}"
    );
    eventually("the end of the launched workers", async || {
        let attached = plane.attached().await;
        let here = |worker: &&pb::Worker| {
            !matches!(
                worker.status(),
                pb::WorkerStatus::Gone | pb::WorkerStatus::Lost
            )
        };
        (attached.iter().filter(here).count() == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_share_a_worker_and_the_next_waits_for_its_turn() {
    let plane = Plane::start().await;
    let capacity = ["--capacity", "8"];
    let _worker = plane.worker_with(plane.address, "w1", &capacity).await;
    plane.sqlite_target(100);
    for (name, connections, more) in [("half", 4, ""), ("whole", 8, "worker_wait: 60s")] {
        plane.file("t.yaml", &template(name, connections, more));
        plane.must(&["template", "apply", "-f", "t.yaml"]);
    }
    let sharing = [plane.start_run("half").await, plane.start_run("half").await];
    let waiting = plane.start_run("whole").await;
    let run = plane.get(&waiting).await;
    assert_eq!(
        (run.status(), run.queue_position),
        (pb::RunStatus::Starting, 1)
    );
    let worker = plane.attached().await.remove(0);
    assert_eq!((worker.reserved, worker.run_ids.len()), (8, 2));
    for run_id in sharing.iter().chain([&waiting]) {
        let run = plane.until_over(run_id).await;
        assert_eq!(
            run.status(),
            pb::RunStatus::Completed,
            "{}",
            run.stop_message
        );
    }
    let run = plane.get(&waiting).await;
    assert_eq!(run.queue_position, 0);
}
