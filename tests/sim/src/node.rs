//! A worker process: the real session, a simulated load generator, and a
//! stream to the control plane that can be cut.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gauntlet_engine::{Epoch, Outcome, Snapshot};
use gauntlet_model::{
    id::WorkerId,
    session::{Assign, AttemptRef, ControlMessage, WorkerEvent},
    time::Timestamp,
};
use gauntlet_worker::sim::{self, Do, Event, Heard, Identity, Session, Steer, Usage};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    chance::Chance,
    clock::WorkerClock,
    link::{self, Link},
    load::{Load, Second},
    pipe::Travel,
    target::Target,
    world::Plane,
};

/// How long a node waits before it connects again.
const AGAIN: Duration = Duration::from_millis(300);
/// A node may deal with so many things at one instant.
const MOST_SPINS: u32 = 20_000;

/// What a node is told from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Until when no stream can be opened; those that are open are cut when it changes.
    pub cut_until: Option<Instant>,
    /// How much longer its messages take.
    pub slower: Duration,
    /// It is to leave.
    pub leave: bool,
}

/// What a node does that must not outlive its run.
#[derive(Clone, Debug, Default)]
pub struct Loads(Arc<Mutex<BTreeMap<(u32, AttemptRef), bool>>>);

impl Loads {
    fn set(&self, node: u32, attempt: AttemptRef, under_load: bool) {
        let mut loads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loads.insert((node, attempt), under_load);
    }

    /// What a killed node did ends with it.
    pub fn forget(&self, node: u32) {
        let mut loads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loads.retain(|(other, _), _| *other != node);
    }

    /// The attempts that still send operations.
    #[must_use]
    pub fn under_load(&self) -> Vec<AttemptRef> {
        let loads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let running = loads.iter().filter(|(_, under_load)| **under_load);
        running.map(|((_, attempt), _)| *attempt).collect()
    }
}

/// What a node is made of.
pub struct Node {
    pub number: u32,
    pub capacity: u32,
    pub clock: WorkerClock,
    pub target: Target,
    pub loads: Loads,
    pub plane: watch::Receiver<Plane>,
    pub orders: watch::Receiver<Orders>,
    pub travel: Travel,
    pub chance: Chance,
}

struct Running {
    node: Node,
    session: Session,
    loads: BTreeMap<AttemptRef, Load>,
    /// Shards whose connections are being opened, and until when.
    preparing: BTreeMap<AttemptRef, (Instant, Box<Assign>)>,
    link: Option<Link>,
    /// When to connect again.
    dial: Instant,
    sampled: Timestamp,
    /// How often it woke at the same instant.
    spins: (Instant, u32),
}

/// A node's life, until it has nothing left to do.
pub async fn live(node: Node) {
    let identity = Identity {
        worker: WorkerId(uuid::Uuid::from_u128(1_000 + u128::from(node.number))),
        name: format!("w{}", node.number),
        capacity: node.capacity,
        labels: BTreeMap::new(),
        processors: 2,
    };
    let sampled = node.clock.now();
    let mut running = Running {
        session: Session::new(identity),
        loads: BTreeMap::new(),
        preparing: BTreeMap::new(),
        link: None,
        dial: Instant::now(),
        spins: (Instant::now(), 0),
        sampled,
        node,
    };
    while !running.step().await {}
    // The process has ended, and its load with it.
    running.node.loads.forget(running.node.number);
}

/// What wakes a node.
enum Wake {
    Message(Option<(u64, ControlMessage)>),
    Orders,
    Plane,
    Time,
}

impl Running {
    /// Waits for the next thing and deals with it; true when it is over.
    async fn step(&mut self) -> bool {
        self.connect();
        let due = self.next_instant();
        self.look_for_spin();
        let wake = tokio::select! {
            biased;
            changed = self.node.plane.changed() => match changed {
                Ok(()) => Wake::Plane,
                Err(_) => return true,
            },
            changed = self.node.orders.changed() => match changed {
                Ok(()) => Wake::Orders,
                Err(_) => return true,
            },
            message = receive(&mut self.link) => Wake::Message(message),
            () = sleep_until(due) => Wake::Time,
        };
        let over = match wake {
            Wake::Message(Some((generation, message))) => {
                self.on(Event::Control(generation, message))
            }
            Wake::Message(None) | Wake::Plane => self.disconnected(),
            Wake::Orders => self.ordered(),
            Wake::Time => false,
        };
        over || self.passed()
    }

