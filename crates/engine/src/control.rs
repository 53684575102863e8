//! What the threads of one engine share: commands inward, counters and faults outward.
//!
//! Commands are a few atomic instants that the load threads compare with the time they have at hand anyway. Whoever
//! sleeps is woken by `poke`.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock::{self, Clock, NEVER, Nanos};
use crate::handle::SetupError;
use crate::levels::{Levels, Mark};
use crate::plan::{Load, Plan};
use crate::recorder::Recorder;
use crate::target::Failure;
use crate::timeline::{Epoch, Timeline};

/// How far the setup has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    pub(crate) opened: u32,
    pub(crate) error: Option<SetupError>,
}

/// One writer's recorder and gauges. Only its own thread writes the gauges, so it needs no read-modify-write.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) recorder: Recorder,
    in_flight: AtomicU32,
    backlog: AtomicU64,
    operations: AtomicU64,
    lost: AtomicU64,
    reopened: AtomicU64,
}

impl Lane {
    fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            in_flight: AtomicU32::new(0),
            backlog: AtomicU64::new(0),
            operations: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
        }
    }

    /// A session was given up.
    pub(crate) fn session_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// A session was opened in the place of one that was given up.
    pub(crate) fn session_reopened(&self) {
        self.reopened.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn began(&self) {
        self.in_flight.store(
            self.in_flight.load(Ordering::Relaxed) + 1,
            Ordering::Relaxed,
        );
    }

    #[inline]
    pub(crate) fn ended(&self) {
        self.in_flight.store(
            self.in_flight.load(Ordering::Relaxed).saturating_sub(1),
            Ordering::Relaxed,
        );
        self.operations.store(
            self.operations.load(Ordering::Relaxed) + 1,
            Ordering::Relaxed,
        );
    }

    #[inline]
    pub(crate) fn set_backlog(&self, backlog: u64) {
        self.backlog.store(backlog, Ordering::Relaxed);
    }
}

/// What a lane's recorder must know.
#[derive(Debug)]
struct Recorders {
    clock: Clock,
    timeline: Arc<Timeline>,
    operations: usize,
    open: bool,
    seed: u64,
}

impl Recorders {
    fn new(plan: &Plan) -> Self {
        Self {
            clock: Clock::starting_now(),
            timeline: Arc::default(),
            operations: plan.operations.len(),
            open: matches!(plan.load, Load::Open { .. }),
            // Shards of one run draw other operations.
            seed: plan.seed ^ (u64::from(plan.share.shard) << 32),
        }
    }

    fn lane(&self, number: usize) -> Lane {
        Lane::new(Recorder::new(
            Arc::clone(&self.timeline),
            self.clock,
            self.operations,
            self.open,
            self.seed.wrapping_add(number as u64),
        ))
    }
}

/// The sums of all lanes' gauges.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gauges {
    pub(crate) in_flight: u32,
    pub(crate) backlog: u64,
    pub(crate) operations: u64,
    pub(crate) lost: u64,
    pub(crate) reopened: u64,
}

/// Connections beyond the plan, which a higher level asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    pub(crate) opened: u32,
    /// Asked for, refused, and not opened since.
    pub(crate) missing: u32,
    /// Why the last one that was refused was refused.
    pub(crate) refusal: Option<SetupError>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) clock: Clock,
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) levels: Arc<Levels>,
    lanes: Mutex<Vec<Arc<Lane>>>,
    recorders: Recorders,
    started: AtomicU64,
    stop: AtomicU64,
    cut: AtomicU64,
    first_operation: AtomicU64,
    /// An interval ends at this instant.
    split: AtomicU64,
    commands: watch::Sender<u64>,
    sleepers: Mutex<Vec<Thread>>,
    setup: watch::Sender<Setup>,
    extra: Mutex<Extra>,
    running: AtomicUsize,
    fault: Mutex<Option<String>>,
}

impl Control {
    /// For a load whose `running` threads each write to a lane.
    pub(crate) fn new(plan: &Plan, running: usize) -> Self {
        let recorders = Recorders::new(plan);
        let lanes = (0..running).map(|number| Arc::new(recorders.lane(number)));
        Self {
            lanes: Mutex::new(lanes.collect()),
            clock: recorders.clock,
            timeline: Arc::clone(&recorders.timeline),
            levels: Arc::new(Levels::new(&plan.load)),
            recorders,
            started: AtomicU64::new(NEVER),
            stop: AtomicU64::new(NEVER),
            cut: AtomicU64::new(NEVER),
            first_operation: AtomicU64::new(NEVER),
            split: AtomicU64::new(NEVER),
            commands: watch::Sender::new(0),
            sleepers: Mutex::new(Vec::new()),
            setup: watch::Sender::new(Setup::default()),
            extra: Mutex::new(Extra::default()),
            running: AtomicUsize::new(running),
            fault: Mutex::new(None),
        }
    }

