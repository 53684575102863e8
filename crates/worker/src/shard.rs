//! The engine's side of a shard: opened, then steered and listened to.

use std::{
    future::pending,
    pin::Pin,
    time::{Duration, Instant},
};

use gauntlet_engine::{Handle, Replay, SetupError, Snapshot, Status};
use gauntlet_targets::TargetError;

use crate::plan::Work;

/// What a shard's engine does at the moment.
pub(crate) enum Shard {
    /// There is none, or it has ended.
    Idle,
    /// Connections are being opened.
    Preparing(Opening),
    /// Open.
    Open(Handle),
}

type Opening = Pin<Box<dyn Future<Output = Result<Opened, OpenError>> + Send>>;

/// An engine whose connections are open.
pub(crate) struct Opened {
    handle: Handle,
    target_version: String,
    replay: Replay,
}

/// Why the connections of a shard could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The target does not answer, or not as it should.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A connection was refused, or a statement could not be prepared.
    #[error("cannot open the connections to {address}: {source}")]
    Setup { address: String, source: SetupError },
    /// It took too long.
    #[error(
        "the connections to {address} were not open within {} s; raise start_timeout or lower the number of connections",
        .within.as_secs_f64()
    )]
    TooSlow { address: String, within: Duration },
}

/// What a shard's engine says.
pub(crate) enum Said {
    /// The connections are open.
    Prepared {
        target_version: String,
        replay: Box<Replay>,
    },
    /// They could not be opened, or the engine broke.
    Failed { message: String },
    /// What was measured.
    Measured {
        snapshot: Box<Snapshot>,
        first_operation: Option<Instant>,
    },
    /// The load has ended and everything measured was handed out.
    Ended { first_operation: Option<Instant> },
}

impl Shard {
    /// Opens the connections of a shard in the background.
    pub(crate) fn prepare(work: Work, within: Duration) -> Self {
        Self::Preparing(Box::pin(async move {
            let address = work.config.address();
            tokio::time::timeout(within, open(work))
                .await
                .unwrap_or(Err(OpenError::TooSlow { address, within }))
        }))
    }

    /// What the engine says next; never, while there is none. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Said {
        match self {
            Self::Idle => pending().await,
            Self::Preparing(opening) => match opening.await {
                Ok(opened) => {
                    *self = Self::Open(opened.handle);
                    Said::Prepared {
                        target_version: opened.target_version,
                        replay: Box::new(opened.replay),
                    }
                }
                Err(error) => {
                    *self = Self::Idle;
                    Said::Failed {
                        message: error.to_string(),
                    }
                }
            },
            Self::Open(handle) => {
                if let Some(snapshot) = handle.next_snapshot().await {
                    return Said::Measured {
                        snapshot: Box::new(snapshot),
                        first_operation: handle.first_operation_at(),
                    };
                }
                let said = ended(handle);
                *self = Self::Idle;
                said
            }
        }
    }

    /// The open engine.
    pub(crate) fn handle(&self) -> Option<&Handle> {
        match self {
            Self::Open(handle) => Some(handle),
            Self::Idle | Self::Preparing(_) => None,
        }
    }

    /// The gauges of this moment.
    pub(crate) fn status(&self) -> Status {
        self.handle().map(Handle::status).unwrap_or_default()
    }
}

async fn open(work: Work) -> Result<Opened, OpenError> {
    let address = work.config.address();
    let tested = gauntlet_targets::test(&work.config).await?;
    let plan = work.plan.clone();
    let mut handle = gauntlet_targets::start(&work.config, &work.statements, work.plan)?;
    handle
        .ready()
        .await
        .map_err(|source| OpenError::Setup { address, source })?;
    Ok(Opened {
        handle,
        target_version: tested.version,
        // Made of a plan that the engine has accepted.
        replay: Replay::new(&plan),
    })
}

fn ended(handle: &Handle) -> Said {
    match handle.fault() {
        Some(fault) => Said::Failed {
            message: format!("the load generator broke, its counts are incomplete: {fault}"),
        },
        None => Said::Ended {
            first_operation: handle.first_operation_at(),
        },
    }
}
