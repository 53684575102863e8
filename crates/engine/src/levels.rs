//! How much load is asked for, from when on. Commands add marks; whoever sends load reads them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::{NEVER, Nanos};
use crate::plan::Load;

/// The largest rate that is scheduled: one arrival per nanosecond, the resolution of the clock.
const LARGEST_PER_S: f64 = 1e9;

/// From an instant on, so much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mark {
    pub(crate) from: Nanos,
    rate_per_s: f64,
    connections: u32,
    paused: bool,
    /// What is due before this instant and waits is not sent any more.
    cleared: Nanos,
}

impl Mark {
    /// Arrivals per second of the whole run; 0 while the load is paused.
    pub(crate) fn rate_per_s(&self) -> f64 {
        if self.paused { 0.0 } else { self.rate_per_s }
    }

    /// Connections of this shard that send; 0 while the load is paused.
    fn sending(&self) -> u32 {
        if self.paused { 0 } else { self.connections }
    }

    pub(crate) fn set_rate(&mut self, per_second: f64) {
        // A number that is none asks for nothing.
        self.rate_per_s = if per_second.is_nan() {
            0.0
        } else {
            per_second.clamp(0.0, LARGEST_PER_S)
        };
    }

    pub(crate) fn set_connections(&mut self, connections: u32) {
        self.connections = connections;
    }

    pub(crate) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub(crate) fn set_cleared(&mut self, before: Nanos) {
        self.cleared = before;
    }
}

/// The marks so far, in the order of their instants; the first one is from the beginning of time. Written rarely;
/// readers hold a copy and look at one atomic number to see that it is still the newest.
#[derive(Debug)]
pub(crate) struct Levels {
    version: AtomicU64,
    marks: Mutex<Arc<[Mark]>>,
}

impl Levels {
    pub(crate) fn new(load: &Load) -> Self {
        let rate_per_s = match *load {
            Load::Closed { .. } => 0.0,
            Load::Open { rate_per_s, .. } => rate_per_s,
        };
        let first = Mark {
            from: 0,
            rate_per_s,
            connections: load.connections(),
            paused: false,
            cleared: 0,
        };
        Self {
            version: AtomicU64::new(1),
            marks: Mutex::new(Arc::new([first])),
        }
    }

