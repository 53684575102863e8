//! Intervals on their way to the server, kept until it has stored them.
//!
//! An interval gets its sequence when it is first handed out and is never
//! changed after that, so the server can drop repeats by it. What was not yet
//! handed out may be merged: counts stay exact, only the seconds get longer.

use std::collections::VecDeque;

use gauntlet_model::{interval::Interval, session::AttemptRef};

use crate::measured::Measured;

/// Intervals that may be sent and not acknowledged.
const WINDOW: usize = 60;
/// Intervals that may wait for their first sending; then neighbours are merged.
const WAITING: usize = 60;

/// The intervals of one attempt that are not yet acknowledged.
#[derive(Debug)]
pub(crate) struct Outbox {
    attempt: AttemptRef,
    /// Handed out at least once, by sequence.
    sent: VecDeque<Interval>,
    /// How many of `sent` went out in this session.
    told: usize,
    /// Never handed out, oldest first.
    waiting: VecDeque<Measured>,
    last: i64,
}

impl Outbox {
    pub(crate) fn new(attempt: AttemptRef) -> Self {
        Self {
            attempt,
            sent: VecDeque::new(),
            told: 0,
            waiting: VecDeque::new(),
            last: 0,
        }
    }

    /// Takes what was measured last.
    pub(crate) fn push(&mut self, measured: Measured) {
        self.waiting.push_back(measured);
        if self.waiting.len() > WAITING {
            self.merge_the_shortest();
        }
    }

    /// Merges the two neighbours that are the shortest together, so that all
    /// grow alike.
    fn merge_the_shortest(&mut self) {
        let length = |at: usize| self.waiting[at + 1].end.0 - self.waiting[at].start.0;
        let Some(at) = (0..self.waiting.len() - 1).min_by_key(|at| length(*at)) else {
            return;
        };
        if let Some(later) = self.waiting.remove(at + 1) {
            self.waiting[at].add(later);
        }
    }

    /// The next interval to send in this session, if there is one and fewer than
    /// `window` of those before are out and not acknowledged.
    pub(crate) fn next(&mut self, window: usize) -> Option<&Interval> {
        if self.told >= window {
            return None;
        }
        if self.told == self.sent.len() {
            if self.sent.len() >= WINDOW {
                return None;
            }
            let measured = self.waiting.pop_front()?;
            self.last += 1;
            self.sent
                .push_back(measured.into_interval(self.attempt, self.last));
        }
        self.told += 1;
        self.sent.get(self.told - 1)
    }

    /// The server has stored all up to this one. What was never handed out
    /// cannot have been.
    pub(crate) fn acknowledge(&mut self, sequence: i64) {
        while self
            .sent
            .front()
            .is_some_and(|interval| interval.sequence <= sequence)
        {
            self.sent.pop_front();
            self.told = self.told.saturating_sub(1);
        }
    }

    /// A new session: what is not acknowledged goes out again.
    pub(crate) fn rewind(&mut self) {
        self.told = 0;
    }

    /// Whether everything went out in this session.
    pub(crate) fn all_told(&self) -> bool {
        self.waiting.is_empty() && self.told == self.sent.len()
    }

