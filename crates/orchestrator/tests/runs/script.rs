//! A control plane over the in-memory store.
//! Time is tokio's and paused: it jumps to the next timer when all wait.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use gauntlet_model::{
    evidence::{WaitNow, WaitSample},
    id::{Name, Project, RunId, TargetId, TemplateId},
    lifecycle::{Phase, Status},
    run::Run,
    session::KeyRange,
    target::{Address, Dataset, Encryption, Sealed, Secret, Target},
    template::{
        Control, Load, Operation, Parameter, Phases, Spec, Statement, Template, WorkerLossPolicy,
    },
    time::{Clock, Timestamp},
};
use gauntlet_orchestrator::{
    CreateRun, Orchestrator, Services,
    access::{
        AccessError, BadSeal, Capabilities, CatalogTable, Loaded, Login, PreflightFacts,
        TableProfile, TargetAccess, TargetVersion, Vault, WaitWatch,
    },
};
use gauntlet_store::{Stores, memory};
use tokio::time::Instant;
use uuid::Uuid;

/// Tokio's clock as microseconds since an epoch of its own.
pub struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000_000) + self.0.elapsed()
    }
}

pub type RowCount = Box<dyn Fn() -> u64 + Send>;

/// A target that has what it is told to have.
#[derive(Default)]
pub struct FakeTarget {
    pub refuses: Option<AccessError>,
    /// Counts the rows in the first shard's key range; none without it.
    pub rows: Mutex<Option<RowCount>>,
    /// Is a process of its own; otherwise it runs inside the workers.
    pub apart: bool,
    /// Of ten sessions, how many queue.
    pub queue: Arc<AtomicU32>,
}

/// Looks at the sessions of a [`FakeTarget`].
struct FakeWaits(Arc<AtomicU32>);

#[async_trait]
impl WaitWatch for FakeWaits {
    async fn look(&mut self) -> Result<WaitSample, AccessError> {
        let queued = WaitNow {
            kind: "Lock".to_owned(),
            event: "tuple".to_owned(),
            sessions: self.0.load(Ordering::Relaxed),
            queued: true,
        };
        Ok(WaitSample {
            sessions: 10,
            waits: vec![queued],
        })
    }
}

#[async_trait]
impl TargetAccess for FakeTarget {
    async fn test(&self, _: &Login) -> Result<TargetVersion, AccessError> {
        Ok(TargetVersion {
            version: "fake 1".to_owned(),
            connect_us: 1,
        })
    }

    async fn check(&self, login: &Login, _: &Spec) -> Result<TargetVersion, AccessError> {
        match &self.refuses {
            Some(error) => Err(error.clone()),
            None => self.test(login).await,
        }
    }

    async fn next_free_key(&self, _: &Login, _: &str, _: &str) -> Result<i64, AccessError> {
        Ok(101)
    }

    async fn count_keys(
        &self,
        _: &Login,
        _: &str,
        _: &str,
        range: KeyRange,
    ) -> Result<u64, AccessError> {
        let rows = self.rows.lock().unwrap();
        Ok(rows
            .as_ref()
            .filter(|_| range.first == 101)
            .map_or(0, |count| count()))
    }

    async fn load_dataset(
        &self,
        _: &Login,
        dataset: &Dataset,
        _: &(dyn Fn(Loaded) + Send + Sync),
    ) -> Result<Loaded, AccessError> {
        Ok(Loaded {
            rows: dataset.rows,
            already_present: false,
        })
    }

    async fn capabilities(&self, _: &Login) -> Result<Capabilities, AccessError> {
        not_asked()
    }

    async fn catalog(
        &self,
        _: &Login,
        _: Option<&str>,
        _: Option<(String, String)>,
        _: u32,
    ) -> Result<Vec<CatalogTable>, AccessError> {
        not_asked()
    }

    async fn profile(&self, _: &Login, _: &str, _: u32) -> Result<TableProfile, AccessError> {
        not_asked()
    }

    async fn sample_column(
        &self,
        _: &Login,
        _: &str,
        _: &str,
        _: u32,
        _: u64,
    ) -> Result<Vec<Option<String>>, AccessError> {
        not_asked()
    }

    async fn watch_waits(
        &self,
        _: &Login,
        _: &str,
    ) -> Result<Option<Box<dyn WaitWatch>>, AccessError> {
        Ok(Some(Box::new(FakeWaits(self.queue.clone()))))
    }

    async fn preflight(&self, _: &Login, _: &Spec) -> Result<PreflightFacts, AccessError> {
        not_asked()
    }
}

/// The orchestrator leaves such questions to the services.
fn not_asked<T>() -> Result<T, AccessError> {
    panic!("the orchestrator does not ask this of a target")
}

pub struct OpenVault;

impl Vault for OpenVault {
    fn seal(&self, secret: &Secret) -> Sealed {
        Sealed(secret.expose().as_bytes().to_vec())
    }

    fn open(&self, sealed: &Sealed) -> Result<Secret, BadSeal> {
        String::from_utf8(sealed.0.clone())
            .map(Secret::new)
            .map_err(|e| BadSeal(e.to_string()))
    }
}

