//! Template descriptions.

use super::*;

pub(super) fn good() -> pb::TemplateSpec {
    pb::TemplateSpec {
        target: "db".into(),
        table: "items".into(),
        operations: vec![pb::Operation {
            kind: pb::OperationKind::PointLookup.into(),
            weight: 100.0,
            parameters: vec![uniform(1, 10)],
            ..pb::Operation::default()
        }],
        load: Some(concurrency(4)),
        phases: Some(pb::Phases {
            measurement: Some(seconds(20)),
            ..pb::Phases::default()
        }),
        ..pb::TemplateSpec::default()
    }
}

pub(super) fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

fn concurrency(connections: u32) -> pb::Load {
    pb::Load {
        mode: Some(pb::load::Mode::Concurrency(pb::ConcurrencyLoad {
            connections,
            think_time: None,
        })),
    }
}

pub(super) fn rate(per_second: f64, max_backlog: u64) -> pb::Load {
    pb::Load {
        mode: Some(pb::load::Mode::Rate(pb::RateLoad {
            per_second,
            connections: 4,
            max_backlog,
        })),
    }
}

fn parameter(generator: pb::parameter::Generator) -> pb::Parameter {
    pb::Parameter {
        generator: Some(generator),
    }
}

fn uniform(min: i64, max: i64) -> pb::Parameter {
    parameter(pb::parameter::Generator::Uniform(pb::IntegerRange {
        min,
        max,
    }))
}

fn zipf(min: i64, max: i64, exponent: f64) -> pb::Parameter {
    parameter(pb::parameter::Generator::Zipf(pb::Zipf {
        min,
        max,
        exponent,
    }))
}

fn literal(value: Option<pb::literal::Value>) -> pb::Parameter {
    parameter(pb::parameter::Generator::Literal(pb::Literal { value }))
}

fn latency(percentile: f64, max: prost_types::Duration) -> pb::slo::Limit {
    pb::slo::Limit::Latency(pb::LatencyLimit {
        percentile,
        max: Some(max),
    })
}

/// What is wrong with a description.
fn violations(spec: pb::TemplateSpec) -> Vec<Violation> {
    let request = pb::ValidateTemplateRequest {
        spec: Some(spec),
        project: String::new(),
    };
    let read = validate_template(request).unwrap();
    read.spec.err().unwrap_or_default()
}

pub(super) fn check(
    what: &str,
    change: impl FnOnce(&mut pb::TemplateSpec),
    expected: &[(&str, &str)],
) {
    let mut spec = good();
    change(&mut spec);
    assert_violations(&violations(spec), expected, what);
}

/// Changes the only operation.
pub(super) fn check_operation(
    what: &str,
    change: impl FnOnce(&mut pb::Operation),
    expected: &[(&str, &str)],
) {
    check(what, |spec| change(&mut spec.operations[0]), expected);
}

fn check_parameter(what: &str, given: pb::Parameter, expected: &[(&str, &str)]) {
    check_operation(
        what,
        |operation| operation.parameters = vec![given],
        expected,
    );
}

pub(super) fn check_slo(what: &str, slo: pb::Slo, expected: &[(&str, &str)]) {
    check(what, |spec| spec.slos = vec![slo], expected);
}

