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
            .min(now + sweep);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_nanos(wake - now)) => {}
            _ = commands.changed() => {}
        }
    }
}

impl<T> Thread<T> {
    fn cut_older_than(&self, oldest: Nanos) {
        for slot in self.slots.iter().filter(|slot| slot.sent.get() <= oldest) {
            slot.cut.set(Some(Cut::Timeout));
            slot.wake();
        }
    }

    fn cut_all(&self) {
        self.cut_arrivals();
        for slot in self.slots.iter().filter(|slot| slot.sent.get() != NEVER) {
            slot.cut.set(Some(Cut::Drain));
        }
        self.exhaust();
    }
}
