//! Load generation: a deterministic schedule of operations, called against a target, recorded without coordination.
//!
//! The engine knows no database and no benchmark model. A caller describes the work in a [`Plan`], brings a target
//! ([`AsyncTarget`] or [`BlockingTarget`]), and steers the load through a [`Handle`]: start, enter an epoch, change the
//! level, clear the backlog, pause, resume, stop, abort.
//! Results leave as [`Snapshot`]s, about one per second.
//!
//! Invariants:
//! - An operation belongs to the epoch of the instant it was **due**, even if it ends later.
//! - Every operation that was due is counted exactly once: succeeded, failed, dropped or cut.
//! - Measuring never waits for telling: a slow reader of snapshots gets fewer and larger ones.
//! - Work is a function of the seed and the operation index, so one shard or eight do the same multiset of operations.
//! - Durations come from the monotonic clock only.

mod blocking;
mod clock;
mod collector;
mod connection;
mod control;
mod driver;
mod generate;
mod handle;
mod keys;
mod levels;
mod mix;
mod pacer;
mod plan;
mod recorder;
mod sample;
mod schedule;
mod snapshot;
mod target;
mod timeline;
mod value;
mod work;

pub use blocking::start_blocking;
pub use driver::start_async;
pub use generate::{Generator, PoolOrder, letters, uniform};
pub use handle::{Handle, SetupError, Status};
pub use mix::Mix;
pub use plan::{KeyBlock, Load, Operation, Plan, PlanError, Share, WEIGHT_TOTAL};
pub use sample::{Kept, Sample, Samples};
pub use snapshot::{ErrorCount, Outcome, Series, Snapshot, Tally};
pub use target::{
    AsyncSession, AsyncTarget, BlockingSession, BlockingTarget, Done, ErrorClass, Failure,
    Interrupt,
};
pub use timeline::Epoch;
pub use value::Value;
pub use work::Replay;
