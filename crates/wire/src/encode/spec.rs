//! Template descriptions. Decoding what is encoded here gives the same value.

use gauntlet_api::v1 as pb;
use gauntlet_model::template::{
    Class, Limit, Load, Operation, Parameter, Phases, PoolOrder, Scope, Slo, Spec, Statement,
    WorkerLossPolicy,
};

use super::{control, duration};

/// A template description. The table and key of the first operation that has
/// one become those of the template, and operations name theirs where it differs.
#[must_use]
pub fn spec(spec: &Spec) -> pb::TemplateSpec {
    let (table, key) = spec
        .operations
        .iter()
        .find_map(|operation| operation.statement.table_and_key())
        .unwrap_or_default();
    let controls = &spec.control;
    pb::TemplateSpec {
        description: spec.description.clone(),
        target: spec.target.to_string(),
        table: table.to_owned(),
        key_column: key.to_owned(),
        operations: spec
            .operations
            .iter()
            .map(|given| operation(given, table, key))
            .collect(),
        load: Some(load(&spec.load)),
        phases: Some(phases(&spec.phases)),
        workers: spec.workers,
        seed: spec.seed,
        slos: spec.slos.iter().map(slo).collect(),
        worker_loss: worker_loss(spec.worker_loss).into(),
        operation_timeout: Some(duration(spec.operation_timeout)),
        start_timeout: Some(duration(spec.start_timeout)),
        search: controls.search.as_ref().map(control::search),
        scaling: control::scaling(&controls.scaling),
        guardrails: controls.guardrails.as_ref().map(control::guardrails),
        worker_labels: controls.worker_labels.clone().into_iter().collect(),
        worker_wait: Some(duration(controls.worker_wait)),
        launcher: control::launcher(controls.launcher).into(),
        max_clock_uncertainty: Some(duration(controls.max_clock_uncertainty)),
    }
}

fn operation(operation: &Operation, table: &str, key: &str) -> pb::Operation {
    let statement = statement(&operation.statement);
    let unless = |own: String, common: &str| if own == common { String::new() } else { own };
    pb::Operation {
        name: operation.name.to_string(),
        weight: f64::from(operation.weight) / 100.0,
        parameters: operation.parameters.iter().map(parameter).collect(),
        table: unless(statement.table, table),
        key_column: unless(statement.key_column, key),
        label: operation
            .label
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        ..statement
    }
}

/// The fields of an operation that come from its statement.
fn statement(statement: &Statement) -> pb::Operation {
    let keyed =
        |kind: pb::OperationKind, table: &str, key: &str, columns: &[String]| pb::Operation {
            kind: kind.into(),
            table: table.to_owned(),
            key_column: key.to_owned(),
            columns: columns.to_vec(),
            ..pb::Operation::default()
        };
    match statement {
        Statement::PointLookup {
            table,
            key,
            columns,
        } => keyed(pb::OperationKind::PointLookup, table, key, columns),
        Statement::RangeScan {
            table,
            key,
            columns,
            limit,
        } => pb::Operation {
            limit: *limit,
            ..keyed(pb::OperationKind::RangeScan, table, key, columns)
        },
        Statement::Insert {
            table,
            key,
            columns,
        } => keyed(pb::OperationKind::Insert, table, key, columns),
        Statement::Update {
            table,
            key,
            columns,
        } => keyed(pb::OperationKind::Update, table, key, columns),
        Statement::Sql { text, class } => pb::Operation {
            kind: pb::OperationKind::Sql.into(),
            sql: text.clone(),
            class: statement_class(*class).into(),
            ..pb::Operation::default()
        },
    }
}

pub(super) fn statement_class(class: Class) -> pb::StatementClass {
    match class {
        Class::Read => pb::StatementClass::Read,
        Class::Write => pb::StatementClass::Write,
    }
}

