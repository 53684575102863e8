//! What was measured in an interval, while parts of it may still be added.

use std::collections::{BTreeMap, btree_map::Entry};

use gauntlet_engine::{self as engine, Outcome, Snapshot};
use gauntlet_model::{
    interval::{
        Encoded, ErrorClass, ErrorCount, Interval, LARGEST_NS, Latencies, OperationInterval,
        empty_histogram,
    },
    lifecycle::Phase,
    session::AttemptRef,
    time::Timestamp,
};
use hdrhistogram::Histogram;

/// The longest code and message of an error that are kept, in characters.
pub(crate) const LONGEST_CODE: usize = 64;
const LONGEST_MESSAGE: usize = 500;

/// What was measured in an interval. Parts add up to the whole: counts and
/// histograms by addition, the interval by its ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    operations: BTreeMap<(u32, Phase), Part>,
    errors: BTreeMap<(u32, Phase, ErrorClass, String), (String, u64)>,
    in_flight: u32,
    backlog: u64,
}

/// One operation in one phase.
#[derive(Clone, Debug, Default, PartialEq)]
struct Part {
    succeeded: Option<Recorded>,
    failed: Option<Recorded>,
    cut: u64,
    dropped: u64,
}

/// The latencies of one outcome.
#[derive(Clone, Debug, PartialEq)]
struct Recorded {
    response: Histogram<u64>,
    service: Histogram<u64>,
    lag: Histogram<u64>,
    rows: u64,
}

impl Measured {
    /// A snapshot of the engine whose epochs are these phases. Its ends are by
    /// the worker's corrected clock.
    pub(crate) fn new(
        snapshot: Snapshot,
        phases: &[Phase],
        start: Timestamp,
        end: Timestamp,
    ) -> Self {
        let phase = |epoch: engine::Epoch| phase_of(phases, epoch);
        let mut measured = Self {
            start,
            end: end.max(start),
            operations: BTreeMap::new(),
            errors: BTreeMap::new(),
            in_flight: snapshot.in_flight,
            backlog: snapshot.backlog,
        };
        for series in snapshot.series {
            let part = measured.part(series.operation, phase(series.epoch));
            let outcome = match series.outcome {
                Outcome::Ok => &mut part.succeeded,
                Outcome::Failed => &mut part.failed,
            };
            Recorded::add_to(outcome, Recorded::new(series));
        }
        for tally in snapshot.cut {
            measured.part(tally.operation, phase(tally.epoch)).cut += tally.count;
        }
        for tally in snapshot.dropped {
            measured.part(tally.operation, phase(tally.epoch)).dropped += tally.count;
        }
        for error in snapshot.errors {
            let key = (
                error.operation,
                phase(error.epoch),
                class(error.class),
                shortened(error.code, LONGEST_CODE),
            );
            measured.add_error(key, shortened(error.message, LONGEST_MESSAGE), error.count);
        }
        measured
    }

    fn part(&mut self, operation: u32, phase: Phase) -> &mut Part {
        self.operations.entry((operation, phase)).or_default()
    }

    fn add_error(&mut self, key: (u32, Phase, ErrorClass, String), message: String, count: u64) {
        self.errors.entry(key).or_insert((message, 0)).1 += count;
    }

    /// Adds what was measured right after.
    pub(crate) fn add(&mut self, later: Self) {
        self.start = self.start.min(later.start);
        self.end = self.end.max(later.end);
        self.in_flight = later.in_flight;
        self.backlog = later.backlog;
        for (key, part) in later.operations {
            match self.operations.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(part);
                }
                Entry::Occupied(mut own) => own.get_mut().add(part),
            }
        }
        for (key, (message, count)) in later.errors {
            self.add_error(key, message, count);
        }
    }

    /// Operations that ended, with any outcome.
    pub(crate) fn ended(&self) -> u64 {
        let parts = self.operations.values();
        parts
            .flat_map(|part| [&part.succeeded, &part.failed])
            .flatten()
            .map(|recorded| recorded.response.len())
            .sum()
    }

    /// The interval to send.
    pub(crate) fn into_interval(self, attempt: AttemptRef, sequence: i64) -> Interval {
        let operations = self.operations.into_iter();
        let errors = self.errors.into_iter();
        Interval {
            attempt,
            sequence,
            start: self.start,
            end: self.end,
            operations: operations
                .map(|((operation, phase), part)| OperationInterval {
                    operation,
                    phase,
                    succeeded: latencies(part.succeeded),
                    failed: latencies(part.failed),
                    cut: part.cut,
                    dropped: part.dropped,
                })
                .collect(),
            errors: errors
                .map(
                    |((operation, phase, class, code), (message, count))| ErrorCount {
                        operation,
                        phase,
                        class,
                        code,
                        message,
                        count,
                    },
                )
                .collect(),
            in_flight: self.in_flight,
            backlog: self.backlog,
        }
    }
}

