//! One connection's thread: the whole loop.

use std::time::Duration;

use super::Next;
use super::station::{Cut, InFlight, Seat};
use crate::clock::{self, NEVER, Nanos};
use crate::connection::Backoff;
use crate::levels::Turn;
use crate::plan::Load;
use crate::recorder::{Job, Times};
use crate::schedule::Arrival;
use crate::target::{BlockingSession, BlockingTarget, ErrorClass, Failure};
use crate::work::{ClosedWalk, Parameters};

/// Opens a connection of the plan, waits for the start and runs the load until the stop.
pub(super) fn run<T: BlockingTarget>(seat: &Seat<T>) {
    let control = &seat.shared.control;
    control.register_sleeper();
    match seat.shared.target.connect(seat.number()) {
        Ok(session) => {
            control.connection_opened();
            serve(seat, session);
        }
        Err(failure) => control.connection_refused(seat.number(), failure),
    }
}

/// The same for a connection beyond the plan, without which the load goes on. `again` says that it was refused before.
pub(super) fn run_extra<T: BlockingTarget>(seat: &Seat<T>, again: bool) {
    let shared = &seat.shared;
    shared.control.register_sleeper();
    match shared.target.connect(seat.number()) {
        Ok(session) => {
            shared.control.extra_opened(again);
            serve(seat, session);
        }
        Err(failure) => shared.extra_refused(seat.connection, failure, again),
    }
}

fn serve<T: BlockingTarget>(seat: &Seat<T>, session: T::Session) {
    let mut connection = Connection {
        seat,
        session: None,
        parameters: Parameters::new(&seat.shared.plan, seat.connection),
        backoff: Backoff::default(),
    };
    connection.adopt(session);
    if !connection.wait_for_start() {
        return;
    }
    match seat.shared.plan.load {
        Load::Closed { think, .. } => connection.run_closed(clock::nanos(think)),
        Load::Open { .. } => connection.run_open(),
    }
}

struct Connection<'a, T: BlockingTarget> {
    seat: &'a Seat<T>,
    session: Option<T::Session>,
    parameters: Parameters,
    backoff: Backoff,
}

/// What the caller of [`Connection::perform`] must know.
#[derive(Debug, Clone, Copy)]
enum Performed {
    /// It ended at this instant.
    Ended(Nanos),
    /// It failed before the target was asked.
    NotSent(Nanos),
    /// The overseer has given up this thread, so it must not record anything more.
    Abandoned,
}

/// How a try to get a session ended.
enum Reconnect {
    Open,
    Refused(Failure),
    NotNeeded,
}

