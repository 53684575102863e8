//! Reads what a run's target says of it in its own statistics: at three
//! instants, and once a second while the run is under load. It never holds the
//! run up: everything happens in tasks of its own, each with a deadline, and
//! what could not be had is told in the report.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use gauntlet_model::{
    evidence::{Evidence, Found, Piece, Place},
    id::RunId,
    lifecycle::Stage,
    run::Run,
    time::Timestamp,
};
use gauntlet_store::Stores;
use tokio::sync::watch;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{login::login, orchestrator::Services};

mod waits;

/// How long a snapshot may take, its login included.
const SNAPSHOT: Duration = Duration::from_secs(6);
/// A snapshot that could not be taken is tried again so long after its instant;
/// later it would say something of another one.
const LATE: Duration = Duration::from_secs(3);
/// Between two tries, at the target or at the store.
const AGAIN: Duration = Duration::from_millis(500);
/// A target may count the last of the load up to a second later; a run that is
/// over sooner has closed its sessions, which makes the target count.
const SETTLE: Duration = Duration::from_secs(1);
/// How long a piece may wait for a store that is away.
const STORE: Duration = Duration::from_mins(1);
/// How long a report waits for the pieces that are under way.
const FINISH: Duration = Duration::from_secs(8);
/// A look at the sessions that is older says nothing of now.
const FRESH: Duration = Duration::from_secs(3);

/// What a run's evidence says; `None` when the gathering never began.
pub(crate) async fn evidence(
    stores: &Stores,
    run: RunId,
) -> Result<Option<Evidence>, gauntlet_store::Error> {
    let pieces = stores.evidence.get(run).await?;
    Ok(Evidence::of(&pieces, true))
}

/// Gathers for one run; dropping it ends the gathering where it is, and another
/// one goes on from there.
pub(crate) struct Gatherer {
    inner: Arc<Inner>,
    /// The pieces that are taken care of.
    begun: BTreeSet<Place>,
    /// Since when the run is measured; `None` before, and of no use after.
    measured_since: watch::Sender<Option<Timestamp>>,
    /// The load is over.
    over: CancellationToken,
    /// The workers have let go of the target.
    left: CancellationToken,
    tasks: TaskTracker,
    _end: DropGuard,
}

/// What the tasks share.
struct Inner {
    services: Services,
    run: Run,
    /// When the sessions were looked at last, and the share that queued.
    queue: watch::Sender<Option<(Timestamp, f64)>>,
    /// The gatherer is gone.
    gone: CancellationToken,
}

impl Gatherer {
    /// For a run in any stage. Nothing happens before [`Self::on_stage`].
    pub(crate) fn new(services: &Services, run: &Run) -> Self {
        let gone = CancellationToken::new();
        let inner = Inner {
            services: services.clone(),
            run: run.clone(),
            queue: watch::Sender::new(None),
            gone: gone.clone(),
        };
        Self {
            inner: Arc::new(inner),
            begun: BTreeSet::new(),
            measured_since: watch::Sender::new(None),
            over: CancellationToken::new(),
            left: CancellationToken::new(),
            tasks: TaskTracker::new(),
            _end: gone.drop_guard(),
        }
    }

    /// The run is in this stage: begins what belongs to it. Doing so again
    /// changes nothing.
    pub(crate) fn on_stage(&mut self, stage: &Stage) {
        match stage {
            Stage::Prepared | Stage::Waiting { .. } | Stage::Starting { .. } => {}
            Stage::Warmup { since, .. } => {
                self.take(Place::BeforeWarmup, *since, None);
                self.sample();
            }
            Stage::Measurement { since, .. } => {
                self.measured_since.send_replace(Some(*since));
                // Without a warmup the load begins with the measurement, and this is before it.
                let has_warmup = !self.inner.run.spec.phases.warmup.is_zero();
                self.take(Place::AfterWarmup, *since, has_warmup.then_some(Wait::Due));
                self.sample();
            }
            Stage::Cooldown { measured, .. } => {
                self.over.cancel();
                if let Some(window) = measured {
                    let settled = Wait::Settled(self.left.clone());
                    self.take(Place::AfterMeasurement, window.to, Some(settled));
                }
            }
            Stage::Processing { measured, .. } => {
                self.over.cancel();
                self.left.cancel();
                if let Some(window) = measured {
                    self.take(Place::AfterMeasurement, window.to, None);
                }
            }
            Stage::Done { .. } => {
                self.over.cancel();
                self.left.cancel();
            }
        }
    }

    /// Sessions that queue at the target, as a share of the run's sessions;
    /// `None` when that is not known, or not of the last seconds.
    pub(crate) fn queue_ratio(&self) -> Option<f64> {
        let (at, ratio) = (*self.inner.queue.borrow())?;
        let age = self.inner.services.clock.now().since(at);
        (age < FRESH).then_some(ratio)
    }

