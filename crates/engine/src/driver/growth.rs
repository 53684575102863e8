//! Connections that a higher level adds to a running closed loop: opened in the background, while the others go on.

use std::collections::BTreeSet;
use std::rc::Rc;

use tokio::task::JoinSet;

use super::{Thread, connect, connection_ended, keeper_ended, spawn};
use crate::target::{AsyncTarget, Failure};

/// What one thread has opened beyond the plan.
pub(super) struct Growth<T: AsyncTarget> {
    thread: Rc<Thread<T>>,
    /// Number within the shard of the next connection of this thread that was never asked for.
    next: u32,
    opening: JoinSet<(Asked, Result<T::Session, Failure>)>,
    /// Refused; tried again when the level changes.
    missing: BTreeSet<u32>,
    /// The version of the levels that was seen last.
    version: u64,
}

/// A connection that is being opened.
#[derive(Clone, Copy)]
struct Asked {
    /// Its number within the shard.
    connection: u32,
    /// It was refused before.
    again: bool,
}

/// Runs the connections of a closed loop, and those that are added, until the stop.
pub(super) async fn run<T: AsyncTarget>(
    mut growth: Growth<T>,
    mut connections: JoinSet<()>,
    mut keepers: JoinSet<()>,
) -> Result<(), String> {
    let mut commands = growth.thread.control.commands();
    let mut exhausted = growth.thread.exhausted.subscribe();
    let mut open = true;
    while open || !connections.is_empty() {
        growth.ask();
        tokio::select! {
            Some(ended) = connections.join_next() => connection_ended(ended)?,
            Some(ended) = keepers.join_next() => keeper_ended(ended)?,
            Some(opened) = growth.opening.join_next(), if open => {
                let (asked, result) = opened
                    .map_err(|error| format!("the target's driver panicked while connecting: {error}"))?;
                growth.opened(asked, result, &mut connections);
            }
            _ = commands.changed(), if open => {}
            // What is still being opened is dropped with this.
            _ = exhausted.wait_for(|exhausted| *exhausted), if open => open = false,
        }
    }
    Ok(())
}

impl<T: AsyncTarget> Growth<T> {
    /// `next` is the first connection beyond the plan that belongs to the thread.
    pub(super) fn new(thread: Rc<Thread<T>>, next: u32) -> Self {
        Self {
            thread,
            next,
            opening: JoinSet::new(),
            missing: BTreeSet::new(),
            version: 0,
        }
    }

    /// Begins to open what the levels ask for now or later, if they have changed.
    fn ask(&mut self) {
        let control = &self.thread.control;
        let version = control.levels.version();
        if version == self.version {
            return;
        }
        self.version = version;
        let most = control.levels.most_connections(control.clock.now());
        let above = self.missing.split_off(&most);
        for connection in std::mem::replace(&mut self.missing, above) {
            let again = true;
            self.open(Asked { connection, again });
        }
        while self.next < most {
            self.open(Asked {
                connection: self.next,
                again: false,
            });
            self.next += self.thread.threads as u32;
        }
    }

    fn open(&mut self, asked: Asked) {
        let thread = Rc::clone(&self.thread);
        self.opening.spawn_local(async move {
            let number = thread.plan.number(asked.connection);
            (asked, connect(&*thread.target, number).await)
        });
    }

    fn opened(
        &mut self,
        Asked { connection, again }: Asked,
        result: Result<T::Session, Failure>,
        connections: &mut JoinSet<()>,
    ) {
        let control = &self.thread.control;
        match result {
            Ok(session) => {
                control.extra_opened(again);
                spawn(connections, &self.thread, connection, session);
            }
            Err(failure) => {
                self.missing.insert(connection);
                control.extra_refused(self.thread.plan.number(connection), failure, again);
            }
        }
    }
}
