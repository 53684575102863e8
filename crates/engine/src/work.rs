//! The plan made ready to run: mix, samplers, and each connection's place in them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::generate::Sampler;
use crate::keys::{Keys, Reserve};
use crate::mix::Mix;
use crate::plan::Plan;
use crate::target::Failure;
use crate::value::Value;

/// What all connections of a shard have in common.
#[derive(Debug)]
pub(crate) struct Work {
    seed: u64,
    mix: Mix,
    samplers: Vec<Vec<Sampler>>,
    reserve: Reserve,
    /// The next index of a shard that shares none with others.
    next_index: AtomicU64,
}

impl Work {
    pub(crate) fn new(plan: &Plan) -> Self {
        let weights: Vec<u32> = plan
            .operations
            .iter()
            .map(|operation| operation.weight)
            .collect();
        let samplers = plan
            .operations
            .iter()
            .map(|operation| operation.parameters.iter().map(Sampler::from).collect())
            .collect();
        Self {
            seed: plan.seed,
            mix: Mix::new(&weights),
            samplers,
            reserve: Reserve::new(plan.keys),
            next_index: AtomicU64::new(plan.share.first_index),
        }
    }

    /// The operation that arrival `index` of an open loop is.
    pub(crate) fn operation(&self, index: u64) -> usize {
        self.mix.operation(index)
    }
}

/// One connection's parameter buffers and keys; they outlive its sessions.
#[derive(Debug)]
pub(crate) struct Parameters {
    /// By operation, so that literals are written once and text buffers keep their size.
    values: Vec<Vec<Value>>,
    keys: Keys,
}

impl Parameters {
    /// For connection `connection` of this shard.
    pub(crate) fn new(plan: &Plan, connection: u32) -> Self {
        let values = plan
            .operations
            .iter()
            .map(|operation| vec![Value::Null; operation.parameters.len()])
            .collect();
        Self {
            values,
            keys: Keys::part(plan.keys, connection, plan.load.connections()),
        }
    }

    /// The parameters of an operation. It fails when the keys are used up.
    pub(crate) fn fill(
        &mut self,
        work: &Work,
        operation: usize,
        index: u64,
    ) -> Result<&[Value], Failure> {
        let values = &mut self.values[operation];
        for (position, (sampler, value)) in work.samplers[operation]
            .iter()
            .zip(values.iter_mut())
            .enumerate()
        {
            sampler.write(work.seed, index, position as u32, value, || {
                self.keys.take(&work.reserve)
            })?;
        }
        Ok(values)
    }

    /// The last unique key that was taken.
    #[inline]
    pub(crate) fn last_key(&self) -> i64 {
        self.keys.last()
    }
}

/// Computes the parameters of operations again, for those who want to show them.
#[derive(Debug)]
pub struct Replay(Work);

impl Replay {
    /// For the work of a plan that was checked.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self(Work::new(plan))
    }

    /// The parameters that operation number `operation` of the plan had at an index of the work; `key` is the last
    /// unique key that its connection had taken then. `None` for a unique key that is not known.
    #[must_use]
    pub fn parameters(&self, operation: usize, index: u64, key: Option<i64>) -> Vec<Option<Value>> {
        let samplers = &self.0.samplers[operation];
        let unique = |sampler: &&Sampler| matches!(sampler, Sampler::UniqueKey);
        // An operation takes its keys one after the other.
        let mut keys = key.map(|last| last - samplers.iter().filter(unique).count() as i64);
        let value = |(position, sampler): (usize, &Sampler)| {
            let mut value = Value::Null;
            let next = || {
                keys = keys.map(|key| key + 1);
                keys.ok_or(())
            };
            let written = sampler.write(self.0.seed, index, position as u32, &mut value, next);
            written.is_ok().then_some(value)
        };
        samplers.iter().enumerate().map(value).collect()
    }
}

/// The operations of a connection beyond the plan have indices that begin here, above all that planned connections can
/// reach, with as many for each.
const EXTRA_INDICES: u64 = 1 << 40;

/// How many indices a connection takes at once where the shard shares none with others.
const PIECE: u64 = 1_024;

/// A connection's way through a closed loop: it walks the whole mix, from an offset of its own, so that a connection
/// which is slowed down by an operation does not change the share of that operation.
#[derive(Debug)]
pub(crate) struct ClosedWalk {
    slot: u64,
    indices: Indices,
}

/// Where a connection's indices come from.
#[derive(Debug)]
enum Indices {
    /// Every `stride`-th of those that all shards share: nobody has to be asked.
    Shared { next: u64, stride: u64 },
    /// Pieces of the shard's own, so that they are used up no faster than operations are sent.
    Own { next: u64, end: u64 },
}

impl Indices {
    fn new(plan: &Plan, connection: u32) -> Self {
        if plan.share.first_index > 0 {
            return Self::Own { next: 0, end: 0 };
        }
        let (number, total) = (
            u64::from(plan.number(connection)),
            u64::from(plan.share.connections_total),
        );
        if connection >= plan.load.connections() {
            let next = (number - total + 1) * EXTRA_INDICES;
            return Self::Shared { next, stride: 1 };
        }
        Self::Shared {
            next: number,
            stride: total,
        }
    }

    #[inline]
    fn next(&mut self, work: &Work) -> u64 {
        match self {
            Self::Shared { next, stride } => {
                *next += *stride;
                *next - *stride
            }
            Self::Own { next, end } => {
                if next == end {
                    *next = work.next_index.fetch_add(PIECE, Ordering::Relaxed);
                    *end = *next + PIECE;
                }
                *next += 1;
                *next - 1
            }
        }
    }
}

impl ClosedWalk {
    /// For connection `connection` of this shard.
    pub(crate) fn new(work: &Work, plan: &Plan, connection: u32) -> Self {
        let (number, total) = (
            u64::from(plan.number(connection)),
            u64::from(plan.share.connections_total),
        );
        let length = work.mix.len() as u64;
        let slot = if connection >= plan.load.connections() {
            // Reversed bits spread the offsets evenly however many connections there will be.
            let spread = u128::from((number - total).reverse_bits());
            ((spread * u128::from(length)) >> 64) as u64
        } else {
            number * length / total
        };
        Self {
            slot,
            indices: Indices::new(plan, connection),
        }
    }

    /// The next operation and its index in the run.
    pub(crate) fn next(&mut self, work: &Work) -> (usize, u64) {
        let next = (work.mix.operation(self.slot), self.indices.next(work));
        self.slot += 1;
        next
    }
}

#[cfg(test)]
mod tests;
