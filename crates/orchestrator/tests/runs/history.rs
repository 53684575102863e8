//! Rollups are exactly the merge of the stored intervals, whatever happens.

use std::time::Duration;

use gauntlet_model::{
    history::{Buckets, Resolution, Rollup},
    interval::Interval,
    lifecycle::{Phase, Status},
    run::Run,
    template::{Phases, Spec},
};
use gauntlet_store::{PageQuery, TimeRange};

use crate::{
    faults::{self, away},
    lenient, report,
    script::{FakeTarget, Plane, measuring, spec},
    sent, two,
    worker::{Script, Worker, interval, told},
};

/// What must be equal, in one order; how much was in flight is a gauge.
fn exact(rollups: Vec<Rollup>) -> Vec<Rollup> {
    let without_gauges = |rollup| Rollup {
        in_flight_max: 0,
        backlog_max: 0,
        ..rollup
    };
    let mut exact: Vec<Rollup> = rollups.into_iter().map(without_gauges).collect();
    exact.sort_by_key(|rollup| (rollup.start, rollup.operation, rollup.phase));
    exact
}

async fn intervals(plane: &Plane, run: &Run) -> Vec<Interval> {
    let page = PageQuery {
        after: None,
        limit: 100_000,
    };
    let stored = &plane.services.stores.intervals;
    let all = TimeRange::default();
    stored.list(run.id, all, page).await.unwrap()
}

async fn rollups(plane: &Plane, run: &Run, resolution: Resolution) -> Vec<Rollup> {
    let page = PageQuery {
        after: None,
        limit: 100_000,
    };
    let stored = &plane.services.stores.rollups;
    let all = TimeRange::default();
    let found = stored.list(run.id, resolution, all, &[], page).await;
    exact(found.unwrap())
}

fn merged(run: &Run, intervals: &[Interval], resolution: Resolution) -> Vec<Rollup> {
    let origin = run.state.load_started.unwrap();
    let mut buckets = Buckets::new(run.id, origin, resolution);
    for interval in intervals {
        buckets.add(interval).unwrap();
    }
    exact(buckets.take_all())
}

/// Compares every rollup of a run that is over with the merge of its intervals.
pub async fn check(plane: &Plane, run: &Run) {
    let intervals = intervals(plane, run).await;
    for resolution in Resolution::ALL {
        let expected = merged(run, &intervals, resolution);
        let stored = rollups(plane, run, resolution).await;
        for (stored, expected) in stored.iter().zip(&expected) {
            assert_eq!(stored, expected);
        }
        assert_eq!(stored.len(), expected.len());
        assert!(!expected.is_empty());
    }
}

/// Compares those rollups of an active run that there are.
async fn check_so_far(plane: &Plane, run: &Run) -> usize {
    let mut found = 0;
    for resolution in Resolution::ALL {
        let stored = rollups(plane, run, resolution).await;
        let intervals = intervals(plane, run).await;
        let expected = merged(run, &intervals, resolution);
        for rollup in &stored {
            assert!(expected.contains(rollup), "{rollup:?}");
        }
        found += stored.len();
    }
    found
}

fn long(spec: Spec, seconds: u64) -> Spec {
    Spec {
        phases: Phases {
            measurement: Duration::from_secs(seconds),
            ..spec.phases
        },
        ..spec
    }
}

