//! What a caller asks the engine to do, and the checks that make the rest of the engine free of them.

use std::time::Duration;

use crate::generate::{Generator, PoolOrder};

/// The sum that the weights of a plan's operations must have: 100 % in steps of 0.01 %.
pub const WEIGHT_TOTAL: u32 = 10_000;

/// A kind of work with its share of the mix.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Name for messages; unique names are the caller's business.
    pub name: String,
    /// Share of the mix in 0.01 %; all weights of a plan sum to [`WEIGHT_TOTAL`].
    pub weight: u32,
    /// One generator per statement parameter, in the order in which the target expects them.
    pub parameters: Vec<Generator>,
}

/// The block of keys that this shard attempt may insert; nobody else may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyBlock {
    /// First key of the block.
    pub first: i64,
    /// Number of keys.
    pub len: i64,
}

/// How load is offered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// Each connection begins its next operation when the one before has ended.
    Closed {
        /// Connections of this shard.
        connections: u32,
        /// Pause of a connection between two operations.
        think: Duration,
    },
    /// Operations are due at instants that do not depend on the target.
    Open {
        /// Arrivals per second of the whole run, over all shards.
        rate_per_s: f64,
        /// Connections of this shard.
        connections: u32,
        /// Arrivals of this shard that may be due and not sent; one more is dropped and counted.
        max_backlog: u64,
    },
}

impl Load {
    /// Connections of this shard.
    #[must_use]
    pub fn connections(&self) -> u32 {
        match *self {
            Self::Closed { connections, .. } | Self::Open { connections, .. } => connections,
        }
    }
}

/// This shard's place in the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Index of this shard, from 0.
    pub shard: u32,
    /// Shards of the run.
    pub shards: u32,
    /// Number of this shard's first connection in the run.
    pub first_connection: u32,
    /// Connections of the whole run.
    pub connections_total: u32,
    /// Where the indices of this shard's operations begin: 0 for the shards that there are at the start of a run, who
    /// share the indices from there. A shard that joins later, or takes the place of one that was lost, has indices of
    /// its own, so that it repeats no operation of the run.
    pub first_index: u64,
}

/// Everything that the engine must know to generate load.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Seed of all generated values.
    pub seed: u64,
    /// The mix.
    pub operations: Vec<Operation>,
    /// How load is offered.
    pub load: Load,
    /// This shard's part of the run.
    pub share: Share,
    /// Keys for [`Generator::UniqueKey`].
    pub keys: KeyBlock,
    /// Load threads of the asynchronous driver; the blocking driver has one per connection instead.
    pub threads: usize,
    /// An operation that takes longer is cut, and counts as failed with a timeout.
    pub operation_timeout: Duration,
    /// Length of a snapshot's interval.
    pub snapshot_every: Duration,
}

/// Why a plan cannot be executed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The mix is empty.
    #[error("the plan has no operations: give at least one")]
    NoOperations,
    /// The weights are not a whole.
    #[error(
        "the weights of the operations sum to {sum}, they must sum to {WEIGHT_TOTAL} (0.01 % each)"
    )]
    Weights {
        /// What they sum to.
        sum: u64,
    },
    /// A generator's range is empty.
    #[error("operation {operation}, parameter {parameter}: the range {min}..={max} is empty")]
    EmptyRange {
        /// Name of the operation.
        operation: String,
        /// Position of the parameter, from 1.
        parameter: usize,
        /// Lower end.
        min: i64,
        /// Upper end.
        max: i64,
    },
    /// A zipf exponent that has no distribution.
    #[error(
        "operation {operation}, parameter {parameter}: a zipf exponent must be finite and not negative, it is {exponent}"
    )]
    Exponent {
        /// Name of the operation.
        operation: String,
        /// Position of the parameter, from 1.
        parameter: usize,
        /// The exponent given.
        exponent: f64,
    },
    /// A pool without values.
    #[error("operation {operation}, parameter {parameter}: the value pool is empty")]
    EmptyPool {
        /// Name of the operation.
        operation: String,
        /// Position of the parameter, from 1.
        parameter: usize,
    },
    /// No connections.
    #[error("the load has no connections: give at least one")]
    NoConnections,
    /// A rate that is no rate.
    #[error("the rate must be above 0 per second and finite, it is {rate_per_s}")]
    Rate {
        /// The rate given.
        rate_per_s: f64,
    },
    /// A share that does not fit into the run.
    #[error(
        "the share does not fit: shard {shard} of {shards}, connections {first}..{end} of {total}",
        shard = .share.shard, shards = .share.shards, first = .share.first_connection,
        end = u64::from(.share.first_connection) + u64::from(*.connections), total = .share.connections_total
    )]
    Share {
        /// The share given.
        share: Share,
        /// Connections of this shard.
        connections: u32,
    },
    /// Unique keys are asked for and there are fewer keys than connections, or the block leaves the range of 64-bit keys.
    #[error("the key block of {len} keys from {first} cannot serve {connections} connections")]
    Keys {
        /// First key.
        first: i64,
        /// Number of keys.
        len: i64,
        /// Connections of this shard.
        connections: u32,
    },
    /// A number that must be positive is zero.
    #[error("{field} must be greater than 0")]
    Zero {
        /// Which field of the plan.
        field: &'static str,
    },
    /// The operating system gave no thread.
    #[error(
        "cannot start a load thread: {reason}; lower the number of connections or raise the limit of threads"
    )]
    Thread {
        /// What the system said.
        reason: String,
    },
}

