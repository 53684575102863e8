//! Any description that a template can have.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_model::{
    id::Name,
    template::{
        Bisect, Class, Control, GuardrailMode, Guardrails, Launcher, Limit, Linear, Load, Method,
        Operation, Parameter, Phases, PoolOrder, Scaling, ScalingMode, Scope, Search, Slo, Spec,
        Statement, StopSignals, UntilSteady, WorkerLossPolicy,
    },
};
use proptest::{collection::vec, prelude::*, sample::select};

fn word() -> impl Strategy<Value = String> {
    vec(select(vec!['a', 'b', '_', 'é', '"', '.', '$']), 1..12)
        .prop_map(|letters| letters.into_iter().collect())
}

fn a_name() -> impl Strategy<Value = Name> {
    "[a-z]([a-z0-9-]{0,20}[a-z0-9])?".prop_map(|text| Name::new(text).unwrap())
}

fn a_duration(longest_s: u64) -> impl Strategy<Value = Duration> {
    (0..longest_s, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

fn a_positive_duration(longest_s: u64) -> impl Strategy<Value = Duration> {
    a_duration(longest_s).prop_map(|duration| duration.max(Duration::from_nanos(1)))
}

fn a_parameter() -> impl Strategy<Value = Parameter> {
    let range = (any::<i64>(), any::<i64>()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        any::<i64>().prop_map(Parameter::Integer),
        (-1e300..1e300).prop_map(Parameter::Number),
        word().prop_map(Parameter::Text),
        Just(Parameter::Null),
        range
            .clone()
            .prop_map(|(min, max)| Parameter::Uniform { min, max }),
        (range.clone(), 0.01..100.0).prop_map(|((min, max), exponent)| Parameter::Zipf {
            min,
            max,
            exponent
        }),
        range.prop_map(|(min, max)| Parameter::Sequential { min, max }),
        (1_u32..=65_536).prop_map(|length| Parameter::RandomText { length }),
        (a_name(), a_pool_order()).prop_map(|(pool, order)| Parameter::Pool { pool, order }),
    ]
}

fn a_pool_order() -> impl Strategy<Value = PoolOrder> {
    prop_oneof![
        Just(PoolOrder::Uniform),
        Just(PoolOrder::Sequential),
        (0.01..100.0).prop_map(|exponent| PoolOrder::Zipf { exponent }),
    ]
}

fn a_statement() -> impl Strategy<Value = Statement> {
    let names = vec(word(), 1..4).prop_map(|mut columns| {
        columns.sort();
        columns.dedup();
        columns
    });
    let keyed =
        (word(), word(), names, 1_u32.., 0..4).prop_map(|(table, key, columns, limit, kind)| {
            match kind {
                0 => Statement::PointLookup {
                    table,
                    key,
                    columns,
                },
                1 => Statement::RangeScan {
                    table,
                    key,
                    columns,
                    limit,
                },
                2 => Statement::Insert {
                    columns: columns.into_iter().filter(|name| *name != key).collect(),
                    table,
                    key,
                },
                _ => Statement::Update {
                    table,
                    key,
                    columns,
                },
            }
        });
    let sql = (0..3, any::<bool>()).prop_map(|(parameters, reads)| Statement::Sql {
        text: format!(
            "SELECT {}",
            (1..=parameters)
                .map(|n| format!("${n}"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        class: if reads { Class::Read } else { Class::Write },
    });
    prop_oneof![4 => keyed, 1 => sql]
}

fn a_mix() -> impl Strategy<Value = Vec<Operation>> {
    let operation = a_statement().prop_flat_map(|statement| {
        let parameters = vec(a_parameter(), statement.parameters());
        (
            Just(statement),
            parameters,
            1_u32..=1_000,
            proptest::option::of(a_name()),
        )
    });
    vec(operation, 1..8).prop_map(|parts| {
        let last = parts.len() as u32 - 1;
        let others: u32 = parts.iter().take(last as usize).map(|part| part.2).sum();
        parts
            .into_iter()
            .zip(0..)
            .map(
                |((statement, parameters, weight, label), index)| Operation {
                    name: Name::new(format!("op-{index}")).unwrap(),
                    weight: if index == last {
                        10_000 - others
                    } else {
                        weight
                    },
                    statement,
                    parameters,
                    label,
                },
            )
            .collect()
    })
}

fn a_load() -> impl Strategy<Value = Load> {
    let connections = 8_u32..100_000;
    prop_oneof![
        (connections.clone(), a_duration(3_600)).prop_map(|(connections, think_time)| {
            Load::Concurrency {
                connections,
                think_time,
            }
        }),
        (0.001..10_000_000.0, connections, 1_u64..=1_000_000_000).prop_map(
            |(per_second, connections, max_backlog)| Load::Rate {
                per_second,
                connections,
                max_backlog,
            }
        ),
    ]
}

fn an_slo() -> impl Strategy<Value = Slo> {
    let limit = prop_oneof![
        (0.001..99.999, a_positive_duration(3_600))
            .prop_map(|(percentile, max)| Limit::Latency { percentile, max }),
        (0.0..=1.0).prop_map(Limit::ErrorRatio),
        (0.001..10_000_000.0).prop_map(Limit::Throughput),
    ];
    (word(), limit, 0.5..0.9999, any::<bool>()).prop_map(
        |(name, limit, confidence, abort_on_fail)| Slo {
            name,
            scope: Scope::All,
            limit,
            confidence,
            abort_on_fail,
        },
    )
}

/// One of the scopes that the first operation is in.
fn a_scope(first: &Operation) -> impl Strategy<Value = Scope> + use<> {
    let class = first.statement.class();
    let label = first.label.clone();
    prop_oneof![
        Just(Scope::All),
        Just(Scope::Operation(first.name.clone())),
        Just(Scope::Class { class }),
        Just(label.map_or(Scope::All, |label| Scope::Label { label })),
    ]
}

fn a_share() -> impl Strategy<Value = f64> {
    0.1..=1.0
}

fn a_maybe<S: Strategy>(value: S) -> impl Strategy<Value = Option<S::Value>> {
    proptest::option::of(value)
}

fn a_method() -> impl Strategy<Value = Method> {
    prop_oneof![
        (1.1..=10.0, 0.001..=0.5, any::<bool>()).prop_map(|(growth, resolution, descend)| {
            Method::Bisect(Bisect {
                growth,
                resolution,
                descend,
            })
        }),
        (1_u32..1_000, 0_u32..=20).prop_map(|(increment, backoffs)| Method::Linear(Linear {
            increment: f64::from(increment),
            backoffs,
        })),
    ]
}

prop_compose! {
    fn the_signals()(
        max_queue_ratio in a_maybe(a_share()),
        max_error_ratio in 0.0..=1.0,
        slos in any::<bool>(),
        max_latency_increase in a_maybe(0.0..=1_000.0),
        max_throughput_drop in a_share(),
        max_rate_shortfall in a_share(),
        min_gain in a_maybe(a_share()),
    ) -> StopSignals {
        StopSignals {
            max_queue_ratio,
            max_error_ratio,
            slos,
            max_latency_increase,
            max_throughput_drop,
            max_rate_shortfall,
            min_gain,
        }
    }
}

prop_compose! {
    /// A search that has room above the level of the load.
    fn a_search(load: Load)(
        method in a_method(),
        step in 1_u64..60,
        settle in a_duration(60),
        confirm in a_duration(60),
        above in 0.01..=1.0,
        max_steps in 1_u32..=200,
        stop in the_signals(),
    ) -> Search {
        let (level, highest, min_gain) = match load {
            Load::Concurrency { connections, .. } => {
                (f64::from(connections), 100_000.0, stop.min_gain)
            }
            Load::Rate { per_second, .. } => (per_second, 10_000_000.0, None),
        };
        Search {
            method,
            step: Duration::from_secs(step),
            settle,
            confirm,
            max_level: level + above * (highest - level),
            max_steps,
            stop: StopSignals { min_gain, ..stop },
        }
    }
}

fn a_scaling() -> impl Strategy<Value = Scaling> {
    let mode = prop_oneof![
        Just(ScalingMode::Fixed),
        (8_u32..=10_000).prop_map(|max_workers| ScalingMode::Bounded { max_workers }),
        Just(ScalingMode::Auto),
    ];
    let other =
        (mode, a_share(), 1_u32..=3_600).prop_map(|(mode, max_worker_cpu, patience_s)| Scaling {
            mode,
            max_worker_cpu,
            patience_s,
        });
    prop_oneof![Just(Scaling::default()), other]
}

fn some_guardrails() -> impl Strategy<Value = Guardrails> {
    (
        any::<bool>(),
        a_share(),
        a_maybe(1_u64..),
        a_maybe(a_share()),
        a_maybe(a_share()),
        1_u32..=3_600,
    )
        .prop_map(
            |(soft, cpu, memory, errors, queue, patience_s)| Guardrails {
                mode: if soft {
                    GuardrailMode::Soft
                } else {
                    GuardrailMode::Hard
                },
                max_worker_cpu: Some(cpu),
                max_worker_memory_bytes: memory,
                max_error_ratio: errors,
                max_queue_ratio: queue,
                patience_s,
            },
        )
}

fn some_labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[a-z]{1,63}", word(), 0..4)
}

prop_compose! {
    fn a_control(load: Load)(
        search in a_maybe(a_search(load)),
        scaling in a_scaling(),
        guardrails in a_maybe(some_guardrails()),
        worker_labels in some_labels(),
        worker_wait in a_duration(604_800),
        local in any::<bool>(),
        max_clock_uncertainty in a_positive_duration(60),
    ) -> Control {
        Control {
            search,
            scaling,
            guardrails,
            worker_labels,
            worker_wait: if local { Duration::ZERO } else { worker_wait },
            launcher: if local { Launcher::Local } else { Launcher::External },
            max_clock_uncertainty,
        }
    }
}

prop_compose! {
    /// Long enough for any search and any window of a steady load.
    fn the_phases()(
        warmup in a_duration(604_800),
        measurement in a_duration(500_000),
        drain_timeout in a_duration(3_600),
        steady in a_maybe((5_u64..600, 0.005..=1.0)),
    ) -> Phases {
        Phases {
            warmup: if steady.is_some() { warmup.max(Duration::from_mins(10)) } else { warmup },
            measurement: measurement + Duration::from_secs(100_000),
            drain_timeout,
            until_steady: steady.map(|(window_s, tolerance)| UntilSteady {
                window: Duration::from_secs(window_s),
                tolerance,
            }),
        }
    }
}

/// A load with what is done with it.
fn a_steered_load() -> impl Strategy<Value = (Load, Control)> {
    a_load().prop_flat_map(|load| (Just(load), a_control(load)))
}

/// A mix with objectives of it.
fn a_judged_mix() -> impl Strategy<Value = (Vec<Operation>, Vec<Slo>)> {
    a_mix().prop_flat_map(|mix| {
        let slo = (an_slo(), a_scope(&mix[0])).prop_map(|(slo, scope)| Slo { scope, ..slo });
        (Just(mix), vec(slo, 0..4))
    })
}

prop_compose! {
    pub(super) fn a_spec()(
        description in ".{0,40}",
        (operations, mut slos) in a_judged_mix(),
        (load, control) in a_steered_load(),
        phases in the_phases(),
        workers in 1_u32..=8,
        seed in 1_u64..,
        worker_loss in select(vec![
            WorkerLossPolicy::Fail,
            WorkerLossPolicy::Continue,
            WorkerLossPolicy::Replace,
        ]),
        operation_timeout in a_positive_duration(3_600),
        start_timeout in a_positive_duration(3_600),
    ) -> Spec {
        // A search would end with its first failed objective.
        for slo in &mut slos {
            slo.abort_on_fail &= control.search.is_none();
        }
        Spec {
            description: description.replace('\0', ""),
            target: Name::new("db").unwrap(),
            operations,
            load,
            phases,
            workers,
            seed,
            slos,
            worker_loss,
            operation_timeout,
            start_timeout,
            control,
        }
    }
}