#[test]
fn what_is_left_out_is_filled_in() {
    let mut message = good();
    message.load = Some(rate(150.5, 0));
    message.operations[0].kind = pb::OperationKind::RangeScan.into();
    message.operations[0].parameters = vec![zipf(1, 10, 0.0)];
    message.slos = vec![
        pb::Slo {
            operation: "range-scan".into(),
            limit: Some(latency(
                99.0,
                prost_types::Duration {
                    seconds: 0,
                    nanos: 10_000_000,
                },
            )),
            ..pb::Slo::default()
        },
        pb::Slo {
            limit: Some(pb::slo::Limit::MaxErrorRatio(0.01)),
            ..pb::Slo::default()
        },
        pb::Slo {
            limit: Some(pb::slo::Limit::MinThroughputPerS(500.0)),
            confidence: 0.99,
            ..pb::Slo::default()
        },
        pb::Slo {
            limit: Some(latency(
                99.9,
                prost_types::Duration {
                    seconds: 1,
                    nanos: 500_000_000,
                },
            )),
            ..pb::Slo::default()
        },
    ];
    let spec = template_spec(message).unwrap();
    assert_eq!(spec.workers, 1);
    assert_eq!(spec.seed, 1);
    assert_eq!(spec.operation_timeout, Duration::from_secs(10));
    assert_eq!(spec.start_timeout, Duration::from_secs(30));
    assert_eq!(spec.phases.warmup, Duration::ZERO);
    assert_eq!(spec.phases.drain_timeout, Duration::from_secs(10));
    assert_eq!(spec.worker_loss, WorkerLossPolicy::Fail);
    assert_eq!(
        spec.load,
        Load::Rate {
            per_second: 150.5,
            connections: 4,
            max_backlog: 1_505
        }
    );
    let operation = &spec.operations[0];
    assert_eq!(operation.name, Name::new("range-scan").unwrap());
    assert_eq!(operation.weight, 10_000);
    assert_eq!(
        operation.statement,
        Statement::RangeScan {
            table: "items".into(),
            key: "id".into(),
            columns: Vec::new(),
            limit: 100
        }
    );
    assert_eq!(
        operation.parameters,
        vec![Parameter::Zipf {
            min: 1,
            max: 10,
            exponent: 0.99
        }]
    );
    let slos: Vec<(&str, f64)> = spec
        .slos
        .iter()
        .map(|slo| (slo.name.as_str(), slo.confidence))
        .collect();
    assert_eq!(
        slos,
        vec![
            ("range-scan p99 <= 10ms", 0.95),
            ("error ratio <= 0.01", 0.95),
            ("throughput >= 500/s", 0.99),
            ("p99.9 <= 1.5s", 0.95),
        ]
    );
    assert_eq!(spec.slos[1].limit, Limit::ErrorRatio(0.01));
}

#[test]
fn an_empty_description_names_all_that_is_missing() {
    let spec = Some(pb::TemplateSpec::default());
    let found = violations(pb::TemplateSpec::default());
    assert_violations(
        &found,
        &[
            ("target", "is required"),
            ("operations", "is required"),
            ("load", "is required"),
            ("phases", "is required"),
        ],
        "empty",
    );
    // Within another request the path begins there.
    let created = create_template(pb::CreateTemplateRequest {
        project: "acme".into(),
        name: "reads".into(),
        spec,
        ..pb::CreateTemplateRequest::default()
    });
    assert_eq!(created.unwrap_err().0[0].field, "spec.target");
}

#[test]
fn violations_of_the_whole() {
    check("good", |_| {}, &[]);
    check(
        "weights",
        |spec| spec.operations[0].weight = 99.99,
        &[(
            "operations",
            "the weights sum to 99.99, they must sum to 100",
        )],
    );
    check(
        "too few connections",
        |spec| spec.workers = 5,
        &[("load", "4 connections cannot be shared by 5 workers")],
    );
    check(
        "workers",
        |spec| spec.workers = 10_001,
        &[("workers", "must be 1 to 10000")],
    );
    check(
        "many operations",
        |spec| spec.operations = vec![spec.operations[0].clone(); 101],
        &[("operations", "must be 1 to 100, there are 101")],
    );
    check(
        "names twice",
        |spec| {
            spec.operations[0].weight = 50.0;
            spec.operations.push(spec.operations[0].clone());
        },
        &[("operations[1].name", "\"point-lookup\" is used twice")],
    );
    check(
        "every field at once",
        |spec| {
            spec.description = "x".repeat(4_097);
            spec.target = "Db".into();
            spec.table = "t".repeat(129);
            spec.key_column = "a\0b".into();
            spec.worker_loss = 9;
            spec.operation_timeout = Some(seconds(0));
            spec.start_timeout = Some(seconds(3_601));
        },
        &[
            ("description", "must have at most 4096 bytes"),
            ("target", "\"Db\" is not a name"),
            ("table", "must have at most 128 bytes"),
            ("key_column", "must not hold the character NUL"),
            (
                "operations[0].table",
                "is required, here or as the template's table",
            ),
            ("worker_loss", "9 is not one of its values"),
            ("operation_timeout", "must be greater than 0"),
            ("start_timeout", "must be at most 3600 s"),
        ],
    );
}

