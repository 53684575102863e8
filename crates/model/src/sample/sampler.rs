//! Keeps a few of many operations, the same few however the work was shared.

use std::collections::BTreeMap;

use super::{OperationSample, SampleKind};
use crate::{interval::ErrorClass, lifecycle::Phase, time::Timestamp};

/// How many samples are kept of each operation and phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The slowest.
    pub slowest: usize,
    /// The first failures of each class and code.
    pub first_errors: usize,
    /// Classes and codes; of more, the first in their order.
    pub error_kinds: usize,
    /// Drawn at random.
    pub reservoir: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            slowest: 10,
            first_errors: 3,
            error_kinds: 20,
            reservoir: 20,
        }
    }
}

/// What is known of an operation before it is described: enough to say whether
/// it is worth describing.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The operation's place in the template.
    pub operation: u32,
    /// The phase it was due in.
    pub phase: Phase,
    /// The operation's index in the run's work.
    pub index: u64,
    /// When it was due.
    pub due: Timestamp,
    /// From due to end, nanoseconds.
    pub response_ns: u64,
    /// Class and code, when it failed.
    pub error: Option<(ErrorClass, &'a str)>,
}

/// Keeps the slowest operations, the first failures and a fair draw, each by
/// operation and phase, in bounded memory.
///
/// Each kind is a smallest-so-many by a key that the operation itself has: its
/// response time, its due time, or a number drawn from the run's seed and its
/// index. So merging samplers of parts gives the sampler of the whole, in any
/// order, and a draw does not depend on how many workers shared the work.
#[derive(Clone, Debug)]
pub struct Sampler {
    seed: u64,
    bounds: Bounds,
    operations: BTreeMap<(u32, Phase), Kept>,
}

/// Smallest first; the last is the first to go.
type Ranked = BTreeMap<Rank, Entry>;
/// The key, then index and attempt, so that no two are equal.
type Rank = (u64, u64, u32, u32);

#[derive(Clone, Debug)]
struct Entry {
    sample: OperationSample,
    /// Not yet taken by [`Sampler::take_new`].
    new: bool,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    slowest: Ranked,
    reservoir: Ranked,
    errors: BTreeMap<(ErrorClass, String), Ranked>,
}

impl Sampler {
    /// Nothing yet, for a run with this seed.
    #[must_use]
    pub fn new(seed: u64, bounds: Bounds) -> Self {
        Self {
            seed,
            bounds,
            operations: BTreeMap::new(),
        }
    }

    /// Whether an operation would be kept. A few comparisons, no memory: for
    /// every operation, before its parameters are made into text.
    #[must_use]
    pub fn wants(&self, candidate: &Candidate<'_>) -> bool {
        let Some(kept) = self.operations.get(&(candidate.operation, candidate.phase)) else {
            return true;
        };
        admits(
            &kept.slowest,
            self.bounds.slowest,
            slowness(candidate.response_ns),
        ) || admits(
            &kept.reservoir,
            self.bounds.reservoir,
            self.draw(candidate.index),
        ) || candidate
            .error
            .is_some_and(|error| self.wants_error(kept, candidate, error))
    }

    /// Keeps an operation for each reason that there is to keep it; its `kind` is not looked at.
    pub fn offer(&mut self, sample: &OperationSample) {
        for kind in SampleKind::ALL {
            self.insert(
                OperationSample {
                    kind,
                    ..sample.clone()
                },
                true,
            );
        }
    }

    /// Takes in what another sampler of the same run and bounds kept, each for
    /// the reason it was kept for there.
    pub fn merge(&mut self, samples: impl IntoIterator<Item = OperationSample>) {
        for sample in samples {
            self.insert(sample, true);
        }
    }

    /// All that is kept, by operation, phase and kind: the slowest first, then
    /// failures in the order of their time, then the draw.
    #[must_use]
    pub fn samples(&self) -> Vec<OperationSample> {
        let kept = self.operations.values();
        kept.flat_map(|kept| kept.entries().map(|entry| entry.sample.clone()))
            .collect()
    }

    /// What came in since the last call and is still kept.
    #[must_use]
    pub fn take_new(&mut self) -> Vec<OperationSample> {
        let mut taken = Vec::new();
        for kept in self.operations.values_mut() {
            for entry in kept.entries_mut().filter(|entry| entry.new) {
                entry.new = false;
                taken.push(entry.sample.clone());
            }
        }
        taken
    }

