//! A whole stretch of a run in one point per phase.

use std::{collections::BTreeMap, time::Duration};

use super::{OperationStats, Percentiles, Rollup, Stats, buckets::Cell, overlap};
use crate::{
    interval::BadHistogram,
    lifecycle::{Phase, Window},
    time::Timestamp,
};

/// What one phase has measured in a stretch of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseTotal {
    /// The phase that the operations were due in.
    pub phase: Phase,
    /// Where the phase begins in the stretch.
    pub start: Timestamp,
    /// How much of the stretch the phase covers; throughput counts by it.
    pub covered: Duration,
    /// Those that were measured, by their place in the template.
    pub operations: Vec<OperationStats>,
    /// The operations above together.
    pub total: Stats,
    /// As in [`super::HistoryPoint`]: the most in the buckets that the phase is in.
    pub in_flight_max: u64,
    /// As in [`super::HistoryPoint`]: the most in the buckets that the phase is in.
    pub backlog_max: u64,
}

/// The most of each gauge.
#[derive(Clone, Copy, Debug, Default)]
struct Most {
    in_flight: u64,
    backlog: u64,
}

/// Adds rollups, in any order, into one point per phase: from the same
/// histograms as [`super::Series`], so its counts are the sums of the series'
/// and its percentiles are those of everything measured, not of its points.
///
/// It holds six histograms for each operation and phase.
#[derive(Clone, Debug)]
pub struct Totals {
    stretch: Window,
    percentiles: Percentiles,
    phases: Vec<(Phase, Window)>,
    cells: BTreeMap<(Phase, u32), Cell>,
    gauges: BTreeMap<Phase, Most>,
}

impl Totals {
    /// For a stretch of a run whose phases were as [`super::phase_windows`] says.
    #[must_use]
    pub fn new(stretch: Window, percentiles: Percentiles, phases: Vec<(Phase, Window)>) -> Self {
        Self {
            stretch,
            percentiles,
            phases,
            cells: BTreeMap::new(),
            gauges: BTreeMap::new(),
        }
    }

    /// Adds a rollup. An error leaves a part of it in: throw the totals away then.
    pub fn push(&mut self, rollup: &Rollup) -> Result<(), BadHistogram> {
        let most = self.gauges.entry(rollup.phase).or_default();
        most.in_flight = most.in_flight.max(rollup.in_flight_max);
        most.backlog = most.backlog.max(rollup.backlog_max);
        let cell = self.cells.entry((rollup.phase, rollup.operation));
        cell.or_default().merge_rollup(rollup)
    }

    /// One point for each phase that has measured anything, in their order.
    #[must_use]
    pub fn finish(&self) -> Vec<PhaseTotal> {
        let phases = Phase::ALL.into_iter();
        phases.filter_map(|phase| self.total(phase)).collect()
    }

    fn total(&self, phase: Phase) -> Option<PhaseTotal> {
        let (start, covered) = self.covered(phase);
        let mut all = Cell::default();
        let mut operations = Vec::new();
        for ((_, operation), cell) in self.cells.range((phase, 0)..=(phase, u32::MAX)) {
            all.merge(cell);
            let (operation, stats) = (*operation, cell.stats(covered, &self.percentiles));
            operations.push(OperationStats { operation, stats });
        }
        if operations.is_empty() {
            return None;
        }
        let most = self.gauges.get(&phase).copied().unwrap_or_default();
        Some(PhaseTotal {
            phase,
            start,
            covered,
            operations,
            total: all.stats(covered, &self.percentiles),
            in_flight_max: most.in_flight,
            backlog_max: most.backlog,
        })
    }

    /// Where a phase begins in the stretch and how much of it it covers; all of
    /// it when the phases do not know this one.
    fn covered(&self, phase: Phase) -> (Timestamp, Duration) {
        let windows = self.phases.iter().filter(|(known, _)| *known == phase);
        if windows.clone().next().is_none() {
            return (self.stretch.from, self.stretch.length());
        }
        let inside: Vec<Window> = windows
            .map(|(_, window)| *window)
            .filter(|window| overlap(self.stretch, *window) > 0)
            .collect();
        let covered: i64 = inside.iter().map(|one| overlap(self.stretch, *one)).sum();
        let first = inside.first().map_or(self.stretch.from, |one| one.from);
        let start = first.max(self.stretch.from);
        (start, Duration::from_micros(covered.unsigned_abs()))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        history::Resolution,
        id::RunId,
        interval::{Encoded, Failures, Latencies, empty_histogram},
    };

