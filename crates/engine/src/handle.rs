//! The caller's end of a running engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::collector::Outbox;
use crate::control::Control;
use crate::snapshot::Snapshot;
use crate::target::Failure;
use crate::timeline::Epoch;

/// Why the load cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A connection could not be opened, or a statement not prepared; the first such failure.
    #[error("connection {connection}: {message}", message = .failure.message)]
    Connection {
        /// Number of the connection in the run.
        connection: u32,
        /// What the target said.
        failure: Failure,
    },
    /// It was stopped before all connections were open.
    #[error("stopped before all connections were open")]
    Stopped,
    /// The load generator itself broke.
    #[error("the load generator failed: {fault}")]
    Fault {
        /// What broke.
        fault: String,
    },
}

/// Where the load stands, for heartbeats. The numbers are read without stopping anything, so they may be a moment apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Operations sent and not ended.
    pub in_flight: u32,
    /// Arrivals that are due and not sent.
    pub backlog: u64,
    /// Operations that have ended since the start.
    pub operations: u64,
    /// Connections that were opened; one that was lost and is being opened again is among them.
    pub connections: u32,
    /// Sessions that were given up since the start: broken, or cut with an operation.
    pub lost: u64,
    /// Sessions that were opened in the place of such.
    pub reopened: u64,
    /// Connections that a higher level asked for and that were refused; see [`Handle::refusal`].
    pub missing: u32,
}

/// Steers a load and takes its measurements. Dropping it aborts the load.
#[derive(Debug)]
pub struct Handle {
    control: Arc<Control>,
    outbox: Arc<Outbox>,
    connections: u32,
}

impl Handle {
    pub(crate) fn new(control: Arc<Control>, outbox: Arc<Outbox>, connections: u32) -> Self {
        Self {
            control,
            outbox,
            connections,
        }
    }

    /// Waits until all connections are open and their statements prepared.
    pub async fn ready(&mut self) -> Result<(), SetupError> {
        let connections = self.connections;
        let mut setup = self.control.setup();
        let state = setup
            .wait_for(|setup| setup.opened == connections || setup.error.is_some())
            .await;
        match state {
            Ok(state) if state.opened == connections => Ok(()),
            Ok(state) => Err(state.error.clone().unwrap_or(SetupError::Stopped)),
            Err(_) => Err(SetupError::Stopped),
        }
    }

    /// Starts the load at `at`, in `epoch`: there an open loop's schedule has its origin, and a closed loop's connections
    /// begin. A late call starts now; the lateness is returned. A second start changes nothing. Epochs are entered after
    /// the start has been commanded.
    #[expect(
        clippy::must_use_candidate,
        reason = "the lateness is for those who report it"
    )]
    pub fn start(&self, at: Instant, epoch: Epoch) -> Duration {
        self.control.command_start(at, epoch)
    }

    /// Operations due from `at` on belong to `epoch`. A late call draws the boundary now; the lateness is returned.
    /// Boundaries that were set for later instants are replaced.
    #[expect(
        clippy::must_use_candidate,
        reason = "the lateness is for those who report it"
    )]
    pub fn enter(&self, at: Instant, epoch: Epoch) -> Duration {
        self.control.command_enter(at, epoch)
    }

    /// From `at` on, `per_second` operations of the whole run are due each second: fractions of an operation carry over,
    /// so any stretch has as many as the integral of the rate over it, within one. Only for an open loop; a closed one
    /// has no rate. A late call takes effect now; the lateness is returned. Rates that were planned for later
    /// instants are replaced.
    #[expect(
        clippy::must_use_candidate,
        reason = "the lateness is for those who report it"
    )]
    pub fn set_rate(&self, at: Instant, per_second: f64) -> Duration {
        self.control
            .command_level(at, |mark| mark.set_rate(per_second))
    }

    /// At `at` the backlog of an open loop is emptied: what was due before and waits is never sent, and counted as dropped
    /// in the epoch in which it was due. What is in flight goes on. A closed loop has no backlog. A late call
    /// takes effect now; the lateness is returned. Calls for later instants are replaced.
    #[expect(
        clippy::must_use_candidate,
        reason = "the lateness is for those who report it"
    )]
    pub fn clear_backlog(&self, at: Instant) -> Duration {
        self.control.command_clear(at)
    }

    /// From `at` on, `connections` connections of this shard send; those above end their operation and rest, with their
    /// session. More than were ever open are opened in the background, at once, while the others go on; one that is
    /// refused is not sent from, counted in [`Status::missing`], and tried again with the next change of the level. Only
    /// for a closed loop. A late call takes effect now; the lateness is returned. Levels that were planned for later
    /// instants are replaced.
    #[expect(
        clippy::must_use_candidate,
        reason = "the lateness is for those who report it"
    )]
    pub fn set_connections(&self, at: Instant, connections: u32) -> Duration {
        self.control
            .command_level(at, |mark| mark.set_connections(connections))
    }

    /// From `at` on, nothing is due. What was due before is still sent and ends. A pause is no latency: nothing that
    /// would have been due in it is ever sent, and the schedule goes on after it where it stood. A level that is set in
    /// a pause holds after it. A late call takes effect now; the lateness is returned.
    #[expect(
        clippy::must_use_candidate,
        reason = "the lateness is for those who report it"
    )]
    pub fn pause(&self, at: Instant) -> Duration {
        self.control.command_level(at, |mark| mark.set_paused(true))
    }

    /// From `at` on, operations are due again. A late call takes effect now; the lateness is returned.
    #[expect(
        clippy::must_use_candidate,
        reason = "the lateness is for those who report it"
    )]
    pub fn resume(&self, at: Instant) -> Duration {
        self.control
            .command_level(at, |mark| mark.set_paused(false))
    }

    /// Begins nothing that is due at or after `at`. What was due before has until `at + drain`, then it is cut and
    /// counted as cut. Repeated calls can only make it earlier.
    pub fn stop(&self, at: Instant, drain: Duration) {
        self.control.command_stop(at, drain);
    }

    /// Stops and cuts now.
    pub fn abort(&self) {
        self.control.abort();
    }

    /// The gauges of this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        let (gauges, extra) = (self.control.gauges(), self.control.extra());
        Status {
            in_flight: gauges.in_flight,
            backlog: gauges.backlog,
            operations: gauges.operations,
            connections: self.control.setup().borrow().opened + extra.opened,
            lost: gauges.lost,
            reopened: gauges.reopened,
            missing: extra.missing,
        }
    }

    /// Why the last connection that a higher level asked for, and that was refused, was refused.
    #[must_use]
    pub fn refusal(&self) -> Option<SetupError> {
        self.control.extra().refusal
    }

    /// The next measurements, about one per `snapshot_every`; a last one when everything has ended, then `None`.
    /// If this is called too rarely the snapshots in between are merged; the load never waits. Safe to cancel.
    pub async fn next_snapshot(&mut self) -> Option<Snapshot> {
        self.outbox.take().await
    }

    /// An interval ends at `at`, and the following ones are counted from there; only the last call counts. The interval
    /// that `at` lies in is between a half and one and a half of `snapshot_every` long. Call it before `at`.
    pub fn end_interval(&self, at: Instant) {
        self.control.command_split(at);
    }

    /// When the first operation was sent.
    #[must_use]
    pub fn first_operation_at(&self) -> Option<Instant> {
        self.control.first_operation()
    }

    /// What broke in the load generator itself, if anything did; the load has ended then and its counts are incomplete.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.control.fault()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.control.abort();
    }
}
