use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use async_trait::async_trait;
use gauntlet_model::{
    evidence::{ActivitySample, Snapshot, WaitNow, WaitSample, Waits},
    id::{Name, Project, TargetId},
    lifecycle::{End, Phase, ProcessingStatus, StopReason, Window},
    session::KeyRange,
    target::{Address, Dataset, Sealed, Secret, Target},
    template::Spec,
    time::Clock,
};
use gauntlet_store::{PageQuery, battery::samples, memory};
use tokio::time::Instant;
use uuid::Uuid;

use super::*;
use crate::access::{
    AccessError, BadSeal, Capabilities, CatalogTable, Loaded, Login, PreflightFacts, TableProfile,
    TargetAccess, TargetVersion, Vault, WaitWatch,
};

/// Tokio's clock, paused.
struct PausedClock(Instant);

const START: Timestamp = Timestamp(1_700_000_000_000_000);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        START + self.0.elapsed()
    }
}

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

struct OpenVault;

impl Vault for OpenVault {
    fn seal(&self, secret: &Secret) -> Sealed {
        Sealed(secret.expose().as_bytes().to_vec())
    }
    fn open(&self, _: &Sealed) -> Result<Secret, BadSeal> {
        Ok(Secret::new(String::new()))
    }
}

/// A target whose one counter is how often it was read.
#[derive(Default)]
struct Counting {
    read: AtomicU32,
    away: AtomicBool,
    tells_nothing: bool,
    /// Sessions that queue, of ten.
    queued: AtomicU32,
}

#[async_trait]
impl TargetAccess for Arc<Counting> {
    async fn test(&self, _: &Login) -> Result<TargetVersion, AccessError> {
        unreachable()
    }
    async fn check(&self, _: &Login, _: &Spec) -> Result<TargetVersion, AccessError> {
        unreachable()
    }
    async fn next_free_key(&self, _: &Login, _: &str, _: &str) -> Result<i64, AccessError> {
        unreachable()
    }
    async fn count_keys(
        &self,
        _: &Login,
        _: &str,
        _: &str,
        _: KeyRange,
    ) -> Result<u64, AccessError> {
        unreachable()
    }
    async fn load_dataset(
        &self,
        _: &Login,
        _: &Dataset,
        _: &(dyn Fn(Loaded) + Send + Sync),
    ) -> Result<Loaded, AccessError> {
        unreachable()
    }
    async fn capabilities(&self, _: &Login) -> Result<Capabilities, AccessError> {
        unreachable()
    }
    async fn catalog(
        &self,
        _: &Login,
        _: Option<&str>,
        _: Option<(String, String)>,
        _: u32,
    ) -> Result<Vec<CatalogTable>, AccessError> {
        unreachable()
    }
    async fn profile(&self, _: &Login, _: &str, _: u32) -> Result<TableProfile, AccessError> {
        unreachable()
    }
    async fn sample_column(
        &self,
        _: &Login,
        _: &str,
        _: &str,
        _: u32,
        _: u64,
    ) -> Result<Vec<Option<String>>, AccessError> {
        unreachable()
    }
    async fn preflight(&self, _: &Login, _: &Spec) -> Result<PreflightFacts, AccessError> {
        unreachable()
    }

    async fn evidence(&self, _: &Login, _: &Spec) -> Result<Option<Snapshot>, AccessError> {
        if self.away.load(Ordering::Relaxed) {
            return unreachable();
        }
        let read = self.read.fetch_add(1, Ordering::Relaxed);
        let levels = vec![("read".to_owned(), f64::from(read))];
        Ok((!self.tells_nothing).then(|| Snapshot {
            levels,
            ..Snapshot::default()
        }))
    }

    async fn watch_waits(
        &self,
        _: &Login,
        run_name: &str,
    ) -> Result<Option<Box<dyn WaitWatch>>, AccessError> {
        assert_eq!(run_name, "nightly");
        if self.away.load(Ordering::Relaxed) {
            return unreachable();
        }
        let watch = Box::new(Watching(self.clone())) as Box<dyn WaitWatch>;
        Ok((!self.tells_nothing).then_some(watch))
    }
}

