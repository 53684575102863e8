//! Counts, rates, latencies, durations and instants, as `gauntlet_model` writes
//! them for every face.

pub use gauntlet_model::number::{bytes, count, duration, instant, latency, percent, plain, rate};

/// A duration of protobuf in microseconds; 0 when absent.
pub fn micros(duration: Option<&gauntlet_client::PbDuration>) -> i64 {
    duration.map_or(0, |duration| {
        duration
            .seconds
            .saturating_mul(1_000_000)
            .saturating_add(i64::from(duration.nanos) / 1_000)
    })
}
