//! The asynchronous driver: a few threads, each with a runtime of its own and its connections pinned to it.
//!
//! Nothing on the way of an operation is shared between threads. Beside the connections each thread runs a pacer (open
//! loop), which releases arrivals when they are due, and an overseer, which ends what takes too long.

mod closed;
mod connection;
mod growth;
mod open;
mod overseer;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::clock::{NEVER, Nanos};
use crate::collector::{self, Outbox};
use crate::connection::{CLOSE_WITHIN, CONNECT_WITHIN};
use crate::control::{Control, Lane, ThreadWitness};
use crate::handle::Handle;
use crate::pacer::Sleeper;
use crate::plan::{Load, Plan, PlanError};
use crate::target::{AsyncSession, AsyncTarget, ErrorClass, Failure};
use crate::work::Work;
use growth::Growth;

/// Opens the plan's connections and waits for the start. Needs no runtime around it.
pub fn start_async<T: AsyncTarget>(plan: Plan, target: T) -> Result<Handle, PlanError> {
    plan.validate()?;
    let connections = plan.load.connections();
    let threads = match plan.load {
        // A higher level may bring connections for all of them.
        Load::Closed { .. } => plan.threads,
        Load::Open { .. } => plan.threads.min(connections as usize),
    };
    let work = Arc::new(Work::new(&plan));
    let control = Arc::new(Control::new(&plan, threads));
    let outbox = Arc::new(Outbox::default());
    // From here on the handle aborts what was started if a thread cannot be.
    let handle = Handle::new(Arc::clone(&control), Arc::clone(&outbox), connections);
    collector::spawn(Arc::clone(&control), outbox, plan.snapshot_every)?;
    let (plan, target) = (Arc::new(plan), Arc::new(target));
    // All witnesses exist before the first thread does, so threads that cannot be started count as ended.
    let witnesses: Vec<ThreadWitness> = (0..threads)
        .map(|_| ThreadWitness(Arc::clone(&control)))
        .collect();
    for (thread, witness) in witnesses.into_iter().enumerate() {
        let seat = Seat {
            thread,
            threads,
            plan: Arc::clone(&plan),
            work: Arc::clone(&work),
            target: Arc::clone(&target),
            control: Arc::clone(&control),
        };
        std::thread::Builder::new()
            .name(format!("load-{thread}"))
            .spawn(move || {
                let _witness = witness;
                seat.run();
            })
            .map_err(|error| PlanError::Thread {
                reason: error.to_string(),
            })?;
    }
    Ok(handle)
}

/// A load thread before the start.
struct Seat<T> {
    thread: usize,
    threads: usize,
    plan: Arc<Plan>,
    work: Arc<Work>,
    target: Arc<T>,
    control: Arc<Control>,
}

impl<T: AsyncTarget> Seat<T> {
    fn run(self) {
        let runtime = match Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build_local(LocalOptions::default())
        {
            Ok(runtime) => runtime,
            Err(error) => {
                return self
                    .control
                    .fail(format!("no runtime for a load thread: {error}"));
            }
        };
        let control = Arc::clone(&self.control);
        if let Err(fault) = runtime.block_on(self.live()) {
            control.fail(fault);
        }
    }

    async fn live(self) -> Result<(), String> {
        let mut sleeper = Sleeper::new(self.control.clock)
            .map_err(|error| format!("no timer for a load thread: {error}"))?;
        let sessions = self.connect_all().await?;
        if let Some(origin) = wait_for_start(&self.control, &mut sleeper).await {
            return self.run_load(origin, sessions, sleeper).await;
        }
        let mut closing = JoinSet::new();
        for (_, session) in sessions {
            closing.spawn_local(tokio::time::timeout(CLOSE_WITHIN, session.close()));
        }
        closing.join_all().await;
        Ok(())
    }

    /// The shard's connections that belong to this thread.
    fn connections(&self) -> impl Iterator<Item = u32> {
        (0..self.plan.load.connections())
            .skip(self.thread)
            .step_by(self.threads)
    }

    /// Opens all connections at once; those that are open by then, if one was refused or the load was aborted.
    async fn connect_all(&self) -> Result<Vec<(u32, T::Session)>, String> {
        let mut opening = JoinSet::new();
        for connection in self.connections() {
            let number = self.plan.number(connection);
            let target = Arc::clone(&self.target);
            opening.spawn_local(async move { (connection, connect(&*target, number).await) });
        }
        let mut commands = self.control.commands();
        let mut sessions = Vec::new();
        while self.control.clock.now() < self.control.cut() {
            tokio::select! {
                opened = opening.join_next() => match opened {
                    None => break,
                    Some(Ok((connection, Ok(session)))) => {
                        sessions.push((connection, session));
                        self.control.connection_opened();
                    }
                    Some(Ok((connection, Err(failure)))) => {
                        self.control.connection_refused(self.plan.number(connection), failure);
                    }
                    Some(Err(error)) => return Err(format!("the target's driver panicked while connecting: {error}")),
                },
                _ = commands.changed() => {}
            }
        }
        sessions.sort_by_key(|(connection, _)| *connection);
        Ok(sessions)
    }

    async fn run_load(
        self,
        origin: Nanos,
        sessions: Vec<(u32, T::Session)>,
        sleeper: Sleeper,
    ) -> Result<(), String> {
        let (load, next) = (self.plan.load, self.first_extra());
        let thread = Rc::new(Thread::new(self, origin));
        let mut connections = JoinSet::new();
        for (connection, session) in sessions {
            spawn(&mut connections, &thread, connection, session);
        }
        let mut keepers = JoinSet::new();
        keepers.spawn_local(overseer::run(Rc::clone(&thread)));
        match load {
            Load::Open { .. } => {
                keepers.spawn_local(open::pace(Rc::clone(&thread), sleeper));
                join_all(connections, keepers).await
            }
            Load::Closed { .. } => {
                growth::run(Growth::new(thread, next), connections, keepers).await
            }
        }
    }