    /// The lane of a thread.
    pub(crate) fn lane(&self, thread: usize) -> Arc<Lane> {
        Arc::clone(&self.lock_lanes()[thread])
    }

    /// All lanes that there are now.
    pub(crate) fn lanes(&self) -> Vec<Arc<Lane>> {
        self.lock_lanes().clone()
    }

    fn lock_lanes(&self) -> MutexGuard<'_, Vec<Arc<Lane>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane for one more thread, which counts as running from now on. Only a thread that runs itself may ask for it.
    pub(crate) fn add_thread(&self) -> Arc<Lane> {
        let mut lanes = self.lock_lanes();
        let lane = Arc::new(self.recorders.lane(lanes.len()));
        lanes.push(Arc::clone(&lane));
        drop(lanes);
        self.running.fetch_add(1, Ordering::AcqRel);
        lane
    }

    /// The start instant, or [`NEVER`] while there is none.
    pub(crate) fn started(&self) -> Nanos {
        self.started.load(Ordering::Acquire)
    }

    /// Nothing that is due at this instant or later is begun.
    #[inline]
    pub(crate) fn stop(&self) -> Nanos {
        self.stop.load(Ordering::Acquire)
    }

    /// What is in flight at this instant is cut.
    #[inline]
    pub(crate) fn cut(&self) -> Nanos {
        self.cut.load(Ordering::Acquire)
    }

    /// A start in the past is a start now, so that the load does not begin with a burst; returns how late it was.
    /// Only the first start counts.
    pub(crate) fn command_start(&self, at: Instant, epoch: Epoch) -> Duration {
        let (from, lateness) = self.not_in_the_past(at);
        if self.started.load(Ordering::Acquire) != NEVER {
            return Duration::ZERO;
        }
        self.timeline.enter(from, epoch);
        // A second caller that lost this race finds the same epoch entered twice, which changes nothing.
        let _ = self
            .started
            .compare_exchange(NEVER, from, Ordering::AcqRel, Ordering::Acquire);
        self.poke();
        lateness
    }

    /// An epoch cannot begin in the past: what was due then is already counted. Returns how late the call was.
    pub(crate) fn command_enter(&self, at: Instant, epoch: Epoch) -> Duration {
        let (from, lateness) = self.not_in_the_past(at);
        self.timeline.enter(from, epoch);
        lateness
    }

    /// The earliest stop and the earliest cut win.
    pub(crate) fn command_stop(&self, at: Instant, drain: Duration) {
        let (at, _) = self.not_in_the_past(at);
        self.cut
            .fetch_min(at.saturating_add(clock::nanos(drain)), Ordering::AcqRel);
        self.stop.fetch_min(at, Ordering::AcqRel);
        self.poke();
    }

    /// A level cannot change in the past either. Returns how late the call was.
    pub(crate) fn command_level(&self, at: Instant, change: impl Fn(&mut Mark)) -> Duration {
        let (from, lateness) = self.not_in_the_past(at);
        self.levels.change(from, change);
        self.poke();
        lateness
    }

    /// What waits at this instant is dropped. It cannot be in the past: what was due since is not to be dropped. Returns
    /// how late the call was.
    pub(crate) fn command_clear(&self, at: Instant) -> Duration {
        let (from, lateness) = self.not_in_the_past(at);
        self.levels.change(from, |mark| mark.set_cleared(from));
        self.poke();
        lateness
    }

    /// An interval ends at this instant; only the last call counts.
    pub(crate) fn command_split(&self, at: Instant) {
        self.split.store(self.clock.nanos(at), Ordering::Release);
        self.poke();
    }

    /// The instant at which an interval was asked to end, or [`NEVER`].
    pub(crate) fn split(&self) -> Nanos {
        self.split.load(Ordering::Acquire)
    }

    fn not_in_the_past(&self, at: Instant) -> (Nanos, Duration) {
        let now = Instant::now();
        (
            self.clock.nanos(at.max(now)),
            now.saturating_duration_since(at),
        )
    }

