//! A store that tells how long each call took and how it ended, for metrics:
//! a decorator, so that no store and no caller knows of it.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use gauntlet_model::{
    errors::ErrorGroup,
    evidence::Piece,
    history::{Resolution, Rollup},
    id::{Name, Project, RunId, WorkerId},
    interval::Interval,
    logs::LogLine,
    pool::ValuePool,
    report::Report,
    run::{Attempt, ControlEvent, PhaseTransition, Run, RunEvent, Worker},
    sample::OperationSample,
    session::AttemptRef,
    target::{Sealed, Target},
    template::Template,
    time::Timestamp,
};

use crate::{
    Advanced, Error, Errors, Evidence, Forgotten, Health, Idempotency, IntervalKey, Intervals,
    LogFilter, Logs, Maintenance, MaintenanceError, NameKey, PageQuery, PasswordChange, Reports,
    Result, RollupKey, Rollups, RunChange, RunCursor, RunFilter, RunKey, RunOrder, RunSummary,
    Runs, SampleFilter, SampleKey, Sampled, Samples, Stores, Targets, Templates, TimeRange,
    ValuePools, WorkerKey, Workers,
};

/// Who is told of the calls. It is told on the caller's task and must not block.
pub trait Witness: Send + Sync {
    /// A call ended; `call` is like `runs.get`, `error` like `conflict`. A call
    /// whose caller went away is not told.
    fn answered(&self, call: &'static str, took: Duration, error: Option<&'static str>);
    /// These runs were active when they were listed.
    fn listed_active(&self, runs: &[Run]);
    /// A change of a run was stored; the run has this revision now.
    fn advanced(&self, change: &RunChange, revision: i64);
    /// Intervals were stored; `new` says for each whether it was not there before.
    fn measured(&self, intervals: &[Interval], new: &[bool]);
}

/// The same stores, with a witness of every call but those of the feed.
#[must_use]
pub fn metered(stores: Stores, witness: &Arc<dyn Witness>) -> Stores {
    macro_rules! each {
        ($($aggregate:ident)*) => {
            Stores {
                $($aggregate: Arc::new(Metered {
                    inner: stores.$aggregate,
                    witness: witness.clone(),
                }),)*
                feed: stores.feed,
            }
        };
    }
    each!(targets templates pools runs intervals rollups errors samples logs reports evidence workers health maintenance)
}

/// One aggregate and its witness.
struct Metered<T: ?Sized> {
    inner: Arc<T>,
    witness: Arc<dyn Witness>,
}

impl<T: ?Sized> Metered<T> {
    fn tell<V, E: Outcome>(
        &self,
        call: &'static str,
        began: Instant,
        answer: &std::result::Result<V, E>,
    ) {
        let error = answer.as_ref().err().map(Outcome::word);
        self.witness.answered(call, began.elapsed(), error);
    }
}

/// An error's word in metrics.
trait Outcome {
    fn word(&self) -> &'static str;
}

impl Outcome for Error {
    fn word(&self) -> &'static str {
        match self {
            Self::AlreadyExists(_) => "already_exists",
            Self::Conflict(_) => "conflict",
            Self::Missing(_) => "missing",
            Self::Full(_) => "full",
            Self::Unavailable(_) => "unavailable",
            Self::Corrupt(_) => "corrupt",
        }
    }
}

impl Outcome for MaintenanceError {
    fn word(&self) -> &'static str {
        match self {
            Self::Unsupported(_) => "unsupported",
            Self::Store(error) => error.word(),
        }
    }
}

/// The methods of a trait, each timed; `let …` runs with the answer of one that succeeded.
macro_rules! metered {
    ($trait:ident, $aggregate:literal; $(
        fn $method:ident($($argument:ident: $type:ty),*) -> $answer:ty
        $(, |$witness:ident, $value:ident| $also:expr)?;
    )*) => {
        #[async_trait]
        impl $trait for Metered<dyn $trait> {
            $(async fn $method(&self, $($argument: $type),*) -> $answer {
                let began = Instant::now();
                let answer = self.inner.$method($($argument),*).await;
                self.tell(concat!($aggregate, ".", stringify!($method)), began, &answer);
                $(if let (Ok($value), $witness) = (&answer, &self.witness) {
                    $also;
                })?
                answer
            })*
        }
    };
}

metered! { Targets, "targets";
    fn insert(target: &Target, password: Option<&Sealed>, idempotency: Option<&Idempotency>) -> Result<Target>;
    fn update(target: &Target, password: PasswordChange) -> Result<Target>;
    fn delete(project: &Project, name: &Name, revision: Option<i64>) -> Result<()>;
    fn get(project: &Project, name: &Name) -> Result<Option<Target>>;
    fn password(project: &Project, name: &Name) -> Result<Option<Sealed>>;
    fn list(project: &Project, page: PageQuery<NameKey>) -> Result<Vec<Target>>;
}

metered! { Templates, "templates";
    fn insert(template: &Template, idempotency: Option<&Idempotency>) -> Result<Template>;
    fn append(template: &Template) -> Result<()>;
    fn delete(project: &Project, name: &Name) -> Result<()>;
    fn get(project: &Project, name: &Name, version: Option<i32>) -> Result<Option<Template>>;
    fn list(project: &Project, page: PageQuery<NameKey>) -> Result<Vec<Template>>;
    fn versions(project: &Project, name: &Name, page: PageQuery<i32>) -> Result<Vec<Template>>;
}