    /// A worker that wakes again and again for the same thing would take a
    /// processor for itself.
    fn look_for_spin(&mut self) {
        let now = Instant::now();
        let (at, count) = self.spins;
        self.spins = if at == now { (at, count + 1) } else { (now, 0) };
        assert!(
            count < MOST_SPINS,
            "worker {} spins: {:?}, the session wakes at {:?}, it is {:?}",
            self.node.number,
            self.loads.values().map(Load::next).collect::<Vec<_>>(),
            self.session.wake_at(),
            self.node.clock.now()
        );
    }

    fn ordered(&mut self) -> bool {
        let orders = self.node.orders.borrow().clone();
        self.node.travel.slower = orders.slower;
        if orders.leave && self.on(Event::Leave) {
            return true;
        }
        let cut = orders.cut_until.is_some_and(|until| Instant::now() < until);
        cut && self.disconnected()
    }

    /// The next instant at which something is to be done.
    fn next_instant(&self) -> Instant {
        let clock = self.node.clock;
        let loads = self.loads.values().filter_map(Load::next).min();
        let session = self.session.wake_at();
        let sample = self.sampled + Duration::from_secs(1);
        let own = [loads, session, Some(sample)].into_iter().flatten().min();
        let mut next = own.map_or(self.dial, |at| clock.instant(at));
        for (ready, _) in self.preparing.values() {
            next = next.min(*ready);
        }
        if self.link.is_none() {
            next = next.min(self.may_dial());
        }
        // A timer has the resolution of a millisecond: one that is due is past.
        next + Duration::from_micros(1)
    }

    fn may_dial(&self) -> Instant {
        let cut = self.node.orders.borrow().cut_until;
        cut.map_or(self.dial, |until| until.max(self.dial))
    }

    fn connect(&mut self) {
        if self.link.is_some() || Instant::now() < self.may_dial() {
            return;
        }
        let plane = self.node.plane.borrow().clone();
        let Some(orchestrator) = plane.orchestrator else {
            self.dial = Instant::now() + AGAIN;
            return;
        };
        let WorkerEvent::Hello(hello) = self.session.hello() else {
            unreachable!("a session begins with Hello");
        };
        let travel = self.node.travel.clone();
        let chance = self.node.chance.part();
        self.link = Some(link::open(orchestrator, hello, travel, chance));
        self.on(Event::Connected);
    }

    fn disconnected(&mut self) -> bool {
        if self.link.take().is_none() {
            return false;
        }
        self.dial = Instant::now() + AGAIN;
        self.on(Event::Disconnected)
    }

    /// Time has gone by.
    fn passed(&mut self) -> bool {
        let now = self.node.clock.now();
        let instant = Instant::now();
        let ready: Vec<AttemptRef> = self
            .preparing
            .iter()
            .filter(|(_, (at, _))| *at <= instant)
            .map(|(attempt, _)| *attempt)
            .collect();
        for attempt in ready {
            let Some((_, assign)) = self.preparing.remove(&attempt) else {
                continue;
            };
            self.loads.insert(attempt, Load::new(&assign));
            let prepared = Heard::Prepared {
                target_version: "simulated".to_owned(),
                replay: sim::replay(&assign),
            };
            if self.on(Event::Engine(attempt, prepared)) {
                return true;
            }
        }
        let attempts: Vec<AttemptRef> = self.loads.keys().copied().collect();
        for attempt in attempts {
            if self.measure(attempt, now) {
                return true;
            }
        }
        if now.since(self.sampled) >= Duration::from_secs(1) {
            let since = std::mem::replace(&mut self.sampled, now);
            let usage = Usage {
                cpu: 0.1,
                memory_bytes: 1 << 20,
            };
            let event = Event::Used {
                usage,
                since,
                in_flight: 0,
                backlog: 0,
            };
            if self.on(event) {
                return true;
            }
        }
        self.on(Event::Tick)
    }

