//! What a template says of its load while it runs.

use gauntlet_model::template::{
    Bisect, Control, GuardrailMode, Guardrails, Launcher, Linear, Method, Scaling, ScalingMode,
    Scope, Search, StopSignals, UntilSteady,
};

use super::{spec::*, *};

fn bisect() -> pb::Search {
    pb::Search {
        method: Some(pb::search::Method::Bisect(pb::BisectSearch::default())),
        ..pb::Search::default()
    }
}

#[test]
fn without_a_word_nothing_is_controlled() {
    assert_eq!(template_spec(good()).unwrap().control, Control::default());
}

#[test]
fn what_is_left_out_of_a_search_is_filled_in() {
    let mut message = good();
    message.phases.as_mut().unwrap().measurement = Some(seconds(600));
    message.search = Some(bisect());
    let search = template_spec(message.clone()).unwrap().control.search;
    let expected = Search {
        method: Method::Bisect(Bisect {
            growth: 2.0,
            resolution: 0.03,
            descend: false,
        }),
        step: Duration::from_secs(10),
        settle: Duration::from_secs(10) / 3,
        confirm: Duration::from_secs(20),
        max_level: 1_000.0,
        max_steps: 40,
        stop: StopSignals::default(),
    };
    assert_eq!(search, Some(expected));

    message.load = Some(rate(150.5, 0));
    message.search = Some(pb::Search {
        method: Some(pb::search::Method::Linear(pb::LinearSearch {
            increment: 50.0,
            backoffs: None,
        })),
        step: Some(seconds(30)),
        confirm: Some(seconds(0)),
        stop: Some(pb::StopSignals {
            ignore_slos: true,
            max_throughput_drop: Some(0.0),
            max_queue_ratio: Some(0.2),
            ..pb::StopSignals::default()
        }),
        ..pb::Search::default()
    });
    let search = template_spec(message).unwrap().control.search;
    let expected = Search {
        method: Method::Linear(Linear {
            increment: 50.0,
            backoffs: 3,
        }),
        step: Duration::from_secs(30),
        settle: Duration::from_secs(5),
        confirm: Duration::ZERO,
        max_level: 10_000_000.0,
        max_steps: 40,
        stop: StopSignals {
            slos: false,
            max_throughput_drop: 0.0,
            max_queue_ratio: Some(0.2),
            ..StopSignals::default()
        },
    };
    assert_eq!(search, Some(expected));
}

#[test]
fn what_is_left_out_of_the_rest_is_filled_in() {
    let mut message = good();
    message.scaling = Some(pb::Scaling {
        mode: pb::ScalingMode::Bounded.into(),
        max_workers: 3,
        ..pb::Scaling::default()
    });
    message.guardrails = Some(pb::Guardrails {
        max_error_ratio: Some(0.5),
        ..pb::Guardrails::default()
    });
    message.launcher = pb::Launcher::Local.into();
    message.worker_labels = [("zone".to_owned(), "a".to_owned())].into();
    let phases = message.phases.as_mut().unwrap();
    phases.warmup = Some(seconds(60));
    phases.until_steady = Some(pb::UntilSteady::default());
    let spec = template_spec(message).unwrap();
    let expected = Control {
        search: None,
        scaling: Scaling {
            mode: ScalingMode::Bounded { max_workers: 3 },
            max_worker_cpu: 0.8,
            patience_s: 3,
        },
        guardrails: Some(Guardrails {
            mode: GuardrailMode::Hard,
            max_worker_cpu: None,
            max_worker_memory_bytes: None,
            max_error_ratio: Some(0.5),
            max_queue_ratio: None,
            patience_s: 3,
        }),
        worker_labels: [("zone".to_owned(), "a".to_owned())].into(),
        worker_wait: Duration::ZERO,
        launcher: Launcher::Local,
        max_clock_uncertainty: Duration::from_millis(20),
    };
    assert_eq!(spec.control, expected);
    let expected = UntilSteady {
        window: Duration::from_secs(10),
        tolerance: 0.05,
    };
    assert_eq!(spec.phases.until_steady, Some(expected));
}

