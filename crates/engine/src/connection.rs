//! What the connections of both drivers have in common.

use std::time::Duration;

/// How long opening a connection may take.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// How long saying goodbye to a target, or asking it to give up a statement, may take.
pub(crate) const CLOSE_WITHIN: Duration = Duration::from_secs(1);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Pauses between tries that fail: none before the first, then 50 ms, doubling up to one second.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    pause: Duration,
}

impl Backoff {
    /// The pause before the next try.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        pause
    }

    /// An operation succeeded, so the next failure is a new one.
    #[inline]
    pub(crate) fn reset(&mut self) {
        self.pause = Duration::ZERO;
    }
}

/// How often operations in flight are compared with their timeout: a tenth of it, between 5 and 50 ms.
pub(crate) fn sweep_every(operation_timeout: Duration) -> Duration {
    (operation_timeout / 10).clamp(Duration::from_millis(5), Duration::from_millis(50))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second_and_begin_again() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> = (0..7).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(pauses, [0, 50, 100, 200, 400, 800, 1_000]);
        backoff.reset();
        assert_eq!(backoff.next(), Duration::ZERO);
    }
}