    /// Wakes everyone who sleeps, to look at the commands again.
    fn poke(&self) {
        self.commands.send_modify(|generation| *generation += 1);
        for sleeper in self
            .sleepers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            sleeper.unpark();
        }
    }

    /// Changes with each command.
    pub(crate) fn commands(&self) -> watch::Receiver<u64> {
        self.commands.subscribe()
    }

    /// Registers the calling thread to be unparked with each command.
    pub(crate) fn register_sleeper(&self) {
        self.sleepers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(std::thread::current());
    }

    /// Parks the calling thread until an instant or a command, whichever comes first; may also return for no reason.
    pub(crate) fn park_until(&self, at: Nanos) {
        let now = self.clock.now();
        if at == NEVER {
            std::thread::park();
        } else if at > now {
            std::thread::park_timeout(Duration::from_nanos(at - now));
        }
    }

    pub(crate) fn note_operation(&self, sent: Nanos) {
        if sent < self.first_operation.load(Ordering::Relaxed) {
            self.first_operation.fetch_min(sent, Ordering::Relaxed);
        }
    }

    pub(crate) fn first_operation(&self) -> Option<Instant> {
        let first = self.first_operation.load(Ordering::Relaxed);
        (first != NEVER).then(|| self.clock.instant(first))
    }

    pub(crate) fn setup(&self) -> watch::Receiver<Setup> {
        self.setup.subscribe()
    }

    pub(crate) fn connection_opened(&self) {
        self.setup.send_modify(|setup| setup.opened += 1);
    }

    pub(crate) fn extra(&self) -> Extra {
        self.lock_extra().clone()
    }

    fn lock_extra(&self) -> MutexGuard<'_, Extra> {
        self.extra.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection beyond the plan is open; `again` says that it was refused before.
    pub(crate) fn extra_opened(&self, again: bool) {
        let mut extra = self.lock_extra();
        extra.opened += 1;
        extra.missing -= u32::from(again);
    }

    /// A connection beyond the plan was refused: the load goes on with what is open. `again` says that it was refused
    /// before.
    pub(crate) fn extra_refused(&self, connection: u32, failure: Failure, again: bool) {
        let mut extra = self.lock_extra();
        extra.missing += u32::from(!again);
        extra.refusal = Some(SetupError::Connection {
            connection,
            failure,
        });
    }

    pub(crate) fn connection_refused(&self, connection: u32, failure: Failure) {
        self.setup_failed(SetupError::Connection {
            connection,
            failure,
        });
    }

    /// The first error is kept, and everything that was opened is closed again.
    pub(crate) fn setup_failed(&self, error: SetupError) {
        self.setup.send_modify(|setup| {
            setup.error.get_or_insert(error);
        });
        self.abort();
    }

    pub(crate) fn abort(&self) {
        self.command_stop(Instant::now(), Duration::ZERO);
    }

    /// A load thread has ended. With the last one the collector makes the last snapshot.
    pub(crate) fn thread_ended(&self) {
        self.running.fetch_sub(1, Ordering::AcqRel);
        self.setup_failed_unless_open();
        self.poke();
    }

    fn setup_failed_unless_open(&self) {
        // Whoever waits for `ready` must not wait for a thread that is gone.
        self.setup.send_modify(|setup| {
            setup.error.get_or_insert(SetupError::Stopped);
        });
    }

    pub(crate) fn all_ended(&self) -> bool {
        self.running() == 0
    }

    /// Load threads that have not ended.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// Something broke that is no failure of the target: the load ends and says why.
    pub(crate) fn fail(&self, fault: String) {
        tracing::error!(%fault, "the load ends");
        self.setup_failed(SetupError::Fault {
            fault: fault.clone(),
        });
        self.fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(fault);
    }

    pub(crate) fn fault(&self) -> Option<String> {
        self.fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn gauges(&self) -> Gauges {
        self.lock_lanes()
            .iter()
            .fold(Gauges::default(), |sum, lane| Gauges {
                in_flight: sum.in_flight + lane.in_flight.load(Ordering::Relaxed),
                backlog: sum.backlog + lane.backlog.load(Ordering::Relaxed),
                operations: sum.operations + lane.operations.load(Ordering::Relaxed),
                lost: sum.lost + lane.lost.load(Ordering::Relaxed),
                reopened: sum.reopened + lane.reopened.load(Ordering::Relaxed),
            })
    }
}

/// Reports the end of a load thread, also when it panics.
pub(crate) struct ThreadWitness(pub(crate) Arc<Control>);

impl Drop for ThreadWitness {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("a load thread panicked".to_owned());
        }
        self.0.thread_ended();
    }
}
