//! The blocking driver: one thread per connection runs the whole loop, so that nothing is handed over per operation.
//!
//! One more thread, the overseer, ends what takes too long and keeps the books of an open loop's backlog while all
//! connections are busy.

mod connection;
mod overseer;
mod station;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Builder;

use crate::clock::{NEVER, Nanos};
use crate::collector::{self, Outbox};
use crate::control::{Control, Lane, ThreadWitness};
use crate::handle::Handle;
use crate::pacer;
use crate::plan::{Load, Plan, PlanError};
use crate::schedule::{Arrival, ArrivalQueue, Arrivals, Lot};
use crate::target::BlockingTarget;
use crate::work::Work;
use station::{Seat, Station};

/// Opens the plan's connections, each on a thread of its own, and waits for the start.
pub fn start_blocking<T: BlockingTarget>(plan: Plan, target: T) -> Result<Handle, PlanError> {
    plan.validate()?;
    let connections = plan.load.connections() as usize;
    let work = Work::new(&plan);
    let open = matches!(plan.load, Load::Open { .. });
    // The overseer is a thread with a lane of its own.
    let control = Arc::new(Control::new(
        connections + 1,
        connections + 1,
        work.operations(),
        open,
    ));
    let outbox = Arc::new(Outbox::default());
    // From here on the handle aborts what was started if a thread cannot be.
    let handle = Handle::new(
        Arc::clone(&control),
        Arc::clone(&outbox),
        plan.load.connections(),
    );
    let witness = || ThreadWitness(Arc::clone(&control));
    let overseer = witness();
    let stations = (0..connections).map(|_| Station::new(witness())).collect();
    let shared = Arc::new(Shared {
        plan,
        work,
        target,
        control: Arc::clone(&control),
        stations,
        queue: OnceLock::new(),
    });
    // Dropped unless all threads are there: a seat whose thread was not started gives its witness back.
    let seats: Vec<Seat<T>> = (0..connections)
        .map(|connection| Seat::new(Arc::clone(&shared), connection))
        .collect();
    collector::spawn(control, outbox, shared.plan.snapshot_every)?;
    spawn("load-overseer".to_owned(), move || {
        overseer::run(&shared, overseer);
    })?;
    for seat in seats {
        spawn(format!("load-{}", seat.connection), move || {
            pacer::precise_waits();
            connection::run(&seat);
        })?;
    }
    Ok(handle)
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
    stations: Vec<Station>,
    /// Arrivals of an open loop, for whichever connection is free. Made when the load starts, as its origin is the start.
    queue: OnceLock<Mutex<OpenQueue>>,
}

struct OpenQueue {
    arrivals: ArrivalQueue,
    /// Cut: no arrival will be handed out any more.
    closed: bool,
}

impl<T> Shared<T> {
    /// The arrivals of an open loop; `None` in a closed one, and before the start.
    fn queue(&self) -> Option<MutexGuard<'_, OpenQueue>> {
        let Load::Open {
            rate_per_s,
            max_backlog,
            ..
        } = self.plan.load
        else {
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
            };
            let arrivals = ArrivalQueue::new(Arrivals::new(started, rate_per_s), lot, max_backlog);
            Mutex::new(OpenQueue {
                arrivals,
                closed: false,
            })
        });
        Some(queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Moves what is due into the backlog; what does not fit is counted as dropped on the lane.
    fn advance(&self, queue: &mut OpenQueue, now: Nanos, lane: &Lane) {
        let dropped = |arrival: Arrival| {
            lane.recorder
                .dropped(self.work.operation(arrival.index), arrival.due);
        };
        queue.arrivals.advance(now, self.control.stop(), dropped);
    }

    /// The next arrival for a connection that is free: the oldest that waits, else the next one that will be due; `None`
    /// if there will be none before the stop.
    fn next_arrival(&self, now: Nanos, lane: &Lane) -> Option<Arrival> {
        let mut queue = self.queue()?;
        if queue.closed {
            return None;
        }
        self.advance(&mut queue, now, lane);
        queue
            .arrivals
            .pop()
            .or_else(|| queue.arrivals.take_next(self.control.stop()))
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
