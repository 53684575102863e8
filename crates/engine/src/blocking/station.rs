//! Where the overseer meets a connection's thread: what it executes, how to interrupt it, and who answers for its end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Shared;
use crate::clock::Nanos;
use crate::control::{Lane, ThreadWitness};
use crate::target::Interrupt;

/// An operation in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct InFlight {
    pub(super) operation: usize,
    pub(super) due: Nanos,
    pub(super) sent: Nanos,
}

/// Why the overseer interrupted an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// It took longer than the operation timeout.
    Timeout,
    /// The drain is over.
    Drain,
    /// It did not hear the interrupt: it has been counted as cut and its thread is on its own.
    Abandoned,
}

/// One connection's thread as the overseer sees it. The lock is held for a few instructions, or for an interrupt, which
/// therefore never hits the operation after the one that it was meant for.
pub(super) struct Station {
    state: Mutex<State>,
}

struct State {
    in_flight: Option<InFlight>,
    cut: Option<Cut>,
    interrupt: Option<Interrupt>,
    /// Taken by whoever ends the connection: its thread, or the overseer that abandons it.
    witness: Option<ThreadWitness>,
}

impl Station {
    pub(super) fn new(witness: ThreadWitness) -> Self {
        Self {
            state: Mutex::new(State {
                in_flight: None,
                cut: None,
                interrupt: None,
                witness: Some(witness),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the current session is interrupted.
    pub(super) fn set_interrupt(&self, interrupt: Option<Interrupt>) {
        self.lock().interrupt = interrupt;
    }

    #[inline]
    pub(super) fn begin(&self, in_flight: InFlight) {
        self.lock().in_flight = Some(in_flight);
    }

    /// The operation has ended; tells whether the overseer meant to end it.
    #[inline]
    pub(super) fn end(&self) -> Option<Cut> {
        let mut state = self.lock();
        state.in_flight = None;
        state.cut.take()
    }

    /// Interrupts an operation that was sent at `sent_by` or before; it hears it again with each call.
    pub(super) fn interrupt(&self, sent_by: Nanos, cut: Cut) {
        let mut state = self.lock();
        if state
            .in_flight
            .is_some_and(|in_flight| in_flight.sent <= sent_by)
        {
            state.cut = Some(cut);
            if let Some(interrupt) = &state.interrupt {
                interrupt();
            }
        }
    }

    /// Stops waiting for the thread; returns the operation that it will not record any more.
    pub(super) fn abandon(&self) -> Option<InFlight> {
        let mut state = self.lock();
        let witness = state.witness.take()?;
        state.cut = Some(Cut::Abandoned);
        let in_flight = state.in_flight.take();
        drop(state);
        drop(witness);
        in_flight
    }

    fn leave(&self) {
        let witness = self.lock().witness.take();
        drop(witness);
    }
}

/// A connection's thread; dropping it reports the end of the thread, however it ends.
pub(super) struct Seat<T> {
    pub(super) shared: Arc<Shared<T>>,
    /// Its number within the shard.
    pub(super) connection: u32,
    pub(super) station: Arc<Station>,
    pub(super) lane: Arc<Lane>,
}

impl<T> Seat<T> {
    /// For a thread that already counts as running.
    pub(super) fn new(shared: &Arc<Shared<T>>, connection: u32, lane: Arc<Lane>) -> Self {
        let witness = ThreadWitness(Arc::clone(&shared.control));
        let station = Arc::new(Station::new(witness));
        shared.stations().push(Arc::clone(&station));
        Self {
            shared: Arc::clone(shared),
            connection,
            station,
            lane,
        }
    }

    /// Its number in the run.
    pub(super) fn number(&self) -> u32 {
        self.shared.plan.number(self.connection)
    }
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        self.station.leave();
    }
}