struct Watching(Arc<Counting>);

#[async_trait]
impl WaitWatch for Watching {
    async fn look(&mut self) -> Result<WaitSample, AccessError> {
        if self.0.away.load(Ordering::Relaxed) {
            return unreachable();
        }
        let wait = WaitNow {
            kind: "Lock".to_owned(),
            event: "tuple".to_owned(),
            sessions: self.0.queued.load(Ordering::Relaxed),
            queued: true,
        };
        Ok(WaitSample {
            sessions: 10,
            waits: vec![wait],
        })
    }
}

fn unreachable<T>() -> Result<T, AccessError> {
    Err(AccessError::Unreachable("the target is away".to_owned()))
}

/// A run with a warmup, on a target of its project.
struct Bench {
    services: Services,
    run: Run,
    target: Arc<Counting>,
}

impl Bench {
    async fn new(target: Counting) -> Self {
        let target = Arc::new(target);
        let stores = memory::stores();
        let run = samples::stored(&stores, &samples::run("acme", "nightly")).await;
        let registered = Target {
            id: TargetId(Uuid::from_u128(1)),
            project: Project::new("acme").unwrap(),
            name: Name::new("main").unwrap(),
            address: Address::Sqlite {
                path: PathBuf::from("/data/bench.db"),
            },
            created: START,
            revision: 1,
            price_per_hour: 0.0,
        };
        let registered = stores.targets.insert(&registered, None, None).await;
        registered.unwrap();
        let services = Services {
            stores,
            access: Arc::new(target.clone()),
            vault: Arc::new(OpenVault),
            clock: Arc::new(PausedClock(Instant::now())),
            version: "0.1.0".to_owned(),
            launcher: None,
        };
        Self {
            services,
            run,
            target,
        }
    }

    fn gatherer(&self) -> Gatherer {
        Gatherer::new(&self.services, &self.run)
    }

    async fn until(&self, instant: Timestamp) {
        let wait = instant.since(self.services.clock.now());
        tokio::time::sleep(wait).await; // allow-sleep: on the paused clock
    }

    async fn pieces(&self) -> Vec<Piece> {
        self.services
            .stores
            .evidence
            .get(self.run.id)
            .await
            .unwrap()
    }

    /// When each sample of activity was taken, seconds from the start, piece by
    /// piece.
    async fn activity(&self) -> Vec<Vec<i64>> {
        let page = PageQuery {
            after: None,
            limit: 100,
        };
        let evidence = &self.services.stores.evidence;
        let pieces = evidence.activity(self.run.id, page).await.unwrap();
        let seconds = |piece: Piece| {
            let Found::Activity(samples) = piece.found else {
                panic!("{:?}", piece.found);
            };
            let second = |sample: &ActivitySample| (sample.at.0 - START.0) / 1_000_000;
            samples.iter().map(second).collect()
        };
        pieces.into_iter().map(seconds).collect()
    }

    async fn evidence(&self) -> Evidence {
        let found = evidence(&self.services.stores, self.run.id).await;
        found.unwrap().expect("the gathering began")
    }
}

fn warmup() -> Stage {
    Stage::Warmup {
        since: at(1),
        ends: at(11),
    }
}

fn measurement() -> Stage {
    Stage::Measurement {
        since: at(11),
        ends: at(31),
    }
}

const MEASURED: Window = Window {
    from: Timestamp(START.0 + 11_000_000),
    to: Timestamp(START.0 + 31_000_000),
};

fn end() -> End {
    End {
        reason: StopReason::DurationElapsed,
        message: String::new(),
    }
}

fn cooldown() -> Stage {
    Stage::Cooldown {
        since: at(31),
        deadline: at(41),
        measured: Some(MEASURED),
        end: end(),
    }
}

