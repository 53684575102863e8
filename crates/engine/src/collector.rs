//! Takes the recorders' cells once per interval, merges them over threads and lays them out for the caller.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::{self, NEVER, Nanos};
use crate::control::Control;
use crate::plan::PlanError;
use crate::recorder::Cells;
use crate::snapshot::Snapshot;

/// One place for a snapshot. If the caller has not taken the previous one, the new one is merged into it: the counts stay
/// exact and nobody waits.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    state: Mutex<OutboxState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct OutboxState {
    pending: Option<Snapshot>,
    closed: bool,
}

impl Outbox {
    pub(crate) fn put(&self, snapshot: Snapshot, last: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut state.pending {
            Some(pending) => pending.merge(snapshot),
            None => state.pending = Some(snapshot),
        }
        state.closed |= last;
        drop(state);
        self.changed.notify_one();
    }

    pub(crate) async fn take(&self) -> Option<Snapshot> {
        loop {
            {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if state.pending.is_some() || state.closed {
                    return state.pending.take();
                }
            }
            self.changed.notified().await;
        }
    }
}

/// Starts the collecting thread; it ends after the last load thread.
pub(crate) fn spawn(
    control: Arc<Control>,
    outbox: Arc<Outbox>,
    every: Duration,
) -> Result<(), PlanError> {
    std::thread::Builder::new()
        .name("load-collector".to_owned())
        .spawn(move || {
            Collector {
                control,
                spare: Cells::default(),
                every: clock::nanos(every),
            }
            .run(&outbox);
        })
        .map(drop)
        .map_err(|error| PlanError::Thread {
            reason: error.to_string(),
        })
}

struct Collector {
    control: Arc<Control>,
    spare: Cells,
    every: Nanos,
}

impl Collector {
    fn run(mut self, outbox: &Outbox) {
        self.control.register_sleeper();
        let Some(mut started) = self.wait_for_start() else {
            let now = self.control.clock.now();
            outbox.put(self.collect(now, now), true);
            return;
        };
        let origin = started;
        loop {
            // Intervals are counted from the start, so those of all shards of a run cover the same seconds.
            let ended = origin.saturating_add(
                (started.saturating_sub(origin) / self.every + 1).saturating_mul(self.every),
            );
            let last = self.wait_until(ended);
            // When the last thread has ended, the interval ends there.
            let now = self.control.clock.now().max(started);
            outbox.put(self.collect(started, now), last);
            if last {
                return;
            }
            started = now;
        }
    }

    /// `None` if the load ended without a start.
    fn wait_for_start(&self) -> Option<Nanos> {
        loop {
            let started = self.control.started();
            if started != NEVER {
                return Some(started);
            }
            if self.control.all_ended() {
                return None;
            }
            self.control.park_until(NEVER);
        }
    }

    /// Returns true if all load threads have ended, before or at the instant.
    fn wait_until(&self, at: Nanos) -> bool {
        while self.control.clock.now() < at {
            if self.control.all_ended() {
                return true;
            }
            self.control.park_until(at);
        }
        self.control.all_ended()
    }

    fn collect(&mut self, started: Nanos, ended: Nanos) -> Snapshot {
        let mut snapshot = Snapshot::empty(self.control.clock.instant(started));
        for lane in self.control.lanes() {
            lane.recorder.swap(&mut self.spare);
            self.spare.drain_into(&mut snapshot);
        }
        let gauges = self.control.gauges();
        snapshot.ended = self.control.clock.instant(ended);
        snapshot.in_flight = gauges.in_flight;
        snapshot.backlog = gauges.backlog;
        snapshot
    }
}