    /// Waits until everything that is under way is stored, for some seconds at
    /// most. To be awaited before the report is made, in a task of its own.
    pub(crate) fn finished(&self) -> impl Future<Output = ()> + Send + use<> {
        self.tasks.close();
        let tasks = self.tasks.clone();
        async move {
            // What is not there by then is missing in the report, which says so.
            tokio::time::timeout(FINISH, tasks.wait()).await.ok();
        }
    }

    fn take(&mut self, place: Place, instant: Timestamp, wait: Option<Wait>) {
        if !self.begun.insert(place) {
            return;
        }
        let (inner, gone) = (self.inner.clone(), self.inner.gone.clone());
        let taking = async move { inner.take(place, instant, wait).await };
        self.tasks.spawn(gone.run_until_cancelled_owned(taking));
    }

    fn sample(&mut self) {
        if self.over.is_cancelled() || !self.begun.insert(Place::Waits) {
            return;
        }
        let (inner, gone) = (self.inner.clone(), self.inner.gone.clone());
        let (since, over) = (self.measured_since.subscribe(), self.over.clone());
        let sampling = async move { waits::sample(&inner, since, over).await };
        self.tasks.spawn(gone.run_until_cancelled_owned(sampling));
    }
}

/// What a snapshot waits for.
enum Wait {
    /// Its instant.
    Due,
    /// What the target counts late, unless the workers have left it before.
    Settled(CancellationToken),
}

impl Inner {
    fn now(&self) -> Timestamp {
        self.services.clock.now()
    }

    async fn take(&self, place: Place, instant: Timestamp, wait: Option<Wait>) {
        match wait {
            None => {}
            Some(Wait::Due) => tokio::time::sleep(instant.since(self.now())).await,
            Some(Wait::Settled(left)) => {
                let settled = (instant + SETTLE).since(self.now());
                tokio::time::timeout(settled, left.cancelled()).await.ok();
            }
        }
        if self.stored(place).await.is_some() {
            return;
        }
        let late = self.now().since(instant);
        if late > LATE && place != Place::AfterMeasurement {
            let why = format!(
                "the target's statistics were not read {}: the control plane was away",
                words(place)
            );
            self.keep(place, self.now(), Found::Skipped(why)).await;
            return;
        }
        let (taken, mut found) = self.read(place, instant).await;
        if let Found::Snapshot(snapshot) = &mut found
            && late > LATE
        {
            snapshot.skipped.push(format!(
                "the target's statistics were read {} s {}, the control plane was away: \
                 what else the target did in between is in them",
                late.as_secs(),
                words(place)
            ));
        }
        self.keep(place, taken, found).await;
    }

    /// The target's statistics, tried again while the instant is near.
    async fn read(&self, place: Place, instant: Timestamp) -> (Timestamp, Found) {
        loop {
            let taken = self.now();
            let found = match tokio::time::timeout(SNAPSHOT, self.ask()).await {
                Ok(Ok(found)) => return (taken, found),
                Ok(Err(why)) => why,
                Err(_) => format!("no answer within {} s", SNAPSHOT.as_secs()),
            };
            if self.now().since(instant) + AGAIN > LATE {
                let why = format!(
                    "the target's statistics could not be read {}: {found}",
                    words(place)
                );
                return (taken, Found::Failed(why));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn ask(&self) -> Result<Found, String> {
        let login = login(&self.services, &self.run).await?;
        let access = &self.services.access;
        let found = access.evidence(&login, &self.run.spec).await;
        Ok(match found.map_err(|error| error.to_string())? {
            Some(snapshot) => Found::Snapshot(Box::new(snapshot)),
            None => Found::Skipped("the target keeps no statistics of its own".to_owned()),
        })
    }

    /// What is stored already, as after a restart.
    async fn stored(&self, place: Place) -> Option<Piece> {
        let pieces = self.services.stores.evidence.get(self.run.id).await;
        // A store that is away has time until the piece is stored.
        let pieces = pieces.unwrap_or_default();
        pieces.into_iter().find(|piece| piece.place == place)
    }

    /// Stores a piece; waits for a store that is away.
    async fn keep(&self, place: Place, taken: Timestamp, found: Found) {
        let piece = Piece {
            place,
            taken,
            found,
        };
        let run = self.run.id;
        let keeping = async {
            while let Err(error) = self.services.stores.evidence.put(run, &piece).await {
                if !super::transient(&error) {
                    tracing::warn!(%run, %error, place = %place.word(), "evidence not stored");
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        if tokio::time::timeout(STORE, keeping).await.is_err() {
            tracing::warn!(%run, place = %place.word(), "evidence lost: the store is away");
        }
    }
}

/// An instant, in a sentence.
fn words(place: Place) -> &'static str {
    match place {
        Place::BeforeWarmup => "before the warmup",
        Place::AfterWarmup => "when the measurement began",
        Place::AfterMeasurement => "after the measurement",
        Place::Waits => "during the measurement",
        Place::Activity(_) => "under load",
    }
}

#[cfg(test)]
mod tests;
