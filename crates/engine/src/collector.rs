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
        // Intervals are counted from the start, so those of all shards of a run cover the same seconds, and from an
        // instant that was asked for.
        let mut origin = started;
        loop {
            let last = self.wait_for_end(started, &mut origin);
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

    /// Waits for the end of the interval that began at `started`; true if all load threads have ended by then.
    fn wait_for_end(&self, started: Nanos, origin: &mut Nanos) -> bool {
        loop {
            // A command may have changed it.
            let (end, split) = next_end(started, *origin, self.every, self.control.split());
            let now = self.control.clock.now();
            if now >= end {
                *origin = if split { end } else { *origin };
                return self.control.all_ended();
            }
            if self.control.all_ended() {
                return true;
            }
            self.control.park_until(end);
        }
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

/// When the interval that began at `started` ends if intervals are counted from `origin` and one was asked to end at
/// `split`; and whether that is it. An end which would come within half an interval before that instant is left out:
/// nobody needs the sliver between them.
fn next_end(started: Nanos, origin: Nanos, every: Nanos, split: Nanos) -> (Nanos, bool) {
    let passed = started.saturating_sub(origin) / every;
    let end = origin.saturating_add((passed + 1).saturating_mul(every));
    if split > started && split <= end.saturating_add(every / 2) {
        return (split, true);
    }
    (end, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_end_where_they_are_asked_to_and_are_counted_from_there() {
        let check = |started, origin, split, expected| {
            assert_eq!(next_end(started, origin, 100, split), expected);
        };
        check(1_000, 1_000, NEVER, (1_100, false));
        // One that began a little late does not move those after it.
        check(1_103, 1_000, NEVER, (1_200, false));
        check(1_000, 1_000, 1_300, (1_100, false));
        // A little before, at and a little after an end that would have come anyway.
        for split in [1_290, 1_300, 1_310, 1_350] {
            check(1_202, 1_000, split, (split, true));
        }
        check(1_202, 1_000, 1_351, (1_300, false));
        check(1_310, 1_310, 1_310, (1_410, false));
        // Asked for too late.
        check(1_312, 1_000, 1_305, (1_400, false));
    }
}
