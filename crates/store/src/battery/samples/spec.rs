//! A template's spec.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_model::template::{
    Bisect, Class, Control, GuardrailMode, Guardrails, Launcher, Limit, Load, Method, Operation,
    Parameter, Phases, Scaling, ScalingMode, Scope, Search, Slo, Spec, Statement, StopSignals,
    UntilSteady, WorkerLossPolicy,
};

use super::name;

/// A spec with every variant that one spec can hold.
#[must_use]
pub fn spec() -> Spec {
    Spec {
        description: "reads 90 %, \"writes\" 10 %\n— ö".to_owned(),
        target: name("main"),
        operations: operations(),
        load: Load::Rate {
            per_second: 1_000.1,
            connections: 16,
            max_backlog: u64::MAX,
        },
        phases: Phases {
            warmup: Duration::from_millis(1_500),
            measurement: Duration::from_mins(1),
            drain_timeout: Duration::from_nanos(1),
            until_steady: Some(UntilSteady {
                window: Duration::from_secs(10),
                tolerance: 0.1 + 0.2,
            }),
        },
        workers: 2,
        seed: u64::MAX,
        slos: slos(),
        worker_loss: WorkerLossPolicy::Continue,
        operation_timeout: Duration::from_secs(30),
        start_timeout: Duration::from_secs(20),
        control: control(),
    }
}

fn control() -> Control {
    let bisect = Bisect {
        growth: 2.0,
        resolution: 0.03,
        descend: true,
    };
    Control {
        search: Some(Search {
            method: Method::Bisect(bisect),
            step: Duration::from_secs(10),
            settle: Duration::from_millis(1_500),
            confirm: Duration::from_secs(30),
            max_level: 1e6 / 7.0,
            max_steps: 40,
            stop: StopSignals {
                max_queue_ratio: Some(0.1),
                ..StopSignals::default()
            },
        }),
        scaling: Scaling {
            mode: ScalingMode::Bounded { max_workers: 8 },
            ..Scaling::default()
        },
        guardrails: Some(Guardrails {
            mode: GuardrailMode::Soft,
            max_worker_cpu: Some(0.9),
            max_worker_memory_bytes: Some(u64::MAX),
            max_error_ratio: None,
            max_queue_ratio: Some(1.0 / 3.0),
            patience_s: 3,
        }),
        worker_labels: BTreeMap::from([("zone".to_owned(), "ö \"a\"".to_owned())]),
        worker_wait: Duration::from_mins(5),
        launcher: Launcher::Local,
        max_clock_uncertainty: Duration::from_nanos(20_000_001),
    }
}

fn operations() -> Vec<Operation> {
    let (table, key) = ("bench.rows".to_owned(), "id".to_owned());
    let columns = vec!["c".to_owned(), "d".to_owned()];
    let statements = [
        Statement::PointLookup {
            table: table.clone(),
            key: key.clone(),
            columns: Vec::new(),
        },
        Statement::RangeScan {
            table: table.clone(),
            key: key.clone(),
            columns: columns.clone(),
            limit: u32::MAX,
        },
        Statement::Insert {
            table: table.clone(),
            key: key.clone(),
            columns: columns.clone(),
        },
        Statement::Update {
            table,
            key,
            columns,
        },
        Statement::Sql {
            text: "UPDATE t SET a = $1 WHERE b LIKE '50%'".to_owned(),
            class: Class::Write,
        },
        Statement::Sql {
            text: "TABLE t".to_owned(),
            class: Class::Read,
        },
    ];
    let named = |(index, statement)| Operation {
        name: name(&format!("operation-{index}")),
        weight: 10_000 - index as u32,
        statement,
        parameters: parameters(),
        label: (index == 0).then(|| name("hot")),
    };
    statements.into_iter().enumerate().map(named).collect()
}

fn parameters() -> Vec<Parameter> {
    vec![
        Parameter::Integer(i64::MIN),
        Parameter::Number(0.1 + 0.2),
        Parameter::Number(f64::MIN_POSITIVE),
        Parameter::Text("it's $1, 50%".to_owned()),
        Parameter::Null,
        Parameter::Uniform {
            min: i64::MIN,
            max: i64::MAX,
        },
        Parameter::Zipf {
            min: 1,
            max: 1_000,
            exponent: 0.99,
        },
        Parameter::Sequential { min: 0, max: 9 },
        Parameter::RandomText { length: 32 },
    ]
}

fn slos() -> Vec<Slo> {
    let latency = Limit::Latency {
        percentile: 99.9,
        max: Duration::from_micros(2_500),
    };
    let scopes = [
        (Scope::All, latency),
        (
            Scope::Operation(name("operation-0")),
            Limit::ErrorRatio(0.001),
        ),
        (
            Scope::Class {
                class: Class::Write,
            },
            Limit::Throughput(1.0 / 3.0),
        ),
        (Scope::Label { label: name("hot") }, latency),
    ];
    (0..)
        .zip(scopes)
        .map(|(index, (scope, limit))| Slo {
            name: format!("objective {index}"),
            scope,
            limit,
            confidence: 0.9999,
            abort_on_fail: index == 1,
        })
        .collect()
}
