//! The live view: one point a second over all workers of a run.

use crate::{interval::Failures, lifecycle::Phase, report::Summary, time::Timestamp};

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
    /// Of the whole run: operations in flight at the end of the second, over all
    /// attempts. The same in all phases of a second.
    pub in_flight: u64,
    /// Of the whole run: operations due and not sent at the end of the second,
    /// over all attempts. The same in all phases of a second.
    pub backlog: u64,
}

/// One second of one operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperationPoint {
    /// How many succeeded.
    pub succeeded: u64,
    /// How many failed.
    pub failed: u64,
    /// The same by class.
    pub failures: Failures,
    /// Response times of those that succeeded.
    pub response: Summary,
}
