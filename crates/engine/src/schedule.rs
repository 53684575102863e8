//! Arrivals of an open loop: when each one is due, which thread owns it, and what waits.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::clock::{NEVER, Nanos};
use crate::levels::{Clearing, Levels, Mark};

/// When each arrival of the run is due: a rate that changes at instants. Arrival `i` is due when the integral of the
/// rate over the time since the origin reaches `i`, so any stretch has as many arrivals as the integral over it, within
/// one. Within a piece an arrival is computed from the piece's begin, so that nothing drifts: with 53 bits the error
/// stays below a nanosecond for a hundred days.
#[derive(Debug)]
pub(crate) struct Arrivals {
    /// Never empty.
    pieces: Vec<Piece>,
}

/// A stretch with one rate.
#[derive(Debug, Clone, Copy)]
struct Piece {
    from: Nanos,
    /// Number of its first arrival.
    first: u64,
    /// One more than the number of its last arrival.
    end: u64,
    /// How much of a gap lies before its first arrival.
    ahead: f64,
    /// Infinite where nothing is due.
    gap_ns: f64,
}

impl Piece {
    fn due(&self, index: u64) -> Nanos {
        if self.gap_ns.is_infinite() {
            return NEVER;
        }
        let gaps = (index - self.first) as f64 + self.ahead;
        self.from.saturating_add((gaps * self.gap_ns) as u64)
    }

    /// Ends the piece; returns the first number after it and how much of a gap is left before that one.
    fn close(&mut self, at: Nanos) -> (u64, f64) {
        let gaps = at.saturating_sub(self.from) as f64 / self.gap_ns;
        self.end = self.first + (gaps - self.ahead).ceil().max(0.0) as u64;
        // Rounding may be off by one where an arrival falls on the boundary; `due` decides.
        while self.end > self.first && self.due(self.end - 1) >= at {
            self.end -= 1;
        }
        while self.due(self.end) < at {
            self.end += 1;
        }
        let left = (self.end - self.first) as f64 + self.ahead - gaps;
        (self.end, left.max(0.0))
    }
}

impl Arrivals {
    /// What marks ask for, from `origin` on.
    pub(crate) fn new(origin: Nanos, marks: &[Mark]) -> Self {
        let mut pieces: Vec<Piece> = Vec::with_capacity(marks.len());
        let (mut first, mut ahead) = (0, 0.0);
        for (number, mark) in marks.iter().enumerate() {
            let until = marks.get(number + 1).map_or(NEVER, |next| next.from);
            if until <= origin {
                continue;
            }
            let from = mark.from.max(origin);
            if let Some(last) = pieces.last_mut() {
                (first, ahead) = last.close(from);
            }
            pieces.push(Piece {
                from,
                first,
                end: u64::MAX,
                ahead,
                gap_ns: 1e9 / mark.rate_per_s(),
            });
        }
        Self { pieces }
    }

    #[inline]
    fn piece(&self, index: u64) -> &Piece {
        let last = &self.pieces[self.pieces.len() - 1];
        if last.first <= index {
            return last;
        }
        // Only while a change is planned, or the backlog is older than the last one.
        let place = self.pieces.partition_point(|piece| piece.end <= index);
        &self.pieces[place]
    }

    pub(crate) fn due(&self, index: u64) -> Nanos {
        self.piece(index).due(index)
    }

    /// Arrivals per second of the whole run at the time of an arrival.
    fn rate_per_s(&self, index: u64) -> f64 {
        1e9 / self.piece(index).gap_ns
    }
}

/// The arrivals as the levels ask for them, kept up to date.
#[derive(Debug)]
pub(crate) struct Schedule {
    origin: Nanos,
    levels: Arc<Levels>,
    version: u64,
    arrivals: Arrivals,
}

impl Schedule {
    pub(crate) fn new(origin: Nanos, levels: &Arc<Levels>) -> Self {
        let version = levels.version();
        Self {
            origin,
            levels: Arc::clone(levels),
            version,
            arrivals: Arrivals::new(origin, &levels.marks()),
        }
    }

    /// Takes in what was asked for since the call before.
    #[inline]
    fn refresh(&mut self) {
        let version = self.levels.version();
        if version != self.version {
            self.renew(version);
        }
    }