    fn measure(&mut self, attempt: AttemptRef, now: Timestamp) -> bool {
        let Some(load) = self.loads.get_mut(&attempt) else {
            return false;
        };
        let seconds = load.advance(now, &self.node.target);
        let first_operation = load.first_operation;
        for second in seconds {
            let last = second.last;
            let (start, end) = (second.start, second.end);
            let measured = Heard::Measured {
                snapshot: Box::new(self.snapshot(&second)),
                start,
                end,
                first_operation,
            };
            if self.on(Event::Engine(attempt, measured)) {
                return true;
            }
            if last {
                self.node.loads.set(self.node.number, attempt, false);
                self.loads.remove(&attempt);
                let ended = Heard::Ended { first_operation };
                return self.on(Event::Engine(attempt, ended));
            }
        }
        false
    }

    fn snapshot(&self, second: &Second) -> Snapshot {
        let clock = self.node.clock;
        let instant = |at| clock.instant(at).into_std();
        let empty = Snapshot::simulated(instant(second.start), instant(second.end));
        second
            .operations
            .iter()
            .fold(empty, |snapshot, (epoch, measured)| {
                snapshot.with(Epoch(*epoch), 0, Outcome::Ok, *measured)
            })
    }

    /// Folds an event and does what must be done; true when that was the last.
    fn on(&mut self, event: Event) -> bool {
        let now = self.node.clock.now();
        for what in self.session.on(event, now) {
            match what {
                Do::Send(event) => {
                    let sent = self.link.as_ref().is_some_and(|link| link.send(event));
                    if !sent && self.disconnected() {
                        return true;
                    }
                }
                Do::Disconnect(_) => {
                    self.link = None;
                    self.dial = Instant::now() + AGAIN;
                }
                Do::Prepare(assign) => {
                    let takes = Duration::from_millis(self.node.chance.between(20, 900));
                    let ready = Instant::now() + takes;
                    self.preparing.insert(assign.attempt, (ready, assign));
                }
                Do::Forget(attempt) => self.forget(attempt),
                Do::Quit | Do::GiveUp(_) => return true,
                Do::Steer(attempt, what) => self.steer(attempt, what, now),
            }
        }
        false
    }

    fn forget(&mut self, attempt: AttemptRef) {
        self.preparing.remove(&attempt);
        self.loads.remove(&attempt);
        self.node.loads.set(self.node.number, attempt, false);
    }

    fn steer(&mut self, attempt: AttemptRef, what: Steer, now: Timestamp) {
        let Some(load) = self.loads.get_mut(&attempt) else {
            return;
        };
        match what {
            Steer::Start { at, epoch } => {
                load.start(at, epoch, now);
                self.node.loads.set(self.node.number, attempt, true);
            }
            Steer::Enter { at, epoch } => load.enter(at, epoch, now),
            // The simulated target executes at once: nothing waits.
            Steer::ClearBacklog { .. } => {}
            Steer::SetRate { at, milli_per_s } => load.set_rate(at, milli_per_s, now),
            Steer::SetConnections { at, connections } => {
                load.set_connections(at, connections, now);
            }
            Steer::EndInterval { at } => load.end_interval(at, now),
            Steer::Pause { at } => load.set_paused(at, true, now),
            Steer::Resume { at } => load.set_paused(at, false, now),
            Steer::Stop { at, .. } => load.stop(at, now),
            Steer::Abort => load.stop(now, now),
        }
    }
}

/// The next message of the control plane; never, while there is no stream.
async fn receive(link: &mut Option<Link>) -> Option<(u64, ControlMessage)> {
    match link {
        Some(link) => link.receive().await,
        None => std::future::pending().await,
    }
}