#[test]
fn violations_of_phases() {
    let phases = |warmup, measurement, drain| {
        move |spec: &mut pb::TemplateSpec| {
            spec.phases = Some(pb::Phases {
                warmup: Some(warmup),
                measurement: Some(measurement),
                drain_timeout: Some(drain),
                until_steady: None,
            });
        }
    };
    let week = 7 * 24 * 3_600;
    check(
        "longest",
        phases(seconds(week), seconds(week), seconds(0)),
        &[],
    );
    check(
        "too long",
        phases(seconds(week + 1), seconds(week + 1), seconds(3_601)),
        &[
            ("phases.warmup", "must be at most 604800 s"),
            ("phases.measurement", "must be at most 604800 s"),
            ("phases.drain_timeout", "must be at most 3600 s"),
        ],
    );
    let nanos = |seconds, nanos| prost_types::Duration { seconds, nanos };
    check(
        "negative and none",
        phases(nanos(0, -1), nanos(0, 0), nanos(0, 1_000_000_000)),
        &[
            ("phases.warmup", "must not be negative"),
            ("phases.measurement", "must be greater than 0"),
            (
                "phases.drain_timeout",
                "must have nanos below 1,000,000,000",
            ),
        ],
    );
    check(
        "none at all",
        |spec| spec.phases = None,
        &[("phases", "is required")],
    );
}

#[test]
fn violations_of_the_load() {
    for connections in [0, 100_001] {
        check(
            "connections",
            |spec| spec.load = Some(concurrency(connections)),
            &[("load.concurrency.connections", "must be 1 to 100000")],
        );
    }
    for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY, 10_000_000.1] {
        check(
            "rate",
            |spec| spec.load = Some(rate(per_second, 0)),
            &[(
                "load.rate.per_second",
                "must be greater than 0 and at most 10000000",
            )],
        );
    }
    check(
        "backlog",
        |spec| spec.load = Some(rate(1.0, 1_000_000_001)),
        &[("load.rate.max_backlog", "must be 1 to 1000000000")],
    );
    check(
        "no mode",
        |spec| spec.load = Some(pb::Load { mode: None }),
        &[("load.mode", "is required: give concurrency or rate")],
    );
}

#[test]
fn violations_of_operations() {
    for (weight, message) in [
        (0.0, "must be greater than 0"),
        (-5.0, "must be greater than 0"),
        (f64::NAN, "must be greater than 0"),
        (100.01, "must be greater than 0 and at most 100"),
        (33.333, "must be a multiple of 0.01"),
        (0.001, "must be a multiple of 0.01"),
    ] {
        check_operation(
            "weight",
            |operation| operation.weight = weight,
            &[("operations[0].weight", message)],
        );
    }
    check_operation(
        "kind",
        |operation| operation.kind = 0,
        &[("operations[0].kind", "is required")],
    );
    check_operation(
        "unknown kind",
        |operation| operation.kind = 77,
        &[("operations[0].kind", "77 is not one of its values")],
    );
    check_operation(
        "name",
        |operation| operation.name = "Point".into(),
        &[("operations[0].name", "\"Point\" is not a name")],
    );
    check_operation(
        "foreign to a lookup",
        |operation| {
            operation.sql = "SELECT 1".into();
            operation.class = pb::StatementClass::Read.into();
            operation.limit = 5;
        },
        &[
            ("operations[0].sql", "makes no sense for POINT_LOOKUP"),
            ("operations[0].class", "makes no sense for POINT_LOOKUP"),
            ("operations[0].limit", "makes no sense for POINT_LOOKUP"),
        ],
    );
    check_operation(
        "columns",
        |operation| operation.columns = vec!["c".into(), " ".into(), "x".repeat(129)],
        &[
            ("operations[0].columns[1]", "is required"),
            ("operations[0].columns[2]", "must have at most 128 bytes"),
        ],
    );
    check_operation(
        "number of parameters",
        |operation| operation.parameters = Vec::new(),
        &[(
            "operations[0].parameters",
            "operation \"point-lookup\" needs 1 parameters, 0 are given",
        )],
    );
}

