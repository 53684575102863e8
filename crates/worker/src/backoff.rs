//! How long to wait before the next attempt to reach the server.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Doubles from 100 ms to 5 s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The next wait: between half of the full one and all of it, as `chance`
    /// (0 to 1) says, so that workers which lost one server come back spread out.
    pub(crate) fn wait(&mut self, chance: f64) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(LONGEST);
        full.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_spread() {
        let waits = |chance: f64| -> Vec<u128> {
            let mut backoff = Backoff::default();
            (0..8).map(|_| backoff.wait(chance).as_millis()).collect()
        };
        assert_eq!(waits(1.0), [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(waits(0.0), [50, 100, 200, 400, 800, 1_600, 2_500, 2_500]);
    }
}
