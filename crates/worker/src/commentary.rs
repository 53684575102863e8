//! Says in the log what a reader of a run wants to know of a shard, and no more often than once a second.

use std::collections::BTreeSet;

use gauntlet_engine::{ErrorClass, Handle, Snapshot, Status};
use tracing::{info, warn};

/// Kinds of failure that are told of, per shard.
const KINDS: usize = 64;

/// What was already said of a shard.
#[derive(Debug, Default)]
pub(crate) struct Commentary {
    /// The names of the operations.
    operations: Vec<String>,
    kinds: BTreeSet<(u32, ErrorClass, String)>,
    status: Status,
}

impl Commentary {
    /// For a shard with these operations.
    pub(crate) fn new(operations: Vec<String>) -> Self {
        Self {
            operations,
            ..Self::default()
        }
    }

    /// Tells of each kind of failure when it is first seen.
    pub(crate) fn measured(&mut self, snapshot: &Snapshot) {
        for error in &snapshot.errors {
            let kind = (error.operation, error.class, error.code.clone());
            if self.kinds.len() >= KINDS || !self.kinds.insert(kind) {
                continue;
            }
            let operation = self.operations.get(error.operation as usize);
            warn!(
                operation = operation.map_or("?", String::as_str),
                class = ?error.class,
                code = error.code,
                "first failure of its kind: {}",
                error.message
            );
        }
    }

    /// Tells of connections that were lost, opened again, added or refused since the call before.
    pub(crate) fn status(&mut self, handle: &Handle) {
        let (before, now) = (self.status, handle.status());
        self.status = now;
        let (lost, reopened) = (now.lost - before.lost, now.reopened - before.reopened);
        if lost > 0 || reopened > 0 {
            warn!(lost, reopened, "connections were lost or opened again");
        }
        if now.connections != before.connections {
            info!(connections = now.connections, "connections are open");
        }
        if now.missing > before.missing {
            let why = handle.refusal().map(|refusal| refusal.to_string());
            warn!(
                missing = now.missing,
                "connections for the level were refused, the load goes on without them: {}",
                why.unwrap_or_default()
            );
        }
    }
}
