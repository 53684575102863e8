//! Intervals: about one second of measurements.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    interval::{Encoded, ErrorClass, ErrorCount, Interval, Latencies, OperationInterval},
    session::WorkerEvent,
    time::Timestamp,
};

use super::{attempt, encode_attempt, instant, sequence};
use crate::{
    decode,
    encode::{self},
    fields::{Fields, shortened},
};

/// Each operation in every phase and every step of a search: more than one
/// interval can hold, however many seconds were merged into it.
const MOST_PARTS: usize = MOST_OPERATIONS as usize * (6 + MOST_STEPS as usize);
const MOST_ERRORS: usize = 10_000;
const MOST_OPERATIONS: u32 = 100;
/// The most that a template can allow.
const MOST_STEPS: u32 = 200;
const LONGEST_TEXT: usize = 4_096;

pub(super) fn encode(interval: &Interval, first_operation: Option<Timestamp>) -> pb::Interval {
    pb::Interval {
        attempt: Some(encode_attempt(interval.attempt)),
        sequence: interval.sequence,
        start_us: interval.start.0,
        end_us: interval.end.0,
        operations: interval.operations.iter().map(encode_part).collect(),
        errors: interval.errors.iter().map(encode_error).collect(),
        in_flight: interval.in_flight,
        backlog: interval.backlog,
        first_operation_us: encode::instant(first_operation),
    }
}

fn encode_part(part: &OperationInterval) -> pb::OperationInterval {
    pb::OperationInterval {
        operation: part.operation,
        phase: encode::phase(part.phase).into(),
        step: part.step,
        succeeded: Some(encode_latencies(&part.succeeded)),
        failed: Some(encode_latencies(&part.failed)),
        cut: part.cut,
        dropped: part.dropped,
    }
}

fn encode_latencies(latencies: &Latencies) -> pb::OutcomeHistograms {
    pb::OutcomeHistograms {
        response: latencies.response.as_bytes().to_vec(),
        service: latencies.service.as_bytes().to_vec(),
        lag: latencies.lag.as_bytes().to_vec(),
        rows: latencies.rows,
    }
}

fn encode_error(error: &ErrorCount) -> pb::IntervalErrors {
    pb::IntervalErrors {
        operation: error.operation,
        phase: encode::phase(error.phase).into(),
        class: error.class.as_str().to_owned(),
        code: error.code.clone(),
        message: error.message.clone(),
        count: error.count,
    }
}

pub(super) fn decode(fields: &mut Fields<'_>, interval: pb::Interval) -> Option<WorkerEvent> {
    let attempt = attempt(fields, interval.attempt);
    let sequence = sequence(fields, "sequence", interval.sequence, 1);
    let start = instant(fields, "start_us", interval.start_us);
    let end = instant(fields, "end_us", interval.end_us);
    if end < start {
        fields.add("end_us", "must not be before start_us");
    }
    if interval.operations.len() > MOST_PARTS {
        fields.add("operations", format!("must be at most {MOST_PARTS}"));
        return None;
    }
    if interval.errors.len() > MOST_ERRORS {
        fields.add("errors", format!("must be at most {MOST_ERRORS}"));
        return None;
    }
    let operations: Vec<_> = interval
        .operations
        .into_iter()
        .enumerate()
        .map(|(index, given)| part(&mut fields.child(format!("operations[{index}]")), given))
        .collect();
    let errors: Vec<_> = interval
        .errors
        .into_iter()
        .enumerate()
        .map(|(index, given)| error(&mut fields.child(format!("errors[{index}]")), given))
        .collect();
    let measured = Interval {
        attempt: attempt?,
        sequence: sequence?,
        start: start?,
        end: end?,
        operations: operations.into_iter().collect::<Option<_>>()?,
        errors: errors.into_iter().collect::<Option<_>>()?,
        in_flight: interval.in_flight,
        backlog: interval.backlog,
    };
    Some(WorkerEvent::Interval {
        interval: Box::new(measured),
        first_operation: first_operation(interval.first_operation_us),
    })
}

/// When an attempt's first operation was due. What is before all time says
/// nothing, as 0 does.
pub(super) fn first_operation(us: i64) -> Option<Timestamp> {
    (us > 0).then_some(Timestamp(us))
}

fn part(fields: &mut Fields<'_>, part: pb::OperationInterval) -> Option<OperationInterval> {
    let operation = operation(fields, part.operation);
    let phase = fields.choice("phase", part.phase, decode::phase);
    if part.step > MOST_STEPS {
        let message = format!("must be at most {MOST_STEPS}, it is {}", part.step);
        fields.add("step", message);
    }
    let succeeded = latencies(&mut fields.child("succeeded"), part.succeeded);
    let failed = latencies(&mut fields.child("failed"), part.failed);
    Some(OperationInterval {
        operation: operation?,
        phase: phase?,
        step: part.step,
        succeeded: succeeded?,
        failed: failed?,
        cut: part.cut,
        dropped: part.dropped,
    })
}

pub(super) fn operation(fields: &mut Fields<'_>, operation: u32) -> Option<u32> {
    if operation < MOST_OPERATIONS {
        return Some(operation);
    }
    fields.add(
        "operation",
        format!("must be below {MOST_OPERATIONS}, it is {operation}"),
    );
    None
}

fn latencies(
    fields: &mut Fields<'_>,
    histograms: Option<pb::OutcomeHistograms>,
) -> Option<Latencies> {
    let histograms = histograms.unwrap_or_default();
    let mut read = |field: &str, bytes: Vec<u8>| {
        Encoded::from_bytes(bytes)
            .map_err(|error| fields.add(field, error.to_string()))
            .ok()
    };
    let response = read("response", histograms.response);
    let service = read("service", histograms.service);
    let lag = read("lag", histograms.lag);
    Some(Latencies {
        response: response?,
        service: service?,
        lag: lag?,
        rows: histograms.rows,
    })
}

fn error(fields: &mut Fields<'_>, error: pb::IntervalErrors) -> Option<ErrorCount> {
    let operation = operation(fields, error.operation);
    let phase = fields.choice("phase", error.phase, decode::phase);
    let class = ErrorClass::parse(&error.class);
    if class.is_none() {
        let message = format!("{:?} is not a class of errors", shortened(&error.class));
        fields.add("class", message);
    }
    let code = fields.text("code", error.code, LONGEST_TEXT);
    let message = fields.text("message", error.message, LONGEST_TEXT);
    Some(ErrorCount {
        operation: operation?,
        phase: phase?,
        class: class?,
        code: code?,
        message: message?,
        count: error.count,
    })
}