#[test]
fn violations_of_writes_and_sql() {
    check_operation(
        "insert of the key",
        |operation| {
            operation.kind = pb::OperationKind::Insert.into();
            operation.columns = vec!["k".into(), "id".into(), "k".into()];
        },
        &[
            ("operations[0].columns[1]", "is the key"),
            ("operations[0].columns[2]", "\"k\" is given twice"),
        ],
    );
    check_operation(
        "update of nothing",
        |operation| {
            operation.kind = pb::OperationKind::Update.into();
            operation.limit = 1;
        },
        &[
            ("operations[0].limit", "makes no sense for UPDATE"),
            (
                "operations[0].columns",
                "is required: name the columns to set",
            ),
        ],
    );
    check_operation(
        "sql without a text",
        |operation| {
            operation.kind = pb::OperationKind::Sql.into();
            operation.table = "items".into();
            operation.key_column = "id".into();
            operation.columns = vec!["c".into()];
        },
        &[
            ("operations[0].table", "makes no sense for SQL"),
            ("operations[0].key_column", "makes no sense for SQL"),
            ("operations[0].columns", "makes no sense for SQL"),
            ("operations[0].sql", "is required"),
            ("operations[0].class", "is required"),
        ],
    );
    check_operation(
        "sql that is too long",
        |operation| {
            operation.kind = pb::OperationKind::Sql.into();
            operation.sql = "x".repeat(65_537);
            operation.class = pb::StatementClass::Write.into();
        },
        &[("operations[0].sql", "must have at most 65536 bytes")],
    );
    let mut message = good();
    message.table = String::new();
    message.operations[0] = pb::Operation {
        kind: pb::OperationKind::Sql.into(),
        weight: 100.0,
        sql: "SELECT c FROM items WHERE id = $1".into(),
        class: pb::StatementClass::Read.into(),
        parameters: vec![uniform(1, 2)],
        ..pb::Operation::default()
    };
    assert_eq!(
        template_spec(message).unwrap().operations[0].statement,
        Statement::Sql {
            text: "SELECT c FROM items WHERE id = $1".into(),
            class: Class::Read
        }
    );
}

