//! Each attempt's part in the measurement, and which ones lag behind.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

use super::ShardReport;
use crate::{
    interval::{BadHistogram, LARGEST_NS},
    session::AttemptRef,
    steady::median,
    time::micros,
};

/// Below this share of what the others did for the same part, an attempt lags.
const SLOW_THROUGHPUT: f64 = 0.8;
/// Above this multiple of the others' median latency, an attempt lags.
const SLOW_LATENCY: f64 = 2.0;
/// With fewer operations chance alone makes such differences.
const ENOUGH: f64 = 100.0;

/// What is known of an attempt beside its intervals.
#[derive(Clone, Debug, PartialEq)]
pub struct ShardFacts {
    /// The shard.
    pub shard: u32,
    /// The attempt.
    pub attempt: u32,
    /// The worker's name.
    pub worker: String,
    /// Its part of the load: the connections that it was to use, or the weight
    /// of its rate. Only the relation to the others counts.
    pub part: f64,
    /// How long it was under load in what is reported.
    pub present: Duration,
    /// How uncertain its clock was; `None` without a sample.
    pub clock_uncertainty: Option<Duration>,
}

/// Response times by attempt, of the operations that succeeded. Two significant
/// digits: enough to see who lags, and a thousand attempts stay small.
#[derive(Clone, Debug, Default)]
pub(super) struct ShardTallies(BTreeMap<AttemptRef, Histogram<u64>>);

impl ShardTallies {
    pub(super) fn add(
        &mut self,
        attempt: AttemptRef,
        response: &Histogram<u64>,
    ) -> Result<(), BadHistogram> {
        let sum = self.0.entry(attempt).or_insert_with(coarse);
        sum.add(response)
            .map_err(|error| BadHistogram(error.to_string()))
    }

    /// One for each attempt that is known of, in their order.
    pub(super) fn reports(&self, attempts: &[ShardFacts]) -> Vec<ShardReport> {
        let figures: Vec<Figures> = attempts.iter().map(|facts| self.figures(facts)).collect();
        let mut reports: Vec<ShardReport> = attempts
            .iter()
            .zip(&figures)
            .enumerate()
            .map(|(index, (facts, own))| ShardReport {
                shard: facts.shard,
                attempt: facts.attempt,
                worker: facts.worker.clone(),
                succeeded: own.succeeded,
                response_p50_us: own.p50_us,
                response_p99_us: own.p99_us,
                straggler: lags(index, &figures),
                clock_uncertainty_us: micros(facts.clock_uncertainty.unwrap_or_default()),
            })
            .collect();
        reports.sort_by_key(|report| (report.shard, report.attempt));
        reports
    }

    fn figures(&self, facts: &ShardFacts) -> Figures {
        let own = self
            .0
            .iter()
            .find(|(attempt, _)| attempt.shard == facts.shard && attempt.attempt == facts.attempt);
        let at = |quantile| match own {
            Some((_, histogram)) if !histogram.is_empty() => {
                histogram.value_at_quantile(quantile) as f64 / 1e3
            }
            _ => 0.0,
        };
        Figures {
            succeeded: own.map_or(0, |(_, histogram)| histogram.len()),
            work: facts.part * facts.present.as_secs_f64(),
            p50_us: at(0.5),
            p99_us: at(0.99),
        }
    }
}

fn coarse() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1_000, LARGEST_NS, 2)
        .expect("the bounds are constants that fit");
    histogram.auto(true);
    histogram
}

/// An attempt in figures.
struct Figures {
    succeeded: u64,
    /// Its part times how long it was there.
    work: f64,
    p50_us: f64,
    p99_us: f64,
}

