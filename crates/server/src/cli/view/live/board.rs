//! What is known of a run while it lives, as far as it is shown.

use std::collections::VecDeque;

use gauntlet_client::pb;

use crate::cli::find;

/// So many seconds are kept to be drawn.
pub const SECONDS: usize = 60;

/// What is known of a run.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// Its newest state.
    pub run: pb::Run,
    /// Its operations, in the template's order, in the newest second.
    pub operations: Vec<Row>,
    /// All of them together.
    pub total: Row,
    /// The last minute, the oldest first; at most [`SECONDS`].
    pub seconds: VecDeque<Second>,
    /// The phase of the newest second.
    pub phase: pb::RunPhase,
    /// The attached workers that serve it.
    pub workers: Vec<pb::Worker>,
    /// The failures that came last.
    pub newest_error: Option<pb::ErrorSummary>,
}

/// One operation.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its newest second.
    pub newest: pb::OperationPoint,
    /// How many failed since the phase began.
    pub failed: u64,
}

/// One second of all operations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Second {
    /// Its start, microseconds since the Unix epoch, UTC.
    pub time_us: i64,
    /// Operations that succeeded.
    pub succeeded: u64,
    /// The 99th percentile of their response time, microseconds; `None` when
    /// none succeeded.
    pub p99_us: Option<f64>,
}

impl Board {
    /// Takes one more second.
    pub fn point(&mut self, point: &pb::MetricsPoint) {
        if point.phase() != self.phase {
            self.phase = point.phase();
            self.total.failed = 0;
            self.operations.iter_mut().for_each(|row| row.failed = 0);
        }
        // A second in which the phase changes comes in two parts; the rate of the
        // second part is none, and that of the second before stays.
        let newest = self.seconds.back();
        let is_whole = newest.is_none_or(|newest| newest.time_us != point.time_us);
        for (index, operation) in point.operations.iter().enumerate() {
            if index == self.operations.len() {
                self.operations.push(Row::default());
            }
            self.operations[index].take(operation, is_whole);
        }
        let total = point.total.clone().unwrap_or_default();
        self.total.take(&total, is_whole);
        self.second(Second {
            time_us: point.time_us,
            succeeded: total.succeeded,
            p99_us: total.response.map(|response| response.p99_us),
        });
    }

    fn second(&mut self, second: Second) {
        match self.seconds.back_mut() {
            Some(last) if last.time_us == second.time_us => {
                last.succeeded += second.succeeded;
                let p99s = last.p99_us.into_iter().chain(second.p99_us);
                last.p99_us = p99s.reduce(f64::max);
            }
            _ => self.seconds.push_back(second),
        }
        if self.seconds.len() > SECONDS {
            self.seconds.pop_front();
        }
    }

    /// A figure of the last seconds, one value per second, `None` for a second of
    /// which it is not known; at most `most` values, the newest last.
    pub fn history(
        &self,
        most: usize,
        figure: impl Fn(&Second) -> Option<f64>,
    ) -> Vec<Option<f64>> {
        let Some(newest) = self.seconds.back() else {
            return Vec::new();
        };
        let number = |second: &Second| (newest.time_us - second.time_us) / 1_000_000;
        let oldest = self.seconds.front().map_or(0, number);
        let length = (oldest as usize + 1).min(most);
        let mut values = vec![None; length];
        for second in &self.seconds {
            let back = number(second) as usize;
            if back < length {
                values[length - 1 - back] = figure(second);
            }
        }
        values
    }

    /// Keeps those of all workers that are attached and serve the run.
    pub fn workers(&mut self, all: &[pb::Worker]) {
        let serves = |worker: &&pb::Worker| {
            find::is_attached(worker) && worker.run_ids.contains(&self.run.run_id)
        };
        self.workers = all.iter().filter(serves).cloned().collect();
    }

    /// Keeps the failures that came last.
    pub fn errors(&mut self, all: &[pb::ErrorSummary]) {
        self.newest_error = all.iter().max_by_key(|error| error.last_us).cloned();
    }
}