#[test]
fn violations_of_a_search() {
    check(
        "no method",
        |spec| spec.search = Some(pb::Search::default()),
        &[("search.method", "is required: give bisect or linear")],
    );
    check(
        "bisect",
        |spec| {
            spec.search = Some(pb::Search {
                method: Some(pb::search::Method::Bisect(pb::BisectSearch {
                    growth: 1.0,
                    resolution: 0.6,
                    descend: true,
                })),
                step: Some(prost_types::Duration {
                    seconds: 0,
                    nanos: 999_999_999,
                }),
                settle: Some(seconds(-1)),
                confirm: Some(seconds(86_401)),
                max_level: f64::NAN,
                max_steps: 201,
                stop: Some(pb::StopSignals {
                    max_queue_ratio: Some(1.1),
                    max_error_ratio: Some(-0.1),
                    max_latency_increase: Some(1_001.0),
                    max_throughput_drop: Some(f64::NAN),
                    max_rate_shortfall: Some(2.0),
                    min_gain: Some(-1.0),
                    ..pb::StopSignals::default()
                }),
            });
        },
        &[
            ("search.bisect.growth", "must be 1.1 to 10, it is 1"),
            (
                "search.bisect.resolution",
                "must be 0.001 to 0.5, it is 0.6",
            ),
            ("search.step", "must be at least 1 s"),
            ("search.settle", "must not be negative"),
            ("search.confirm", "must be at most 86400 s"),
            ("search.max_level", "must be 0 to 10000000, it is NaN"),
            ("search.max_steps", "must be 1 to 200, it is 201"),
            ("search.stop.max_queue_ratio", "must be 0 to 1, it is 1.1"),
            ("search.stop.max_error_ratio", "must be 0 to 1, it is -0.1"),
            ("search.stop.max_latency_increase", "must be 0 to 1000"),
            ("search.stop.max_throughput_drop", "must be 0 to 1"),
            ("search.stop.max_rate_shortfall", "must be 0 to 1"),
            ("search.stop.min_gain", "must be 0 to 1"),
        ],
    );
    check(
        "linear",
        |spec| {
            spec.search = Some(pb::Search {
                method: Some(pb::search::Method::Linear(pb::LinearSearch {
                    increment: 0.0,
                    backoffs: Some(21),
                })),
                ..pb::Search::default()
            });
        },
        &[
            ("search.linear.increment", "must be greater than 0"),
            ("search.linear.backoffs", "must be at most 20, it is 21"),
        ],
    );
}

#[test]
fn violations_of_scaling_guardrails_and_workers() {
    let scaling = |mode: pb::ScalingMode, max_workers| {
        move |spec: &mut pb::TemplateSpec| {
            spec.scaling = Some(pb::Scaling {
                mode: mode.into(),
                max_workers,
                ..pb::Scaling::default()
            });
        }
    };
    check(
        "bounded by nothing",
        scaling(pb::ScalingMode::Bounded, 0),
        &[("scaling.max_workers", "is required for BOUNDED")],
    );
    check(
        "a bound of all",
        scaling(pb::ScalingMode::Auto, 2),
        &[("scaling.max_workers", "makes sense for BOUNDED only")],
    );
    check(
        "ranges",
        |spec| {
            spec.scaling = Some(pb::Scaling {
                mode: 9,
                max_workers: 10_001,
                max_worker_cpu: 0.05,
                patience_s: 3_601,
            });
            spec.guardrails = Some(pb::Guardrails {
                mode: 9,
                max_worker_cpu: Some(0.0),
                max_worker_memory_bytes: Some(0),
                max_error_ratio: Some(1.5),
                max_queue_ratio: Some(f64::NAN),
                patience_s: 3_601,
            });
            spec.launcher = 9;
            spec.worker_wait = Some(seconds(604_801));
            spec.max_clock_uncertainty = Some(seconds(0));
            spec.worker_labels = (0..33).map(|n| (n.to_string(), String::new())).collect();
            spec.worker_loss = 9;
        },
        &[
            ("scaling.mode", "9 is not one of its values"),
            ("scaling.max_workers", "must be 1 to 10000"),
            ("scaling.max_worker_cpu", "must be 0.1 to 1, it is 0.05"),
            ("scaling.patience_s", "must be 1 to 3600"),
            ("guardrails.mode", "9 is not one of its values"),
            (
                "guardrails.max_worker_cpu",
                "must be greater than 0 and at most 1, it is 0",
            ),
            (
                "guardrails.max_worker_memory_bytes",
                "must be greater than 0, it is 0",
            ),
            ("guardrails.max_error_ratio", "must be greater than 0"),
            ("guardrails.max_queue_ratio", "must be greater than 0"),
            ("guardrails.patience_s", "must be 1 to 3600"),
            ("launcher", "9 is not one of its values"),
            ("worker_wait", "must be at most 604800 s"),
            ("max_clock_uncertainty", "must be greater than 0"),
            ("worker_labels", "must be at most 32 pairs, there are 33"),
            ("worker_loss", "9 is not one of its values"),
        ],
    );
    check(
        "a label without a key",
        |spec| spec.worker_labels = [(String::new(), "a\0".to_owned())].into(),
        &[(
            "worker_labels[\"\"]",
            "values must not hold the character NUL",
        )],
    );
}