    #[cold]
    fn renew(&mut self, version: u64) {
        // The version was read before the marks, so at worst the next call looks once more.
        self.version = version;
        self.arrivals = Arrivals::new(self.origin, &self.levels.marks());
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
    /// The index of the run's arrival number 0.
    pub(crate) first_index: u64,
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

    /// The number in the run of the shard's arrival number `number`.
    fn arrival(&self, number: u64) -> u64 {
        self.shard + number * self.shards
    }
}

/// The arrivals of one lot, in the order they are due.
#[derive(Debug)]
pub(crate) struct ArrivalQueue {
    schedule: Schedule,
    lot: Lot,
    /// The shard's number of the next one.
    next: u64,
    /// Due, not sent and not dropped. Never longer than `max_backlog`.
    waiting: VecDeque<Arrival>,
    max_backlog: u64,
    clearing: Clearing,
    /// The version of the levels that `clearing` was read of.
    seen: u64,
}

/// One operation that is or will be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Index in the whole run.
    pub(crate) index: u64,
    pub(crate) due: Nanos,
}

impl ArrivalQueue {
    pub(crate) fn new(schedule: Schedule, lot: Lot, max_backlog: u64) -> Self {
        Self {
            schedule,
            lot,
            next: lot.own(0),
            waiting: VecDeque::new(),
            max_backlog,
            clearing: Clearing {
                before: 0,
                until: 0,
            },
            seen: 0,
        }
    }

    /// When the next arrival will be due that has not been taken yet, and how many of the run are due per second then.
    pub(crate) fn next_due(&self) -> (Nanos, f64) {
        let arrival = self.lot.arrival(self.next);
        let arrivals = &self.schedule.arrivals;
        (arrivals.due(arrival), arrivals.rate_per_s(arrival))
    }

    /// When the arrival with an index is due by what is asked for now.
    pub(crate) fn due(&mut self, index: u64) -> Nanos {
        self.schedule.refresh();
        self.schedule.arrivals.due(index - self.lot.first_index)
    }

    /// Takes the next arrival, due or not, if it is due before `until`.
    pub(crate) fn take_next(&mut self, until: Nanos) -> Option<Arrival> {
        self.schedule.refresh();
        let arrival = self.lot.arrival(self.next);
        let due = self.schedule.arrivals.due(arrival);
        if due >= until || due == NEVER {
            return None;
        }
        self.next = self.lot.own(self.next + 1);
        let index = self.lot.first_index + arrival;
        Some(Arrival { index, due })
    }

    /// Hands what waits and was due before the last clearing to `drop`.
    pub(crate) fn clear(&mut self, now: Nanos, drop: impl FnMut(Arrival)) {
        let levels = &self.schedule.levels;
        let version = levels.version();
        if now >= self.clearing.until || version != self.seen {
            // The version was read before the marks, so at worst the next call looks once more.
            self.clearing = Clearing::at(&levels.marks(), now);
            self.seen = version;
        }
        let before = self.clearing.before;
        let cleared = |waiting: &mut Arrival| waiting.due < before;
        std::iter::from_fn(|| self.waiting.pop_front_if(cleared)).for_each(drop);
    }

    /// When [`Self::clear`] will have something new to do, or [`NEVER`]; as far as its last call knows.
    pub(crate) fn next_clearing(&self) -> Nanos {
        self.clearing.until
    }

    /// Makes an arrival wait; it is handed back if it was due before the last clearing, as far as the last call of
    /// [`Self::clear`] knows, or if the backlog is full: the newest is dropped, as those that wait are closer to being
    /// sent.
    pub(crate) fn wait(&mut self, arrival: Arrival) -> Option<Arrival> {
        let cleared = arrival.due < self.clearing.before;
        if cleared || self.waiting.len() as u64 >= self.max_backlog {
            return Some(arrival);
        }
        self.waiting.push_back(arrival);
        None
    }

    /// Puts everything that is due at `now` and before `until` into the backlog, and what does not fit or is cleared into
    /// `drop`.
    pub(crate) fn advance(&mut self, now: Nanos, until: Nanos, mut drop: impl FnMut(Arrival)) {
        self.clear(now, &mut drop);
        while let Some(arrival) = self.take_next(until.min(now.saturating_add(1))) {
            if let Some(full) = self.wait(arrival) {
                drop(full);
            }
        }
    }

    /// The oldest arrival that waits.
    pub(crate) fn pop(&mut self) -> Option<Arrival> {
        self.waiting.pop_front()
    }

    pub(crate) fn backlog(&self) -> u64 {
        self.waiting.len() as u64
    }
}

#[cfg(test)]
mod tests;
