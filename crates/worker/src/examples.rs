//! The operations that are kept as examples, from the engine's samples to what the server is told.

use std::time::{Duration, Instant};

use gauntlet_engine::{Kept, Replay, Sample, Samples, Value};
use gauntlet_model::{
    sample::{OperationSample, SampleKind, SampledError},
    session::{AttemptRef, WorkerEvent},
    time::Timestamp,
};

use crate::{
    clock::ServerClock,
    measured::{LONGEST_CODE, class, shortened, stretch_of},
    session::course::Stretch,
};

/// How often the server is told, at the most, while the load goes on.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// Samples in one message; those of one operation always come together.
const AT_ONCE: usize = 400;
/// The longest text of a parameter list or a message, in characters.
const LONGEST_TEXT: usize = 1_000;

/// What is kept of one attempt.
#[derive(Debug, Default)]
pub(crate) struct Examples {
    replay: Option<Replay>,
    samples: Samples,
    /// An instant, and when that was by the worker's clock.
    base: Option<(Instant, Timestamp)>,
    /// There is something that the session was not told.
    changed: bool,
    told: Option<Timestamp>,
}

impl Examples {
    /// Takes what computes the parameters again.
    pub(crate) fn prepared(&mut self, replay: Replay) {
        self.replay = Some(replay);
    }

    /// Adds what was kept in an interval that began at an instant, which is `start` by the worker's clock.
    pub(crate) fn add(&mut self, samples: Samples, began: Instant, start: Timestamp) {
        self.base = Some((began, start));
        if !samples.is_empty() {
            self.samples.merge(samples);
            self.changed = true;
        }
    }

    /// A new session was told nothing yet.
    pub(crate) fn rewind(&mut self) {
        self.changed = !self.samples.is_empty();
        self.told = None;
    }

    /// What the session is to be told now; `last` when nothing will be added.
    pub(crate) fn tell(
        &mut self,
        attempt: AttemptRef,
        stretches: &[Stretch],
        clock: &ServerClock,
        (now, last): (Timestamp, bool),
    ) -> Vec<WorkerEvent> {
        let soon = self.told.is_some_and(|told| now < told + TELL_EVERY);
        let (Some(replay), Some(base)) = (&self.replay, self.base) else {
            return Vec::new();
        };
        if !self.changed || (soon && !last) {
            return Vec::new();
        }
        (self.changed, self.told) = (false, Some(now));
        let teller = Teller {
            attempt,
            stretches,
            clock,
            replay,
            base,
        };
        let operations = self.samples.operations().iter().enumerate();
        let told = operations.map(|(number, kept)| teller.operation(number, kept));
        let mut messages: Vec<Vec<OperationSample>> = Vec::new();
        for samples in told {
            match messages.last_mut() {
                Some(last) if last.len() + samples.len() <= AT_ONCE => last.extend(samples),
                _ => messages.push(samples),
            }
        }
        let event = |samples| WorkerEvent::Samples { attempt, samples };
        messages.into_iter().map(event).collect()
    }
}

/// What it takes to tell of a sample.
struct Teller<'a> {
    attempt: AttemptRef,
    stretches: &'a [Stretch],
    clock: &'a ServerClock,
    replay: &'a Replay,
    base: (Instant, Timestamp),
}

impl Teller<'_> {
    fn operation(&self, number: usize, kept: &Kept) -> Vec<OperationSample> {
        let slowest = kept.slowest().iter().map(|one| (SampleKind::Slowest, one));
        let first = kept
            .first_failures()
            .map(|one| (SampleKind::FirstError, one));
        let drawn = kept.drawn().map(|one| (SampleKind::Reservoir, one));
        slowest
            .chain(first)
            .chain(drawn)
            .map(|(kind, sample)| self.sample(number, kind, sample))
            .collect()
    }

    fn sample(&self, operation: usize, kind: SampleKind, sample: &Sample) -> OperationSample {
        let parameters = self.replay.parameters(operation, sample.index, sample.key);
        OperationSample {
            attempt: self.attempt,
            operation: operation as u32,
            phase: stretch_of(self.stretches, sample.epoch).phase,
            kind,
            index: sample.index,
            due: self.clock.corrected(self.time(sample.due)),
            response_ns: sample.response_ns,
            service_ns: sample.service_ns,
            lag_ns: sample.lag_ns,
            rows: sample.rows,
            error: sample.failure.as_ref().map(|failure| SampledError {
                class: class(failure.class),
                code: shortened(failure.code.clone(), LONGEST_CODE),
                message: shortened(failure.message.clone(), LONGEST_TEXT),
            }),
            parameters: text(&parameters),
        }
    }

    fn time(&self, instant: Instant) -> Timestamp {
        let (base, time) = self.base;
        match instant.checked_duration_since(base) {
            Some(after) => time + after,
            None => time.before(base - instant),
        }
    }
}

/// Parameters like `7, 'it''s', NULL`; one that is not known is `?`.
fn text(parameters: &[Option<Value>]) -> String {
    let value = |value: &Option<Value>| match value {
        None => "?".to_owned(),
        Some(Value::Null) => "NULL".to_owned(),
        Some(Value::Int(int)) => int.to_string(),
        Some(Value::Float(float)) => float.to_string(),
        Some(Value::Text(text)) => format!("'{}'", text.replace('\'', "''")),
    };
    let values: Vec<String> = parameters.iter().map(value).collect();
    shortened(values.join(", "), LONGEST_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_text_like_that_of_a_statement() {
        let check = |parameters: &[Option<Value>], expected: &str| {
            assert_eq!(text(parameters), expected);
        };
        check(&[], "");
        check(
            &[
                Some(Value::Int(-7)),
                Some(Value::Float(1.5)),
                Some(Value::Text("it's".into())),
                Some(Value::Null),
                None,
            ],
            "-7, 1.5, 'it''s', NULL, ?",
        );
        let long = text(&[Some(Value::Text("é".repeat(5_000)))]);
        assert!(long.chars().count() <= LONGEST_TEXT + 1, "{}", long.len());
    }
}
