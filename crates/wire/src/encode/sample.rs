//! Failures and operations kept as examples.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    errors::ErrorGroup,
    sample::{OperationSample, SampleKind},
    template::Spec,
};

use super::operation_name;

/// Failures of one kind; `spec` names the operations, `share` is that of the
/// failures of the operation, 0 to 1.
#[must_use]
pub fn error_summary(group: &ErrorGroup, share: f64, spec: &Spec) -> pb::ErrorSummary {
    pb::ErrorSummary {
        operation: operation_name(spec, group.operation),
        phase: super::phase(group.phase).into(),
        class: group.class.as_str().to_owned(),
        code: group.code.clone(),
        message: group.message.clone(),
        example: group.sample.clone(),
        count: group.count,
        share,
        first_us: group.first.0,
        last_us: group.last.0,
    }
}

/// One operation that was kept; `spec` names the operations.
#[must_use]
pub fn operation_sample(sample: &OperationSample, spec: &Spec) -> pb::OperationSample {
    let micros = |ns: u64| ns as f64 / 1e3;
    let error = sample.error.as_ref();
    pb::OperationSample {
        operation: operation_name(spec, sample.operation),
        kind: kind(sample.kind).into(),
        phase: super::phase(sample.phase).into(),
        shard: sample.attempt.shard,
        attempt: sample.attempt.attempt,
        index: sample.index,
        due_us: sample.due.0,
        response_us: micros(sample.response_ns),
        service_us: micros(sample.service_ns),
        lag_us: micros(sample.lag_ns),
        rows: sample.rows,
        parameters: sample.parameters.clone(),
        error_class: error.map_or_else(String::new, |error| error.class.as_str().to_owned()),
        error_code: error.map_or_else(String::new, |error| error.code.clone()),
        error_message: error.map_or_else(String::new, |error| error.message.clone()),
    }
}

fn kind(kind: SampleKind) -> pb::OperationSampleKind {
    match kind {
        SampleKind::Slowest => pb::OperationSampleKind::Slowest,
        SampleKind::FirstError => pb::OperationSampleKind::FirstError,
        SampleKind::Reservoir => pb::OperationSampleKind::Reservoir,
    }
}
