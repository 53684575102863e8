//! Searches for the highest level, from start to report.

use std::{sync::atomic::Ordering, time::Duration};

use gauntlet_model::{
    id::RunId,
    interval::Interval,
    lifecycle::{Adjustment, Status, StopReason},
    report::Report,
    run::Run,
    search::{Outcome, SearchEnd, StepKind},
    template::{Bisect, Control, Level, Linear, Load, Method, Phases, Search, Spec, StopSignals},
};
use gauntlet_store::{PageQuery, TimeRange};

use crate::{
    pool::{Pool, PoolWorker, succeeded},
    report,
    script::{Plane, measuring, reading},
};

pub fn bisect() -> Search {
    Search {
        method: Method::Bisect(Bisect {
            growth: 2.0,
            resolution: 0.03,
            descend: false,
        }),
        step: Duration::from_secs(2),
        settle: Duration::from_secs(1),
        confirm: Duration::from_secs(4),
        max_level: 1_000.0,
        max_steps: 40,
        stop: StopSignals {
            max_latency_increase: Some(0.02),
            ..StopSignals::default()
        },
    }
}

/// A search from four connections on, by two workers.
pub fn searching(search: Search) -> Spec {
    Spec {
        phases: Phases {
            warmup: Duration::from_secs(2),
            measurement: Duration::from_mins(5),
            ..reading().phases
        },
        control: Control {
            search: Some(search),
            ..Control::default()
        },
        operation_timeout: Duration::from_secs(5),
        ..reading()
    }
}

pub async fn attached(plane: &Plane, count: u128, pool: Pool) -> Vec<PoolWorker> {
    let mut workers = Vec::new();
    for number in 1..=count {
        workers.push(PoolWorker::attach(plane, number, pool).await);
    }
    workers
}

pub async fn intervals(plane: &Plane, run: RunId) -> Vec<Interval> {
    let page = PageQuery {
        after: None,
        limit: 100_000,
    };
    let stored = &plane.services.stores.intervals;
    let all = TimeRange::default();
    stored.list(run, all, page).await.unwrap()
}

fn connections(connections: u32) -> Level {
    Level::Concurrency { connections }
}

fn levels(run: &Run) -> Vec<(StepKind, Level, Outcome)> {
    let steps = &run.state.search.as_ref().expect("a search").steps;
    let of =
        |step: &gauntlet_model::search::Step| (step.trial.kind, step.trial.level, step.outcome);
    steps.iter().map(of).collect()
}

/// What holds for every search that was not disturbed.
async fn check(plane: &Plane, run: &Run, workers: &[PoolWorker]) -> Report {
    let progress = run.state.search.as_ref().expect("a search");
    let numbers: Vec<u32> = progress.steps.iter().map(|step| step.trial.step).collect();
    assert_eq!(numbers, (1..=numbers.len() as u32).collect::<Vec<_>>());
    for step in &progress.steps {
        assert!(step.transition_us <= 50_000, "{step:?}");
    }
    let stored = intervals(plane, run.id).await;
    let made: u64 = workers.iter().map(PoolWorker::made).sum();
    assert_eq!(succeeded(&stored), made, "each interval is there once");
    let report = report(plane, run).await;
    let findings = report.search.clone().expect("findings");
    for (live, refined) in progress.steps.iter().zip(&findings.steps) {
        let parts = stored.iter().flat_map(|interval| &interval.operations);
        let own = parts.filter(|part| part.step == live.trial.step);
        let count: u64 = own
            .map(|part| part.succeeded.response.decode().unwrap().len())
            .sum();
        assert_eq!(refined.figures.succeeded, count);
        assert_eq!(live.figures.succeeded, count, "step {}", live.trial.step);
    }
    report
}