fn parameter(parameter: &Parameter) -> pb::Parameter {
    use pb::{literal::Value as V, parameter::Generator as G};
    let literal = |value| G::Literal(pb::Literal { value: Some(value) });
    let generator = match parameter {
        Parameter::Integer(integer) => literal(V::Integer(*integer)),
        Parameter::Number(number) => literal(V::Number(*number)),
        Parameter::Text(text) => literal(V::Text(text.clone())),
        Parameter::Null => literal(V::Null(true)),
        Parameter::Uniform { min, max } => G::Uniform(pb::IntegerRange {
            min: *min,
            max: *max,
        }),
        Parameter::Zipf { min, max, exponent } => G::Zipf(pb::Zipf {
            min: *min,
            max: *max,
            exponent: *exponent,
        }),
        Parameter::Sequential { min, max } => G::Sequential(pb::IntegerRange {
            min: *min,
            max: *max,
        }),
        Parameter::RandomText { length } => G::Text(pb::RandomText { length: *length }),
        Parameter::Pool { pool, order } => G::Pool(pool_draw(pool.as_str(), *order)),
    };
    pb::Parameter {
        generator: Some(generator),
    }
}

fn pool_draw(pool: &str, order: PoolOrder) -> pb::PoolDraw {
    let (order, exponent) = match order {
        PoolOrder::Uniform => (pb::PoolOrder::Uniform, 0.0),
        PoolOrder::Sequential => (pb::PoolOrder::Sequential, 0.0),
        PoolOrder::Zipf { exponent } => (pb::PoolOrder::Zipf, exponent),
    };
    pb::PoolDraw {
        pool: pool.to_owned(),
        order: order.into(),
        exponent,
    }
}

pub(super) fn load(load: &Load) -> pb::Load {
    let mode = match load {
        Load::Concurrency {
            connections,
            think_time,
        } => pb::load::Mode::Concurrency(pb::ConcurrencyLoad {
            connections: *connections,
            think_time: Some(duration(*think_time)),
        }),
        Load::Rate {
            per_second,
            connections,
            max_backlog,
        } => pb::load::Mode::Rate(pb::RateLoad {
            per_second: *per_second,
            connections: *connections,
            max_backlog: *max_backlog,
        }),
    };
    pb::Load { mode: Some(mode) }
}

fn phases(phases: &Phases) -> pb::Phases {
    pb::Phases {
        warmup: Some(duration(phases.warmup)),
        measurement: Some(duration(phases.measurement)),
        drain_timeout: Some(duration(phases.drain_timeout)),
        until_steady: phases.until_steady.as_ref().map(control::until_steady),
    }
}

fn slo(slo: &Slo) -> pb::Slo {
    let limit = match slo.limit {
        Limit::Latency { percentile, max } => pb::slo::Limit::Latency(pb::LatencyLimit {
            percentile,
            max: Some(duration(max)),
        }),
        Limit::ErrorRatio(ratio) => pb::slo::Limit::MaxErrorRatio(ratio),
        Limit::Throughput(floor) => pb::slo::Limit::MinThroughputPerS(floor),
    };
    let (operation, class, label) = scope(&slo.scope);
    pb::Slo {
        name: slo.name.clone(),
        operation,
        limit: Some(limit),
        confidence: slo.confidence,
        class: class.into(),
        label,
        abort_on_fail: slo.abort_on_fail,
    }
}

/// The operation, the class and the label that an objective names.
pub(super) fn scope(scope: &Scope) -> (String, pb::StatementClass, String) {
    let (none, any) = (String::new(), pb::StatementClass::Unspecified);
    match scope {
        Scope::All => (none.clone(), any, none),
        Scope::Operation(name) => (name.to_string(), any, none),
        Scope::Class { class } => (none.clone(), statement_class(*class), none),
        Scope::Label { label } => (none, any, label.to_string()),
    }
}

fn worker_loss(policy: WorkerLossPolicy) -> pb::WorkerLossPolicy {
    match policy {
        WorkerLossPolicy::Fail => pb::WorkerLossPolicy::Fail,
        WorkerLossPolicy::Continue => pb::WorkerLossPolicy::Continue,
        WorkerLossPolicy::Replace => pb::WorkerLossPolicy::Replace,
    }
}
