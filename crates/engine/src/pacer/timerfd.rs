//! A kernel timer that wakes the runtime through its poll.

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::clock::{Clock, NEVER, Nanos};

/// Waits for one instant at a time.
#[derive(Debug)]
pub(crate) struct Sleeper {
    timer: AsyncFd<OwnedFd>,
    clock: Clock,
}

impl Sleeper {
    /// Needs a runtime around it.
    pub(crate) fn new(clock: Clock) -> io::Result<Self> {
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        #[expect(
            deprecated,
            reason = "its replacement is unsafe, for types that could change their descriptor; an OwnedFd cannot"
        )]
        let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
        Ok(Self { timer, clock })
    }

    /// Returns at the instant, at once if it has passed. May be cancelled and called again.
    pub(crate) async fn until(&mut self, at: Nanos) {
        if at == NEVER {
            return std::future::pending().await;
        }
        let now = self.clock.now();
        if at <= now {
            return;
        }
        // Relative to a time that was just read: each wait is computed from the schedule's origin, so the microsecond
        // between here and the call does not add up.
        let wait = at - now;
        let value = Timespec {
            tv_sec: (wait / 1_000_000_000) as i64,
            tv_nsec: (wait % 1_000_000_000) as _,
        };
        let never_again = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let armed = timerfd_settime(
            self.timer.get_ref(),
            TimerfdTimerFlags::empty(),
            &Itimerspec {
                it_interval: never_again,
                it_value: value,
            },
        );
        debug_assert!(
            armed.is_ok(),
            "a positive duration below five hundred years can be set"
        );
        // Readiness may be left over from a wait that was cancelled, so the clock decides. The timer is not read:
        // setting it again forgets its expirations, and the poll is edge-triggered.
        while self.clock.now() < at {
            let Ok(mut ready) = self.timer.readable().await else {
                return;
            };
            ready.clear_ready();
        }
    }
}
