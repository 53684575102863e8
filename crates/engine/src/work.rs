//! The plan made ready to run: mix, samplers, and each connection's place in them.

use crate::generate::Sampler;
use crate::keys::Keys;
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
        }
    }

    pub(crate) fn operations(&self) -> usize {
        self.samplers.len()
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
                self.keys.take()
            })?;
        }
        Ok(values)
    }
}

/// A connection's way through a closed loop: it walks the whole mix, from an offset of its own, so that a connection
/// which is slowed down by an operation does not change the share of that operation.
#[derive(Debug)]
pub(crate) struct ClosedWalk {
    slot: u64,
    index: u64,
    stride: u64,
}

impl ClosedWalk {
    /// For connection `connection` of this shard.
    pub(crate) fn new(work: &Work, plan: &Plan, connection: u32) -> Self {
        let number = u64::from(plan.share.first_connection) + u64::from(connection);
        let total = u64::from(plan.share.connections_total);
        Self {
            slot: number * work.mix.len() as u64 / total,
            index: number,
            stride: total,
        }
    }

    /// The next operation and its index in the run.
    pub(crate) fn next(&mut self, work: &Work) -> (usize, u64) {
        let next = (work.mix.operation(self.slot), self.index);
        self.slot += 1;
        self.index += self.stride;
        next
    }
}

#[cfg(test)]
mod tests;
