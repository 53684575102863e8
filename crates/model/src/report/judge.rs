//! Objectives held against what became of the operations that they limit.

use std::time::Duration;

use super::{SloReport, outcomes::Outcomes};
use crate::{
    number,
    template::{Limit, Slo},
    verdict::{self, Verdict},
};

/// What is known of an objective.
struct Judgement {
    verdict: Verdict,
    measured: f64,
    limit: f64,
    samples: u64,
    samples_needed: u64,
    message: String,
}

/// Judges one objective by the operations in its scope.
pub(super) fn judge(slo: &Slo, outcomes: &Outcomes, measured: Duration) -> SloReport {
    let judgement = match slo.limit {
        Limit::Latency { percentile, max } => latency(outcomes, percentile, max, slo.confidence),
        Limit::ErrorRatio(allowed) => errors(outcomes, allowed, slo.confidence),
        Limit::Throughput(floor) => throughput(outcomes, floor, slo.confidence, measured),
    };
    SloReport {
        name: slo.name.clone(),
        scope: slo.scope.clone(),
        verdict: judgement.verdict,
        measured: judgement.measured,
        limit: judgement.limit,
        samples: judgement.samples,
        samples_needed: judgement.samples_needed,
        message: judgement.message,
    }
}

/// An operation that failed, was cut or dropped did not end in time either: it
/// counts as slower than every one that succeeded.
fn latency(outcomes: &Outcomes, percentile: f64, max: Duration, confidence: f64) -> Judgement {
    let response = &outcomes.response;
    let due = outcomes.due();
    let limit_ns = max.as_nanos().min(u128::from(u64::MAX)) as u64;
    let too_slow = response.len() - response.count_between(0, limit_ns);
    let without_result = due - response.len();
    let allowed = 1.0 - percentile / 100.0;
    let violations = too_slow + without_result;
    let rank = (due as f64 * percentile / 100.0).ceil();
    let succeeded = response.len() as f64;
    let measured_us = if due == 0 {
        0.0
    } else if rank > succeeded {
        -1.0
    } else {
        response.value_at_quantile(rank / succeeded) as f64 / 1e3
    };
    let limit_us = max.as_secs_f64() * 1e6;
    Judgement {
        verdict: verdict::of_share(violations, due, allowed, confidence),
        measured: measured_us,
        limit: limit_us,
        samples: due,
        samples_needed: verdict::samples_needed(allowed, confidence),
        message: format!(
            "{} of {} operations took longer than {} ms or had no result; at most {} may",
            number::count(violations),
            number::count(due),
            limit_us / 1e3,
            number::percent(allowed)
        ),
    }
}

fn errors(outcomes: &Outcomes, allowed: f64, confidence: f64) -> Judgement {
    let due = outcomes.due();
    let without_result = due - outcomes.response.len();
    let ratio = if due == 0 {
        0.0
    } else {
        without_result as f64 / due as f64
    };
    Judgement {
        verdict: verdict::of_share(without_result, due, allowed, confidence),
        measured: ratio,
        limit: allowed,
        samples: due,
        samples_needed: verdict::samples_needed(allowed, confidence),
        message: format!(
            "{} of {} operations had no result; at most {} may",
            number::count(without_result),
            number::count(due),
            number::percent(allowed)
        ),
    }
}

/// The rate is held against the floor as the mean of batches of the measurement;
/// a measurement too short for them is taken as it is.
fn throughput(outcomes: &Outcomes, floor: f64, confidence: f64, measured: Duration) -> Judgement {
    let rate = outcomes.throughput(measured);
    let batches = outcomes.pace.batches(measured);
    let error = verdict::standard_error(&batches);
    let spread = match error {
        Some(error) => format!(" (standard error {error:.1})"),
        None => String::new(),
    };
    Judgement {
        verdict: if measured.is_zero() {
            Verdict::Inconclusive
        } else {
            verdict::of_mean(rate, &batches, floor, confidence)
        },
        measured: rate,
        limit: floor,
        samples: outcomes.response.len(),
        samples_needed: 0,
        message: format!("{rate:.1} operations succeeded per second{spread}; {floor} must"),
    }
}