fn processing(since: u64) -> Stage {
    Stage::Processing {
        since: at(since),
        measured: Some(MEASURED),
        end: end(),
    }
}

/// When each snapshot was taken, seconds from the start.
fn taken(pieces: &[Piece]) -> Vec<(Place, i64)> {
    let of = |piece: &Piece| (piece.place, (piece.taken.0 - START.0) / 1_000_000);
    pieces.iter().map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn three_instants_and_a_look_each_second() {
    let bench = Bench::new(Counting::default()).await;
    bench.target.queued.store(4, Ordering::Relaxed);
    let mut gatherer = bench.gatherer();
    gatherer.on_stage(&Stage::Prepared);
    assert_eq!(gatherer.queue_ratio(), None);
    for stage in [warmup(), warmup()] {
        gatherer.on_stage(&stage);
    }
    bench.until(at(10)).await;
    assert_eq!(gatherer.queue_ratio(), Some(0.4));
    gatherer.on_stage(&measurement());
    bench.until(at(31)).await;
    gatherer.on_stage(&cooldown());
    bench.until(at(35)).await;
    gatherer.on_stage(&processing(35));
    gatherer.finished().await;
    assert_eq!(
        taken(&bench.pieces().await),
        [
            (Place::BeforeWarmup, 0),
            (Place::AfterWarmup, 11),
            (Place::AfterMeasurement, 32),
            (Place::Waits, 31)
        ]
    );
    assert_eq!(bench.target.read.load(Ordering::Relaxed), 3);
    let made = bench.evidence().await;
    assert_eq!(made.status, ProcessingStatus::Completed);
    let phases: Vec<Phase> = made.periods.iter().map(|period| period.phase).collect();
    assert_eq!(phases, [Phase::Warmup, Phase::Measurement]);
    let wait = &made.periods[1].waits[0];
    assert!((wait.sessions - 4.0).abs() < 1e-9, "{wait:?}");
    assert_eq!(made.skipped, Vec::<String>::new());
    assert_eq!(gatherer.queue_ratio(), None, "what was seen is old");
    // The warmup is part of the series, not of the sums.
    assert_eq!(bench.activity().await, [(0..=30).collect::<Vec<_>>()]);
}

#[tokio::test(start_paused = true)]
async fn a_long_load_is_kept_in_pieces_of_a_minute() {
    let bench = Bench::new(Counting::default()).await;
    let mut gatherer = bench.gatherer();
    gatherer.on_stage(&Stage::Measurement {
        since: at(0),
        ends: at(200),
    });
    // Nothing older than five looks is missing at any time.
    bench.until(at(127)).await;
    let pieces: Vec<Vec<i64>> = [0..60, 60..120, 120..125].map(Iterator::collect).to_vec();
    assert_eq!(bench.activity().await, pieces);
    gatherer.on_stage(&cooldown());
    gatherer.on_stage(&processing(127));
    gatherer.finished().await;
    let pieces: Vec<Vec<i64>> = [0..60, 60..120, 120..127].map(Iterator::collect).to_vec();
    let kept = bench.activity().await;
    assert_eq!(kept[..2], pieces[..2]);
    assert!(kept[2].starts_with(&pieces[2]), "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_where_it_was() {
    let bench = Bench::new(Counting::default()).await;
    let mut first = bench.gatherer();
    first.on_stage(&warmup());
    bench.until(at(10)).await;
    first.on_stage(&measurement());
    bench.until(at(22)).await;
    drop(first);
    bench.until(at(25)).await;
    let mut second = bench.gatherer();
    second.on_stage(&measurement());
    bench.until(at(31)).await;
    second.on_stage(&cooldown());
    second.on_stage(&processing(31));
    second.finished().await;
    let pieces = bench.pieces().await;
    assert_eq!(
        taken(&pieces)[..3],
        [
            (Place::BeforeWarmup, 0),
            (Place::AfterWarmup, 11),
            (Place::AfterMeasurement, 31)
        ]
    );
    let Found::Waits(Waits { samples, .. }) = &pieces[3].found else {
        panic!("{:?}", pieces[3]);
    };
    // Ten or so before, six or so after.
    assert!((13..=18).contains(samples), "{samples}");
    // The piece that was filling stays as it is, a new one follows.
    let activity = bench.activity().await;
    assert_eq!(activity.len(), 2, "{activity:?}");
    assert!(
        activity[0].len() >= 20 && activity[1][0] == 25,
        "{activity:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_instant_that_was_missed_is_not_made_up() {
    let bench = Bench::new(Counting::default()).await;
    let mut gatherer = bench.gatherer();
    bench.until(at(20)).await;
    gatherer.on_stage(&measurement());
    bench.until(at(60)).await;
    gatherer.on_stage(&cooldown());
    gatherer.on_stage(&processing(60));
    gatherer.finished().await;
    let made = bench.evidence().await;
    let why = "the target's statistics were not read when the measurement began: \
        the control plane was away";
    assert_eq!(
        (made.status, made.message.as_str()),
        (ProcessingStatus::Skipped, why)
    );
    assert_eq!(made.periods, []);
    let pieces = bench.pieces().await;
    let Found::Snapshot(last) = &pieces[1].found else {
        panic!("{:?}", pieces[1]);
    };
    assert!(
        last.skipped[0].contains("29 s after the measurement"),
        "{last:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_away_fails_the_evidence_and_nothing_else() {
    let bench = Bench::new(Counting::default()).await;
    let mut gatherer = bench.gatherer();
    gatherer.on_stage(&warmup());
    bench.until(at(10)).await;
    bench.target.away.store(true, Ordering::Relaxed);
    gatherer.on_stage(&measurement());
    bench.until(at(31)).await;
    assert_eq!(gatherer.queue_ratio(), None);
    gatherer.on_stage(&cooldown());
    gatherer.on_stage(&processing(31));
    gatherer.finished().await;
    let made = bench.evidence().await;
    let why = "the target's statistics could not be read when the measurement began: \
        the target is away";
    assert_eq!(
        (made.status, made.message.as_str()),
        (ProcessingStatus::Failed, why)
    );
    let waits = made
        .skipped
        .iter()
        .find(|why| why.contains("samples of waits"));
    assert!(waits.is_some(), "{:?}", made.skipped);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_back_at_once_is_read() {
    let bench = Bench::new(Counting::default()).await;
    bench.target.away.store(true, Ordering::Relaxed);
    let mut gatherer = bench.gatherer();
    gatherer.on_stage(&warmup());
    bench.until(at(2)).await;
    bench.target.away.store(false, Ordering::Relaxed);
    bench.until(at(5)).await;
    assert_eq!(taken(&bench.pieces().await), [(Place::BeforeWarmup, 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_target_without_statistics_is_skipped() {
    let tells_nothing = Counting {
        tells_nothing: true,
        ..Counting::default()
    };
    let bench = Bench::new(tells_nothing).await;
    let mut gatherer = bench.gatherer();
    gatherer.on_stage(&warmup());
    bench.until(at(10)).await;
    gatherer.on_stage(&measurement());
    bench.until(at(31)).await;
    gatherer.on_stage(&processing(31));
    gatherer.finished().await;
    let made = bench.evidence().await;
    assert_eq!(made.status, ProcessingStatus::Skipped);
    assert_eq!(
        made.skipped,
        [
            "the target keeps no statistics of its own",
            "waits: the target does not tell what its sessions wait for"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_without_load_has_no_evidence() {
    let bench = Bench::new(Counting::default()).await;
    let mut gatherer = bench.gatherer();
    gatherer.on_stage(&samples::starting());
    gatherer.on_stage(&Stage::Done {
        at: at(1),
        measured: None,
        end: end(),
        processing: ProcessingStatus::Skipped,
    });
    gatherer.finished().await;
    let found = evidence(&bench.services.stores, bench.run.id).await;
    assert_eq!(found, Ok(None));
}