#[test]
fn violations_of_a_steady_warmup() {
    check(
        "ranges",
        |spec| {
            let phases = spec.phases.as_mut().unwrap();
            phases.warmup = Some(seconds(60));
            phases.until_steady = Some(pb::UntilSteady {
                window: Some(seconds(4)),
                tolerance: 0.001,
            });
        },
        &[
            ("phases.until_steady.window", "must be at least 5 s"),
            ("phases.until_steady.tolerance", "must be 0.005 to 1"),
        ],
    );
}

#[test]
fn an_objective_names_operations_in_one_way() {
    let slo = |change: fn(&mut pb::Slo)| {
        let mut slo = pb::Slo {
            limit: Some(pb::slo::Limit::MaxErrorRatio(0.5)),
            ..pb::Slo::default()
        };
        change(&mut slo);
        slo
    };
    check_slo(
        "two ways",
        slo(|slo| {
            slo.operation = "point-lookup".into();
            slo.class = pb::StatementClass::Read.into();
        }),
        &[("slos[0].class", "makes no sense beside operation")],
    );
    check_slo(
        "two other ways",
        slo(|slo| {
            slo.class = pb::StatementClass::Read.into();
            slo.label = "hot".into();
        }),
        &[("slos[0].label", "makes no sense beside class")],
    );
    check_slo(
        "unknown class",
        slo(|slo| slo.class = 9),
        &[("slos[0].class", "9 is not one of its values")],
    );
    check_slo(
        "nothing writes",
        slo(|slo| slo.class = pb::StatementClass::Write.into()),
        &[("slos[0].class", "no operation writes")],
    );
    check_slo(
        "nothing has the label",
        slo(|slo| slo.label = "hot".into()),
        &[("slos[0].label", "no operation has the label \"hot\"")],
    );
    check_slo(
        "bad label",
        slo(|slo| slo.label = "Hot".into()),
        &[("slos[0].label", "\"Hot\" is not a name")],
    );
    check_operation(
        "label",
        |operation| operation.label = "Hot".into(),
        &[("operations[0].label", "\"Hot\" is not a name")],
    );
}

#[test]
fn an_objective_without_a_name_is_named_after_its_operations() {
    let mut message = good();
    message.operations[0].label = "hot".into();
    let limit = || Some(pb::slo::Limit::MaxErrorRatio(0.5));
    message.slos = vec![
        pb::Slo {
            limit: limit(),
            class: pb::StatementClass::Read.into(),
            abort_on_fail: true,
            ..pb::Slo::default()
        },
        pb::Slo {
            limit: limit(),
            label: "hot".into(),
            ..pb::Slo::default()
        },
    ];
    let slos = template_spec(message).unwrap().slos;
    let hot = Name::new("hot").unwrap();
    assert_eq!(slos[0].scope, Scope::Class { class: Class::Read });
    assert_eq!(slos[1].scope, Scope::Label { label: hot });
    let said: Vec<(&str, bool)> = slos
        .iter()
        .map(|slo| (slo.name.as_str(), slo.abort_on_fail))
        .collect();
    assert_eq!(
        said,
        [
            ("reads error ratio <= 0.5", true),
            ("label hot error ratio <= 0.5", false),
        ]
    );
}
