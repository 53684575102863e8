//! The run second by second, as its controllers see it.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_model::{lifecycle::Phase, point::Point, steady, time::Timestamp};

const SECOND: Duration = Duration::from_secs(1);
/// Seconds that wait to be judged; of more, the oldest are left out.
const MOST: usize = 600;

/// What all workers together did in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Second {
    pub(super) start: Timestamp,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    /// The part of it that was due in the warmup.
    pub(super) warmup: Option<steady::Second>,
}

/// Collects what is known of seconds until they are closed.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    /// The first that was not judged; `None` before it is known.
    next: Option<Timestamp>,
    open: BTreeMap<Timestamp, Second>,
}

impl Seconds {
    /// The first second to judge, unless there is one already.
    pub(super) fn begin(&mut self, at: Timestamp) {
        self.next.get_or_insert(at);
    }

    pub(super) fn take(&mut self, points: &[Point]) {
        for point in points {
            let second = self.open.entry(point.time).or_insert(Second {
                start: point.time,
                ..Second::default()
            });
            second.succeeded += point.total.succeeded;
            second.failed += point.total.failed;
            if point.phase == Phase::Warmup {
                second.warmup = Some(steadiness(point));
            }
        }
        while self.open.len() > MOST {
            self.open.pop_first();
        }
    }

    /// The seconds that end by `until`, oldest first, each once; one in which
    /// nothing happened is among them. Where none was judged before, as after a
    /// restart, they begin there.
    pub(super) fn closed(&mut self, until: Timestamp) -> Vec<Second> {
        let mut next = *self.next.get_or_insert(until);
        let surplus = (until.since(next).as_secs()).saturating_sub(MOST as u64);
        next = next + SECOND * u32::try_from(surplus).unwrap_or(u32::MAX);
        let mut closed = Vec::new();
        while next + SECOND <= until {
            let empty = Second {
                start: next,
                ..Second::default()
            };
            closed.push(self.open.remove(&next).unwrap_or(empty));
            next = next + SECOND;
        }
        self.open = self.open.split_off(&next);
        self.next = Some(next);
        closed
    }
}

/// What the detector of a steady load looks at.
pub(super) fn steadiness(point: &Point) -> steady::Second {
    steady::Second {
        throughput_per_s: point.total.succeeded as f64,
        p50_us: point.total.response.p50_us,
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_model::point::OperationPoint;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp(second * 1_000_000)
    }

    fn point(second: i64, phase: Phase, succeeded: u64) -> Point {
        let total = OperationPoint {
            succeeded,
            ..OperationPoint::default()
        };
        Point {
            time: at(second),
            phase,
            operations: vec![],
            total,
            in_flight: 0,
            backlog: 0,
        }
    }

    fn counts(seconds: &[Second]) -> Vec<(i64, u64)> {
        let of = |second: &Second| (second.start.0 / 1_000_000, second.succeeded);
        seconds.iter().map(of).collect()
    }

    #[test]
    fn each_second_is_judged_once_and_empty_ones_too() {
        let mut seconds = Seconds::default();
        seconds.begin(at(10));
        seconds.take(&[
            point(10, Phase::Warmup, 3),
            point(12, Phase::Warmup, 1),
            point(12, Phase::Measurement, 4),
        ]);
        assert_eq!(counts(&seconds.closed(at(12))), [(10, 3), (11, 0)]);
        assert_eq!(counts(&seconds.closed(at(12))), []);
        let last = seconds.closed(at(14));
        assert_eq!(counts(&last), [(12, 5), (13, 0)]);
        assert_eq!(last[0].warmup.map(|warm| warm.throughput_per_s), Some(1.0));
    }

    #[test]
    fn after_a_restart_the_past_is_passed_over() {
        let mut seconds = Seconds::default();
        seconds.take(&[point(5, Phase::Measurement, 1)]);
        assert_eq!(counts(&seconds.closed(at(60))), []);
        assert_eq!(counts(&seconds.closed(at(61))), [(60, 0)]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut seconds = Seconds::default();
        seconds.begin(at(0));
        let points: Vec<Point> = (0..2_000)
            .map(|second| point(second, Phase::Measurement, 1))
            .collect();
        seconds.take(&points);
        let closed = seconds.closed(at(2_000));
        assert_eq!(closed.len(), MOST);
        assert_eq!(closed.last().map(|last| last.start), Some(at(1_999)));
    }
}
