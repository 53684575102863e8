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

/// So many of something: `1 row`, `1,000 rows`.
pub fn counted(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        many => format!("{} {one}s", count(many)),
    }
}

/// The verb that goes with so many.
pub fn were(number: u64) -> &'static str {
    if number == 1 { "was" } else { "were" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_several() {
        let said = |number| format!("{} {} sent", counted(number, "operation"), were(number));
        assert_eq!(said(0), "0 operations were sent");
        assert_eq!(said(1), "1 operation was sent");
        assert_eq!(said(1_000), "1,000 operations were sent");
    }
}