impl Plan {
    /// The number in the run of a connection of this shard. Those beyond the plan, which a higher level adds, follow after
    /// the planned ones of all shards, the shards taking turns.
    pub(crate) fn number(&self, connection: u32) -> u32 {
        let Share {
            shard,
            shards,
            first_connection,
            connections_total,
            ..
        } = self.share;
        match connection.checked_sub(self.load.connections()) {
            None => first_connection + connection,
            Some(extra) => connections_total
                .saturating_add(extra.saturating_mul(shards))
                .saturating_add(shard),
        }
    }

    /// Checks everything that the drivers rely on.
    pub fn validate(&self) -> Result<(), PlanError> {
        self.validate_operations()?;
        let connections = self.load.connections();
        if connections == 0 {
            return Err(PlanError::NoConnections);
        }
        if let Load::Open { rate_per_s, .. } = self.load
            && !(rate_per_s.is_finite() && rate_per_s > 0.0)
        {
            return Err(PlanError::Rate { rate_per_s });
        }
        let share = self.share;
        let end = u64::from(share.first_connection) + u64::from(connections);
        if share.shard >= share.shards || end > u64::from(share.connections_total) {
            return Err(PlanError::Share { share, connections });
        }
        for (field, zero) in [
            ("threads", self.threads == 0),
            ("operation_timeout", self.operation_timeout.is_zero()),
            ("snapshot_every", self.snapshot_every.is_zero()),
        ] {
            if zero {
                return Err(PlanError::Zero { field });
            }
        }
        self.validate_keys(connections)
    }

    fn validate_operations(&self) -> Result<(), PlanError> {
        if self.operations.is_empty() {
            return Err(PlanError::NoOperations);
        }
        let sum = self
            .operations
            .iter()
            .map(|operation| u64::from(operation.weight))
            .sum();
        if sum != u64::from(WEIGHT_TOTAL) {
            return Err(PlanError::Weights { sum });
        }
        for operation in &self.operations {
            for (position, generator) in operation.parameters.iter().enumerate() {
                check_generator(&operation.name, position + 1, generator)?;
            }
        }
        Ok(())
    }

    fn validate_keys(&self, connections: u32) -> Result<(), PlanError> {
        let used = self
            .operations
            .iter()
            .flat_map(|operation| &operation.parameters)
            .any(|generator| *generator == Generator::UniqueKey);
        let KeyBlock { first, len } = self.keys;
        if used && (len < i64::from(connections) || first.checked_add(len).is_none()) {
            return Err(PlanError::Keys {
                first,
                len,
                connections,
            });
        }
        Ok(())
    }
}

fn check_generator(
    operation: &str,
    parameter: usize,
    generator: &Generator,
) -> Result<(), PlanError> {
    match *generator {
        Generator::Uniform { min, max }
        | Generator::Zipf { min, max, .. }
        | Generator::Sequential { min, max }
            if min > max =>
        {
            Err(PlanError::EmptyRange {
                operation: operation.to_owned(),
                parameter,
                min,
                max,
            })
        }
        Generator::Pool { ref values, .. } if values.is_empty() => Err(PlanError::EmptyPool {
            operation: operation.to_owned(),
            parameter,
        }),
        Generator::Zipf { exponent, .. }
        | Generator::Pool {
            order: PoolOrder::Zipf { exponent },
            ..
        } if !(exponent.is_finite() && exponent >= 0.0) => Err(PlanError::Exponent {
            operation: operation.to_owned(),
            parameter,
            exponent,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
