//! Single operations that are kept as examples: the slowest, the first failures, and a fair draw.
//!
//! All three can be merged: what is kept of the parts of a load is kept of the whole. For the draw each operation gets a
//! random number, and those with the smallest are kept (a bottom-k sample); Algorithm L (K.-H. Li, "Reservoir-sampling
//! algorithms of time complexity O(n(1 + log(N/n)))", 1994) says how many operations to pass over until the next
//! number that is small enough, so that no number is drawn for those in between.

use std::time::Instant;

use crate::generate::Random;
use crate::target::{ErrorClass, Failure};
use crate::timeline::Epoch;

/// The slowest that are kept per operation.
const SLOWEST: usize = 10;
/// The first failures that are kept per operation, class and code.
const FIRST: usize = 5;
/// Kinds of failure that are kept apart per operation; samples of more are not kept.
const KINDS: usize = 32;
/// Those that are drawn per operation.
const DRAWN: usize = 10;

/// One operation that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Epoch of the due instant.
    pub epoch: Epoch,
    /// Index in the run's work.
    pub index: u64,
    /// The last unique key that the connection had taken then; `None` if the parameters were never made.
    pub key: Option<i64>,
    /// When it was due.
    pub due: Instant,
    /// From due to end, nanoseconds.
    pub response_ns: u64,
    /// From sent to end, nanoseconds.
    pub service_ns: u64,
    /// From due to sent, nanoseconds.
    pub lag_ns: u64,
    /// Rows returned or changed.
    pub rows: u64,
    /// Why it failed; `None` if it succeeded.
    pub failure: Option<Failure>,
}

/// What is kept of the operations of a load, or of a part of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samples {
    operations: Vec<Kept>,
}

/// What is kept of one operation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Kept {
    slowest: Vec<Sample>,
    first: Vec<Vec<Sample>>,
    drawn: Vec<(Draw, Sample)>,
}

/// The random number of an operation, between 0 and 1; as bits it sorts like the number.
type Draw = u64;

impl Samples {
    /// By the operation's number in the plan; shorter if nothing is kept of the last ones.
    #[must_use]
    pub fn operations(&self) -> &[Kept] {
        &self.operations
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Takes in one operation, for those who record without this engine. `draw` is a random number between 0 and 1; with
    /// one that is drawn evenly for each operation, every one is equally likely to be kept.
    pub fn add(&mut self, operation: usize, sample: Sample, draw: f64) {
        let own = self.operation(operation);
        own.keep_slow(sample.clone());
        if sample.failure.is_some() {
            own.keep_first(sample.clone());
        }
        own.keep_drawn(draw.to_bits(), sample);
    }

    /// Adds what was kept of another part of the same load.
    pub fn merge(&mut self, other: Self) {
        for (operation, others) in other.operations.into_iter().enumerate() {
            let own = self.operation(operation);
            others
                .slowest
                .into_iter()
                .for_each(|one| own.keep_slow(one));
            others
                .first
                .into_iter()
                .flatten()
                .for_each(|one| own.keep_first(one));
            others
                .drawn
                .into_iter()
                .for_each(|(draw, one)| own.keep_drawn(draw, one));
        }
    }

    fn operation(&mut self, operation: usize) -> &mut Kept {
        if self.operations.len() <= operation {
            self.operations.resize_with(operation + 1, Kept::default);
        }
        &mut self.operations[operation]
    }
}

impl Kept {
    /// The slowest ten, the slowest first.
    #[must_use]
    pub fn slowest(&self) -> &[Sample] {
        &self.slowest
    }

    /// The first five failures of each class and code, in the order in which they were due.
    pub fn first_failures(&self) -> impl Iterator<Item = &Sample> {
        self.first.iter().flatten()
    }

    /// Ten that were drawn, every operation being equally likely.
    pub fn drawn(&self) -> impl Iterator<Item = &Sample> {
        self.drawn.iter().map(|(_, sample)| sample)
    }

    fn keep_slow(&mut self, sample: Sample) {
        let place = self.slowest.partition_point(|own| {
            (own.response_ns, sample.index) >= (sample.response_ns, own.index)
        });
        keep(&mut self.slowest, place, sample, SLOWEST);
    }

    fn keep_drawn(&mut self, draw: Draw, sample: Sample) {
        let place = self.drawn.partition_point(|(own, _)| *own <= draw);
        keep(&mut self.drawn, place, (draw, sample), DRAWN);
    }