/// One control plane with a target "db" and a template "bench".
pub struct Plane {
    pub orchestrator: Orchestrator,
    pub services: Services,
    pub target: Arc<FakeTarget>,
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn project() -> Project {
    Project::new("acme").unwrap()
}

pub fn spec() -> Spec {
    Spec {
        description: String::new(),
        target: name("db"),
        operations: vec![Operation {
            name: name("add"),
            weight: 10_000,
            statement: Statement::Insert {
                table: "t".to_owned(),
                key: "id".to_owned(),
                columns: vec!["k".to_owned()],
            },
            parameters: vec![Parameter::Integer(1)],
            label: None,
        }],
        load: Load::Concurrency {
            connections: 4,
            think_time: Duration::ZERO,
        },
        phases: Phases {
            warmup: Duration::from_secs(2),
            measurement: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(1),
            until_steady: None,
        },
        workers: 2,
        seed: 1,
        slos: vec![],
        worker_loss: WorkerLossPolicy::Fail,
        operation_timeout: Duration::from_secs(1),
        start_timeout: Duration::from_secs(10),
        control: Control::default(),
    }
}

impl Plane {
    pub async fn new(spec: Spec) -> Self {
        Self::with(memory::stores(), FakeTarget::default(), spec).await
    }

    pub async fn with(stores: Stores, target: FakeTarget, spec: Spec) -> Self {
        let target = Arc::new(target);
        let services = Services {
            stores,
            access: target.clone(),
            vault: Arc::new(OpenVault),
            clock: Arc::new(PausedClock(Instant::now())),
            version: "0".to_owned(),
            launcher: None,
        };
        let now = services.clock.now();
        let address = if target.apart {
            Address::Postgres {
                host: "db".to_owned(),
                port: 5_432,
                database: "d".to_owned(),
                user: "u".to_owned(),
                encryption: Encryption::None,
            }
        } else {
            Address::Sqlite {
                path: "/t.db".into(),
            }
        };
        let (id, created) = (TargetId(Uuid::from_u128(1)), now);
        let db = Target {
            id,
            project: project(),
            name: name("db"),
            address,
            price_per_hour: 36.0,
            created,
            revision: 1,
        };
        services
            .stores
            .targets
            .insert(&db, None, None)
            .await
            .unwrap();
        let template = Template {
            id: TemplateId(Uuid::from_u128(2)),
            project: project(),
            name: name("bench"),
            version: 1,
            spec,
            source: None,
            created: now,
            updated: now,
        };
        services
            .stores
            .templates
            .insert(&template, None)
            .await
            .unwrap();
        Self {
            orchestrator: Orchestrator::new(services.clone()),
            services,
            target,
        }
    }

    /// With a target that is a process of its own.
    pub async fn apart(spec: Spec) -> Self {
        let target = FakeTarget {
            apart: true,
            ..FakeTarget::default()
        };
        Self::with(memory::stores(), target, spec).await
    }

    /// A second control plane over the same store, as after a restart.
    pub async fn restarted(self) -> Self {
        self.orchestrator.shutdown().await;
        let orchestrator = Orchestrator::new(self.services.clone());
        orchestrator.recover().await.unwrap();
        Self {
            orchestrator,
            ..self
        }
    }

    pub async fn run(&self, number: u128) -> RunId {
        let id = RunId(Uuid::from_u128(number));
        let request = CreateRun {
            project: project(),
            template: name("bench"),
            version: None,
            name: None,
            labels: BTreeMap::new(),
            idempotency: None,
        };
        self.orchestrator.create(id, request).await.unwrap();
        id
    }

    pub async fn get(&self, run: RunId) -> Run {
        self.services.stores.runs.get(run).await.unwrap().unwrap()
    }

    /// Waits until the run is in a status; the paused clock makes it short.
    pub async fn until(&self, run: RunId, reached: impl Fn(&Run) -> bool) -> Run {
        let channel = self.orchestrator.channel(run);
        let mut states = channel.states();
        let wait = async {
            loop {
                let stored = self.get(run).await;
                if reached(&stored) {
                    return stored;
                }
                states.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_mins(30), wait)
            .await
            .expect("the run gets there")
    }

    pub async fn until_over(&self, run: RunId) -> Run {
        self.until(run, |run| run.status().is_terminal()).await
    }
}

/// A template that changes nothing at the target.
pub fn reading() -> Spec {
    let [operation] = <[Operation; 1]>::try_from(spec().operations).unwrap();
    let statement = Statement::PointLookup {
        table: "t".to_owned(),
        key: "id".to_owned(),
        columns: vec![],
    };
    Spec {
        operations: vec![Operation {
            name: name("get"),
            statement,
            ..operation
        }],
        ..spec()
    }
}

pub fn measuring(run: &Run) -> bool {
    run.state.phase() == Some(Phase::Measurement)
}

pub fn in_status(status: Status) -> impl Fn(&Run) -> bool {
    move |run| run.status() == status
}
