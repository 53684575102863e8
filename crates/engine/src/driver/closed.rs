//! The closed loop: a connection begins its next operation when the one before has ended.

use std::time::Duration;

use tokio::sync::watch;

use super::connection::{Connection, Reconnect};
use crate::clock::{self, NEVER, Nanos};
use crate::levels::Turn;
use crate::pacer::Sleeper;
use crate::recorder::{Job, Times};
use crate::target::AsyncTarget;
use crate::work::ClosedWalk;

/// Runs one connection until the stop.
pub(super) async fn run<T: AsyncTarget>(mut connection: Connection<T>, think: Duration) {
    let thread = std::rc::Rc::clone(&connection.thread);
    let mut walk = ClosedWalk::new(&thread.work, &thread.plan, connection.number);
    let mut thinking = match Thinking::new(&connection, think) {
        Ok(thinking) => thinking,
        Err(fault) => return thread.control.fail(fault),
    };
    let mut turn = Turn::new(&thread.control.levels, connection.number);
    // Made before the level is looked at for the first time, so that no change is missed while the connection rests.
    let mut commands = thread.control.commands();
    let mut due = thread.control.clock.now();
    while due < thread.control.stop() {
        if let Some(until) = turn.rests(due) {
            due = rest(&connection, &mut commands, until).await;
            continue;
        }
        let (operation, index) = walk.next(&thread.work);
        match connection.reconnect().await {
            Reconnect::Open => {}
            Reconnect::NotNeeded => break,
            Reconnect::Refused(failure) => {
                // Each try that fails is one operation that failed.
                let end = thread.control.clock.now();
                thread.lane.began();
                thread.lane.recorder.failed(
                    Job {
                        operation,
                        index,
                        key: None,
                    },
                    Times {
                        due,
                        sent: due,
                        end,
                    },
                    failure,
                );
                thread.lane.ended();
                due = end;
                continue;
            }
        }
        let performed = connection.perform(operation, index, due, due).await;
        due = performed.end;
        if !performed.sent && !connection.pause().await {
            break;
        }
        if let Some(thinking) = &mut thinking {
            due = thinking.pause(&connection, due).await;
        }
    }
    connection.close().await;
}

/// Waits until it may be the connection's turn, at `until` or after a command; returns the instant.
async fn rest<T: AsyncTarget>(
    connection: &Connection<T>,
    commands: &mut watch::Receiver<u64>,
    until: Nanos,
) -> Nanos {
    let (control, mut exhausted) = (
        &connection.thread.control,
        connection.thread.exhausted.subscribe(),
    );
    let wait = Duration::from_nanos(until.saturating_sub(control.clock.now()));
    tokio::select! {
        _ = exhausted.wait_for(|exhausted| *exhausted) => {}
        _ = commands.changed() => {}
        () = tokio::time::sleep(wait), if until != NEVER => {}
    }
    control.clock.now()
}

/// The pause between two operations of a connection.
struct Thinking {
    sleeper: Sleeper,
    think: Nanos,
}

impl Thinking {
    /// `None` without think time.
    fn new<T: AsyncTarget>(
        connection: &Connection<T>,
        think: Duration,
    ) -> Result<Option<Self>, String> {
        if think.is_zero() {
            return Ok(None);
        }
        let sleeper = Sleeper::new(connection.thread.control.clock)
            .map_err(|error| format!("no timer for a think time: {error}"))?;
        Ok(Some(Self {
            sleeper,
            think: clock::nanos(think),
        }))
    }

    /// Returns the instant at which the connection is free again, which is when its next operation is due.
    async fn pause<T: AsyncTarget>(&mut self, connection: &Connection<T>, from: Nanos) -> Nanos {
        let mut exhausted = connection.thread.exhausted.subscribe();
        tokio::select! {
            biased;
            _ = exhausted.wait_for(|exhausted| *exhausted) => {}
            () = self.sleeper.until(from.saturating_add(self.think)) => {}
        }
        connection.thread.control.clock.now()
    }
}