    /// The first connection beyond the plan that belongs to this thread.
    fn first_extra(&self) -> u32 {
        let planned = self.plan.load.connections();
        let mut connection = planned;
        while connection as usize % self.threads != self.thread {
            connection += 1;
        }
        connection
    }
}

/// Runs a connection as the load asks for.
fn spawn<T: AsyncTarget>(
    connections: &mut JoinSet<()>,
    thread: &Rc<Thread<T>>,
    number: u32,
    session: T::Session,
) {
    let slot = thread.add_slot();
    let connection = connection::Connection::new(Rc::clone(thread), slot, number, session);
    match thread.plan.load {
        Load::Closed { think, .. } => connections.spawn_local(closed::run(connection, think)),
        Load::Open { .. } => connections.spawn_local(open::run(connection)),
    };
}

/// Waits until all connections have ended.
async fn join_all(mut connections: JoinSet<()>, mut keepers: JoinSet<()>) -> Result<(), String> {
    loop {
        tokio::select! {
            ended = connections.join_next() => match ended {
                None => return Ok(()),
                Some(ended) => connection_ended(ended)?,
            },
            Some(ended) = keepers.join_next() => keeper_ended(ended)?,
        }
    }
}

fn connection_ended(ended: Result<(), JoinError>) -> Result<(), String> {
    ended.map_err(|error| format!("a connection's task panicked: {error}"))
}

fn keeper_ended(ended: Result<(), JoinError>) -> Result<(), String> {
    ended.map_err(|error| format!("a load thread's task panicked: {error}"))
}

/// Opens a connection within its deadline.
async fn connect<T: AsyncTarget>(target: &T, number: u32) -> Result<T::Session, Failure> {
    tokio::time::timeout(CONNECT_WITHIN, target.connect(number))
        .await
        .unwrap_or_else(|_| {
            Err(Failure {
                class: ErrorClass::Connection,
                code: "CONNECT_TIMEOUT".to_owned(),
                message: format!(
                    "the target did not accept a connection within {} s",
                    CONNECT_WITHIN.as_secs()
                ),
            })
        })
}

/// The origin of the schedule, when it has come; `None` if the load is stopped before.
async fn wait_for_start(control: &Control, sleeper: &mut Sleeper) -> Option<Nanos> {
    let mut commands = control.commands();
    loop {
        let (now, start, stop) = (control.clock.now(), control.started(), control.stop());
        // Also when this thread wakes after the stop: what was due in between is counted.
        if start <= now && start < stop {
            return Some(start);
        }
        if stop <= now {
            return None;
        }
        tokio::select! {
            () = sleeper.until(start.min(stop)) => {}
            _ = commands.changed() => {}
        }
    }
}

/// Why the overseer ends an operation.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// It took longer than the operation timeout.
    Timeout,
    /// The drain is over.
    Drain,
}

/// One connection's place on its thread, seen by the pacer and the overseer.
#[derive(Debug)]
struct Slot {
    /// When the operation in flight was sent, or [`NEVER`].
    sent: Cell<Nanos>,
    cut: Cell<Option<Cut>>,
    assigned: Cell<Option<crate::schedule::Arrival>>,
    waker: RefCell<Option<Waker>>,
}

impl Slot {
    /// The task that is polled with this waker wants to know when something changes.
    #[inline]
    fn listen(&self, waker: &Waker) {
        let mut own = self.waker.borrow_mut();
        if own.as_ref().is_none_or(|own| !own.will_wake(waker)) {
            *own = Some(waker.clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// A load thread after the start.
struct Thread<T> {
    plan: Arc<Plan>,
    work: Arc<Work>,
    target: Arc<T>,
    control: Arc<Control>,
    lane: Arc<Lane>,
    /// Load threads of the shard.
    threads: usize,
    slots: RefCell<Vec<Rc<Slot>>>,
    /// Arrivals of an open loop; absent in a closed one.
    open: Option<RefCell<open::OpenState>>,
    /// True when no work will come any more: whoever waits may leave.
    exhausted: watch::Sender<bool>,
}

impl<T> Thread<T> {
    fn new(seat: Seat<T>, origin: Nanos) -> Self {
        let place = (seat.thread, seat.threads);
        let open = open::OpenState::new(&seat.plan, &seat.control.levels, origin, place);
        Self {
            plan: seat.plan,
            work: seat.work,
            target: seat.target,
            lane: seat.control.lane(seat.thread),
            threads: seat.threads,
            control: seat.control,
            slots: RefCell::default(),
            open: open.map(RefCell::new),
            exhausted: watch::Sender::new(false),
        }
    }

    fn add_slot(&self) -> Rc<Slot> {
        let slot = Rc::new(Slot {
            sent: Cell::new(NEVER),
            cut: Cell::new(None),
            assigned: Cell::new(None),
            waker: RefCell::new(None),
        });
        self.slots.borrow_mut().push(Rc::clone(&slot));
        slot
    }

    /// Tells everyone who waits for work that none will come.
    fn exhaust(&self) {
        self.exhausted.send_replace(true);
        for slot in self.slots.borrow().iter() {
            slot.wake();
        }
    }
}