metered! { ValuePools, "pools";
    fn insert(pool: &ValuePool, idempotency: Option<&Idempotency>) -> Result<ValuePool>;
    fn get(project: &Project, name: &Name) -> Result<Option<ValuePool>>;
    fn list(project: &Project, page: PageQuery<NameKey>) -> Result<Vec<ValuePool>>;
    fn delete(project: &Project, name: &Name) -> Result<()>;
}

metered! { Runs, "runs";
    fn insert(run: &Run, event: &RunEvent, idempotency: Option<&Idempotency>) -> Result<Run>;
    fn advance(change: &RunChange) -> Result<Advanced>,
        |witness, done| witness.advanced(change, done.revision);
    fn append_events(run: RunId, events: &[RunEvent]) -> Result<Vec<RunEvent>>;
    fn get(id: RunId) -> Result<Option<Run>>;
    fn list(filter: &RunFilter, order: RunOrder, page: PageQuery<RunCursor>) -> Result<Vec<RunSummary>>;
    fn active() -> Result<Vec<Run>>, |witness, runs| witness.listed_active(runs);
    fn attempts(run: RunId) -> Result<Vec<Attempt>>;
    fn controls(run: RunId, after: i64) -> Result<Vec<ControlEvent>>;
    fn phases(run: RunId) -> Result<Vec<PhaseTransition>>;
    fn events(run: RunId, page: PageQuery<i64>) -> Result<Vec<RunEvent>>;
    fn delete(run: RunId) -> Result<()>;
    fn ended(ended_before: Timestamp, page: PageQuery<RunKey>) -> Result<Vec<(Timestamp, RunId, Project)>>;
    fn prune(ended_before: Timestamp, limit: u32) -> Result<Vec<RunId>>;
}

metered! { Intervals, "intervals";
    fn append(intervals: &[Interval]) -> Result<Vec<bool>>,
        |witness, new| witness.measured(intervals, new);
    fn contiguous(attempt: AttemptRef) -> Result<i64>;
    fn list(run: RunId, ended: TimeRange, page: PageQuery<IntervalKey>) -> Result<Vec<Interval>>;
    fn prune(run: RunId, run_ended_before: Timestamp) -> Result<u64>;
}

metered! { Rollups, "rollups";
    fn put(rollups: &[Rollup]) -> Result<()>;
    fn list(run: RunId, resolution: Resolution, started: TimeRange, operations: &[u32], page: PageQuery<RollupKey>) -> Result<Vec<Rollup>>;
}

metered! { Errors, "errors";
    fn list(run: RunId) -> Result<Vec<ErrorGroup>>;
}

metered! { Samples, "samples";
    fn put(samples: &[OperationSample]) -> Result<()>;
    fn list(run: RunId, filter: SampleFilter, page: PageQuery<SampleKey>) -> Result<Vec<Sampled>>;
}

metered! { Logs, "logs";
    fn append(run: RunId, lines: &[LogLine]) -> Result<Vec<LogLine>>;
    fn list(run: RunId, filter: LogFilter, page: PageQuery<i64>) -> Result<Vec<LogLine>>;
    fn dropped(run: RunId) -> Result<i64>;
}

metered! { Reports, "reports";
    fn put(report: &Report) -> Result<()>;
    fn get(run: RunId) -> Result<Option<Report>>;
}

metered! { Evidence, "evidence";
    fn put(run: RunId, piece: &Piece) -> Result<()>;
    fn get(run: RunId) -> Result<Vec<Piece>>;
    fn activity(run: RunId, page: PageQuery<Timestamp>) -> Result<Vec<Piece>>;
}

metered! { Workers, "workers";
    fn put(worker: &Worker) -> Result<()>;
    fn get(id: WorkerId) -> Result<Option<Worker>>;
    fn list(seen_since: Timestamp, page: PageQuery<WorkerKey>) -> Result<Vec<Worker>>;
}

metered! { Health, "health";
    fn check() -> Result<()>;
}

metered! { Maintenance, "maintenance";
    fn vacuum() -> std::result::Result<(), MaintenanceError>;
    fn backup(path: &Path) -> std::result::Result<(), MaintenanceError>;
    fn forget(now: Timestamp) -> Result<Forgotten>;
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use uuid::Uuid;

    use super::*;
    use crate::memory;

    #[derive(Default)]
    struct Heard(Mutex<Vec<(&'static str, Option<&'static str>)>>);

    impl Witness for Heard {
        fn answered(&self, call: &'static str, _: Duration, error: Option<&'static str>) {
            self.0.lock().unwrap().push((call, error));
        }
        fn listed_active(&self, runs: &[Run]) {
            assert!(runs.is_empty());
            self.answered("listed", Duration::ZERO, None);
        }
        fn advanced(&self, _: &RunChange, _: i64) {}
        fn measured(&self, _: &[Interval], _: &[bool]) {}
    }

    #[tokio::test]
    async fn calls_and_outcomes_are_told_in_words() {
        let heard = Arc::new(Heard::default());
        let witness: Arc<dyn Witness> = heard.clone();
        let stores = metered(memory::stores(), &witness);
        let nobody = RunId(Uuid::from_u128(1));
        assert_eq!(stores.runs.get(nobody).await, Ok(None));
        assert!(stores.runs.delete(nobody).await.is_err());
        assert_eq!(stores.runs.active().await, Ok(vec![]));
        stores.maintenance.vacuum().await.ok();
        let heard = heard.0.lock().unwrap();
        assert_eq!(
            heard[..4],
            [
                ("runs.get", None),
                ("runs.delete", Some("missing")),
                ("runs.active", None),
                ("listed", None)
            ]
        );
        assert_eq!(heard[4].0, "maintenance.vacuum");
    }
}
