//! Searches through cuts, kills, restarts, doubled messages and a store that is
//! away: every run ends, and nothing is lost or counted twice.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_model::{
    lifecycle::{ShardStage, Status, StopReason},
    run::Run,
    session::AttemptRef,
    template::{ScalingMode, Spec, WorkerLossPolicy},
};

use crate::{
    faults::{self, away},
    history::Chance,
    pool::{Pool, PoolWorker, succeeded},
    report,
    script::{FakeTarget, Plane},
    searches::{attached, bisect, intervals, searching},
};

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await; // allow-sleep: time is paused
}

/// What holds for every run that is over, whatever happened to it.
async fn check(plane: &Plane, run: &Run, workers: &[PoolWorker], seed: u64) {
    let runs = &plane.services.stores.runs;
    let controls = runs.controls(run.id, 0).await.unwrap();
    let sequences: Vec<i64> = controls.iter().map(|one| one.sequence).collect();
    assert_eq!(
        sequences,
        (1..=sequences.len() as i64).collect::<Vec<_>>(),
        "seed {seed}"
    );
    let stored = intervals(plane, run.id).await;
    let mut of_attempt: BTreeMap<AttemptRef, Vec<i64>> = BTreeMap::new();
    for interval in &stored {
        of_attempt
            .entry(interval.attempt)
            .or_default()
            .push(interval.sequence);
    }
    for (attempt, sequences) in &mut of_attempt {
        sequences.sort_unstable();
        let expected: Vec<i64> = (1..=sequences.len() as i64).collect();
        assert_eq!(*sequences, expected, "seed {seed}: {attempt:?}");
    }
    let attempts = runs.attempts(run.id).await.unwrap();
    for attempt in &attempts {
        assert!(!attempt.stage.is_live(), "seed {seed}: {attempt:?}");
        let whole = attempt.stage == ShardStage::Finished;
        let made: Vec<_> = workers
            .iter()
            .flat_map(|worker| {
                let memory = worker.memory.lock().unwrap();
                let made = memory.made.iter().cloned();
                made.filter(|one| {
                    (one.attempt.shard, one.attempt.attempt) == (attempt.shard, attempt.number)
                })
                .collect::<Vec<_>>()
            })
            .collect();
        if whole && !made.is_empty() {
            let own = |one: &&gauntlet_model::interval::Interval| {
                (one.attempt.shard, one.attempt.attempt) == (attempt.shard, attempt.number)
            };
            let own: Vec<_> = stored.iter().filter(own).cloned().collect();
            assert_eq!(
                succeeded(&own),
                succeeded(&made),
                "seed {seed}: {attempt:?}"
            );
        }
    }
    if let Some(progress) = &run.state.search {
        let numbers: Vec<u32> = progress.steps.iter().map(|step| step.trial.step).collect();
        assert_eq!(
            numbers,
            (1..=numbers.len() as u32).collect::<Vec<_>>(),
            "seed {seed}"
        );
        assert!(
            progress.end.is_some() && progress.current.is_none(),
            "seed {seed}"
        );
    }
    if run.state.measured().is_some() {
        report(plane, run).await;
    }
    let busy = plane.orchestrator.workers();
    assert!(
        busy.iter().all(|worker| worker.runs.is_empty()),
        "seed {seed}: {busy:#?}"
    );
}

async fn one(seed: u64) -> (Status, StopReason) {
    let mut chance = Chance(seed);
    let (stores, fault) = faults::all();
    let policies = [
        WorkerLossPolicy::Fail,
        WorkerLossPolicy::Continue,
        WorkerLossPolicy::Replace,
    ];
    let mut spec = Spec {
        worker_loss: policies[chance.below(3) as usize],
        ..searching(bisect())
    };
    if chance.below(2) == 0 {
        spec.control.scaling.mode = ScalingMode::Auto;
    }
    let pool = Pool {
        doubles: chance.below(2) == 0,
        cpu_per_connection: 0.05,
        ..Pool::default()
    };
    let target = FakeTarget {
        apart: true,
        ..FakeTarget::default()
    };
    let mut plane = Plane::with(stores, target, spec).await;
    let mut workers = attached(&plane, 2 + u128::from(chance.below(3)), pool).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let mut number = 100;
    while plane.get(id).await.status().is_active() {
        pause(chance.below(3_000)).await;
        let victim = chance.below(workers.len() as u64) as usize;
        match chance.below(12) {
            0 | 1 => {
                workers[victim].cut();
                pause(chance.below(2_500)).await;
                workers[victim].reattach(&plane).await;
            }
            2 => {
                plane = plane.restarted().await;
                for worker in &mut workers {
                    pause(chance.below(2_000)).await;
                    worker.reattach(&plane).await;
                }
            }
            3 => {
                workers[victim].kill();
                number += 1;
                workers.push(PoolWorker::attach(&plane, number, pool).await);
            }
            4 => {
                fault.set(Some(away()));
                pause(chance.below(30_000)).await;
                if chance.below(3) == 0 {
                    plane = plane.restarted().await;
                    pause(chance.below(4_000)).await;
                    for worker in &mut workers {
                        worker.reattach(&plane).await;
                    }
                }
                fault.set(None);
            }
            5 if chance.below(6) == 0 => {
                // An error means that the run is over.
                let _ = plane.orchestrator.stop(id, "enough".to_owned()).await;
            }
            _ => {}
        }
    }
    fault.set(None);
    let run = plane.until_over(id).await;
    check(&plane, &run, &workers, seed).await;
    (run.status(), run.state.end().unwrap().reason)
}

#[tokio::test(start_paused = true)]
async fn every_search_ends_whatever_happens_and_loses_nothing() {
    // SEEDS=2000 for a longer run, FIRST=17 SEEDS=1 to repeat one.
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let first = number("FIRST").unwrap_or(0);
    let seeds = number("SEEDS").unwrap_or(40);
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for seed in first..first + seeds {
        let (status, reason) = one(seed).await;
        *ends
            .entry(format!("{} {reason:?}", status.as_str()))
            .or_default() += 1;
    }
    println!("{ends:?}");
    assert!(
        seeds < 40 || ends.contains_key("COMPLETED SearchFinished"),
        "{ends:?}"
    );
    assert!(seeds < 40 || ends.len() >= 3, "{ends:?}");
}
