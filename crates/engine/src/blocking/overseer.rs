//! The overseer of a blocking load.

use std::sync::Arc;

use super::Shared;
use super::growth::Growth;
use super::station::Cut;
use crate::clock::{self, NEVER, Nanos};
use crate::connection::{CLOSE_WITHIN, sweep_every};
use crate::control::{Lane, ThreadWitness};
use crate::target::BlockingTarget;

/// Runs until all connections have ended or have been abandoned.
pub(super) fn run<T: BlockingTarget>(shared: &Arc<Shared<T>>, witness: ThreadWitness) {
    let control = &shared.control;
    control.register_sleeper();
    let lane = &control.lane(shared.plan.load.connections() as usize);
    let mut growth = Growth::new(&shared.plan.load);
    let timeout = clock::nanos(shared.plan.operation_timeout);
    let sweep = clock::nanos(sweep_every(shared.plan.operation_timeout));
    // The overseer is one of those that run.
    while control.running() > 1 {
        let (now, stop, cut) = (control.clock.now(), control.stop(), control.cut());
        let clearing = shared.keep_books(now, lane);
        if now < stop {
            growth.ask(shared);
        }
        for station in shared.stations().iter() {
            station.interrupt(now.saturating_sub(timeout), Cut::Timeout);
            if now >= cut {
                station.interrupt(now, Cut::Drain);
            }
        }
        if now >= cut.saturating_add(clock::nanos(CLOSE_WITHIN)) {
            shared.abandon_all(lane);
        }
        let next = [stop, cut, clearing]
            .into_iter()
            .filter(|instant| *instant > now)
            .fold(NEVER, Nanos::min);
        control.park_until(next.min(now + sweep));
    }
    shared.keep_books(control.clock.now(), lane);
    drop(witness);
}

impl<T> Shared<T> {
    /// Counts what no connection is free to count: arrivals beyond the backlog, those that wait when it is cleared, and
    /// at the cut those that wait. Returns when it will be cleared next, or [`NEVER`].
    fn keep_books(&self, now: Nanos, lane: &Lane) -> Nanos {
        let Some(mut queue) = self.queue() else {
            return NEVER;
        };
        if !queue.closed {
            self.advance(&mut queue, now, lane);
            if now >= self.control.cut() {
                queue.closed = true;
                while let Some(arrival) = queue.arrivals.pop() {
                    lane.recorder
                        .cut(self.work.operation(arrival.index), arrival.due);
                }
            }
        }
        lane.set_backlog(queue.arrivals.backlog());
        queue.arrivals.next_clearing()
    }

    fn abandon_all(&self, lane: &Lane) {
        for (connection, station) in self.stations().iter().enumerate() {
            if let Some(in_flight) = station.abandon() {
                tracing::warn!(
                    connection,
                    "an operation did not end when it was interrupted; its thread is left behind"
                );
                lane.recorder.cut(in_flight.operation, in_flight.due);
            }
        }
    }
}
