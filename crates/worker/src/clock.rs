//! The worker's clock, and what is known of the server's.

use std::{
    collections::VecDeque,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use gauntlet_model::time::{Timestamp, micros};

/// How many samples are kept beside the best.
const SAMPLES: usize = 30;
/// How far two clocks may drift apart, microseconds per second: quartzes are
/// within 50 of the truth. An old sample loses to a fresh one with a slightly
/// longer round trip.
const DRIFT_US_PER_S: i64 = 100;

/// The worker's clock: the system's time once, at the start of the process;
/// from then on the monotonic clock counts, so no step of the system's time
/// shows in a measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerClock {
    origin: Instant,
    origin_us: i64,
}

impl WorkerClock {
    /// Reads the system's time.
    pub(crate) fn starting_now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            origin: Instant::now(),
            origin_us: micros(since_epoch.unwrap_or_default()),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    /// When an instant is by this clock.
    pub(crate) fn at(&self, instant: Instant) -> Timestamp {
        match instant.checked_duration_since(self.origin) {
            Some(after) => Timestamp(self.origin_us) + after,
            None => Timestamp(self.origin_us).before(self.origin - instant),
        }
    }

    /// The instant of a time by this clock.
    pub(crate) fn instant(&self, time: Timestamp) -> Instant {
        let difference = Duration::from_micros(time.0.abs_diff(self.origin_us));
        let instant = if time.0 >= self.origin_us {
            self.origin.checked_add(difference)
        } else {
            self.origin.checked_sub(difference)
        };
        // Out of the monotonic clock's range: the nearest that can be said.
        instant.unwrap_or(self.origin)
    }
}

/// One round trip of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    at: Timestamp,
    offset_us: i64,
    round_trip_us: i64,
}

impl Sample {
    /// How wrong the offset may be at `now`: the sample says nothing of how the
    /// round trip divides into there and back, and it grows old.
    fn uncertainty_us(&self, now: Timestamp) -> i64 {
        let age_us = (now.0 - self.at.0).max(0);
        let drift_us = age_us.saturating_mul(DRIFT_US_PER_S) / 1_000_000;
        // Rounded up, twice: what is rounded off is uncertain too.
        self.round_trip_us / 2 + drift_us + 1
    }
}

/// What is known of the server's clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerClock {
    samples: VecDeque<Sample>,
    best: Option<Sample>,
    rough_us: i64,
}

impl ServerClock {
    /// Takes the server's time from a message that took an unknown time; it
    /// serves until the first round trip.
    pub(crate) fn guess(&mut self, server: Timestamp, now: Timestamp) {
        self.rough_us = server.0 - now.0;
    }

    /// Takes a round trip by its four timestamps: sent and now by the worker's
    /// clock, received and replied by the server's. One that cannot be is
    /// passed over.
    pub(crate) fn sample(
        &mut self,
        sent: Timestamp,
        received: Timestamp,
        replied: Timestamp,
        now: Timestamp,
    ) {
        if sent > now || received > replied {
            return;
        }
        let sample = Sample {
            at: now,
            offset_us: i64::midpoint(received.0 - sent.0, replied.0 - now.0),
            round_trip_us: ((now.0 - sent.0) - (replied.0 - received.0)).max(0),
        };
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        self.best = self
            .samples
            .iter()
            .chain(self.best.iter())
            .copied()
            .min_by_key(|sample| sample.uncertainty_us(now));
    }

    /// Microseconds to add to the worker's clock to get the server's.
    pub(crate) fn offset_us(&self) -> i64 {
        self.best.map_or(self.rough_us, |best| best.offset_us)
    }

    /// How wrong the offset may be; `None` before the first round trip.
    pub(crate) fn uncertainty(&self, now: Timestamp) -> Option<Duration> {
        self.best
            .map(|best| Duration::from_micros(best.uncertainty_us(now).unsigned_abs()))
    }

    /// A time of the worker's clock by the server's.
    pub(crate) fn corrected(&self, local: Timestamp) -> Timestamp {
        Timestamp(local.0.saturating_add(self.offset_us()))
    }

