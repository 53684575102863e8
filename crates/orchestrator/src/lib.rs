//! Runs from their start to their end: one task per active run, the registry
//! of workers, and what both need of the world as traits.
//!
//! A run's task is its only writer. It selects its sources into one event,
//! folds the event by `model`'s pure state machine, stores what changed in one
//! transaction, and only then performs the effects. A crash between the two is
//! repaired when the task is started again: effects are derived from the state.

pub mod access;
mod follow;
pub mod hub;
mod keys;
pub mod launcher;
mod login;
mod orchestrator;
mod points;
mod pools;
pub mod registry;
mod report;
mod rollups;
mod session;
mod task;

pub use orchestrator::{
    ControlError, CreateRun, DrainError, Metrics, Orchestrator, RerunRun, Services,
};
pub use session::{Session, SessionError};
