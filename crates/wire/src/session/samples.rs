//! Single operations that a worker kept as examples.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    interval::ErrorClass,
    sample::{OperationSample, SampleKind, SampledError},
    session::{AttemptRef, WorkerEvent},
};

use super::{attempt, encode_attempt, instant, measured};
use crate::{
    decode,
    encode::{self},
    fields::{Fields, shortened},
};

/// More than a worker keeps of the operations in one message.
const MOST_SAMPLES: usize = 2_000;
const LONGEST_TEXT: usize = 4_096;

pub(super) fn encode(attempt: AttemptRef, samples: &[OperationSample]) -> pb::Samples {
    pb::Samples {
        attempt: Some(encode_attempt(attempt)),
        samples: samples.iter().map(encode_sample).collect(),
    }
}

fn encode_sample(sample: &OperationSample) -> pb::Sample {
    pb::Sample {
        operation: sample.operation,
        phase: encode::phase(sample.phase).into(),
        kind: match sample.kind {
            SampleKind::Slowest => pb::OperationSampleKind::Slowest,
            SampleKind::FirstError => pb::OperationSampleKind::FirstError,
            SampleKind::Reservoir => pb::OperationSampleKind::Reservoir,
        }
        .into(),
        index: sample.index,
        due_us: sample.due.0,
        response_ns: sample.response_ns,
        service_ns: sample.service_ns,
        lag_ns: sample.lag_ns,
        rows: sample.rows,
        parameters: sample.parameters.clone(),
        error: sample.error.as_ref().map(|error| pb::SampleError {
            class: error.class.as_str().to_owned(),
            code: error.code.clone(),
            message: error.message.clone(),
        }),
    }
}

pub(super) fn decode(fields: &mut Fields<'_>, message: pb::Samples) -> Option<WorkerEvent> {
    let attempt = attempt(fields, message.attempt)?;
    if message.samples.len() > MOST_SAMPLES {
        fields.add("samples", format!("must be at most {MOST_SAMPLES}"));
        return None;
    }
    let samples: Vec<_> = message
        .samples
        .into_iter()
        .enumerate()
        .map(|(index, given)| {
            let mut fields = fields.child(format!("samples[{index}]"));
            sample(&mut fields, attempt, given)
        })
        .collect();
    Some(WorkerEvent::Samples {
        attempt,
        samples: samples.into_iter().collect::<Option<_>>()?,
    })
}

fn sample(
    fields: &mut Fields<'_>,
    attempt: AttemptRef,
    sample: pb::Sample,
) -> Option<OperationSample> {
    let operation = measured::operation(fields, sample.operation);
    let phase = fields.choice("phase", sample.phase, decode::phase);
    let kind = fields.choice(
        "kind",
        sample.kind,
        |kind: pb::OperationSampleKind| match kind {
            pb::OperationSampleKind::Unspecified => None,
            pb::OperationSampleKind::Slowest => Some(SampleKind::Slowest),
            pb::OperationSampleKind::FirstError => Some(SampleKind::FirstError),
            pb::OperationSampleKind::Reservoir => Some(SampleKind::Reservoir),
        },
    );
    let due = instant(fields, "due_us", sample.due_us);
    let parameters = fields.text("parameters", sample.parameters, LONGEST_TEXT);
    let failure = match sample.error {
        None => Some(None),
        Some(given) => error(&mut fields.child("error"), given).map(Some),
    };
    Some(OperationSample {
        attempt,
        operation: operation?,
        phase: phase?,
        kind: kind?,
        index: sample.index,
        due: due?,
        response_ns: sample.response_ns,
        service_ns: sample.service_ns,
        lag_ns: sample.lag_ns,
        rows: sample.rows,
        error: failure?,
        parameters: parameters?,
    })
}

fn error(fields: &mut Fields<'_>, error: pb::SampleError) -> Option<SampledError> {
    let class = ErrorClass::parse(&error.class);
    if class.is_none() {
        let message = format!("{:?} is not a class of errors", shortened(&error.class));
        fields.add("class", message);
    }
    let code = fields.text("code", error.code, LONGEST_TEXT);
    let message = fields.text("message", error.message, LONGEST_TEXT);
    Some(SampledError {
        class: class?,
        code: code?,
        message: message?,
    })
}