    /// A time of the server's clock by the worker's.
    pub(crate) fn local(&self, server: Timestamp) -> Timestamp {
        Timestamp(server.0.saturating_sub(self.offset_us()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round trip between clocks that are `offset` apart: (sent, delay there,
    /// time at the server, delay back).
    fn round_trip(clock: &mut ServerClock, offset: i64, sent: i64, there: i64, at: i64, back: i64) {
        let received = sent + there + offset;
        let now = sent + there + at + back;
        clock.sample(
            Timestamp(sent),
            Timestamp(received),
            Timestamp(received + at),
            Timestamp(now),
        );
    }

    #[test]
    fn the_offset_is_within_half_of_the_round_trip_whatever_the_delays() {
        for offset in [-3_000_000, -7, 0, 7, 3_000_000] {
            for (there, back) in [(0, 0), (100, 100), (900, 100), (0, 1_000), (1_000, 0)] {
                let mut clock = ServerClock::default();
                round_trip(&mut clock, offset, 1_000, there, 50, back);
                let uncertainty = clock.uncertainty(Timestamp(1_000)).unwrap();
                assert_eq!(
                    uncertainty,
                    Duration::from_micros(i64::midpoint(there, back) as u64 + 1)
                );
                let error = (clock.offset_us() - offset).unsigned_abs();
                assert!(
                    u128::from(error) <= uncertainty.as_micros(),
                    "offset {offset}, delays {there} and {back}: {error}"
                );
            }
        }
    }

    #[test]
    fn the_shortest_round_trip_wins_over_later_and_skewed_ones() {
        let mut clock = ServerClock::default();
        round_trip(&mut clock, 500, 0, 9_000, 10, 100);
        round_trip(&mut clock, 500, 100_000, 60, 10, 60);
        assert_eq!(clock.offset_us(), 500);
        // More than fill the window, each a second later and badly skewed.
        for second in 1..=40 {
            round_trip(&mut clock, 500, second * 1_000_000, 10_000, 10, 0);
        }
        assert_eq!(clock.offset_us(), 500);
        let now = Timestamp(41_000_000);
        // Half of 120, 100 for each of about 41 seconds, and what is rounded off.
        assert_eq!(clock.uncertainty(now), Some(Duration::from_micros(4_150)));
    }

    /// A deterministic stream of numbers below a bound.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: i64) -> i64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ((self.0 >> 33) as i64) % bound.max(1)
        }
    }

    /// A minute of heartbeats over a network whose two ways differ, between clocks that drift apart.
    fn a_minute(seed: u64) {
        let mut dice = Dice(seed);
        let offset = dice.below(20_000_000) - 10_000_000;
        let drift_us_per_s = dice.below(2 * DRIFT_US_PER_S + 1) - DRIFT_US_PER_S;
        let (there, back) = (1 + dice.below(3_000), 1 + dice.below(3_000));
        // The server's time by the worker's.
        let server = |local: i64| local + offset + local * drift_us_per_s / 1_000_000;
        let mut clock = ServerClock::default();
        for beat in 0..60 {
            let sent = beat * 1_000_000;
            let arrives = sent + dice.below(there);
            let replies = arrives + dice.below(500);
            let now = replies + dice.below(back) + 20_000 * i64::from(dice.below(10) == 0);
            clock.sample(
                Timestamp(sent),
                Timestamp(server(arrives)),
                Timestamp(server(replies)),
                Timestamp(now),
            );
            // Until the next one.
            for later in [now, sent + 999_999] {
                let error = (server(later) - later - clock.offset_us()).unsigned_abs();
                let stated = clock.uncertainty(Timestamp(later)).unwrap().as_micros();
                // The line of the drift is rounded to microseconds itself.
                assert!(
                    u128::from(error) <= stated + 1,
                    "seed {seed}, beat {beat}: off by {error} us, stated were {stated}"
                );
            }
        }
    }

    #[test]
    fn the_true_offset_lies_within_the_stated_uncertainty_whatever_the_network() {
        (0..1_000).for_each(a_minute);
    }

    #[test]
    fn an_old_sample_gives_way_when_the_clocks_have_drifted() {
        let mut clock = ServerClock::default();
        round_trip(&mut clock, 0, 0, 50, 0, 50);
        // 100 s later the clocks are 1 ms apart and the network is a bit slower.
        round_trip(&mut clock, 1_000, 100_000_000, 100, 0, 100);
        assert_eq!(clock.offset_us(), 1_000);
    }

    #[test]
    fn before_the_first_round_trip_there_is_a_guess() {
        let mut clock = ServerClock::default();
        assert_eq!(clock.uncertainty(Timestamp(5)), None);
        clock.guess(Timestamp(1_500), Timestamp(1_000));
        assert_eq!(clock.corrected(Timestamp(2_000)), Timestamp(2_500));
        assert_eq!(clock.local(Timestamp(2_500)), Timestamp(2_000));
        round_trip(&mut clock, 700, 3_000, 1, 1, 1);
        assert_eq!(clock.offset_us(), 700);
    }

    #[test]
    fn round_trips_that_cannot_be_are_passed_over() {
        let mut clock = ServerClock::default();
        let sample = |clock: &mut ServerClock, [sent, received, replied, now]: [i64; 4]| {
            clock.sample(
                Timestamp(sent),
                Timestamp(received),
                Timestamp(replied),
                Timestamp(now),
            );
        };
        sample(&mut clock, [10, 5, 6, 9]);
        sample(&mut clock, [1, 6, 5, 9]);
        assert_eq!(clock.uncertainty(Timestamp(9)), None);
    }

    #[test]
    fn instants_and_times_convert_both_ways() {
        let clock = WorkerClock::starting_now();
        for us in [0, 1, 5_000_000] {
            let instant = clock.origin + Duration::from_micros(us);
            assert_eq!(clock.at(instant).0, clock.origin_us + us as i64);
            assert_eq!(clock.instant(clock.at(instant)), instant);
        }
        let earlier = Timestamp(clock.origin_us - 1_000);
        assert_eq!(clock.at(clock.instant(earlier)), earlier);
        assert!(clock.instant(Timestamp(i64::MAX)) >= clock.origin);
    }
}