/// Numbers that look random: the same seed gives the same ones.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[tokio::test(start_paused = true)]
async fn rollups_are_the_merge_of_the_intervals() {
    let plane = Plane::new(long(spec(), 70)).await;
    let (a, b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    tokio::time::sleep(Duration::from_secs(65)).await; // allow-sleep: time is paused
    let run = plane.get(id).await;
    assert!(check_so_far(&plane, &run).await > 60 + 6);
    let minutes = rollups(&plane, &run, Resolution::Minute).await;
    assert_eq!(minutes.len(), 1);
    let run = plane.until_over(id).await;
    check(&plane, &run).await;
    let hours = rollups(&plane, &run, Resolution::Hour).await;
    assert_eq!(hours[0].succeeded.rows, sent(&a) + sent(&b));
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_late_is_added() {
    let plane = Plane::new(long(spec(), 30)).await;
    let (a, _b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let run = plane.until(id, measuring).await;
    let origin = run.state.load_started.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await; // allow-sleep: time is paused
    assert!(check_so_far(&plane, &run).await > 0);
    for (sequence, second) in [(1_000, 3), (1_001, 3), (1_002, 11)] {
        let from = origin + Duration::from_secs(second);
        let stretch = (from, from + Duration::from_secs(1));
        let late = interval(a.attempt(), sequence, stretch, Phase::Warmup);
        a.say(told(late)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await; // allow-sleep: time is paused
    check_so_far(&plane, &run).await;
    let warm: Vec<(u64, u64)> = rollups(&plane, &run, Resolution::Second)
        .await
        .iter()
        .filter(|rollup| rollup.phase == Phase::Warmup)
        .map(|rollup| (rollup.start.since(origin).as_secs(), rollup.intervals))
        .collect();
    assert_eq!(warm, [(3, 2), (11, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_an_interval_and_its_rollup_is_mended_at_the_end() {
    let (stores, fault) = faults::stores();
    let plane = Plane::with(stores, FakeTarget::default(), long(spec(), 150)).await;
    let (mut a, mut b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let run = plane.until(id, measuring).await;
    tokio::time::sleep(Duration::from_mins(2)).await; // allow-sleep: time is paused
    fault.set(Some(away()));
    let from = run.state.load_started.unwrap() + Duration::from_secs(10);
    let stretch = (from, from + Duration::from_secs(1));
    let late = interval(a.attempt(), 1_000, stretch, Phase::Warmup);
    a.say(told(late)).await;
    tokio::time::sleep(Duration::from_millis(500)).await; // allow-sleep: time is paused
    let plane = plane.restarted().await;
    fault.set(None);
    // The worker does not send it again.
    a.reattach(&plane).await;
    b.reattach(&plane).await;
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    let measured = intervals(&plane, &run).await;
    assert!(measured.iter().any(|interval| interval.sequence == 1_000));
    check(&plane, &run).await;
}

/// One run through cuts, late intervals and restarts of the control plane.
async fn rough(seed: u64) {
    let mut chance = Chance(seed);
    let (stores, fault) = faults::stores();
    let mut plane = Plane::with(stores, FakeTarget::default(), long(lenient(), 40)).await;
    let script = Script {
        repeats: chance.below(2) == 0,
        warms_up: true,
        ..Script::default()
    };
    let (mut a, mut b) = two(&plane, script).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    let mut extra = 1_000;
    while plane.get(id).await.status() == Status::Running {
        let worker: &mut Worker = if chance.below(2) == 0 { &mut a } else { &mut b };
        match chance.below(8) {
            0 => {
                worker.cut();
                tokio::time::sleep(Duration::from_millis(chance.below(2_500))).await; // allow-sleep: time is paused
                worker.reattach(&plane).await;
            }
            1 => {
                plane = plane.restarted().await;
                a.reattach(&plane).await;
                tokio::time::sleep(Duration::from_millis(chance.below(2_500))).await; // allow-sleep: time is paused
                b.reattach(&plane).await;
            }
            2 => {
                extra += 1;
                let run = plane.get(id).await;
                let origin = run.state.load_started.unwrap();
                let from = origin + Duration::from_millis(chance.below(30_000));
                let stretch = (from, from + Duration::from_millis(1 + chance.below(4_000)));
                let late = interval(worker.attempt(), extra, stretch, Phase::Warmup);
                worker.say(told(late)).await;
            }
            3 => {
                let run = plane.get(id).await;
                check_so_far(&plane, &run).await;
            }
            4 => {
                // What is stored now has no rollups when the control plane ends.
                fault.set(Some(away()));
                tokio::time::sleep(Duration::from_millis(chance.below(2_000))).await; // allow-sleep: time is paused
                if chance.below(2) == 0 {
                    plane = plane.restarted().await;
                    a.reattach(&plane).await;
                    b.reattach(&plane).await;
                }
                fault.set(None);
                tokio::time::sleep(Duration::from_millis(500)).await; // allow-sleep: time is paused
            }
            _ => tokio::time::sleep(Duration::from_millis(chance.below(3_000))).await, // allow-sleep: time is paused
        }
    }
    let run = plane.until_over(id).await;
    check(&plane, &run).await;
    let report = report(&plane, &run).await;
    let operations = report.total.succeeded + report.warmup_operations;
    let hours = rollups(&plane, &run, Resolution::Hour).await;
    let rows: u64 = hours.iter().map(|rollup| rollup.succeeded.rows).sum();
    assert_eq!(rows, operations, "seed {seed}");
}

#[tokio::test(start_paused = true)]
async fn restarts_and_cuts_leave_the_rollups_exact() {
    for seed in 0..40 {
        rough(seed).await;
    }
}
