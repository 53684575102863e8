//! The live view: one point a second over all workers of a run.
//!
//! Intervals of all workers begin at the same instants (START and every second
//! after it), so the seconds are counted from START and an interval belongs to
//! the second that holds its middle.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

use crate::{
    interval::{BadHistogram, Interval, empty_histogram},
    lifecycle::Phase,
    report::Summary,
    time::Timestamp,
};

const SECOND_US: i64 = 1_000_000;

/// One second of a run in one phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The second's start.
    pub time: Timestamp,
    /// The phase that the operations were due in.
    pub phase: Phase,
    /// By the operation's place in the template.
    pub operations: Vec<OperationPoint>,
    /// All operations together.
    pub total: OperationPoint,
}

/// One second of one operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperationPoint {
    /// How many succeeded.
    pub succeeded: u64,
    /// How many failed.
    pub failed: u64,
    /// Response times of those that succeeded.
    pub response: Summary,
}

/// Collects intervals into points.
#[derive(Clone, Debug)]
pub struct Points {
    origin: Timestamp,
    operations: usize,
    open: BTreeMap<(i64, Phase), Vec<Cell>>,
}

#[derive(Clone, Debug)]
struct Cell {
    failed: u64,
    response: Histogram<u64>,
}

impl Points {
    /// For a run whose load began at `origin` and whose template has so many operations.
    #[must_use]
    pub fn new(origin: Timestamp, operations: usize) -> Self {
        Self {
            origin,
            operations,
            open: BTreeMap::new(),
        }
    }

    /// Adds an interval to its second.
    pub fn add(&mut self, interval: &Interval) -> Result<(), BadHistogram> {
        let middle = i64::midpoint(interval.start.0, interval.end.0);
        let second = (middle - self.origin.0).div_euclid(SECOND_US);
        for part in &interval.operations {
            let cells = self.open.entry((second, part.phase)).or_insert_with(|| {
                let empty = Cell {
                    failed: 0,
                    response: empty_histogram(),
                };
                vec![empty; self.operations]
            });
            if let Some(cell) = cells.get_mut(part.operation as usize) {
                let succeeded = part.succeeded.response.decode()?;
                cell.response
                    .add(succeeded)
                    .map_err(|error| BadHistogram(error.to_string()))?;
                cell.failed += part.failed.response.decode()?.len();
            }
        }
        Ok(())
    }

    /// The end of the second that an interval which ends at `end` belongs to:
    /// workers end their intervals a little before or after the second does.
    #[must_use]
    pub fn covered_by(&self, end: Timestamp) -> Timestamp {
        let seconds = (end.0 - self.origin.0 + SECOND_US / 2).div_euclid(SECOND_US);
        Timestamp(self.origin.0 + seconds * SECOND_US)
    }

    /// Takes the points whose second ended by `until`, oldest first.
    #[must_use]
    pub fn take_until(&mut self, until: Timestamp) -> Vec<Point> {
        let ended = until.0.saturating_sub(self.origin.0).div_euclid(SECOND_US);
        let rest = self.open.split_off(&(ended, Phase::ALL[0]));
        std::mem::replace(&mut self.open, rest)
            .into_iter()
            .map(|((second, phase), cells)| self.point(second, phase, &cells))
            .collect()
    }

    /// Takes all points, oldest first.
    #[must_use]
    pub fn take_all(&mut self) -> Vec<Point> {
        std::mem::take(&mut self.open)
            .into_iter()
            .map(|((second, phase), cells)| self.point(second, phase, &cells))
            .collect()
    }

    fn point(&self, second: i64, phase: Phase, cells: &[Cell]) -> Point {
        let mut all = Cell {
            failed: 0,
            response: empty_histogram(),
        };
        for cell in cells {
            all.failed += cell.failed;
            all.response
                .add(&cell.response)
                .expect("both grow as needed");
        }
        Point {
            time: self.origin + Duration::from_secs(u64::try_from(second).unwrap_or(0)),
            phase,
            operations: cells.iter().map(Cell::point).collect(),
            total: all.point(),
        }
    }
}

impl Cell {
    fn point(&self) -> OperationPoint {
        OperationPoint {
            succeeded: self.response.len(),
            failed: self.failed,
            response: Summary::of(&self.response),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        id::RunId,
        interval::{Encoded, Latencies, OperationInterval},
        session::AttemptRef,
    };

    fn interval(shard: u32, start_us: i64, phase: Phase, latencies_ns: &[u64]) -> Interval {
        let mut histogram = empty_histogram();
        for value in latencies_ns {
            histogram.record(*value).unwrap();
        }
        let response = Encoded::from_histogram(&histogram);
        Interval {
            attempt: AttemptRef {
                run: RunId(Uuid::nil()),
                shard,
                attempt: 1,
            },
            sequence: 1,
            start: Timestamp(start_us),
            end: Timestamp(start_us + SECOND_US),
            operations: vec![OperationInterval {
                operation: 0,
                phase,
                step: 0,
                succeeded: Latencies {
                    response,
                    ..Latencies::default()
                },
                failed: Latencies::default(),
                cut: 0,
                dropped: 0,
            }],
            errors: Vec::new(),
            in_flight: 0,
            backlog: 0,
        }
    }

    #[test]
    fn workers_meet_in_the_second_of_their_middle() {
        let origin = Timestamp(10_700_000);
        let mut points = Points::new(origin, 1);
        // One worker a little early, the other a little late.
        points
            .add(&interval(0, 11_699_000, Phase::Measurement, &[1_000]))
            .unwrap();
        points
            .add(&interval(
                1,
                11_701_500,
                Phase::Measurement,
                &[3_000, 5_000],
            ))
            .unwrap();
        assert_eq!(points.take_until(Timestamp(12_699_999)), vec![]);
        let taken = points.take_until(Timestamp(12_700_000));
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].time, Timestamp(11_700_000));
        assert_eq!(taken[0].total.succeeded, 3);
        assert_eq!(points.take_all(), vec![]);
    }

    #[test]
    fn phases_within_a_second_stay_apart() {
        let mut points = Points::new(Timestamp(0), 1);
        points
            .add(&interval(0, 0, Phase::Warmup, &[1_000]))
            .unwrap();
        points
            .add(&interval(0, 0, Phase::Measurement, &[1_000, 2_000]))
            .unwrap();
        let counts: Vec<(Phase, u64)> = points
            .take_all()
            .iter()
            .map(|point| (point.phase, point.total.succeeded))
            .collect();
        assert_eq!(counts, vec![(Phase::Warmup, 1), (Phase::Measurement, 2)]);
    }
}
