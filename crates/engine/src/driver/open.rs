//! The open loop: a pacer releases arrivals when they are due, to idle connections or else into the backlog, which a
//! connection that becomes free empties first.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use super::connection::{Connection, Reconnect};
use super::{Slot, Thread};
use crate::clock::Nanos;
use crate::levels::Levels;
use crate::pacer::Sleeper;
use crate::plan::{Load, Plan};
use crate::schedule::{Arrival, ArrivalQueue, Lot, Schedule};
use crate::target::AsyncTarget;

/// Above this rate per thread, arrivals are released at most every [`FLOOR_NS`]: the wake-ups in between would cost more
/// than they bring (measured: half the processor time at 50,000/s, for 50 µs of lag).
const FLOOR_ABOVE_PER_S: f64 = 5_000.0;
const FLOOR_NS: Nanos = 100_000;

/// The arrivals of one thread and the connections that wait for them.
#[derive(Debug)]
pub(super) struct OpenState {
    queue: ArrivalQueue,
    /// Slots that wait for an arrival; the last one in is the first one out, as its caches are warm.
    idle: Vec<Rc<Slot>>,
    /// No arrival will be added any more.
    closed: bool,
}

impl OpenState {
    /// For one thread of so many; `None` in a closed loop.
    pub(super) fn new(
        plan: &Plan,
        levels: &Arc<Levels>,
        origin: Nanos,
        (thread, threads): (usize, usize),
    ) -> Option<Self> {
        let Load::Open {
            connections,
            max_backlog,
            ..
        } = plan.load
        else {
            return None;
        };
        let (thread, threads) = (thread as u64, threads as u64);
        let lot = Lot {
            shard: u64::from(plan.share.shard),
            shards: u64::from(plan.share.shards),
            connections: u64::from(connections),
            thread,
            threads,
            first_index: plan.share.first_index,
        };
        let own_backlog = max_backlog / threads + u64::from(thread < max_backlog % threads);
        let queue = ArrivalQueue::new(Schedule::new(origin, levels), lot, own_backlog);
        Some(Self {
            queue,
            idle: Vec::new(),
            closed: false,
        })
    }
}

/// Runs one connection until nothing is left to be sent.
pub(super) async fn run<T: AsyncTarget>(mut connection: Connection<T>) {
    let thread = Rc::clone(&connection.thread);
    loop {
        match connection.reconnect().await {
            Reconnect::Open => {}
            // What is due meanwhile goes on waiting, and will count as late.
            Reconnect::Refused(_) => continue,
            Reconnect::NotNeeded => break,
        }
        let Some(arrival) = thread.next_arrival(&connection.slot).await else {
            break;
        };
        let sent = thread.control.clock.now();
        let operation = thread.work.operation(arrival.index);
        if sent >= thread.control.cut() {
            thread.lane.recorder.cut(operation, arrival.due);
            continue;
        }
        connection
            .perform(operation, arrival.index, arrival.due, sent)
            .await;
    }
    connection.close().await;
}

/// Releases the arrivals of one thread until the stop.
pub(super) async fn pace<T: AsyncTarget>(thread: Rc<Thread<T>>, mut sleeper: Sleeper) {
    let parts = f64::from(thread.plan.share.shards) * thread.threads as f64;
    let mut commands = thread.control.commands();
    loop {
        let (now, stop) = (thread.control.clock.now(), thread.control.stop());
        let Some((next, rate_per_s)) = thread.release(now, stop) else {
            return;
        };
        if now >= stop {
            return thread.close_arrivals();
        }
        let many = rate_per_s / parts > FLOOR_ABOVE_PER_S;
        let floor = if many { FLOOR_NS } else { 0 };
        tokio::select! {
            () = sleeper.until(next.max(now + floor).min(stop)) => {}
            _ = commands.changed() => {}
        }
    }
}

impl<T> Thread<T> {
    fn open(&self) -> std::cell::RefMut<'_, OpenState> {
        self.open
            .as_ref()
            .expect("only an open loop asks for arrivals")
            .borrow_mut()
    }

    /// Hands out everything that is due; returns when there will be something to do again, and at what rate arrivals are
    /// due then, or `None` if they have been closed.
    fn release(&self, now: Nanos, stop: Nanos) -> Option<(Nanos, f64)> {
        let mut open = self.open();
        if open.closed {
            return None;
        }
        open.queue.clear(now, |arrival| self.count_dropped(arrival));
        while let Some(arrival) = open.queue.take_next(stop.min(now + 1)) {
            // Who is idle sends also what was due just before a clearing: there is no backlog then.
            if let Some(slot) = open.idle.pop() {
                slot.assigned.set(Some(arrival));
                slot.wake();
            } else if let Some(dropped) = open.queue.wait(arrival) {
                self.count_dropped(dropped);
            }
        }
        self.lane.set_backlog(open.queue.backlog());
        let (due, rate_per_s) = open.queue.next_due();
        Some((due.min(open.queue.next_clearing()), rate_per_s))
    }

    fn count_dropped(&self, arrival: Arrival) {
        self.lane
            .recorder
            .dropped(self.work.operation(arrival.index), arrival.due);
    }

    /// All arrivals up to the stop have been released.
    fn close_arrivals(&self) {
        let mut open = self.open();
        open.closed = true;
        let empty = open.queue.backlog() == 0;
        drop(open);
        if empty {
            self.exhaust();
        }
    }

    /// Counts everything that was due and not sent as cut, and closes the arrivals.
    pub(super) fn cut_arrivals(&self) {
        let Some(open) = &self.open else { return };
        let mut open = open.borrow_mut();
        if !open.closed {
            let stop = self.control.stop();
            open.queue
                .advance(stop, stop, |arrival| self.count_dropped(arrival));
            open.closed = true;
        }
        while let Some(arrival) = open.queue.pop() {
            self.lane
                .recorder
                .cut(self.work.operation(arrival.index), arrival.due);
        }
        self.lane.set_backlog(0);
    }

    /// The next arrival for this slot: from the backlog, else when the pacer assigns one; `None` if there will be none.
    async fn next_arrival(&self, slot: &Rc<Slot>) -> Option<Arrival> {
        let waiting = self.pop_backlog(slot);
        if waiting.is_some() {
            return waiting;
        }
        poll_fn(|context| {
            if let Some(arrival) = slot.assigned.take() {
                return Poll::Ready(Some(arrival));
            }
            if self.open().closed {
                return Poll::Ready(None);
            }
            slot.listen(context.waker());
            Poll::Pending
        })
        .await
    }

    /// Takes from the backlog, or registers the slot as idle if that is empty.
    fn pop_backlog(&self, slot: &Rc<Slot>) -> Option<Arrival> {
        let mut open = self.open();
        if open.queue.backlog() > 0 {
            // The pacer may come to it a moment later.
            let now = self.control.clock.now();
            open.queue.clear(now, |arrival| self.count_dropped(arrival));
        }
        let arrival = open.queue.pop();
        if arrival.is_none() && !open.closed {
            open.idle.push(Rc::clone(slot));
        }
        let last = open.closed && open.queue.backlog() == 0;
        self.lane.set_backlog(open.queue.backlog());
        drop(open);
        if last {
            // Connections that are being opened again would have nothing to do.
            self.exhaust();
        }
        arrival
    }
}
