//! Rules about searches, scaling, workers by labels, clocks, locks and costs.

use super::*;
use crate::template::{
    Bisect, Launcher, Linear, Method, RUN_LABEL, ScalingMode, Search, StopSignals, UntilSteady,
};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn search(max_level: f64) -> Search {
    Search {
        method: Method::Bisect(Bisect {
            growth: 2.0,
            resolution: 0.03,
            descend: false,
        }),
        step: seconds(2),
        settle: seconds(1),
        confirm: seconds(4),
        max_level,
        max_steps: 40,
        stop: StopSignals::default(),
    }
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn a_price_says_what_the_run_costs() {
    let found = changed(|_, facts| facts.price_per_hour = 3.6);
    check(&found, &[(C::Cost, S::Info, "phases")]);
    assert_eq!(
        found[0].message,
        "the load lasts 65 s; at 3.6 per hour the target costs 0.07 in that time"
    );
    assert!((cost(3.6, Duration::from_mins(10)) - 0.6).abs() < 1e-9);
}

#[test]
fn a_worker_serves_several_runs_as_its_capacity_allows() {
    let reserved = |reserved| {
        changed(|_, facts| {
            facts.workers[0].status = WorkerStatus::Busy;
            facts.workers[0].capacity = 10;
            facts.workers[0].reserved = reserved;
        })
    };
    check(&reserved(6), &[]);
    let found = reserved(7);
    check(&found, &[(C::WorkersShort, S::Blocking, "workers")]);
    assert_eq!(
        found[0].message,
        "2 workers are free, 1 of them for fewer connections; the run needs 2, with 4 connections each"
    );
    assert!(reserved(10)[0].message.starts_with("1 workers are free;"));
}

#[test]
fn workers_carry_the_labels_that_are_asked_for() {
    let with = |carried: [&[(&str, &str)]; 2]| {
        changed(|spec, facts| {
            spec.control.worker_labels = labels(&[("zone", "a")]);
            for (worker, carried) in facts.workers.iter_mut().zip(carried) {
                worker.labels = labels(carried);
            }
        })
    };
    let both: &[(&str, &str)] = &[("disk", "fast"), ("zone", "a")];
    check(&with([both, &[("zone", "a")]]), &[]);
    // One of two is too few; none is another matter.
    let found = with([both, &[("zone", "b")]]);
    check(&found, &[(C::WorkersShort, S::Blocking, "workers")]);
    let unmatched = [(C::LabelsUnmatched, S::Blocking, "worker_labels")];
    let found = with([&[("zone", "b")], &[("zone", "b")]]);
    check(&found, &unmatched);
    assert_eq!(
        found[0].message,
        "no attached worker carries zone=a; there are workers with zone=b"
    );
    let found = with([&[], &[]]);
    check(&found, &unmatched);
    assert_eq!(
        found[0].message,
        "no attached worker carries zone=a; none carries any label"
    );
}

#[test]
fn a_worker_that_was_started_for_a_run_serves_no_other() {
    let found = changed(|_, facts| facts.workers[0].labels = labels(&[(RUN_LABEL, "x")]));
    check(&found, &[(C::WorkersShort, S::Blocking, "workers")]);
}

#[test]
fn a_run_that_waits_or_starts_its_own_workers_is_not_held_back() {
    let found = changed(|spec, facts| {
        spec.control.worker_wait = seconds(60);
        facts.workers.clear();
    });
    check(&found, &[(C::WorkersShort, S::Info, "workers")]);
    assert_eq!(
        found[0].message,
        "0 workers are free; the run needs 2, with 4 connections each; the run waits for them for up to 60 s"
    );
    let found = changed(|spec, _| {
        spec.control.worker_wait = seconds(60);
        spec.control.worker_labels = labels(&[("zone", "a")]);
    });
    check(&found, &[(C::LabelsUnmatched, S::Info, "worker_labels")]);
    let found = changed(|spec, facts| {
        spec.control.launcher = Launcher::Local;
        spec.control.worker_labels = labels(&[("zone", "a")]);
        facts.workers.clear();
    });
    check(&found, &[]);
}

#[test]
fn clocks_are_known_well_enough() {
    let with = |uncertainty| changed(|_, facts| facts.workers[1].clock_uncertainty = uncertainty);
    check(&with(None), &[]);
    check(&with(Some(Duration::from_millis(20))), &[]);
    let found = with(Some(Duration::from_millis(21)));
    check(
        &found,
        &[(C::ClockUncertain, S::Severe, "max_clock_uncertainty")],
    );
    assert_eq!(
        found[0].message,
        "the clocks of workers may be wrong: w2 by 21.0 ms; 20.0 ms are allowed"
    );
    // Who is not chosen may be as unsure as he likes.
    let found = changed(|_, facts| {
        let mut third = worker(3, WorkerStatus::Idle, 4);
        third.clock_uncertainty = Some(seconds(1));
        facts.workers.push(third);
    });
    check(&found, &[]);
}

#[test]
fn updates_of_few_rows_wait_for_one_another() {
    let with = |load: Load, key: Parameter| {
        changed(|spec, facts| {
            let update = Statement::Update {
                table: "items".to_owned(),
                key: "id".to_owned(),
                columns: vec!["k".to_owned()],
            };
            spec.load = load;
            spec.operations[1] = operation("write", 5_000, update);
            spec.operations[0].weight = 5_000;
            spec.operations[1].parameters[1] = key;
            facts.target.as_mut().unwrap().connections_free = None;
        })
    };
    let closed = |think_time| Load::Concurrency {
        connections: 8,
        think_time,
    };
    let busy = closed(Duration::ZERO);
    let contended = [(C::LockContention, S::Warning, "operations[1].parameters[1]")];
    let uniform = |max| Parameter::Uniform { min: 1, max };
    // Four of eight connections update.
    check(&with(busy, uniform(4)), &[]);
    let found = with(busy, uniform(3));
    check(&found, &contended);
    assert!(
        found[0]
            .message
            .contains("about 4.0 updates under way, 1.3 of them on each of 3 rows of items"),
        "{}",
        found[0].message
    );
    let found = with(busy, Parameter::Integer(7));
    check(&found, &contended);
    assert!(found[0].message.contains("4.0 of them on one row of items"));
    check(
        &with(busy, Parameter::Sequential { min: 1, max: 3 }),
        &contended,
    );
    // 1 / H(1000, 1) is 0.134: half an update on the first row; with an exponent of 2 it is 2.4.
    let zipf = |exponent| Parameter::Zipf {
        min: 1,
        max: 1_000,
        exponent,
    };
    check(&with(busy, zipf(1.0)), &[]);
    let found = with(busy, zipf(2.0));
    check(&found, &contended);
    assert!(
        found[0]
            .message
            .contains("2.4 of them on the likeliest of 1000 rows")
    );
    check(&with(busy, Parameter::Null), &[]);
    // Who thinks, or sends little, is rarely under way.
    check(&with(closed(Duration::from_millis(9)), uniform(1)), &[]);
    let rate = |per_second| Load::Rate {
        per_second,
        connections: 8,
        max_backlog: 1,
    };
    check(&with(rate(2_000.0), uniform(1)), &[]);
    check(&with(rate(2_100.0), uniform(1)), &contended);
    check(&with(rate(50_000.0), uniform(3)), &contended);
}

#[test]
fn a_search_can_end_within_the_measurement() {
    let with = |search: Search, measurement| {
        changed(|spec, facts| {
            spec.control.search = Some(search);
            spec.control.scaling.mode = ScalingMode::Auto;
            spec.phases.measurement = seconds(measurement);
            facts.target.as_mut().unwrap().connections_free = None;
        })
    };
    let long = [(C::SearchTooLong, S::Warning, "phases.measurement")];
    // 8, 16, 32, 64; five halvings; the confirmation: nine steps of 3 s and one of 5 s.
    check(&with(search(64.0), 32), &[]);
    let found = with(search(64.0), 31);
    check(&found, &long);
    assert!(
        found[0]
            .message
            .starts_with("up to 10 steps take 32 s, and the measurement lasts 31 s"),
        "{}",
        found[0].message
    );
    // The steps are bounded.
    let bounded = Search {
        max_steps: 5,
        ..search(100_000.0)
    };
    check(&with(bounded, 17), &[]);
    check(&with(bounded, 16), &long);
    let linear = Search {
        method: Method::Linear(Linear {
            increment: 8.0,
            backoffs: 1,
        }),
        confirm: Duration::ZERO,
        ..search(64.0)
    };
    // 8, 16, … 64, and twice when it goes back.
    check(&with(linear, 30), &[]);
    check(&with(linear, 29), &long);
}

#[test]
fn a_search_needs_connections_for_its_highest_level() {
    let with = |mode, capacity, left| {
        changed(|spec, facts| {
            spec.control.search = Some(search(64.0));
            spec.control.scaling.mode = mode;
            facts.target.as_mut().unwrap().connections_free = left;
            for worker in &mut facts.workers {
                worker.capacity = capacity;
            }
        })
    };
    let short = [(C::WorkersShort, S::Blocking, "workers")];
    let bounded = ScalingMode::Bounded { max_workers: 4 };
    check(&with(ScalingMode::Fixed, 32, None), &[]);
    check(&with(ScalingMode::Fixed, 31, None), &short);
    check(&with(bounded, 16, None), &[]);
    check(&with(bounded, 15, None), &short);
    check(&with(ScalingMode::Auto, 4, None), &[]);
    check(&with(ScalingMode::Auto, 4, Some(64)), &[]);
    let field = "search.max_level";
    let warned = [(C::ConnectionsShort, S::Warning, field)];
    check(&with(ScalingMode::Auto, 4, Some(63)), &warned);
    let severe = [(C::ConnectionsShort, S::Severe, "load")];
    check(&with(ScalingMode::Auto, 4, Some(7)), &severe);
}

#[test]
fn a_search_is_judged_by_its_best_step() {
    let with = |confirm, per_second| {
        changed(|spec, _| {
            spec.load = Load::Rate {
                per_second,
                connections: 8,
                max_backlog: 1,
            };
            spec.control.search = Some(Search {
                confirm,
                max_steps: 10,
                ..search(1_000.0)
            });
            spec.slos = vec![Slo {
                name: "it".to_owned(),
                scope: Scope::All,
                limit: Limit::ErrorRatio(0.01),
                confidence: 0.95,
                abort_on_fail: false,
            }];
        })
    };
    // 299 are needed.
    let short = [(C::SloSamplesShort, S::Warning, "slos[0].max_error_ratio")];
    check(&with(seconds(4), 75.0), &[]);
    check(&with(seconds(4), 74.0), &short);
    check(&with(Duration::ZERO, 150.0), &[]);
    check(&with(Duration::ZERO, 149.0), &short);
}

#[test]
fn a_warmup_leaves_time_to_become_steady() {
    let with = |warmup| {
        changed(|spec, _| {
            spec.phases.warmup = seconds(warmup);
            spec.phases.until_steady = Some(UntilSteady {
                window: seconds(10),
                tolerance: 0.05,
            });
        })
    };
    check(&with(20), &[]);
    let found = with(19);
    check(
        &found,
        &[(C::SteadyUnreachable, S::Warning, "phases.warmup")],
    );
    assert!(found[0].message.contains("all of it but 9 s"));
}

#[test]
fn a_search_has_no_planned_operations() {
    let mut spec = spec();
    spec.load = Load::Rate {
        per_second: 100.0,
        connections: 8,
        max_backlog: 1,
    };
    spec.control.search = Some(search(1_000.0));
    assert_eq!(planned_operations(&spec), None);
    assert_eq!(planned(&spec), seconds(65));
}
