use std::time::Duration;

use super::*;
use crate::{
    id::Name,
    template::{
        Bisect, Control, GuardrailMode, Guardrails, Limit, Linear, Operation, Phases, Slo,
        Statement, StopSignals, UntilSteady, WorkerLossPolicy,
    },
};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// One read by four connections of two workers: nothing is wrong with it.
fn spec() -> Spec {
    Spec {
        description: String::new(),
        target: name("db"),
        operations: vec![Operation {
            name: name("read"),
            weight: 10_000,
            statement: Statement::Sql {
                text: "SELECT 1".to_owned(),
                class: Class::Read,
            },
            parameters: vec![],
            label: Some(name("hot")),
        }],
        load: Load::Concurrency {
            connections: 4,
            think_time: Duration::ZERO,
        },
        phases: Phases {
            warmup: seconds(10),
            measurement: seconds(60),
            drain_timeout: seconds(5),
            until_steady: None,
        },
        workers: 2,
        seed: 1,
        slos: vec![],
        worker_loss: WorkerLossPolicy::Fail,
        operation_timeout: seconds(5),
        start_timeout: seconds(5),
        control: Control::default(),
    }
}

fn search() -> Search {
    Search {
        method: Method::Bisect(Bisect {
            growth: 2.0,
            resolution: 0.03,
            descend: false,
        }),
        step: seconds(10),
        settle: seconds(3),
        confirm: seconds(20),
        max_level: 1_000.0,
        max_steps: 40,
        stop: StopSignals::default(),
    }
}

fn rate() -> Load {
    Load::Rate {
        per_second: 1_000.0,
        connections: 4,
        max_backlog: 10,
    }
}

fn slo(scope: Scope) -> Slo {
    Slo {
        name: "it".to_owned(),
        scope,
        limit: Limit::ErrorRatio(0.1),
        confidence: 0.95,
        abort_on_fail: false,
    }
}

/// The fields that are wrong after a change to what is right.
fn wrong(change: impl FnOnce(&mut Spec)) -> Vec<String> {
    let mut spec = spec();
    change(&mut spec);
    let found = spec.violations();
    found.into_iter().map(|found| found.field).collect()
}

fn with_search(change: impl FnOnce(&mut Spec, &mut Search)) -> Vec<String> {
    wrong(|spec| {
        let mut search = search();
        change(spec, &mut search);
        spec.control.search = Some(search);
    })
}

const NOTHING: [&str; 0] = [];

#[test]
fn nothing_is_wrong_with_what_is_right() {
    assert_eq!(wrong(|_| {}), NOTHING);
    assert_eq!(with_search(|_, _| {}), NOTHING);
}

#[test]
fn objectives_limit_something() {
    let of = |scope| wrong(|spec| spec.slos = vec![slo(scope)]);
    let label = |label| Scope::Label { label: name(label) };
    assert_eq!(of(Scope::All), NOTHING);
    assert_eq!(of(Scope::Operation(name("read"))), NOTHING);
    assert_eq!(of(Scope::Class { class: Class::Read }), NOTHING);
    assert_eq!(of(label("hot")), NOTHING);
    assert_eq!(of(Scope::Operation(name("add"))), ["slos[0].operation"]);
    let write = Class::Write;
    assert_eq!(of(Scope::Class { class: write }), ["slos[0].class"]);
    assert_eq!(of(label("cold")), ["slos[0].label"]);
}

#[test]
fn a_search_has_room() {
    assert_eq!(
        with_search(|spec, _| spec.phases.measurement = seconds(13)),
        NOTHING
    );
    assert_eq!(
        with_search(|spec, _| spec.phases.measurement = seconds(12)),
        ["search.step"]
    );
    assert_eq!(
        with_search(|_, search| search.max_level = 4.0),
        ["search.max_level"]
    );
    assert_eq!(
        with_search(|spec, search| (spec.load, search.max_level) = (rate(), 1_000.0)),
        ["search.max_level"]
    );
    assert_eq!(
        with_search(|spec, search| (spec.load, search.max_level) = (rate(), 1_000_000.0)),
        NOTHING
    );
}

#[test]
fn levels_are_of_the_kind_of_the_load() {
    let linear = |increment| {
        Method::Linear(Linear {
            increment,
            backoffs: 3,
        })
    };
    for (increment, expected) in [(1.0, false), (0.5, true), (1.5, true), (20.0, false)] {
        let found = with_search(|_, search| search.method = linear(increment));
        assert_eq!(found, ["search.linear.increment"][..usize::from(expected)]);
        let open = with_search(|spec, search| {
            spec.load = rate();
            search.max_level = 2_000.0;
            search.method = linear(increment);
        });
        assert_eq!(open, NOTHING);
    }
    assert_eq!(
        with_search(|_, search| search.max_level = 100_001.0),
        ["search.max_level"]
    );
    assert_eq!(
        with_search(|_, search| search.stop.min_gain = Some(0.1)),
        NOTHING
    );
    assert_eq!(
        with_search(|spec, search| {
            spec.load = rate();
            search.max_level = 2_000.0;
            search.stop.min_gain = Some(0.1);
        }),
        ["search.stop.min_gain"]
    );
}

#[test]
fn a_search_is_not_aborted_by_what_it_looks_for() {
    let abort = |spec: &mut Spec| {
        spec.slos = vec![Slo {
            abort_on_fail: true,
            ..slo(Scope::All)
        }];
    };
    assert_eq!(wrong(abort), NOTHING);
    assert_eq!(
        with_search(|spec, _| abort(spec)),
        ["slos[0].abort_on_fail"]
    );
}

#[test]
fn scaling_begins_within_its_bound() {
    let bounded = |max_workers| {
        wrong(|spec| spec.control.scaling.mode = ScalingMode::Bounded { max_workers })
    };
    assert_eq!(bounded(2), NOTHING);
    assert_eq!(bounded(1), ["scaling.max_workers"]);
}

#[test]
fn guardrails_limit_something() {
    let with = |max_queue_ratio| {
        wrong(|spec| {
            spec.control.guardrails = Some(Guardrails {
                mode: GuardrailMode::Hard,
                max_worker_cpu: None,
                max_worker_memory_bytes: None,
                max_error_ratio: None,
                max_queue_ratio,
                patience_s: 3,
            });
        })
    };
    assert_eq!(with(Some(0.5)), NOTHING);
    assert_eq!(with(None), ["guardrails"]);
}

#[test]
fn a_warmup_can_become_steady() {
    let window = |window| {
        wrong(|spec| {
            spec.phases.until_steady = Some(UntilSteady {
                window: seconds(window),
                tolerance: 0.05,
            });
        })
    };
    assert_eq!(window(10), NOTHING);
    assert_eq!(window(11), ["phases.until_steady.window"]);
}

#[test]
fn local_workers_are_not_waited_for() {
    let launched = |launcher| {
        wrong(|spec| {
            spec.control.launcher = launcher;
            spec.control.worker_wait = seconds(60);
        })
    };
    assert_eq!(launched(Launcher::External), NOTHING);
    assert_eq!(launched(Launcher::Local), ["worker_wait"]);
}