    fn rollup(second: i64, operation: u32, phase: Phase, values_ns: &[u64]) -> Rollup {
        let mut histogram = empty_histogram();
        for value in values_ns {
            histogram.record(*value).unwrap();
        }
        Rollup {
            run: RunId(Uuid::nil()),
            resolution: Resolution::Second,
            start: Timestamp(second * 1_000_000),
            operation,
            phase,
            succeeded: Latencies {
                response: Encoded::from_histogram(&histogram),
                ..Latencies::default()
            },
            failed: Latencies::default(),
            failures: Failures::from_counts([0, 0, 0, 0, 1, 2]),
            cut: 1,
            dropped: 0,
            intervals: 1,
            in_flight_max: second.unsigned_abs(),
            backlog_max: 9 - second.unsigned_abs(),
        }
    }

    #[test]
    fn a_phase_is_one_point_over_the_part_of_the_stretch_that_it_covers() {
        let window = |from: i64, to: i64| Window {
            from: Timestamp(from),
            to: Timestamp(to),
        };
        let phases = vec![
            (Phase::Warmup, window(0, 2_500_000)),
            (Phase::Measurement, window(2_500_000, 9_000_000)),
        ];
        let stretch = window(1_000_000, 5_000_000);
        let percentiles = Percentiles::new(&[50.0]).unwrap();
        let mut totals = Totals::new(stretch, percentiles, phases);
        for (second, operation, phase, values) in [
            (4, 0, Phase::Measurement, [9_000, 9_000]),
            (1, 0, Phase::Warmup, [1_000, 1_000]),
            (2, 1, Phase::Measurement, [5_000, 5_000]),
            (3, 0, Phase::Measurement, [1_000, 1_000]),
        ] {
            let rollup = rollup(second, operation, phase, &values);
            totals.push(&rollup).unwrap();
        }
        let found = totals.finish();
        let shown: Vec<_> = found
            .iter()
            .map(|one| (one.phase, one.start.0, one.covered, one.total.succeeded))
            .collect();
        let half = Duration::from_millis(500);
        let expected = [
            (Phase::Warmup, 1_000_000, 3 * half, 2),
            (Phase::Measurement, 2_500_000, 5 * half, 6),
        ];
        assert_eq!(shown, expected);
        let measured = &found[1];
        assert_eq!(measured.operations[0].stats.succeeded, 4);
        assert_eq!(
            (measured.total.cut, measured.total.throughput_per_s),
            (3, Some(2.4))
        );
        let failures = Failures::from_counts([0, 0, 0, 0, 3, 6]);
        assert_eq!(measured.total.failures, failures);
        let gauges = found.iter().map(|one| (one.in_flight_max, one.backlog_max));
        assert_eq!(gauges.collect::<Vec<_>>(), [(1, 8), (4, 7)]);
        // The median of all six, not one of the medians.
        let median = measured.total.response.as_ref().unwrap().percentiles_us[0];
        assert!((median - 5.0).abs() < 0.01, "{median}");
    }

    #[test]
    fn what_comes_after_its_phase_has_no_throughput() {
        let window = |from: i64, to: i64| Window {
            from: Timestamp(from),
            to: Timestamp(to),
        };
        let stretch = window(9_000_000, 39_000_000);
        let percentiles = Percentiles::new(&[50.0]).unwrap();
        for (phases, expected) in [
            (vec![], (Duration::from_secs(30), Some(2.0 / 30.0))),
            (
                vec![(Phase::Measurement, window(0, 9_000_000))],
                (Duration::ZERO, None),
            ),
        ] {
            let mut totals = Totals::new(stretch, percentiles.clone(), phases);
            let late = rollup(9, 0, Phase::Measurement, &[1_000, 1_000]);
            totals.push(&late).unwrap();
            let found = totals.finish();
            let of = |one: &PhaseTotal| (one.covered, one.total.throughput_per_s);
            assert_eq!(found.iter().map(of).collect::<Vec<_>>(), [expected]);
        }
    }
}
