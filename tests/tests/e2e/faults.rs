//! What becomes of a run when a part of the system is killed in each of its
//! phases, and when one of its workers is: every operation is counted once.

use std::{
    fs::{self, File},
    process::Stdio,
};

use gauntlet_api::v1 as pb;
use gauntlet_testkit::postgres::Cluster;
use pb::watch_run_response::Update;

use crate::plane::{Plane, Process, eventually, gauntlet};

const ROWS: u64 = 100;

/// Only INSERTs, so that every operation leaves a row.
fn inserts(workers: u32, policy: &str) -> String {
    format!(
        "
name: inserts
target: db
table: bench
workers: {workers}
worker_loss: {policy}
operations:
  - kind: insert
    weight: 100
    columns: [k, c, pad]
    parameters:
      - uniform: {{min: 1, max: 1000}}
      - text: {{length: 20}}
      - literal: {{text: pad}}
load:
  concurrency: {{connections: 4}}
phases:
  warmup: 2s
  measurement: 5s
  drain_timeout: 5s
start_timeout: 20s
"
    )
}

struct Bench {
    plane: Plane,
    cluster: Cluster,
    workers: Vec<Process>,
}

impl Bench {
    async fn start(workers: u32, attached: u32, policy: &str) -> Self {
        let (plane, cluster) = (Plane::start().await, Cluster::start());
        let mut processes = Vec::new();
        for number in 1..=attached {
            processes.push(plane.worker(&format!("w{number}")).await);
        }
        plane.must(&["target", "add", "db", "--postgres", &cluster.url()]);
        let rows = ROWS.to_string();
        plane.must(&["target", "load", "db", "--table", "bench", "--rows", &rows]);
        plane.file("inserts.yaml", &inserts(workers, policy));
        plane.must(&["template", "apply", "-f", "inserts.yaml"]);
        Self {
            plane,
            cluster,
            workers: processes,
        }
    }

    fn inserted(&self) -> u64 {
        let count = self.cluster.psql("SELECT count(*) FROM bench").unwrap();
        count.trim().parse::<u64>().unwrap() - ROWS
    }

    /// Waits until the run is in a phase, or beyond it.
    async fn in_phase(&self, run_id: &str, phase: pb::RunPhase) {
        let request = pb::WatchRunRequest {
            run_id: run_id.to_owned(),
            options: None,
        };
        let mut runs = self.plane.runs().await;
        let mut stream = runs.watch_run(request).await.unwrap().into_inner();
        while let Some(message) = stream.message().await.unwrap() {
            if let Some(Update::Run(run)) = message.update
                && run.phase >= i32::from(phase)
            {
                return;
            }
        }
    }
}

fn counted(report: &pb::Report) -> u64 {
    report.reconciliations.iter().map(|one| one.counted).sum()
}

fn codes(report: &pb::Report) -> Vec<&str> {
    let reasons = report.reasons.iter();
    reasons.map(|reason| reason.code.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_plane_killed_in_any_phase_loses_nothing() {
    let mut bench = Bench::start(2, 2, "fail").await;
    let mut before = 0;
    for phase in [
        pb::RunPhase::Preparing,
        pb::RunPhase::Warmup,
        pb::RunPhase::Measurement,
        pb::RunPhase::Cooldown,
        pb::RunPhase::Processing,
    ] {
        let run_id = bench.plane.start_run("inserts").await;
        bench.in_phase(&run_id, phase).await;
        bench.plane.kill_and_start_again().await;
        let run = bench.plane.until_over(&run_id).await;
        assert_eq!(
            run.status(),
            pb::RunStatus::Completed,
            "killed in {phase:?}: {}",
            run.stop_message
        );
        let report = bench.plane.report(&run_id).await;
        let inserted = bench.inserted();
        assert_eq!(counted(&report), inserted - before, "killed in {phase:?}");
        assert!(!codes(&report).contains(&"COUNT_MISMATCH"), "{phase:?}");
        before = inserted;
        // The next run finds them free and with a clock that is known.
        eventually("both workers", async || {
            let attached = bench.plane.attached().await;
            let free = attached.iter().filter(|worker| {
                worker.status() == pb::WorkerStatus::Idle && worker.clock_uncertainty_us > 0
            });
            (free.count() == 2).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_four_workers_is_killed_under_each_policy() {
    for (policy, status) in [
        ("fail", pb::RunStatus::Failed),
        ("continue", pb::RunStatus::Completed),
        ("replace", pb::RunStatus::Completed),
    ] {
        let mut bench = Bench::start(4, 5, policy).await;
        let run_id = bench.plane.start_run("inserts").await;
        bench.in_phase(&run_id, pb::RunPhase::Measurement).await;
        // Workers are chosen by name: the first four serve the run.
        bench.workers[1].kill();
        let run = bench.plane.until_over(&run_id).await;
        assert_eq!(run.status(), status, "{policy}: {}", run.stop_message);
        let report = bench.plane.report(&run_id).await;
        assert_eq!(report.validity(), pb::Validity::Invalid, "{policy}");
        assert!(
            codes(&report)
                .iter()
                .any(|code| ["WORKER_LOST", "DEGRADED"].contains(code)),
            "{policy}: {:?}",
            codes(&report)
        );
        // What the killed one did and never told is found, and said.
        let found: u64 = report.reconciliations.iter().map(|one| one.found).sum();
        assert_eq!(found, bench.inserted(), "{policy}");
        for one in &report.reconciliations {
            let killed = one.shard == 1 && one.attempt == 1;
            assert!(killed || one.counted == one.found, "{policy}: {one:?}");
        }
        let second = report.reconciliations.iter().any(|one| one.attempt == 2);
        assert_eq!(second, policy == "replace", "{policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_reads_on_when_the_control_plane_is_back() {
    let mut bench = Bench::start(1, 1, "fail").await;
    let run_id = bench.plane.start_run("inserts").await;
    let mut followers = ["events", "logs"].map(|what| {
        let file = |end: &str| bench.plane.folder.path().join(format!("{what}.{end}"));
        let (said, aside) = (file("out"), file("err"));
        let follower = gauntlet()
            .args(["--server", &bench.plane.url(), what, &run_id, "--follow"])
            .stdin(Stdio::null())
            .stdout(File::create(&said).unwrap())
            .stderr(File::create(&aside).unwrap())
            .spawn()
            .unwrap();
        (what, follower, said, aside)
    });
    // Who has read something is connected.
    for (what, _, said, _) in &followers {
        eventually(what, async || {
            (!fs::read(said).unwrap().is_empty()).then_some(())
        })
        .await;
    }
    bench.in_phase(&run_id, pb::RunPhase::Measurement).await;
    bench.plane.kill_and_start_again().await;
    bench.plane.until_over(&run_id).await;
    for (what, follower, said, aside) in &mut followers {
        let ended = eventually(what, async || follower.try_wait().unwrap()).await;
        let aside = fs::read_to_string(aside).unwrap();
        assert!(ended.success(), "{what}: {aside}");
        assert!(aside.contains("trying again\nconnected again"), "{aside}");
        let stored = bench.plane.must(&[what, &run_id]);
        assert_eq!(fs::read_to_string(said).unwrap(), stored, "{what}");
    }
}
