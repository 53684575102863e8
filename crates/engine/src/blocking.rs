//! The blocking driver: one thread per connection runs the whole loop, so that nothing is handed over per operation.
//!
//! One more thread, the overseer, ends what takes too long and keeps the books of an open loop's backlog while all
//! connections are busy.

mod connection;
mod growth;
mod overseer;
mod station;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Builder;

use crate::clock::{NEVER, Nanos};
use crate::collector::{self, Outbox};
use crate::control::{Control, Lane, ThreadWitness};
use crate::handle::Handle;
use crate::pacer;
use crate::plan::{Load, Plan, PlanError};
use crate::schedule::{Arrival, ArrivalQueue, Lot, Schedule};
use crate::target::BlockingTarget;
use crate::work::Work;
use station::{Seat, Station};

/// Opens the plan's connections, each on a thread of its own, and waits for the start.
pub fn start_blocking<T: BlockingTarget>(plan: Plan, target: T) -> Result<Handle, PlanError> {
    plan.validate()?;
    let connections = plan.load.connections();
    let work = Work::new(&plan);
    // The overseer is a thread with a lane of its own, the last one.
    let control = Arc::new(Control::new(&plan, connections as usize + 1));
    let outbox = Arc::new(Outbox::default());
    // From here on the handle aborts what was started if a thread cannot be.
    let handle = Handle::new(Arc::clone(&control), Arc::clone(&outbox), connections);
    let overseer = ThreadWitness(Arc::clone(&control));
    let shared = Arc::new(Shared {
        plan,
        work,
        target,
        control: Arc::clone(&control),
        stations: Mutex::default(),
        missing: Mutex::default(),
        queue: OnceLock::new(),
    });
    // Dropped unless all threads are there: a seat whose thread was not started gives its witness back.
    let seats: Vec<Seat<T>> = (0..connections)
        .map(|connection| Seat::new(&shared, connection, control.lane(connection as usize)))
        .collect();
    collector::spawn(control, outbox, shared.plan.snapshot_every)?;
    spawn("load-overseer".to_owned(), move || {
        overseer::run(&shared, overseer);
    })?;
    for seat in seats {
        sit_down(seat, |seat| connection::run(&seat))?;
    }
    Ok(handle)
}

/// Starts a connection's thread.
fn sit_down<T: BlockingTarget>(
    seat: Seat<T>,
    run: impl FnOnce(Seat<T>) + Send + 'static,
) -> Result<(), PlanError> {
    spawn(format!("load-{}", seat.connection), move || {
        pacer::precise_waits();
        run(seat);
    })
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<(), PlanError> {
    Builder::new()
        .name(name)
        .spawn(run)
        .map(drop)
        .map_err(|error| PlanError::Thread {
            reason: error.to_string(),
        })
}

/// What the threads of a blocking load share.
struct Shared<T> {
    plan: Plan,
    work: Work,
    target: T,
    control: Arc<Control>,
    /// One per connection that was ever opened or is being opened.
    stations: Mutex<Vec<Arc<Station>>>,
    /// Connections beyond the plan that were refused; tried again when the level changes.
    missing: Mutex<BTreeSet<u32>>,
    /// Arrivals of an open loop, for whichever connection is free. Made when the load starts, as its origin is the start.
    queue: OnceLock<Mutex<OpenQueue>>,
}

struct OpenQueue {
    arrivals: ArrivalQueue,
    /// Cut: no arrival will be handed out any more.
    closed: bool,
}

/// What there is for a connection that is free.
enum Next {
    /// This one, due now or later.
    Arrival(Arrival),
    /// Nothing before the stop, unless the level changes: the load may be paused.
    NoneYet,
    /// Nothing any more.
    NoneLeft,
}

impl<T> Shared<T> {
    /// The arrivals of an open loop; `None` in a closed one, and before the start.
    fn queue(&self) -> Option<MutexGuard<'_, OpenQueue>> {
        let Load::Open { max_backlog, .. } = self.plan.load else {
            return None;
        };
        let started = self.control.started();
        if started == NEVER {
            return None;
        }
        let share = self.plan.share;
        let queue = self.queue.get_or_init(|| {
            // One queue serves all connections.
            let lot = Lot {
                shard: u64::from(share.shard),
                shards: u64::from(share.shards),
                connections: 1,
                thread: 0,
                threads: 1,
                first_index: share.first_index,
            };
            let schedule = Schedule::new(started, &self.control.levels);
            Mutex::new(OpenQueue {
                arrivals: ArrivalQueue::new(schedule, lot, max_backlog),
                closed: false,
            })
        });
        Some(queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn stations(&self) -> MutexGuard<'_, Vec<Arc<Station>>> {
        self.stations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn missing(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what is due into the backlog; what does not fit is counted as dropped on the lane.
    fn advance(&self, queue: &mut OpenQueue, now: Nanos, lane: &Lane) {
        let dropped = |arrival: Arrival| {
            lane.recorder
                .dropped(self.work.operation(arrival.index), arrival.due);
        };
        queue.arrivals.advance(now, self.control.stop(), dropped);
    }

    /// The next arrival for a connection that is free: the oldest that waits, else the next one that will be due.
    fn next_arrival(&self, now: Nanos, lane: &Lane) -> Next {
        let Some(mut queue) = self.queue().filter(|queue| !queue.closed) else {
            return Next::NoneLeft;
        };
        self.advance(&mut queue, now, lane);
        let stop = self.control.stop();
        let arrival = queue.arrivals.pop();
        match arrival.or_else(|| queue.arrivals.take_next(stop)) {
            Some(arrival) => Next::Arrival(arrival),
            None if now < stop => Next::NoneYet,
            None => Next::NoneLeft,
        }
    }

    /// When an arrival is due by what is asked for now. One that was due already stays so.
    fn due(&self, arrival: Arrival) -> Nanos {
        self.queue()
            .map_or(arrival.due, |mut queue| queue.arrivals.due(arrival.index))
    }

    /// Whether a connection could still get something to do.
    fn has_work(&self, now: Nanos) -> bool {
        if now < self.control.stop() {
            return true;
        }
        now < self.control.cut()
            && self
                .queue()
                .is_some_and(|queue| !queue.closed && queue.arrivals.backlog() > 0)
    }
}