impl Part {
    fn add(&mut self, other: Self) {
        for (own, others) in [
            (&mut self.succeeded, other.succeeded),
            (&mut self.failed, other.failed),
        ] {
            if let Some(others) = others {
                Recorded::add_to(own, others);
            }
        }
        self.cut += other.cut;
        self.dropped += other.dropped;
    }
}

impl Recorded {
    fn new(series: engine::Series) -> Self {
        Self {
            response: within_range(series.response),
            service: within_range(series.service),
            lag: within_range(series.lag),
            rows: series.rows,
        }
    }

    fn add_to(own: &mut Option<Self>, other: Self) {
        let Some(own) = own else {
            *own = Some(other);
            return;
        };
        for (own, other) in [
            (&mut own.response, &other.response),
            (&mut own.service, &other.service),
            (&mut own.lag, &other.lag),
        ] {
            own.add(other).expect("both grow as needed");
        }
        own.rows += other.rows;
    }
}

/// The phase of an epoch. The engine gives back the epochs that it was given.
/// Should it ever give another, the counts must not be lost.
pub(crate) fn phase_of(phases: &[Phase], epoch: engine::Epoch) -> Phase {
    let known = phases.get(epoch.0 as usize).or(phases.last());
    known.copied().unwrap_or(Phase::Preparing)
}

fn latencies(recorded: Option<Recorded>) -> Latencies {
    recorded.map_or_else(Latencies::default, |recorded| Latencies {
        response: Encoded::from_histogram(&recorded.response),
        service: Encoded::from_histogram(&recorded.service),
        lag: Encoded::from_histogram(&recorded.lag),
        rows: recorded.rows,
    })
}

/// A latency beyond the largest that is sent counts as the largest: it must not
/// make the server refuse all the others.
fn within_range(histogram: Histogram<u64>) -> Histogram<u64> {
    if histogram.max() <= LARGEST_NS {
        return histogram;
    }
    let mut within = empty_histogram();
    for recorded in histogram.iter_recorded() {
        let value = recorded.value_iterated_to().min(LARGEST_NS);
        within
            .record_n(value, recorded.count_at_value())
            .expect("it grows as needed");
    }
    within
}

pub(crate) fn class(class: engine::ErrorClass) -> ErrorClass {
    match class {
        engine::ErrorClass::Timeout => ErrorClass::Timeout,
        engine::ErrorClass::Connection => ErrorClass::Connection,
        engine::ErrorClass::Constraint => ErrorClass::Constraint,
        engine::ErrorClass::Serialization => ErrorClass::Serialization,
        engine::ErrorClass::Statement => ErrorClass::Statement,
        engine::ErrorClass::Other => ErrorClass::Other,
    }
}