    fn wants_error(
        &self,
        kept: &Kept,
        candidate: &Candidate<'_>,
        error: (ErrorClass, &str),
    ) -> bool {
        let due = earliness(candidate.due);
        let (class, code) = error;
        let mut kinds = kept.errors.iter();
        if let Some((_, ranked)) = kinds.find(|(kind, _)| kind.0 == class && kind.1 == code) {
            return admits(ranked, self.bounds.first_errors, due);
        }
        let last = kept.errors.last_key_value();
        kept.errors.len() < self.bounds.error_kinds
            || last.is_some_and(|(last, _)| (class, code) < (last.0, last.1.as_str()))
    }

    fn insert(&mut self, sample: OperationSample, new: bool) {
        let bounds = self.bounds;
        let draw = self.draw(sample.index);
        let kept = self
            .operations
            .entry((sample.operation, sample.phase))
            .or_default();
        match sample.kind {
            SampleKind::Slowest => {
                let key = slowness(sample.response_ns);
                insert(&mut kept.slowest, bounds.slowest, key, sample, new);
            }
            SampleKind::Reservoir => {
                insert(&mut kept.reservoir, bounds.reservoir, draw, sample, new);
            }
            SampleKind::FirstError => {
                let Some(error) = &sample.error else {
                    return;
                };
                let kind = (error.class, error.code.clone());
                let ranked = kept.errors.entry(kind).or_default();
                let key = earliness(sample.due);
                insert(ranked, bounds.first_errors, key, sample, new);
                if kept.errors.len() > bounds.error_kinds {
                    kept.errors.pop_last();
                }
            }
        }
    }

    /// A number that an operation draws: equally likely each, the same wherever
    /// it is sent from.
    fn draw(&self, index: u64) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014), at the index-th step from the seed.
        let mut mixed = self
            .seed
            .wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Kept {
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        let errors = self.errors.values().flat_map(Ranked::values);
        self.slowest
            .values()
            .chain(errors)
            .chain(self.reservoir.values())
    }

    fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        let errors = self.errors.values_mut().flat_map(Ranked::values_mut);
        self.slowest
            .values_mut()
            .chain(errors)
            .chain(self.reservoir.values_mut())
    }
}

/// Whether something with this key would stay. An equal key may: its index decides.
fn admits(ranked: &Ranked, most: usize, key: u64) -> bool {
    most > 0
        && (ranked.len() < most
            || ranked
                .last_key_value()
                .is_some_and(|(last, _)| key <= last.0))
}

fn insert(ranked: &mut Ranked, most: usize, key: u64, sample: OperationSample, new: bool) {
    let attempt = sample.attempt;
    let rank = (key, sample.index, attempt.shard, attempt.attempt);
    if ranked.contains_key(&rank) {
        return;
    }
    ranked.insert(rank, Entry { sample, new });
    if ranked.len() > most {
        ranked.pop_last();
    }
}

/// Smaller for the slower.
fn slowness(response_ns: u64) -> u64 {
    u64::MAX - response_ns
}