/// Whether an attempt lags behind the median of the others. One alone has
/// nobody to lag behind.
fn lags(index: usize, all: &[Figures]) -> bool {
    let own = &all[index];
    let others = || {
        let others = all.iter().enumerate();
        others.filter_map(move |(other, figures)| (other != index).then_some(figures))
    };
    let loaded = others().filter(|other| other.work > 0.0);
    let pace = median(
        loaded
            .map(|other| other.succeeded as f64 / other.work)
            .collect(),
    );
    let expected = pace * own.work;
    if expected >= ENOUGH && (own.succeeded as f64) < expected * SLOW_THROUGHPUT {
        return true;
    }
    let heard = others().filter(|other| other.succeeded as f64 >= ENOUGH);
    let latency = median(heard.map(|other| other.p50_us).collect());
    own.succeeded as f64 >= ENOUGH && latency > 0.0 && own.p50_us > latency * SLOW_LATENCY
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::RunId;

    /// Who lags of attempts with a part, seconds of presence, operations that
    /// succeeded and their latency in milliseconds, the same for all.
    fn stragglers(attempts: &[(f64, u64, u64, u64)]) -> Vec<bool> {
        let mut tallies = ShardTallies::default();
        let mut facts = Vec::new();
        for ((part, seconds, succeeded, latency_ms), shard) in attempts.iter().zip(0..) {
            let mut response = crate::interval::empty_histogram();
            response
                .record_n(latency_ms * 1_000_000, *succeeded)
                .unwrap();
            let attempt = AttemptRef {
                run: RunId(Uuid::nil()),
                shard,
                attempt: 1,
            };
            tallies.add(attempt, &response).unwrap();
            facts.push(ShardFacts {
                shard,
                attempt: 1,
                worker: format!("w{shard}"),
                part: *part,
                present: Duration::from_secs(*seconds),
                clock_uncertainty: None,
            });
        }
        let reports = tallies.reports(&facts);
        reports.iter().map(|report| report.straggler).collect()
    }

    #[test]
    fn a_straggler_is_far_from_the_others() {
        let usual = (4.0, 60, 10_000, 5);
        let cases = [
            (vec![usual], vec![false]),
            (vec![(4.0, 60, 10, 500)], vec![false]),
            (vec![usual, usual, usual], vec![false, false, false]),
            // Below 80 % of the others' throughput, or above twice their median.
            (
                vec![usual, usual, (4.0, 60, 7_900, 5)],
                vec![false, false, true],
            ),
            (
                vec![usual, usual, (4.0, 60, 8_100, 5)],
                vec![false, false, false],
            ),
            (
                vec![usual, usual, (4.0, 60, 10_000, 11)],
                vec![false, false, true],
            ),
            (
                vec![usual, usual, (4.0, 60, 10_000, 9)],
                vec![false, false, false],
            ),
            // Of two each is held against the other.
            (vec![usual, (4.0, 60, 5_000, 5)], vec![false, true]),
            (vec![usual, (4.0, 60, 0, 5)], vec![false, true]),
            // Half the part, or half the time: half the work.
            (
                vec![usual, usual, (2.0, 60, 5_000, 5)],
                vec![false, false, false],
            ),
            (
                vec![usual, usual, (4.0, 30, 5_000, 5)],
                vec![false, false, false],
            ),
            (
                vec![usual, usual, (4.0, 0, 0, 5)],
                vec![false, false, false],
            ),
            (
                vec![usual, usual, (0.0, 60, 0, 5)],
                vec![false, false, false],
            ),
            // Chance.
            (
                vec![(4.0, 60, 90, 5), (4.0, 60, 40, 50)],
                vec![false, false],
            ),
        ];
        for (attempts, expected) in cases {
            assert_eq!(stragglers(&attempts), expected, "{attempts:?}");
        }
    }

    #[test]
    fn an_attempt_is_reported_with_its_own_figures() {
        let mut tallies = ShardTallies::default();
        let mut facts = Vec::new();
        for (shard, number) in [(1, 1), (0, 1), (0, 2)] {
            let mut response = crate::interval::empty_histogram();
            response
                .record_n(u64::from(number) * 1_000_000, 99)
                .unwrap();
            response.record(50_000_000).unwrap();
            let attempt = AttemptRef {
                run: RunId(Uuid::nil()),
                shard,
                attempt: number,
            };
            tallies.add(attempt, &response).unwrap();
            facts.push(ShardFacts {
                shard,
                attempt: number,
                worker: "w".to_owned(),
                part: 1.0,
                present: Duration::from_secs(10),
                clock_uncertainty: Some(Duration::from_micros(70)),
            });
        }
        let reports = tallies.reports(&facts);
        let order: Vec<_> = reports.iter().map(|one| (one.shard, one.attempt)).collect();
        assert_eq!(order, [(0, 1), (0, 2), (1, 1)]);
        let second = &reports[1];
        assert_eq!((second.succeeded, second.clock_uncertainty_us), (100, 70));
        assert!((second.response_p50_us / 2_000.0 - 1.0).abs() < 0.01);
        assert!((second.response_p99_us / 2_000.0 - 1.0).abs() < 0.01);
    }
}
