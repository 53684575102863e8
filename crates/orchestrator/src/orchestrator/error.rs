//! Why the orchestrator did not do what it was asked to.

use gauntlet_model::{
    id::{Project, RunId, WorkerId},
    lifecycle::Refused,
    run::WrongLevel,
};

/// Why a run was not created, changed, started or ended.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such run.
    #[error("run {0} does not exist; \"gauntlet list\" shows those that do")]
    NoSuchRun(RunId),
    /// There is no such template.
    #[error(
        "template {0} does not exist in project {1}; \"gauntlet template list\" shows those that do"
    )]
    NoSuchTemplate(String, Project),
    /// The run has no such shard, or the shard no such attempt.
    #[error("run {run} has no {what}")]
    NoSuchShard {
        /// The run.
        run: RunId,
        /// Which shard or attempt.
        what: String,
    },
    /// The run's state forbids it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A check before the start failed; the run is FAILED.
    #[error("{0}")]
    SetupFailed(String),
    /// Labels or notes are not those that the caller knows.
    #[error("run {run} was changed by somebody else: its etag is {etag}; read it again")]
    Stale {
        /// The run.
        run: RunId,
        /// Its etag.
        etag: String,
    },
    /// The level is not of the kind that the run's load has.
    #[error(transparent)]
    WrongLevel(#[from] WrongLevel),
    /// A worker cannot hold its part of the connections.
    #[error(
        "worker {worker} holds at most {capacity} connections, its part of the level would be {needed}; ask for fewer connections"
    )]
    TooManyConnections {
        /// The worker's name.
        worker: String,
        /// What it is willing to hold.
        capacity: u32,
        /// What it would have to hold.
        needed: u32,
    },
    /// The run never sent any load.
    #[error("run {0} sent no load, so there is nothing to report")]
    NothingSent(RunId),
    /// The run has its report already.
    #[error("run {0} has its report; RecomputeReport makes it anew")]
    Reported(RunId),
    /// The measurements of the run's seconds are not all there any more.
    #[error(
        "the measurements that the report of run {0} was made from have been pruned; the report that it has stays"
    )]
    Pruned(RunId),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] gauntlet_store::Error),
    /// The control plane is shutting down.
    #[error("the control plane is shutting down")]
    ShuttingDown,
}

/// Why a worker was not told to leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DrainError {
    /// No such worker has attached to this control plane.
    #[error("worker {0} does not exist; \"gauntlet worker list\" shows those that do")]
    NoSuchWorker(WorkerId),
    /// It has left already, or its stream is gone.
    #[error("worker {0} is not attached, so it cannot be told to leave")]
    Detached(WorkerId),
}