    fn keep_first(&mut self, sample: Sample) {
        let kind = |one: &Sample| {
            let failure = one.failure.as_ref();
            failure.map(|failure| (failure.class, failure.code.clone()))
        };
        let wanted = kind(&sample);
        let same = self.first.iter().position(|own| kind(&own[0]) == wanted);
        let Some(same) = same else {
            if self.first.len() < KINDS {
                self.first.push(vec![sample]);
            }
            return;
        };
        let own = &mut self.first[same];
        let place = own.partition_point(|own| (own.due, own.index) <= (sample.due, sample.index));
        keep(own, place, sample, FIRST);
    }
}

fn keep<T>(kept: &mut Vec<T>, place: usize, one: T, most: usize) {
    if place < most {
        kept.insert(place, one);
        kept.truncate(most);
    }
}

/// Decides for one writer what is kept, at the cost of two comparisons for an operation that is not.
#[derive(Debug)]
pub(crate) struct Sampler {
    bars: Vec<Bars>,
    operations: Vec<Best>,
    random: Random,
}

/// How far an operation must reach to be kept.
#[derive(Debug, Default)]
struct Bars {
    /// The least response time with which it is among the slowest so far.
    slow: u64,
    /// Operations to be passed over until the next one that is drawn.
    pass: u64,
}

/// What was kept so far, as far as it decides on what follows.
#[derive(Debug, Default)]
struct Best {
    slowest: Vec<u64>,
    /// The numbers of those that are drawn, in their order.
    drawn: Vec<f64>,
    /// Failures by class and code.
    kinds: Vec<(ErrorClass, String, usize)>,
}

impl Sampler {
    pub(crate) fn new(operations: usize, seed: u64) -> Self {
        Self {
            bars: (0..operations).map(|_| Bars::default()).collect(),
            operations: (0..operations).map(|_| Best::default()).collect(),
            random: Random::new(seed),
        }
    }

    /// Takes notice of an operation that ended. True if it is to be [kept](Self::keep), which is rare.
    #[inline]
    pub(crate) fn notice(&mut self, operation: usize, response_ns: u64) -> bool {
        let bars = &mut self.bars[operation];
        let pass = bars.pass;
        bars.pass = pass.wrapping_sub(1);
        pass == 0 || response_ns >= bars.slow
    }

    /// Keeps the operation that was taken notice of last.
    pub(crate) fn keep(&mut self, samples: &mut Samples, operation: usize, sample: Sample) {
        let (bars, best) = (&mut self.bars[operation], &mut self.operations[operation]);
        let kept = samples.operation(operation);
        if sample.response_ns >= bars.slow {
            bars.slow = best.raise(sample.response_ns);
            kept.keep_slow(sample.clone());
        }
        // It has gone below 0 with the operation that is drawn.
        if bars.pass == u64::MAX {
            let draw = best.draw(&mut self.random);
            bars.pass = best.pass_over(&mut self.random);
            kept.keep_drawn(draw.to_bits(), sample);
        }
    }

    /// Keeps a failure if it is among the first of its kind.
    pub(crate) fn keep_failure(
        &mut self,
        samples: &mut Samples,
        operation: usize,
        failure: &Failure,
        sample: impl FnOnce() -> Sample,
    ) {
        let kinds = &mut self.operations[operation].kinds;
        let same = kinds
            .iter()
            .position(|(class, code, _)| *class == failure.class && *code == failure.code);
        let same = match same {
            Some(same) => same,
            None if kinds.len() < KINDS => {
                kinds.push((failure.class, failure.code.clone(), 0));
                kinds.len() - 1
            }
            None => return,
        };
        let count = &mut kinds[same].2;
        if *count < FIRST {
            *count += 1;
            samples.operation(operation).keep_first(sample());
        }
    }
}

impl Best {
    /// Takes in a response time that is among the slowest; returns the least that will be from now on.
    fn raise(&mut self, response_ns: u64) -> u64 {
        let place = self.slowest.partition_point(|own| *own >= response_ns);
        keep(&mut self.slowest, place, response_ns, SLOWEST);
        let full = self.slowest.get(SLOWEST - 1);
        full.map_or(0, |least| least.saturating_add(1))
    }

    /// The number of the operation that is drawn.
    fn draw(&mut self, random: &mut Random) -> f64 {
        // Once there are enough, only a number below the largest of them is drawn.
        let below = self.drawn.get(DRAWN - 1).copied().unwrap_or(1.0);
        let draw = random.positive_fraction() * below;
        let place = self.drawn.partition_point(|own| *own <= draw);
        keep(&mut self.drawn, place, draw, DRAWN);
        draw
    }

    /// How many operations are not drawn before the next one that is.
    fn pass_over(&self, random: &mut Random) -> u64 {
        let passed = |largest: f64| (random.positive_fraction().ln() / (-largest).ln_1p()) as u64;
        // The largest number but one of them stands for "just drawn".
        let full = self.drawn.get(DRAWN - 1).copied();
        full.map_or(0, passed).min(u64::MAX - 1)
    }
}

#[cfg(test)]
mod tests;
