//! What a worker measured in about one second.

use hdrhistogram::{
    Histogram,
    serialization::{Deserializer, Serializer, V2Serializer},
};
use serde::{Deserialize, Serialize};

use crate::{lifecycle::Phase, session::AttemptRef, time::Timestamp};

pub(crate) mod encoding;
mod failures;

pub use failures::Failures;

/// The largest latency that a histogram holds: one hour, in nanoseconds.
pub const LARGEST_NS: u64 = 3_600_000_000_000;

/// An empty histogram of latencies: nanoseconds, three significant digits,
/// growing as needed. All our histograms have this shape, so adding them is exact.
#[must_use]
pub fn empty_histogram() -> Histogram<u64> {
    let mut histogram =
        Histogram::new_with_bounds(1, 2, 3).expect("the bounds are constants that fit");
    histogram.auto(true);
    histogram
}

/// A histogram in the HdrHistogram V2 encoding; empty when nothing was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded(Vec<u8>);

/// The bytes are no histogram.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a histogram in the V2 encoding: {0}")]
pub struct BadHistogram(pub String);

impl Encoded {
    /// Encodes a histogram.
    #[must_use]
    pub fn from_histogram(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let mut bytes = Vec::new();
        V2Serializer::new()
            .serialize(histogram, &mut bytes)
            .expect("writing to memory does not fail and the histogram fits");
        Self(bytes)
    }

    /// Takes bytes that were checked before, as those from the store were.
    #[must_use]
    pub fn from_trusted(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Takes bytes from outside, if they are a histogram that all can read, or
    /// nothing. It is looked through, not built.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, BadHistogram> {
        encoding::total(&bytes)?;
        Ok(Self(bytes))
    }

    /// How many values were recorded, without building the histogram.
    pub fn count(&self) -> Result<u64, BadHistogram> {
        encoding::total(&self.0)
    }

    /// The encoded bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The histogram.
    pub fn decode(&self) -> Result<Histogram<u64>, BadHistogram> {
        if self.0.is_empty() {
            return Ok(empty_histogram());
        }
        let mut histogram: Histogram<u64> = Deserializer::new()
            .deserialize(&mut self.0.as_slice())
            .map_err(|error| BadHistogram(error.to_string()))?;
        if histogram.high() > LARGEST_NS * 2 || histogram.sigfig() != 3 {
            return Err(BadHistogram(format!(
                "it reaches to {} ns with {} digits; ours reach to {LARGEST_NS} with 3",
                histogram.high(),
                histogram.sigfig()
            )));
        }
        histogram.auto(true);
        Ok(histogram)
    }
}

/// The latencies of one outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// From due to end.
    pub response: Encoded,
    /// From sent to end.
    pub service: Encoded,
    /// From due to sent.
    pub lag: Encoded,
    /// Rows read or written.
    pub rows: u64,
}

/// One operation in one phase of one interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationInterval {
    /// The operation's place in the template.
    pub operation: u32,
    /// The phase that the operations were due in.
    pub phase: Phase,
    /// The step of a search that they were due in; 0 for none.
    pub step: u32,
    /// Those that succeeded.
    pub succeeded: Latencies,
    /// Those that failed.
    pub failed: Latencies,
    /// Those cut when the drain timeout ended.
    pub cut: u64,
    /// Those due and never sent.
    pub dropped: u64,
}

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorCount {
    /// The operation's place in the template.
    pub operation: u32,
    /// The phase that the operations were due in.
    pub phase: Phase,
    /// What kind of failure.
    pub class: ErrorClass,
    /// The database's own code; may be empty.
    pub code: String,
    /// The first message seen.
    pub message: String,
    /// How many.
    pub count: u64,
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorClass {
    /// Longer than the operation timeout.
    Timeout,
    /// The connection could not be made or was lost.
    Connection,
    /// A constraint of the database.
    Constraint,
    /// A conflict with another transaction: deadlock, serialization, busy.
    Serialization,
    /// The statement itself is wrong.
    Statement,
    /// Anything else.
    Other,
}

impl ErrorClass {
    /// All classes.
    pub const ALL: [Self; 6] = [
        Self::Timeout,
        Self::Connection,
        Self::Constraint,
        Self::Serialization,
        Self::Statement,
        Self::Other,
    ];

    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "TIMEOUT",
            Self::Connection => "CONNECTION",
            Self::Constraint => "CONSTRAINT",
            Self::Serialization => "SERIALIZATION",
            Self::Statement => "STATEMENT",
            Self::Other => "OTHER",
        }
    }

    /// The class of a stable word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }
}

/// What one attempt measured in about one second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Who measured.
    pub attempt: AttemptRef,
    /// Counts from 1 without gaps, per attempt.
    pub sequence: i64,
    /// Start, by the worker's corrected clock.
    pub start: Timestamp,
    /// End, by the worker's corrected clock.
    pub end: Timestamp,
    /// What was measured.
    pub operations: Vec<OperationInterval>,
    /// What failed.
    pub errors: Vec<ErrorCount>,
    /// Operations in flight at the end.
    pub in_flight: u32,
    /// Operations due and not sent at the end.
    pub backlog: u64,
}

impl Interval {
    /// How many operations ended, by success or by failure.
    pub fn ended(&self) -> Result<u64, BadHistogram> {
        let mut ended = 0_u64;
        for part in &self.operations {
            ended = ended.saturating_add(part.succeeded.response.count()?);
            ended = ended.saturating_add(part.failed.response.count()?);
        }
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_survives_its_encoding() {
        let mut histogram = empty_histogram();
        for value in [1, 500, 70_000, 2_000_000_000, LARGEST_NS] {
            histogram.record(value).unwrap();
        }
        let decoded = Encoded::from_histogram(&histogram).decode().unwrap();
        assert_eq!(decoded, histogram);
    }

    #[test]
    fn nothing_recorded_is_no_bytes() {
        assert_eq!(
            Encoded::from_histogram(&empty_histogram()),
            Encoded::default()
        );
        assert_eq!(Encoded::default().decode().unwrap().len(), 0);
    }

    #[test]
    fn foreign_bytes_are_refused() {
        assert!(Encoded::from_bytes(vec![1, 2, 3]).is_err());
        let mut coarse: Histogram<u64> = Histogram::new_with_bounds(1, 1_000, 2).unwrap();
        coarse.record(5).unwrap();
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&coarse, &mut bytes).unwrap();
        assert!(Encoded::from_bytes(bytes).is_err());
    }
}
