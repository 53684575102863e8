//! Connections that a higher level adds to a running closed loop: the overseer gives each a thread, while the others go on.

use std::sync::Arc;

use super::station::Seat;
use super::{Shared, connection, sit_down};
use crate::plan::Load;
use crate::target::{BlockingTarget, ErrorClass, Failure};

/// What the overseer has asked for beyond the plan.
#[derive(Debug)]
pub(super) struct Growth {
    /// Number within the shard of the next connection that was never asked for.
    next: u32,
    /// The version of the levels that was seen last.
    version: u64,
}

impl Growth {
    pub(super) fn new(load: &Load) -> Self {
        Self {
            next: load.connections(),
            version: 0,
        }
    }

    /// Begins to open what the levels ask for now or later, if they have changed. Only for the overseer, which runs.
    pub(super) fn ask<T: BlockingTarget>(&mut self, shared: &Arc<Shared<T>>) {
        let control = &shared.control;
        let version = control.levels.version();
        if version == self.version || matches!(shared.plan.load, Load::Open { .. }) {
            return;
        }
        self.version = version;
        let most = control.levels.most_connections(control.clock.now());
        let mut missing = shared.missing();
        let above = missing.split_off(&most);
        let again = std::mem::replace(&mut *missing, above);
        drop(missing);
        for connection in again {
            open(shared, connection, true);
        }
        while self.next < most {
            open(shared, self.next, false);
            self.next += 1;
        }
    }
}

fn open<T: BlockingTarget>(shared: &Arc<Shared<T>>, connection: u32, again: bool) {
    let seat = Seat::new(shared, connection, shared.control.add_thread());
    let started = sit_down(seat, move |seat| connection::run_extra(&seat, again));
    if let Err(error) = started {
        let failure = Failure {
            class: ErrorClass::Connection,
            code: "NO_THREAD".to_owned(),
            message: error.to_string(),
        };
        shared.extra_refused(connection, failure, again);
    }
}

impl<T> Shared<T> {
    pub(super) fn extra_refused(&self, connection: u32, failure: Failure, again: bool) {
        self.missing().insert(connection);
        let number = self.plan.number(connection);
        self.control.extra_refused(number, failure, again);
    }
}