#[test]
fn violations_of_parameters() {
    let at = |field: &'static str, message| [(field, message)];
    check_parameter(
        "nothing",
        pb::Parameter { generator: None },
        &at(
            "operations[0].parameters[0].generator",
            "is required: give literal",
        ),
    );
    check_parameter(
        "uniform",
        uniform(2, 1),
        &at(
            "operations[0].parameters[0].uniform.max",
            "must be at least min (2), it is 1",
        ),
    );
    check_parameter(
        "zipf range",
        zipf(2, 1, 1.0),
        &at(
            "operations[0].parameters[0].zipf.max",
            "must be at least min",
        ),
    );
    for exponent in [-0.5, f64::NAN, f64::INFINITY] {
        check_parameter(
            "zipf exponent",
            zipf(1, 2, exponent),
            &at(
                "operations[0].parameters[0].zipf.exponent",
                "must be greater than 0",
            ),
        );
    }
    for length in [0, 65_537] {
        check_parameter(
            "text",
            parameter(pb::parameter::Generator::Text(pb::RandomText { length })),
            &at(
                "operations[0].parameters[0].text.length",
                "must be 1 to 65536",
            ),
        );
    }
    let draw = |pool: &str, order, exponent| {
        let pool = pool.to_owned();
        parameter(pb::parameter::Generator::Pool(pb::PoolDraw {
            pool,
            order,
            exponent,
        }))
    };
    check_parameter(
        "pool name",
        draw("", 0, 0.0),
        &at("operations[0].parameters[0].pool.pool", "is required"),
    );
    check_parameter(
        "pool order",
        draw("p", 9, 0.0),
        &at(
            "operations[0].parameters[0].pool.order",
            "9 is not one of its values",
        ),
    );
    check_parameter(
        "pool exponent",
        draw("p", pb::PoolOrder::Sequential.into(), 1.0),
        &at(
            "operations[0].parameters[0].pool.exponent",
            "makes sense for ZIPF only",
        ),
    );
    check_parameter(
        "pool zipf",
        draw("p", pb::PoolOrder::Zipf.into(), -1.0),
        &at(
            "operations[0].parameters[0].pool.exponent",
            "must be greater than 0",
        ),
    );
}

#[test]
fn violations_of_literals() {
    use pb::literal::Value as V;
    for (value, field, message) in [
        (
            None,
            "operations[0].parameters[0].literal.value",
            "is required",
        ),
        (
            Some(V::Number(f64::NAN)),
            "operations[0].parameters[0].literal.number",
            "must be finite",
        ),
        (
            Some(V::Null(false)),
            "operations[0].parameters[0].literal.null",
            "must be true",
        ),
        (
            Some(V::Text("a\0".into())),
            "operations[0].parameters[0].literal.text",
            "must not hold",
        ),
    ] {
        check_parameter("literal", literal(value), &[(field, message)]);
    }
}

#[test]
fn violations_of_objectives() {
    let with = |limit| pb::Slo {
        limit: Some(limit),
        ..pb::Slo::default()
    };
    check_slo(
        "nothing",
        pb::Slo::default(),
        &[("slos[0].limit", "is required: give latency")],
    );
    for percentile in [0.0, 100.0, f64::NAN] {
        check_slo(
            "percentile",
            with(latency(percentile, seconds(1))),
            &[(
                "slos[0].latency.percentile",
                "must be greater than 0 and less than 100",
            )],
        );
    }
    check_slo(
        "latency",
        with(latency(99.0, seconds(0))),
        &[("slos[0].latency.max", "must be greater than 0")],
    );
    check_slo(
        "latency without max",
        with(pb::slo::Limit::Latency(pb::LatencyLimit {
            percentile: 50.0,
            max: None,
        })),
        &[("slos[0].latency.max", "is required")],
    );
    for ratio in [-0.1, 1.1, f64::NAN] {
        check_slo(
            "ratio",
            with(pb::slo::Limit::MaxErrorRatio(ratio)),
            &[("slos[0].max_error_ratio", "must be 0 to 1")],
        );
    }
    check_slo(
        "throughput",
        with(pb::slo::Limit::MinThroughputPerS(0.0)),
        &[("slos[0].min_throughput_per_s", "must be greater than 0")],
    );
    for confidence in [0.4, 1.0, f64::NAN] {
        check_slo(
            "confidence",
            pb::Slo {
                confidence,
                ..with(pb::slo::Limit::MaxErrorRatio(0.0))
            },
            &[("slos[0].confidence", "must be 0.5 to 0.9999")],
        );
    }
    check_slo(
        "operation",
        pb::Slo {
            operation: "other".into(),
            ..with(pb::slo::Limit::MaxErrorRatio(0.0))
        },
        &[("slos[0].operation", "no operation is named")],
    );
    check(
        "many",
        |spec| spec.slos = vec![with(pb::slo::Limit::MaxErrorRatio(0.0)); 51],
        &[("slos", "must be at most 50, there are 51")],
    );
}
