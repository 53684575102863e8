//! The commands for one attempt: in their order, and each once.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use gauntlet_model::{lifecycle::Action, session::Command};

/// Commands that may wait for one before them. The server sends what is missing
/// again when the worker resumes, so one more is passed over.
const WAITING: usize = 64;
/// The newest commands carried out that a new session is told of again: the
/// session before may not have heard of them.
const RETOLD: usize = 8;

/// See the module. The first command of an attempt is the START that it begins
/// with, whatever its number: the run may be under way. A STOP may be the first
/// too, for an attempt that never began.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The last command carried out; 0 before the first.
    last: i64,
    waiting: BTreeMap<i64, Command>,
    /// The newest ones carried out, and how late each was.
    lateness: VecDeque<(i64, Duration)>,
}

impl Inbox {
    /// The last command carried out; 0 before the first.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// The newest commands carried out, and how late each was.
    pub(super) fn lateness(&self) -> impl Iterator<Item = (i64, Duration)> {
        self.lateness.iter().copied()
    }

    /// Takes a command; the lateness of one that was carried out before.
    pub(super) fn take(&mut self, command: Command) -> Option<Duration> {
        let sequence = command.sequence;
        if sequence <= self.last {
            let known = self.lateness().find(|(done, _)| *done == sequence);
            return Some(known.map_or(Duration::ZERO, |(_, late)| late));
        }
        if self.waiting.len() < WAITING {
            self.waiting.insert(sequence, command);
        }
        None
    }

    /// Whether a STOP waits.
    pub(super) fn has_stop(&self) -> bool {
        let mut waiting = self.waiting.values();
        waiting.any(|command| matches!(command.action, Action::Stop { .. }))
    }

    /// The command whose turn it is; it counts as carried out.
    pub(super) fn next(&mut self) -> Option<Command> {
        let sequence = if self.last > 0 {
            self.last + 1
        } else {
            let begins = |command: &&Command| {
                matches!(command.action, Action::Start(_) | Action::Stop { .. })
            };
            self.waiting.values().find(begins)?.sequence
        };
        let command = self.waiting.remove(&sequence)?;
        self.last = sequence;
        // Those before the first one are not for this attempt.
        self.waiting = self.waiting.split_off(&sequence);
        Some(command)
    }

    /// Notes how late the command was that was carried out last.
    pub(super) fn was_late(&mut self, late: Duration) {
        if self.lateness.len() == RETOLD {
            self.lateness.pop_front();
        }
        self.lateness.push_back((self.last, late));
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_model::{id::RunId, lifecycle::Phase, session::AttemptRef, time::Timestamp};
    use uuid::Uuid;

    use super::*;

    fn command(sequence: i64, action: Action) -> Command {
        Command {
            attempt: AttemptRef {
                run: RunId(Uuid::nil()),
                shard: 0,
                attempt: 1,
            },
            sequence,
            at: Timestamp(0),
            action,
        }
    }

    const START: Action = Action::Start(Phase::Measurement);
    const STOP: Action = Action::Stop { drain_us: 0 };

    /// The commands carried out when these come, in this order.
    fn check(came: &[(i64, Action)], expected: &[i64]) {
        let mut inbox = Inbox::default();
        let mut done = Vec::new();
        for (sequence, action) in came {
            inbox.take(command(*sequence, action.clone()));
            while let Some(command) = inbox.next() {
                inbox.was_late(Duration::from_micros(command.sequence as u64));
                done.push(command.sequence);
            }
        }
        assert_eq!(done, expected, "{came:?}");
        assert_eq!(inbox.last(), done.last().copied().unwrap_or(0));
    }

    #[test]
    fn commands_are_carried_out_in_order_and_once() {
        let pause = Action::Pause;
        check(&[(1, START), (2, pause.clone()), (1, START)], &[1, 2]);
        check(&[(2, pause.clone()), (1, START)], &[1, 2]);
        check(&[(1, START), (3, STOP), (3, STOP), (2, pause)], &[1, 2, 3]);
    }

    #[test]
    fn an_attempt_that_joins_begins_with_the_first_start_that_it_gets() {
        let pause = Action::Pause;
        check(&[(7, START), (8, pause.clone()), (9, STOP)], &[7, 8, 9]);
        check(&[(6, pause.clone()), (8, pause), (7, START)], &[7, 8]);
        check(&[(7, START), (9, START), (8, START)], &[7, 8, 9]);
    }

    #[test]
    fn one_that_never_began_can_be_stopped() {
        check(&[(3, STOP)], &[3]);
        check(&[(2, Action::Pause), (4, STOP), (5, START)], &[4, 5]);
    }

    #[test]
    fn repeats_say_how_late_the_command_was() {
        let mut inbox = Inbox::default();
        for sequence in 1..=20 {
            assert_eq!(inbox.take(command(sequence, START)), None);
            assert!(inbox.next().is_some());
            inbox.was_late(Duration::from_micros(sequence as u64));
        }
        let again = |inbox: &mut Inbox, sequence| inbox.take(command(sequence, START));
        assert_eq!(again(&mut inbox, 20), Some(Duration::from_micros(20)));
        // Nobody asks for one that old, and it was told.
        assert_eq!(again(&mut inbox, 2), Some(Duration::ZERO));
        assert_eq!(inbox.lateness().count(), RETOLD);
    }
}