/// Databases quote whole statements in their messages; the beginning serves.
/// NUL is taken out: the server refuses it.
pub(crate) fn shortened(text: String, most: usize) -> String {
    let text = if text.contains('\0') {
        text.replace('\0', "")
    } else {
        text
    };
    match text.char_indices().nth(most) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::{Duration, Instant};

    use gauntlet_engine::{Epoch, Sample, Samples, Series, Tally};

    use super::*;

    /// A series whose latencies are these.
    pub(crate) fn series(
        epoch: u32,
        operation: u32,
        outcome: Outcome,
        latencies: &[u64],
    ) -> Series {
        let mut histogram = Histogram::new(3).unwrap();
        for value in latencies {
            histogram.record(*value).unwrap();
        }
        Series {
            epoch: Epoch(epoch),
            operation,
            outcome,
            rows: latencies.len() as u64,
            response: histogram.clone(),
            service: histogram.clone(),
            lag: histogram,
        }
    }

    /// A snapshot with these series and nothing else.
    pub(crate) fn snapshot(series: Vec<Series>) -> Snapshot {
        let now = Instant::now();
        Snapshot {
            started: now,
            ended: now,
            series,
            errors: Vec::new(),
            dropped: Vec::new(),
            cut: Vec::new(),
            samples: Samples::default(),
            in_flight: 0,
            backlog: 0,
        }
    }

    /// A snapshot that keeps so many operations of the second kind, each a microsecond later and slower than the one
    /// before.
    pub(crate) fn kept(operations: u16) -> Snapshot {
        let mut snapshot = snapshot(Vec::new());
        for index in 0..operations {
            let response_ns = (u64::from(index) + 1) * 1_000;
            let sample = Sample {
                epoch: Epoch(0),
                index: index.into(),
                key: Some(1_000 + i64::from(index)),
                due: snapshot.started + Duration::from_micros(index.into()),
                response_ns,
                service_ns: response_ns,
                lag_ns: 0,
                rows: 1,
                failure: None,
            };
            snapshot.samples.add(1, sample, f64::from(index) / 1e5);
        }
        snapshot
    }

    fn attempt() -> AttemptRef {
        AttemptRef {
            run: gauntlet_model::id::RunId(uuid::Uuid::nil()),
            shard: 0,
            attempt: 1,
        }
    }

    const PHASES: [Phase; 2] = [Phase::Warmup, Phase::Measurement];

    fn error(epoch: u32, code: &str, message: &str) -> engine::ErrorCount {
        engine::ErrorCount {
            epoch: Epoch(epoch),
            operation: 0,
            class: engine::ErrorClass::Constraint,
            code: code.into(),
            message: message.into(),
            count: 2,
        }
    }

    fn everything() -> Snapshot {
        let tally = |epoch, count| Tally {
            epoch: Epoch(epoch),
            operation: 1,
            count,
        };
        Snapshot {
            errors: vec![error(1, "23505", "first"), error(0, "23505", "warm")],
            cut: vec![tally(1, 3)],
            dropped: vec![tally(0, 4), tally(1, 5)],
            in_flight: 6,
            backlog: 7,
            ..snapshot(vec![
                series(0, 0, Outcome::Ok, &[1_000]),
                series(1, 0, Outcome::Ok, &[2_000, 3_000]),
                series(1, 0, Outcome::Failed, &[9_000]),
            ])
        }
    }

    #[test]
    fn epochs_become_phases_and_everything_is_kept() {
        let measured = Measured::new(everything(), &PHASES, Timestamp(10), Timestamp(20));
        assert_eq!(measured.ended(), 4);
        let interval = measured.into_interval(attempt(), 5);
        let counts: Vec<_> = interval
            .operations
            .iter()
            .map(|part| {
                let count = |latencies: &Latencies| latencies.response.decode().unwrap().len();
                (
                    (part.operation, part.phase),
                    (count(&part.succeeded), count(&part.failed)),
                    (part.cut, part.dropped),
                )
            })
            .collect();
        assert_eq!(
            counts,
            vec![
                ((0, Phase::Warmup), (1, 0), (0, 0)),
                ((0, Phase::Measurement), (2, 1), (0, 0)),
                ((1, Phase::Warmup), (0, 0), (0, 4)),
                ((1, Phase::Measurement), (0, 0), (3, 5)),
            ]
        );
        let errors: Vec<_> = interval
            .errors
            .iter()
            .map(|error| (error.phase, error.message.as_str(), error.count))
            .collect();
        assert_eq!(
            errors,
            vec![(Phase::Warmup, "warm", 2), (Phase::Measurement, "first", 2)]
        );
        assert_eq!(
            (interval.sequence, interval.in_flight, interval.backlog),
            (5, 6, 7)
        );
    }

    #[test]
    fn parts_add_up() {
        let mut sum = Measured::new(everything(), &PHASES, Timestamp(10), Timestamp(20));
        let mut later = everything();
        later.errors[0].message = "later".into();
        later.in_flight = 1;
        sum.add(Measured::new(later, &PHASES, Timestamp(20), Timestamp(30)));
        assert_eq!((sum.start, sum.end), (Timestamp(10), Timestamp(30)));
        assert_eq!(sum.ended(), 8);
        let interval = sum.into_interval(attempt(), 1);
        assert_eq!(interval.in_flight, 1);
        assert_eq!(interval.operations[3].dropped, 10);
        assert_eq!(interval.operations[3].cut, 6);
        assert_eq!(interval.operations[1].succeeded.rows, 4);
        let measured = &interval.errors[1];
        assert_eq!((measured.message.as_str(), measured.count), ("first", 4));
    }

    #[test]
    fn what_the_server_would_refuse_is_cut_to_size() {
        let mut odd = snapshot(vec![series(0, 0, Outcome::Ok, &[5, LARGEST_NS * 3])]);
        odd.errors = vec![error(0, "c\0de", &"x".repeat(600))];
        let interval =
            Measured::new(odd, &PHASES, Timestamp(9), Timestamp(8)).into_interval(attempt(), 1);
        let histogram = interval.operations[0].succeeded.response.decode().unwrap();
        assert_eq!(histogram.len(), 2);
        assert!(histogram.max() >= LARGEST_NS && histogram.high() < LARGEST_NS * 2);
        assert_eq!(interval.errors[0].code, "cde");
        assert_eq!(interval.errors[0].message.len(), 500);
        assert_eq!((interval.start, interval.end), (Timestamp(9), Timestamp(9)));
    }
}
