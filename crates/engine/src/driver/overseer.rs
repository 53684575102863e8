//! The overseer of a thread: a coarse sweep that ends operations which take too long, and the cut at the end of the
//! drain. One timer per thread instead of one per operation.

use std::rc::Rc;
use std::time::Duration;

use super::{Cut, Thread};
use crate::clock::{self, NEVER, Nanos};
use crate::connection::sweep_every;
use crate::target::AsyncTarget;

/// Runs until the cut; it is dropped when all connections have ended before.
pub(super) async fn run<T: AsyncTarget>(thread: Rc<Thread<T>>) {
    let mut commands = thread.control.commands();
    let sweep = clock::nanos(sweep_every(thread.plan.operation_timeout));
    let timeout = clock::nanos(thread.plan.operation_timeout);
    loop {
        let (now, stop, cut) = (
            thread.control.clock.now(),
            thread.control.stop(),
            thread.control.cut(),
        );
        if now >= cut {
            thread.cut_all();
            return;
        }
        if now >= stop && thread.open.is_none() {
            thread.exhaust();
        }
        thread.cut_older_than(now.saturating_sub(timeout));
        let wake = if now < stop { stop } else { NEVER }
            .min(cut)
            .min(thread.next_sweep(now, sweep));
        tokio::select! {
            () = tokio::time::sleep(Duration::from_nanos(wake - now)), if wake != NEVER => {}
            _ = commands.changed() => {}
        }
    }
}

impl<T> Thread<T> {
    /// A thread without connections has nothing to sweep until a command comes.
    fn next_sweep(&self, now: Nanos, sweep: Nanos) -> Nanos {
        if self.slots.borrow().is_empty() {
            return NEVER;
        }
        now + sweep
    }

    fn cut_older_than(&self, oldest: Nanos) {
        let slots = self.slots.borrow();
        for slot in slots.iter().filter(|slot| slot.sent.get() <= oldest) {
            slot.cut.set(Some(Cut::Timeout));
            slot.wake();
        }
    }

    fn cut_all(&self) {
        self.cut_arrivals();
        let slots = self.slots.borrow();
        for slot in slots.iter().filter(|slot| slot.sent.get() != NEVER) {
            slot.cut.set(Some(Cut::Drain));
        }
        drop(slots);
        self.exhaust();
    }
}