impl Row {
    fn take(&mut self, newest: &pb::OperationPoint, is_whole: bool) {
        self.failed += newest.failed;
        if is_whole || self.newest.operation != newest.operation {
            self.newest = newest.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(second: i64, phase: pb::RunPhase, succeeded: u64, failed: u64) -> pb::MetricsPoint {
        let operation = |name: &str| pb::OperationPoint {
            operation: name.to_owned(),
            succeeded,
            failed,
            response: (succeeded > 0).then(|| pb::LatencySummary {
                p99_us: succeeded as f64,
                ..Default::default()
            }),
            ..Default::default()
        };
        pb::MetricsPoint {
            time_us: second * 1_000_000,
            phase: phase.into(),
            operations: vec![operation("a")],
            total: Some(operation("")),
            ..Default::default()
        }
    }

    #[test]
    fn errors_are_counted_anew_in_each_phase() {
        let mut board = Board::default();
        board.point(&point(1, pb::RunPhase::Warmup, 10, 2));
        board.point(&point(2, pb::RunPhase::Warmup, 11, 3));
        assert_eq!((board.total.failed, board.operations[0].failed), (5, 5));
        board.point(&point(3, pb::RunPhase::Measurement, 12, 1));
        assert_eq!((board.total.failed, board.operations[0].failed), (1, 1));
        assert_eq!(board.operations[0].newest.succeeded, 12);
    }

    #[test]
    fn a_second_with_two_phases_is_one_and_a_missing_one_is_a_gap() {
        let mut board = Board::default();
        board.point(&point(1, pb::RunPhase::Warmup, 10, 0));
        board.point(&point(1, pb::RunPhase::Measurement, 5, 0));
        assert_eq!(board.total.newest.succeeded, 10);
        board.point(&point(3, pb::RunPhase::Measurement, 7, 0));
        assert_eq!(board.total.newest.succeeded, 7);
        let rates = board.history(SECONDS, |second| Some(second.succeeded as f64));
        assert_eq!(rates, [Some(15.0), None, Some(7.0)]);
        assert_eq!(board.history(2, |second| second.p99_us), [None, Some(7.0)]);
    }

    #[test]
    fn a_second_in_which_nothing_ended_has_a_rate_and_no_latency() {
        let mut board = Board::default();
        for (second, succeeded) in [(1, 10), (2, 0), (3, 0), (4, 7)] {
            board.point(&point(second, pb::RunPhase::Measurement, succeeded, 0));
        }
        let rates = board.history(SECONDS, |second| Some(second.succeeded as f64));
        assert_eq!(rates, [Some(10.0), Some(0.0), Some(0.0), Some(7.0)]);
        let latencies = board.history(SECONDS, |second| second.p99_us);
        assert_eq!(latencies, [Some(10.0), None, None, Some(7.0)]);
    }

    #[test]
    fn no_more_than_a_minute_is_kept() {
        let mut board = Board::default();
        for second in 0..200 {
            board.point(&point(second, pb::RunPhase::Measurement, 1, 0));
        }
        assert_eq!(board.seconds.len(), SECONDS);
        assert_eq!(board.history(SECONDS, |_| Some(0.0)).len(), SECONDS);
    }

    #[test]
    fn only_attached_workers_of_the_run_count() {
        let worker = |run: &str, status: pb::WorkerStatus| pb::Worker {
            run_ids: vec![run.to_owned()],
            status: status.into(),
            ..Default::default()
        };
        let mut board = Board {
            run: pb::Run {
                run_id: "r".to_owned(),
                ..Default::default()
            },
            ..Board::default()
        };
        board.workers(&[
            worker("r", pb::WorkerStatus::Busy),
            worker("r", pb::WorkerStatus::Lost),
            worker("other", pb::WorkerStatus::Busy),
        ]);
        assert_eq!(board.workers.len(), 1);
    }
}