    /// The highest sequence handed out.
    pub(crate) fn last(&self) -> i64 {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gauntlet_engine::Outcome;
    use gauntlet_model::{id::RunId, lifecycle::Phase, time::Timestamp};
    use proptest::{collection::vec, prelude::*};
    use uuid::Uuid;

    use super::*;
    use crate::measured::tests::{in_phase, series, snapshot};

    fn outbox() -> Outbox {
        Outbox::new(AttemptRef {
            run: RunId(Uuid::nil()),
            shard: 0,
            attempt: 1,
        })
    }

    fn second(number: i64, operations: usize) -> Measured {
        let series = series(0, 0, Outcome::Ok, &vec![1_000; operations]);
        Measured::new(
            snapshot(vec![series]),
            &[in_phase(Phase::Measurement)],
            Timestamp(number * 1_000_000),
            Timestamp((number + 1) * 1_000_000),
        )
    }

    fn operations(interval: &Interval) -> u64 {
        interval
            .operations
            .iter()
            .map(|part| part.succeeded.response.decode().unwrap().len())
            .sum()
    }

    fn sequences(outbox: &mut Outbox) -> Vec<i64> {
        let mut found = Vec::new();
        while let Some(interval) = outbox.next(WINDOW) {
            found.push(interval.sequence);
        }
        found
    }

    #[test]
    fn a_new_session_gets_only_what_is_not_acknowledged() {
        let mut outbox = outbox();
        for number in 0..5 {
            outbox.push(second(number, 1));
        }
        assert_eq!(sequences(&mut outbox), [1, 2, 3, 4, 5]);
        assert!(outbox.all_told());
        outbox.acknowledge(3);
        assert_eq!(sequences(&mut outbox), Vec::<i64>::new());
        outbox.rewind();
        assert!(!outbox.all_told());
        outbox.push(second(5, 1));
        assert_eq!(sequences(&mut outbox), [4, 5, 6]);
        assert_eq!(outbox.last(), 6);
    }

    #[test]
    fn an_acknowledgement_of_what_was_never_sent_loses_nothing() {
        let mut outbox = outbox();
        outbox.push(second(0, 1));
        assert_eq!(sequences(&mut outbox), [1]);
        outbox.push(second(1, 1));
        outbox.acknowledge(i64::MAX);
        assert_eq!(sequences(&mut outbox), [2]);
        outbox.acknowledge(1);
        outbox.rewind();
        assert_eq!(sequences(&mut outbox), [2]);
    }

    #[test]
    fn without_acknowledgements_sending_stops_and_seconds_merge_evenly() {
        let mut outbox = outbox();
        for number in 0..(WINDOW + 2 * WAITING) as i64 {
            outbox.push(second(number, 1));
            let _ = outbox.next(WINDOW);
        }
        assert_eq!(outbox.sent.len(), WINDOW);
        let lengths: Vec<i64> = outbox
            .waiting
            .iter()
            .map(|waiting| (waiting.end.0 - waiting.start.0) / 1_000_000)
            .collect();
        assert_eq!(lengths, vec![2; WAITING]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        Send(usize),
        Acknowledge(i64),
        Reconnect,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        vec(
            prop_oneof![
                6 => (0_usize..5).prop_map(Step::Push),
                2 => (0_usize..8).prop_map(Step::Send),
                1 => (-2_i64..40).prop_map(Step::Acknowledge),
                1 => Just(Step::Reconnect),
            ],
            0..400,
        )
    }

    proptest! {
        /// What a server gets that removes repeats by sequence: every
        /// operation once, sequences without a gap, repeats unchanged.
        #[test]
        fn nothing_is_lost_doubled_or_changed(steps in steps()) {
            let mut outbox = outbox();
            let mut stored: BTreeMap<i64, Interval> = BTreeMap::new();
            let mut pushed = 0_u64;
            let send = |outbox: &mut Outbox, stored: &mut BTreeMap<i64, Interval>, most: usize| {
                for _ in 0..most {
                    let Some(interval) = outbox.next(WINDOW) else { break };
                    let first = stored.entry(interval.sequence).or_insert_with(|| interval.clone());
                    assert_eq!(first, interval);
                }
            };
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(operations) => {
                        outbox.push(second(number as i64, operations));
                        pushed += operations as u64;
                    }
                    Step::Send(most) => send(&mut outbox, &mut stored, most),
                    // The server acknowledges only what it has.
                    Step::Acknowledge(sequence) => {
                        outbox.acknowledge(sequence.min(stored.len() as i64));
                    }
                    Step::Reconnect => outbox.rewind(),
                }
                prop_assert!(outbox.sent.len() <= WINDOW && outbox.waiting.len() <= WAITING);
            }
            while !outbox.all_told() {
                send(&mut outbox, &mut stored, usize::MAX);
                outbox.acknowledge(stored.len() as i64);
            }
            let gapless: Vec<i64> = (1..=stored.len() as i64).collect();
            prop_assert_eq!(stored.keys().copied().collect::<Vec<_>>(), gapless);
            prop_assert_eq!(outbox.last(), stored.len() as i64);
            prop_assert_eq!(stored.values().map(operations).sum::<u64>(), pushed);
            let ends: Vec<_> = stored.values().map(|interval| (interval.start, interval.end)).collect();
            prop_assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        }
    }
}
