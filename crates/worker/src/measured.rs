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

use crate::session::course::Stretch;

/// The longest code and message of an error that are kept, in characters.
pub(crate) const LONGEST_CODE: usize = 64;
const LONGEST_MESSAGE: usize = 500;

/// What was measured in an interval. Parts add up to the whole: counts and
/// histograms by addition, the interval by its ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    operations: BTreeMap<(u32, Stretch), Part>,
    errors: BTreeMap<(u32, Phase, ErrorClass, String), (String, u64)>,
    in_flight: u32,
    backlog: u64,
}

/// One operation in one phase and step.
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
    /// A snapshot of the engine whose epochs are these stretches. Its ends are by
    /// the worker's corrected clock.
    pub(crate) fn new(
        snapshot: Snapshot,
        stretches: &[Stretch],
        start: Timestamp,
        end: Timestamp,
    ) -> Self {
        let stretch = |epoch: engine::Epoch| stretch_of(stretches, epoch);
        let mut measured = Self {
            start,
            end: end.max(start),
            operations: BTreeMap::new(),
            errors: BTreeMap::new(),
            in_flight: snapshot.in_flight,
            backlog: snapshot.backlog,
        };
        for series in snapshot.series {
            let part = measured.part(series.operation, stretch(series.epoch));
            let outcome = match series.outcome {
                Outcome::Ok => &mut part.succeeded,
                Outcome::Failed => &mut part.failed,
            };
            Recorded::add_to(outcome, Recorded::new(series));
        }
        for tally in snapshot.cut {
            measured.part(tally.operation, stretch(tally.epoch)).cut += tally.count;
        }
        for tally in snapshot.dropped {
            measured.part(tally.operation, stretch(tally.epoch)).dropped += tally.count;
        }
        for error in snapshot.errors {
            let key = (
                error.operation,
                stretch(error.epoch).phase,
                class(error.class),
                shortened(error.code, LONGEST_CODE),
            );
            measured.add_error(key, shortened(error.message, LONGEST_MESSAGE), error.count);
        }
        measured
    }

    /// Says of each operation of the template that it was under load in this phase: where nothing happened, that nothing
    /// did. A second of which nobody speaks is not known; one in which all stood still is, and must show.
    pub(crate) fn speak_of(&mut self, operations: u32, stretch: Stretch) {
        let of_step = |step: u32| Stretch { step, ..stretch };
        for operation in 0..operations {
            let phase = (operation, of_step(0))..=(operation, of_step(u32::MAX));
            if self.operations.range(phase).next().is_none() {
                self.part(operation, stretch);
            }
        }
    }

    fn part(&mut self, operation: u32, stretch: Stretch) -> &mut Part {
        self.operations.entry((operation, stretch)).or_default()
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
                .map(|((operation, stretch), part)| OperationInterval {
                    operation,
                    phase: stretch.phase,
                    step: stretch.step,
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

/// What operations of an epoch belong to. The engine gives back the epochs that
/// it was given. Should it ever give another, the counts must not be lost.
pub(crate) fn stretch_of(stretches: &[Stretch], epoch: engine::Epoch) -> Stretch {
    let known = stretches.get(epoch.0 as usize).or(stretches.last());
    known.copied().unwrap_or(Stretch {
        phase: Phase::Preparing,
        step: 0,
    })
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
pub(crate) mod tests;
