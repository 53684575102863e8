//! The store as one control plane sees it: slow, away for a while, or gone
//! with the process. What is behind it stays.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use gauntlet_model::{
    errors::ErrorGroup,
    history::{Resolution, Rollup},
    id::{RunId, WorkerId},
    interval::Interval,
    logs::LogLine,
    report::Report,
    run::{Attempt, ControlEvent, PhaseTransition, Run, RunEvent, Worker},
    sample::OperationSample,
    session::AttemptRef,
    time::Timestamp,
};
use gauntlet_store::{
    Advanced, Error, Errors, Idempotency, IntervalKey, Intervals, LogFilter, Logs, PageQuery,
    Reports, Result, RollupKey, Rollups, RunChange, RunCursor, RunFilter, RunKey, RunOrder,
    RunSummary, Runs, SampleFilter, SampleKey, Sampled, Samples, Stores, TimeRange, WorkerKey,
    Workers,
};
use tokio::time::Instant;

use crate::{chance::Chance, watcher::Watcher};

/// How the store behaves.
#[derive(Clone)]
pub struct Behaviour {
    chance: Arc<Mutex<Chance>>,
    /// Until when it does not answer.
    away_until: Arc<Mutex<Option<Instant>>>,
    /// The control plane that uses it has ended: no call of its ever returns.
    dead: Arc<AtomicBool>,
}

impl Behaviour {
    /// One that answers.
    #[must_use]
    pub fn new(chance: Chance) -> Self {
        Self {
            chance: Arc::new(Mutex::new(chance)),
            away_until: Arc::default(),
            dead: Arc::default(),
        }
    }

    /// For the next control plane: the same store, alive again.
    #[must_use]
    pub fn reborn(&self) -> Self {
        Self {
            dead: Arc::default(),
            ..self.clone()
        }
    }

    /// It is away for so long.
    pub fn away_for(&self, length: Duration) {
        let mut until = lock(&self.away_until);
        *until = Some(Instant::now() + length);
    }

    /// What `kill -9` does to calls under way, and to all that come.
    pub fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    async fn admit(&self) -> Result<()> {
        let delay = lock(&self.chance).between(0, 3_000);
        // A long one now and then.
        let delay = if delay == 0 { 200_000 } else { delay };
        tokio::time::sleep(Duration::from_micros(delay)).await; // allow-sleep: on the paused clock
        self.alive().await;
        let away = *lock(&self.away_until);
        if away.is_some_and(|until| Instant::now() < until) {
            return Err(Error::Unavailable("the store is away".to_owned()));
        }
        Ok(())
    }

    /// Whether the call's answer still finds its caller.
    async fn alive(&self) {
        if self.dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The stores as a control plane sees them; every change is shown to a watcher.
#[must_use]
pub fn seen_through(stores: &Stores, behaviour: &Behaviour, watcher: &Arc<Watcher>) -> Stores {
    macro_rules! each {
        ($($aggregate:ident)*) => {
            Stores {
                $($aggregate: Arc::new(Seen {
                    inner: stores.$aggregate.clone(),
                    behaviour: behaviour.clone(),
                    watcher: watcher.clone(),
                }),)*
                ..stores.clone()
            }
        };
    }
    each!(runs intervals rollups errors samples logs reports workers)
}

struct Seen<T: ?Sized> {
    inner: Arc<T>,
    behaviour: Behaviour,
    watcher: Arc<Watcher>,
}

/// The methods of a trait, each behind the behaviour. `also` sees a call that
/// was stored, whether or not its caller lives to hear of it.
macro_rules! seen {
    ($trait:ident; $(
        fn $method:ident($($argument:ident: $type:ty),*) -> $answer:ty
        $(, |$watcher:ident, $value:ident| $also:expr)?;
    )*) => {
        #[async_trait]
        impl $trait for Seen<dyn $trait> {
            $(async fn $method(&self, $($argument: $type),*) -> $answer {
                self.behaviour.admit().await?;
                let answer = self.inner.$method($($argument),*).await;
                $(if let (Ok($value), $watcher) = (&answer, &self.watcher) {
                    $also;
                })?
                self.behaviour.alive().await;
                answer
            })*
        }
    };
}

seen! { Runs;
    fn insert(run: &Run, event: &RunEvent, idempotency: Option<&Idempotency>) -> Result<Run>;
    fn advance(change: &RunChange) -> Result<Advanced>,
        |watcher, done| watcher.advanced(change, done);
    fn append_events(run: RunId, events: &[RunEvent]) -> Result<Vec<RunEvent>>,
        |watcher, events| watcher.events(&run, events);
    fn get(id: RunId) -> Result<Option<Run>>;
    fn list(filter: &RunFilter, order: RunOrder, page: PageQuery<RunCursor>) -> Result<Vec<RunSummary>>;
    fn active() -> Result<Vec<Run>>;
    fn attempts(run: RunId) -> Result<Vec<Attempt>>;
    fn controls(run: RunId, after: i64) -> Result<Vec<ControlEvent>>;
    fn phases(run: RunId) -> Result<Vec<PhaseTransition>>;
    fn events(run: RunId, page: PageQuery<i64>) -> Result<Vec<RunEvent>>;
    fn delete(run: RunId) -> Result<()>;
    fn ended(ended_before: Timestamp, page: PageQuery<RunKey>) -> Result<Vec<(Timestamp, RunId, gauntlet_model::id::Project)>>;
    fn prune(ended_before: Timestamp, limit: u32) -> Result<Vec<RunId>>;
}

seen! { Intervals;
    fn append(intervals: &[Interval]) -> Result<Vec<bool>>,
        |watcher, new| watcher.measured(intervals, new);
    fn contiguous(attempt: AttemptRef) -> Result<i64>;
    fn list(run: RunId, ended: TimeRange, page: PageQuery<IntervalKey>) -> Result<Vec<Interval>>;
    fn prune(run: RunId, run_ended_before: Timestamp) -> Result<u64>;
}

seen! { Rollups;
    fn put(rollups: &[Rollup]) -> Result<()>;
    fn list(run: RunId, resolution: Resolution, started: TimeRange, operations: &[u32], page: PageQuery<RollupKey>) -> Result<Vec<Rollup>>;
}

seen! { Errors;
    fn list(run: RunId) -> Result<Vec<ErrorGroup>>;
}

seen! { Samples;
    fn put(samples: &[OperationSample]) -> Result<()>;
    fn list(run: RunId, filter: SampleFilter, page: PageQuery<SampleKey>) -> Result<Vec<Sampled>>;
}

seen! { Logs;
    fn append(run: RunId, lines: &[LogLine]) -> Result<Vec<LogLine>>;
    fn list(run: RunId, filter: LogFilter, page: PageQuery<i64>) -> Result<Vec<LogLine>>;
    fn dropped(run: RunId) -> Result<i64>;
}

seen! { Reports;
    fn put(report: &Report) -> Result<()>;
    fn get(run: RunId) -> Result<Option<Report>>;
}

seen! { Workers;
    fn put(worker: &Worker) -> Result<()>;
    fn get(id: WorkerId) -> Result<Option<Worker>>;
    fn list(seen_since: Timestamp, page: PageQuery<WorkerKey>) -> Result<Vec<Worker>>;
}