impl<T: BlockingTarget> Connection<'_, T> {
    fn now(&self) -> Nanos {
        self.seat.shared.control.clock.now()
    }

    /// False if the load is stopped before.
    fn wait_for_start(&self) -> bool {
        let control = &self.seat.shared.control;
        loop {
            let (now, start, stop) = (self.now(), control.started(), control.stop());
            // Also when this thread wakes after the stop: what was due in between is counted.
            if start <= now && start < stop {
                return true;
            }
            if stop <= now {
                return false;
            }
            control.park_until(start.min(stop));
        }
    }

    fn run_closed(&mut self, think: Nanos) {
        let (shared, lane) = (&self.seat.shared, &*self.seat.lane);
        let mut walk = ClosedWalk::new(&shared.work, &shared.plan, self.seat.connection);
        let mut turn = Turn::new(&shared.control.levels, self.seat.connection);
        let mut due = self.now();
        while due < shared.control.stop() {
            if let Some(until) = turn.rests(due) {
                // A command ends the wait too.
                shared.control.park_until(until.min(shared.control.stop()));
                due = self.now();
                continue;
            }
            let (operation, index) = walk.next(&shared.work);
            match self.reconnect() {
                Reconnect::Open => {}
                Reconnect::NotNeeded => return,
                Reconnect::Refused(failure) => {
                    // Each try that fails is one operation that failed.
                    let end = self.now();
                    lane.began();
                    lane.recorder.failed(
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
                    lane.ended();
                    due = end;
                    continue;
                }
            }
            due = match self.perform(operation, index, due, due) {
                Performed::Ended(end) => end,
                Performed::NotSent(end) => {
                    self.pause();
                    end.max(self.now())
                }
                Performed::Abandoned => return,
            };
            if think > 0 {
                self.sleep_until(due.saturating_add(think));
                due = self.now();
            }
        }
    }

    fn run_open(&mut self) {
        let (shared, lane) = (&self.seat.shared, &*self.seat.lane);
        loop {
            match self.reconnect() {
                Reconnect::Open => {}
                // What is due meanwhile goes on waiting, and will count as late.
                Reconnect::Refused(_) => continue,
                Reconnect::NotNeeded => return,
            }
            let Some(arrival) = self.next_arrival() else {
                return;
            };
            let sent = self.now();
            let operation = shared.work.operation(arrival.index);
            if sent >= shared.control.cut() {
                lane.recorder.cut(operation, arrival.due);
                continue;
            }
            if let Performed::Abandoned = self.perform(operation, arrival.index, arrival.due, sent)
            {
                return;
            }
        }
    }

    /// The next arrival, when it is due; `None` if none is left before the stop.
    fn next_arrival(&self) -> Option<Arrival> {
        let (shared, control) = (&self.seat.shared, &self.seat.shared.control);
        loop {
            match shared.next_arrival(self.now(), &self.seat.lane) {
                Next::Arrival(arrival) => return self.wait_until_due(arrival),
                // A command ends the wait too.
                Next::NoneYet => control.park_until(control.stop()),
                Next::NoneLeft => return None,
            }
        }
    }

    /// The arrival, when it is due by the level of that time; `None` if the load is stopped before: it is not an arrival
    /// of this run then.
    fn wait_until_due(&self, mut arrival: Arrival) -> Option<Arrival> {
        let control = &self.seat.shared.control;
        let mut version = control.levels.version();
        loop {
            let stop = control.stop();
            if arrival.due >= stop {
                // A change may still bring it forward.
                if stop <= self.now() {
                    return None;
                }
            } else if arrival.due <= self.now() {
                return Some(arrival);
            }
            control.park_until(arrival.due.min(stop));
            if control.levels.version() != version {
                version = control.levels.version();
                arrival.due = self.seat.shared.due(arrival);
            }
        }
    }

    /// Sleeps until the instant or the stop.
    fn sleep_until(&self, at: Nanos) {
        let control = &self.seat.shared.control;
        loop {
            let (now, until) = (self.now(), at.min(control.stop()));
            if now >= until {
                return;
            }
            control.park_until(until);
        }
    }

    /// Waits as long as the failures so far ask for, at most until nothing is left to be done.
    fn pause(&mut self) {
        let shared = &self.seat.shared;
        let until = self.now().saturating_add(clock::nanos(self.backoff.next()));
        while self.now() < until && shared.has_work(self.now()) {
            let (stop, cut) = (shared.control.stop(), shared.control.cut());
            let wake = [until, stop, cut]
                .into_iter()
                .filter(|instant| *instant > self.now())
                .fold(NEVER, Nanos::min);
            // At least once per step of the overseer, which may have emptied the backlog.
            shared
                .control
                .park_until(wake.min(self.now() + clock::nanos(Duration::from_millis(50))));
        }
    }

    /// Makes one try to open a session if there is none, after the pause that the tries before ask for.
    fn reconnect(&mut self) -> Reconnect {
        if self.session.is_some() {
            return Reconnect::Open;
        }
        self.pause();
        if !self.seat.shared.has_work(self.now()) {
            return Reconnect::NotNeeded;
        }
        match self.seat.shared.target.connect(self.seat.number()) {
            Ok(session) => {
                self.adopt(session);
                self.seat.lane.session_reopened();
                Reconnect::Open
            }
            Err(failure) => Reconnect::Refused(failure),
        }
    }

    fn adopt(&mut self, session: T::Session) {
        self.seat.station.set_interrupt(session.interrupt());
        self.session = Some(session);
    }

    fn give_up_session(&mut self) {
        self.seat.station.set_interrupt(None);
        self.session = None;
    }

    /// Performs one operation on the open session and records what became of it.
    fn perform(&mut self, operation: usize, index: u64, due: Nanos, sent: Nanos) -> Performed {
        let (shared, lane, station) = (&self.seat.shared, &*self.seat.lane, &*self.seat.station);
        let session = self
            .session
            .as_mut()
            .expect("the caller has made sure of a session");
        lane.began();
        let parameters = match self.parameters.fill(&shared.work, operation, index) {
            Ok(parameters) => parameters,
            Err(failure) => {
                lane.recorder.failed(
                    Job {
                        operation,
                        index,
                        key: None,
                    },
                    Times {
                        due,
                        sent,
                        end: sent,
                    },
                    failure,
                );
                lane.ended();
                return Performed::NotSent(sent);
            }
        };
        shared.control.note_operation(sent);
        station.begin(InFlight {
            operation,
            due,
            sent,
        });
        let result = session.execute(operation, parameters);
        let end = shared.control.clock.now();
        let cut = station.end();
        let times = Times { due, sent, end };
        let job = Job {
            operation,
            index,
            key: Some(self.parameters.last_key()),
        };
        match (result, cut) {
            (_, Some(Cut::Abandoned)) => return Performed::Abandoned,
            // It was faster than the interrupt.
            (Ok(done), _) => {
                lane.recorder.succeeded(job, times, done.rows);
                self.backoff.reset();
            }
            (Err(_), Some(Cut::Drain)) => lane.recorder.cut(operation, due),
            (Err(failure), cut) => {
                let failure = if cut == Some(Cut::Timeout) {
                    timed_out(&failure)
                } else {
                    failure
                };
                lane.recorder.failed(job, times, failure);
                if session.is_broken() {
                    lane.session_lost();
                    self.give_up_session();
                }
            }
        }
        lane.ended();
        Performed::Ended(end)
    }
}

/// The target only knows that it was interrupted; we know why.
fn timed_out(failure: &Failure) -> Failure {
    Failure {
        class: ErrorClass::Timeout,
        code: "OPERATION_TIMEOUT".to_owned(),
        message: format!(
            "interrupted after the operation timeout: {}",
            failure.message
        ),
    }
}
