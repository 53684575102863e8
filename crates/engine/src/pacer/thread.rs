//! A thread that sleeps on behalf of the runtime, for systems without a pollable timer.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::{Clock, NEVER, Nanos};

/// Waits for one instant at a time.
#[derive(Debug)]
pub(crate) struct Sleeper {
    shared: Arc<Shared>,
    clock: Clock,
}

#[derive(Debug)]
struct Shared {
    alarm: Mutex<Alarm>,
    changed: Condvar,
    rang: Notify,
}

#[derive(Debug)]
struct Alarm {
    at: Nanos,
    closed: bool,
}

impl Sleeper {
    pub(crate) fn new(clock: Clock) -> io::Result<Self> {
        let alarm = Mutex::new(Alarm {
            at: NEVER,
            closed: false,
        });
        let shared = Arc::new(Shared {
            alarm,
            changed: Condvar::new(),
            rang: Notify::new(),
        });
        let sleeping = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("load-pacer".to_owned())
            .spawn(move || sleeping.ring(clock))?;
        Ok(Self { shared, clock })
    }

    /// Returns at the instant, at once if it has passed. May be cancelled and called again.
    pub(crate) async fn until(&mut self, at: Nanos) {
        if at == NEVER {
            return std::future::pending().await;
        }
        if at <= self.clock.now() {
            return;
        }
        self.shared.set(|alarm| alarm.at = at);
        // A ring may be left over from a wait that was cancelled, so the clock decides.
        while self.clock.now() < at {
            self.shared.rang.notified().await;
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.shared.set(|alarm| alarm.closed = true);
    }
}

impl Shared {
    fn set(&self, change: impl FnOnce(&mut Alarm)) {
        change(&mut self.alarm.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    fn ring(&self, clock: Clock) {
        super::precise_waits();
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        while !alarm.closed {
            let now = clock.now();
            if alarm.at <= now {
                alarm.at = NEVER;
                self.rang.notify_one();
                continue;
            }
            alarm = if alarm.at == NEVER {
                self.changed
                    .wait(alarm)
                    .unwrap_or_else(PoisonError::into_inner)
            } else {
                let wait = Duration::from_nanos(alarm.at - now);
                self.changed
                    .wait_timeout(alarm, wait)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check_sleeps(mut until: impl AsyncFnMut(Nanos), clock: Clock) {
        let at = clock.now() + 2_000_000;
        until(at).await;
        assert!(clock.now() >= at);
        until(0).await;
        until(clock.now() + 1).await;
    }

    #[tokio::test]
    async fn both_ways_to_sleep_return_after_the_instant() {
        let clock = Clock::starting_now();
        let mut by_thread = Sleeper::new(clock).expect("a thread");
        check_sleeps(async |at| by_thread.until(at).await, clock).await;
        #[cfg(target_os = "linux")]
        {
            let mut by_timer = super::super::timerfd::Sleeper::new(clock).expect("a timer");
            check_sleeps(async |at| by_timer.until(at).await, clock).await;
        }
    }
}
