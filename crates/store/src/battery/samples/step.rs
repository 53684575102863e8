//! A step of a search.

use gauntlet_model::{
    report::Summary,
    search::{Figures, Outcome, Step, StepKind, Trial},
    template::Level,
    time::Timestamp,
};

/// A step that is over, with figures that have no short decimal form.
#[must_use]
pub fn step(number: u32, kind: StepKind, outcome: Outcome) -> Step {
    let third = f64::from(number) / 3.0;
    Step {
        trial: Trial {
            step: number,
            kind,
            level: Level::Rate {
                milli_per_s: u64::from(number) * 1_000,
            },
        },
        from: Timestamp(i64::from(number) * 10_000_000),
        to: Timestamp(i64::from(number) * 10_000_000 + 9_999_999),
        outcome,
        message: "p95 \"grew\" by 50 %".to_owned(),
        figures: Figures {
            succeeded: u64::MAX,
            failed: 1,
            throughput_per_s: third,
            low_per_s: third * 0.9,
            high_per_s: third * 1.1,
            response: Summary {
                min_us: third,
                mean_us: 0.1 + 0.2,
                p50_us: 123.456_789_012_345_68,
                p95_us: f64::MIN_POSITIVE,
                p99_us: 1e15 + 0.3,
                p999_us: f64::EPSILON,
                max_us: f64::MAX,
            },
            queue_ratio: (number > 1).then_some(third),
        },
        transition_us: -7,
    }
}
