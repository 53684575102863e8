//! Arrivals of an open loop: when each one is due, which thread owns it, and what waits.

use std::collections::VecDeque;

use crate::clock::{NEVER, Nanos};

/// A constant rate. Arrival `i` of the run is due at `origin + i * gap`, computed from the origin each time, so that
/// nothing drifts: with 53 bits the error stays below a nanosecond for a hundred days.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrivals {
    origin: Nanos,
    gap_ns: f64,
}

impl Arrivals {
    pub(crate) fn new(origin: Nanos, rate_per_s: f64) -> Self {
        Self {
            origin,
            gap_ns: 1e9 / rate_per_s,
        }
    }

    pub(crate) fn due(&self, index: u64) -> Nanos {
        self.origin
            .saturating_add((index as f64 * self.gap_ns) as u64)
    }
}

/// Which of the run's arrivals belong to one thread of one shard. A shard takes every `shards`-th; within it they go
/// round its connections, so that a thread gets as many as it has connections to send them with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lot {
    pub(crate) shard: u64,
    pub(crate) shards: u64,
    /// Connection `n` of the shard belongs to thread `n % threads`.
    pub(crate) connections: u64,
    pub(crate) thread: u64,
    pub(crate) threads: u64,
}

impl Lot {
    /// The first of the shard's arrivals from number `from` on that belongs to the thread.
    fn own(&self, from: u64) -> u64 {
        let mut number = from;
        while number % self.connections % self.threads != self.thread {
            number += 1;
        }
        number
    }

    /// The index in the run of the shard's arrival number `number`.
    fn index(&self, number: u64) -> u64 {
        self.shard + number * self.shards
    }
}

/// The arrivals of one lot, in the order they are due.
#[derive(Debug)]
pub(crate) struct ArrivalQueue {
    arrivals: Arrivals,
    lot: Lot,
    /// The shard's number of the next one.
    next: u64,
    /// Due, not sent and not dropped. Never longer than `max_backlog`.
    waiting: VecDeque<u64>,
    max_backlog: u64,
}

/// One operation that is or will be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Index in the whole run.
    pub(crate) index: u64,
    pub(crate) due: Nanos,
}

impl ArrivalQueue {
    pub(crate) fn new(arrivals: Arrivals, lot: Lot, max_backlog: u64) -> Self {
        Self {
            arrivals,
            lot,
            next: lot.own(0),
            waiting: VecDeque::new(),
            max_backlog,
        }
    }

    fn arrival(&self, index: u64) -> Arrival {
        Arrival {
            index,
            due: self.arrivals.due(index),
        }
    }

    /// When the next arrival will be due that has not been taken yet.
    pub(crate) fn next_due(&self) -> Nanos {
        self.arrivals.due(self.lot.index(self.next))
    }

    /// Takes the next arrival, due or not, if it is due before `until`.
    pub(crate) fn take_next(&mut self, until: Nanos) -> Option<Arrival> {
        let arrival = self.arrival(self.lot.index(self.next));
        if arrival.due >= until || arrival.due == NEVER {
            return None;
        }
        self.next = self.lot.own(self.next + 1);
        Some(arrival)
    }

    /// Makes an arrival wait; it is handed back if the backlog is full: the newest is dropped, as those that wait are
    /// closer to being sent.
    pub(crate) fn wait(&mut self, arrival: Arrival) -> Option<Arrival> {
        if self.waiting.len() as u64 >= self.max_backlog {
            return Some(arrival);
        }
        self.waiting.push_back(arrival.index);
        None
    }

    /// Puts everything that is due at `now` and before `until` into the backlog, and what does not fit into `drop`.
    pub(crate) fn advance(&mut self, now: Nanos, until: Nanos, mut drop: impl FnMut(Arrival)) {
        while let Some(arrival) = self.take_next(until.min(now.saturating_add(1))) {
            if let Some(full) = self.wait(arrival) {
                drop(full);
            }
        }
    }

    /// The oldest arrival that waits.
    pub(crate) fn pop(&mut self) -> Option<Arrival> {
        self.waiting.pop_front().map(|index| self.arrival(index))
    }

    pub(crate) fn backlog(&self) -> u64 {
        self.waiting.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arrivals_keep_their_rate_without_drift() {
        for rate in [0.1, 3.0, 1_000.0, 9_999.9, 250_000.0] {
            let arrivals = Arrivals::new(5, rate);
            for seconds in [1_u32, 3_600, 8_640_000] {
                let index = (f64::from(seconds) * rate).round();
                let ideal = 5.0 + index * 1e9 / rate;
                let error = (arrivals.due(index as u64) as f64 - ideal).abs();
                assert!(
                    error <= 1.0 + ideal * 1e-15,
                    "rate {rate}, {seconds} s: {error} ns"
                );
            }
        }
    }

    const ALL: Lot = Lot {
        shard: 0,
        shards: 1,
        connections: 1,
        thread: 0,
        threads: 1,
    };

    #[test]
    fn a_full_backlog_drops_the_newest() {
        let mut queue = ArrivalQueue::new(Arrivals::new(0, 1e9), ALL, 3);
        let mut dropped = Vec::new();
        queue.advance(4, NEVER, |arrival| dropped.push(arrival.index));
        assert_eq!((queue.backlog(), dropped), (3, vec![3, 4]));
        assert_eq!(queue.pop(), Some(Arrival { index: 0, due: 0 }));
        queue.advance(6, 6, |_| {
            panic!("there is room for one and only one is due before 6")
        });
        assert_eq!(
            std::iter::from_fn(|| queue.pop())
                .map(|arrival| arrival.index)
                .collect::<Vec<_>>(),
            [1, 2, 5]
        );
    }

    fn indices(lot: Lot, until: Nanos) -> Vec<u64> {
        let mut queue = ArrivalQueue::new(Arrivals::new(0, 1e9), lot, u64::MAX);
        queue.advance(NEVER, until, |_| ());
        std::iter::from_fn(|| queue.pop())
            .map(|arrival| arrival.index)
            .collect()
    }

    #[test]
    fn a_thread_gets_arrivals_by_its_connections() {
        let lot = |thread| Lot {
            shard: 1,
            shards: 2,
            connections: 3,
            thread,
            threads: 2,
        };
        assert_eq!(indices(lot(0), 14), [1, 5, 7, 11, 13]);
        assert_eq!(indices(lot(1), 14), [3, 9]);
    }

    proptest! {
        #[test]
        fn lots_share_the_arrivals_without_overlap(shards in 1_u64..9, threads in 1_u64..5, more in 0_u64..9, until in 0_u64..2_000) {
            let mut taken = Vec::new();
            for shard in 0..shards {
                for thread in 0..threads {
                    taken.extend(indices(Lot { shard, shards, connections: threads + more, thread, threads }, until));
                }
            }
            taken.sort_unstable();
            prop_assert_eq!(taken, (0..until).collect::<Vec<_>>());
        }
    }
}
