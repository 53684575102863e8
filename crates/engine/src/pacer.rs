//! Waiting for an instant with microsecond precision inside an asynchronous runtime.
//!
//! The runtime's own timers tick once per millisecond; arrivals paced by them would come late and in bursts, and the
//! bursts would change what is measured. On Linux one timer of the kernel per thread wakes the runtime; elsewhere a
//! thread sleeps on its behalf.

#[cfg(any(test, not(target_os = "linux")))]
mod thread;
#[cfg(target_os = "linux")]
mod timerfd;

#[cfg(not(target_os = "linux"))]
pub(crate) use thread::Sleeper;
#[cfg(target_os = "linux")]
pub(crate) use timerfd::Sleeper;

/// Lets the calling thread's blocking waits end when they should. Linux groups them within 50 µs by default.
pub(crate) fn precise_waits() {
    #[cfg(target_os = "linux")]
    {
        // Without it the waits are less precise, which the lag series will show.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    }
}