/// Smaller for the earlier, negative instants too.
fn earliness(due: Timestamp) -> u64 {
    due.0.cast_unsigned() ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{id::RunId, sample::SampledError, session::AttemptRef};

    const BOUNDS: Bounds = Bounds {
        slowest: 3,
        first_errors: 2,
        error_kinds: 2,
        reservoir: 4,
    };

    fn sample(index: u64, response_ns: u64, code: Option<u8>) -> OperationSample {
        OperationSample {
            attempt: AttemptRef {
                run: RunId(Uuid::nil()),
                shard: (index % 3) as u32,
                attempt: 1,
            },
            operation: (index % 2) as u32,
            phase: Phase::Measurement,
            kind: SampleKind::Slowest,
            index,
            due: Timestamp(index as i64 * 7 % 50),
            response_ns,
            service_ns: 0,
            lag_ns: 0,
            rows: 0,
            error: code.map(|code| SampledError {
                class: ErrorClass::Other,
                code: code.to_string(),
                message: String::new(),
            }),
            parameters: String::new(),
        }
    }

    fn candidate(sample: &OperationSample) -> Candidate<'_> {
        Candidate {
            operation: sample.operation,
            phase: sample.phase,
            index: sample.index,
            due: sample.due,
            response_ns: sample.response_ns,
            error: sample
                .error
                .as_ref()
                .map(|error| (error.class, error.code.as_str())),
        }
    }

    fn sampler(samples: &[OperationSample]) -> Sampler {
        let mut sampler = Sampler::new(7, BOUNDS);
        for sample in samples {
            sampler.offer(sample);
        }
        sampler
    }

    fn indices(sampler: &Sampler, kind: SampleKind) -> Vec<u64> {
        let samples = sampler.samples().into_iter();
        samples
            .filter(|sample| sample.kind == kind && sample.operation == 0)
            .map(|sample| sample.index)
            .collect()
    }

    fn work() -> impl Strategy<Value = Vec<OperationSample>> {
        let one = (0..30_u64, prop::option::weighted(0.4, 0..4_u8));
        prop::collection::vec(one, 0..120).prop_map(|all| {
            let all = all.into_iter().enumerate();
            all.map(|(index, (response, code))| sample(index as u64, response, code))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn parts_merge_into_the_whole(work in work(), shards in 1_usize..5) {
            let whole = sampler(&work);
            let mut merged = Sampler::new(7, BOUNDS);
            for shard in (0..shards).rev() {
                let part: Vec<_> = work.iter().skip(shard).step_by(shards).cloned().collect();
                merged.merge(sampler(&part).samples());
            }
            prop_assert_eq!(merged.samples(), whole.samples());
        }

        #[test]
        fn what_is_not_wanted_would_not_be_kept(work in work(), last in 0..30_u64, code in prop::option::of(0..4_u8)) {
            let mut sampler = sampler(&work);
            let before = sampler.samples();
            let next = sample(work.len() as u64, last, code);
            let wanted = sampler.wants(&candidate(&next));
            sampler.offer(&next);
            prop_assert!(wanted || sampler.samples() == before);
        }

        #[test]
        fn what_is_taken_second_by_second_makes_the_whole(work in work(), every in 1_usize..20) {
            let (mut worker, mut plane) = (Sampler::new(7, BOUNDS), Sampler::new(7, BOUNDS));
            for second in work.chunks(every) {
                for sample in second {
                    worker.offer(sample);
                }
                plane.merge(worker.take_new());
            }
            prop_assert_eq!(plane.samples(), sampler(&work).samples());
            prop_assert_eq!(worker.take_new(), vec![]);
        }
    }

    #[test]
    fn the_slowest_and_the_first_failures_are_kept() {
        let work: Vec<OperationSample> = (0..100)
            .map(|index| {
                sample(
                    index,
                    index * 13 % 101,
                    (index % 10 == 4).then_some((index % 3) as u8),
                )
            })
            .collect();
        let sampler = sampler(&work);
        let even = || work.iter().filter(|sample| sample.operation == 0);
        let mut slowest: Vec<&OperationSample> = even().collect();
        slowest.sort_by_key(|sample| u64::MAX - sample.response_ns);
        let slowest: Vec<u64> = slowest[..3].iter().map(|sample| sample.index).collect();
        assert_eq!(indices(&sampler, SampleKind::Slowest), slowest);
        assert_eq!(indices(&sampler, SampleKind::FirstError).len(), 4);
        assert_eq!(indices(&sampler, SampleKind::Reservoir).len(), 4);
    }

    #[test]
    fn every_operation_is_equally_likely_to_be_drawn() {
        let mut halves = [0_u32; 2];
        for seed in 0..500 {
            let mut sampler = Sampler::new(seed, BOUNDS);
            for index in 0..100 {
                sampler.offer(&sample(index, 1, None));
            }
            for index in indices(&sampler, SampleKind::Reservoir) {
                halves[usize::from(index >= 50)] += 1;
            }
        }
        // 2,000 fair draws: beyond five standard deviations once in a million.
        assert!(halves[0].abs_diff(halves[1]) < 224, "{halves:?}");
    }

    #[test]
    fn memory_is_bounded_by_kinds_of_failure_too() {
        let mut sampler = Sampler::new(7, BOUNDS);
        for index in 0..10_000 {
            sampler.offer(&sample(index * 2, index, Some((index % 250) as u8)));
        }
        assert_eq!(sampler.samples().len(), 3 + 2 * 2 + 4);
    }
}