    /// Changes what is asked for from `from` on. Changes of the same kind that were planned for later are superseded;
    /// those of another kind stay: a rate does not end a pause.
    pub(crate) fn change(&self, from: Nanos, change: impl Fn(&mut Mark)) {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = marks.to_vec();
        let here = place(&changed, from);
        if changed[here].from < from {
            let mark = Mark {
                from,
                ..changed[here]
            };
            changed.insert(here + 1, mark);
        }
        changed
            .iter_mut()
            .filter(|mark| mark.from >= from)
            .for_each(change);
        *marks = changed.into();
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Changes with each change; never 0.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn marks(&self) -> Arc<[Mark]> {
        Arc::clone(&self.marks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The most connections of this shard that are asked for at `now` or later.
    pub(crate) fn most_connections(&self, now: Nanos) -> u32 {
        let marks = self.marks();
        let here = place(&marks, now);
        let asked = marks[here..].iter().map(|mark| mark.connections);
        asked.max().unwrap_or_default()
    }
}

/// Up to when the backlog is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clearing {
    /// What is due before is not sent any more.
    pub(crate) before: Nanos,
    /// When that changes, or [`NEVER`].
    pub(crate) until: Nanos,
}

impl Clearing {
    /// What marks ask for at `now`.
    pub(crate) fn at(marks: &[Mark], now: Nanos) -> Self {
        let here = place(marks, now);
        let before = marks[here].cleared;
        let other = marks[here..].iter().find(|mark| mark.cleared != before);
        Self {
            before,
            until: other.map_or(NEVER, |mark| mark.from),
        }
    }
}

/// The mark that is in force at an instant.
fn place(marks: &[Mark], at: Nanos) -> usize {
    marks
        .partition_point(|mark| mark.from <= at)
        .saturating_sub(1)
}

/// Whether it is a connection's turn: those above the level rest, and all of them while the load is paused.
#[derive(Debug)]
pub(crate) struct Turn {
    levels: Arc<Levels>,
    /// Its number within the shard.
    connection: u32,
    version: u64,
    /// The connection may begin what is due before; as far as `version` knows.
    until: Nanos,
}

impl Turn {
    pub(crate) fn new(levels: &Arc<Levels>, connection: u32) -> Self {
        Self {
            levels: Arc::clone(levels),
            connection,
            version: 0,
            until: 0,
        }
    }

    /// `None` if the connection may begin an operation that is due at `due`; else the instant at which it may by what
    /// is known now, or [`NEVER`].
    #[inline]
    pub(crate) fn rests(&mut self, due: Nanos) -> Option<Nanos> {
        if due < self.until && self.levels.version() == self.version {
            return None;
        }
        self.look(due)
    }

    fn look(&mut self, due: Nanos) -> Option<Nanos> {
        // The version is read before the marks, so at worst the next call looks once more.
        self.version = self.levels.version();
        let marks = self.levels.marks();
        let here = place(&marks, due);
        let sends = |mark: &Mark| mark.sending() > self.connection;
        let now = sends(&marks[here]);
        let other = marks[here..].iter().find(|mark| sends(mark) != now);
        let change = other.map_or(NEVER, |mark| mark.from);
        self.until = if now { change } else { 0 };
        (!now).then_some(change)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn closed(connections: u32) -> Arc<Levels> {
        Arc::new(Levels::new(&Load::Closed {
            connections,
            think: Duration::ZERO,
        }))
    }

    #[test]
    fn a_connection_sends_while_the_level_reaches_it() {
        let levels = closed(2);
        let mut low = Turn::new(&levels, 0);
        let mut high = Turn::new(&levels, 3);
        assert_eq!((low.rests(5), high.rests(5)), (None, Some(NEVER)));
        levels.change(10, |mark| mark.set_connections(4));
        levels.change(20, |mark| mark.set_connections(1));
        assert_eq!([low.rests(5), low.rests(15), low.rests(25)], [None; 3]);
        assert_eq!([high.rests(5), high.rests(10)], [Some(10), None]);
        assert_eq!([high.rests(19), high.rests(20)], [None, Some(NEVER)]);
    }

    #[test]
    fn a_pause_rests_all_and_what_was_set_meanwhile_holds_after_it() {
        let levels = closed(2);
        let mut turn = Turn::new(&levels, 2);
        levels.change(10, |mark| mark.set_paused(true));
        levels.change(20, |mark| mark.set_connections(3));
        levels.change(30, |mark| mark.set_paused(false));
        let mut first = Turn::new(&levels, 0);
        assert_eq!([first.rests(9), first.rests(10)], [None, Some(30)]);
        assert_eq!([turn.rests(25), turn.rests(30)], [Some(30), None]);
        assert_eq!(
            (levels.most_connections(0), levels.most_connections(40)),
            (3, 3)
        );
    }

    #[test]
    fn a_newer_change_supersedes_those_of_its_kind_that_were_planned_for_later() {
        let levels = closed(5);
        levels.change(50, |mark| mark.set_connections(9));
        levels.change(40, |mark| mark.set_paused(true));
        levels.change(60, |mark| mark.set_paused(false));
        levels.change(40, |mark| mark.set_connections(7));
        let sending = |levels: &Levels| -> Vec<_> {
            let marks = levels.marks();
            marks
                .iter()
                .map(|mark| (mark.from, mark.sending()))
                .collect()
        };
        assert_eq!(sending(&levels), [(0, 5), (40, 0), (50, 0), (60, 7)]);
        levels.change(0, |mark| mark.set_paused(false));
        assert_eq!(sending(&levels), [(0, 5), (40, 7), (50, 7), (60, 7)]);
    }

    #[test]
    fn a_clearing_takes_the_place_of_later_ones_and_stays_when_a_level_changes() {
        let levels = closed(1);
        let clear = |at| levels.change(at, |mark| mark.set_cleared(at));
        for at in [10, 50, 30] {
            clear(at);
        }
        levels.change(20, |mark| mark.set_rate(5.0));
        let marks = levels.marks();
        let clearing = |now| {
            let Clearing { before, until } = Clearing::at(&marks, now);
            (before, until)
        };
        assert_eq!([clearing(0), clearing(9)], [(0, 10); 2]);
        assert_eq!([clearing(10), clearing(29)], [(10, 30); 2]);
        assert_eq!([clearing(30), clearing(99)], [(30, NEVER); 2]);
    }

    #[test]
    fn a_rate_that_is_none_asks_for_nothing() {
        let levels = closed(1);
        for (given, expected) in [
            (f64::NAN, 0.0),
            (-1.0, 0.0),
            (f64::INFINITY, LARGEST_PER_S),
            (2.5, 2.5),
        ] {
            levels.change(5, |mark| mark.set_rate(given));
            let marks = levels.marks();
            assert!(
                (marks[1].rate_per_s() - expected).abs() < f64::EPSILON,
                "{given}"
            );
        }
    }
}