#[tokio::test(start_paused = true)]
async fn a_search_finds_what_the_pool_holds() {
    for method in [
        bisect().method,
        Method::Linear(Linear {
            increment: 4.0,
            backoffs: 3,
        }),
    ] {
        let plane = Plane::new(searching(Search { method, ..bisect() })).await;
        let workers = attached(&plane, 2, Pool::default()).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        let run = plane.until_over(id).await;
        assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
        assert_eq!(run.state.end().unwrap().reason, StopReason::SearchFinished);
        let report = check(&plane, &run, &workers).await;
        let findings = report.search.expect("findings");
        assert_eq!(findings.end, SearchEnd::Found, "{}", findings.message);
        assert_eq!(findings.best, Some(connections(20)), "{:#?}", levels(&run));
        let confirmed = &findings.steps[findings.best_step as usize - 1];
        assert_eq!(confirmed.trial.kind, StepKind::Confirm);
        assert_eq!(report.measured_us, 4_000_000, "the report is of that step");
        assert_eq!(report.total.succeeded, confirmed.figures.succeeded);
        assert!((report.total.throughput_per_s - 2_000.0).abs() < 2.0);
        assert!(report.reasons.is_empty(), "{:?}", report.reasons);
        assert_eq!(report.shards.len(), 2);
        // 36 an hour is 0.01 a second.
        let seconds = run.state.measured().unwrap().length().as_secs_f64() + 2.0;
        assert!(
            (report.cost - seconds / 100.0).abs() < 0.005,
            "{}",
            report.cost
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_loop_finds_the_highest_rate() {
    let load = Load::Rate {
        per_second: 300.0,
        connections: 50,
        max_backlog: 1_000,
    };
    let search = Search {
        max_level: 100_000.0,
        ..bisect()
    };
    let plane = Plane::new(Spec {
        load,
        ..searching(search)
    })
    .await;
    let workers = attached(&plane, 2, Pool::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let run = plane.until_over(id).await;
    let report = check(&plane, &run, &workers).await;
    let findings = report.search.expect("findings");
    let Some(Level::Rate { milli_per_s }) = findings.best else {
        panic!("{findings:?}");
    };
    let found = milli_per_s as f64 / 1e3;
    assert!((1_940.0..=2_000.0).contains(&found), "{found}");
}

#[tokio::test(start_paused = true)]
async fn a_search_goes_on_after_a_restart_as_if_nothing_had_happened() {
    let undisturbed = {
        let plane = Plane::new(searching(bisect())).await;
        let _workers = attached(&plane, 2, Pool::default()).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        levels(&plane.until_over(id).await)
    };
    // Before the barrier, in the warmup, at its end, while a step settles, in
    // its window, at its end, and much later.
    for millis in [0, 1_000, 2_150, 2_600, 4_300, 5_210, 5_215, 9_000, 30_000] {
        let plane = Plane::new(searching(bisect())).await;
        let mut workers = attached(&plane, 2, Pool::default()).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        tokio::time::sleep(Duration::from_millis(millis)).await; // allow-sleep: time is paused
        let plane = plane.restarted().await;
        for worker in &mut workers {
            tokio::time::sleep(Duration::from_millis(300)).await; // allow-sleep: time is paused
            worker.reattach(&plane).await;
        }
        let run = plane.until_over(id).await;
        assert_eq!(
            run.status(),
            Status::Completed,
            "{millis}: {:?}",
            run.state.end()
        );
        assert_eq!(levels(&run), undisturbed, "{millis} ms");
        let made: u64 = workers.iter().map(PoolWorker::made).sum();
        let stored = intervals(&plane, id).await;
        assert_eq!(succeeded(&stored), made, "{millis} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_level_cannot_be_set_while_a_search_sets_it_but_a_pause_can() {
    let plane = Plane::new(searching(bisect())).await;
    let workers = attached(&plane, 2, Pool::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    let level = Adjustment::Level(connections(9));
    let refused = plane.orchestrator.adjust(id, level, String::new()).await;
    let sentence = refused.unwrap_err().to_string();
    assert!(sentence.contains("search"), "{sentence}");
    let pause = |paused| {
        let adjustment = Adjustment::Paused(paused);
        plane.orchestrator.adjust(id, adjustment, String::new())
    };
    tokio::time::sleep(Duration::from_millis(1_500)).await; // allow-sleep: time is paused
    pause(true).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await; // allow-sleep: time is paused
    assert!(plane.get(id).await.state.search.unwrap().current.is_none());
    pause(false).await.unwrap();
    let run = plane.until_over(id).await;
    let steps = levels(&run);
    assert_eq!(steps[0].2, Outcome::Abandoned);
    assert_eq!(steps[1].0, StepKind::Repeat);
    assert_eq!(steps[0].1, steps[1].1);
    let best = run.state.search.as_ref().unwrap().best().unwrap();
    assert_eq!(best.trial.level, connections(20));
    let made: u64 = workers.iter().map(PoolWorker::made).sum();
    assert_eq!(succeeded(&intervals(&plane, id).await), made);
}

#[tokio::test(start_paused = true)]
async fn a_search_is_reported_the_same_again() {
    let plane = Plane::new(searching(bisect())).await;
    let _workers = attached(&plane, 2, Pool::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let run = plane.until_over(id).await;
    let first = report(&plane, &run).await;
    assert!(first.evidence.is_some());
    let (_, again) = plane.orchestrator.recompute(id).await.unwrap();
    let expected = Report {
        created: again.created,
        ..first
    };
    assert_eq!(again, expected);
}

#[tokio::test(start_paused = true)]
async fn queueing_at_the_target_fails_a_step_before_anything_else() {
    let mut search = bisect();
    search.stop.max_queue_ratio = Some(0.3);
    let plane = Plane::new(searching(search)).await;
    let _workers = attached(&plane, 2, Pool::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let third = |run: &Run| {
        let search = run.state.search.as_ref();
        search.is_some_and(|search| search.steps.len() == 2)
    };
    plane.until(id, third).await;
    plane.target.queue.store(8, Ordering::Relaxed);
    let run = plane.until_over(id).await;
    let steps = &run.state.search.as_ref().unwrap().steps;
    assert_eq!(steps[1].figures.queue_ratio, Some(0.0));
    assert_eq!(steps[2].outcome, Outcome::Queueing, "{:#?}", levels(&run));
}

#[tokio::test(start_paused = true)]
async fn a_search_that_has_no_time_left_says_so() {
    let mut spec = searching(bisect());
    spec.phases.measurement = Duration::from_secs(20);
    let plane = Plane::new(spec).await;
    let workers = attached(&plane, 2, Pool::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    let report = check(&plane, &run, &workers).await;
    let findings = report.search.unwrap();
    assert_eq!(findings.end, SearchEnd::MaxTime, "{}", findings.message);
    assert!(findings.best.is_some() && findings.best != Some(connections(20)));
}
