//! A control plane over the in-memory store.
//! Time is tokio's and paused: it jumps to the next timer when all wait.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project, RunId, TargetId, TemplateId},
    lifecycle::{Phase, Status},
    run::Run,
    session::KeyRange,
    target::{Address, Dataset, Sealed, Secret, Target},
    template::{Load, Operation, Parameter, Phases, Spec, Statement, Template, WorkerLossPolicy},
    time::{Clock, Timestamp},
};
use gauntlet_orchestrator::{
    CreateRun, Orchestrator, Services,
    access::{
        AccessError, BadSeal, Capabilities, CatalogColumn, CatalogTable, ColumnProfile,
        DatabaseKind, Loaded, Login, OperationFacts, PreflightFacts, SampleMethod, TableKind,
        TableProfile, TargetAccess, TargetVersion, Vault,
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

    async fn capabilities(&self, login: &Login) -> Result<Capabilities, AccessError> {
        let version = self.test(login).await?.version;
        Ok(Capabilities {
            kind: DatabaseKind::Sqlite,
            version,
            features: Vec::new(),
            settings: Vec::new(),
            max_connections: None,
            connections_in_use: None,
            read_only: false,
        })
    }

    async fn catalog(
        &self,
        login: &Login,
        schema: Option<&str>,
        after: Option<(String, String)>,
        limit: u32,
    ) -> Result<Vec<CatalogTable>, AccessError> {
        self.test(login).await?;
        let table = |name: &str| CatalogTable {
            schema: "main".to_owned(),
            name: name.to_owned(),
            path: name.to_owned(),
            kind: TableKind::Table,
            rows_estimate: Some(3),
            bytes: None,
            columns: vec![CatalogColumn {
                name: "id".to_owned(),
                type_name: "INTEGER".to_owned(),
                nullable: false,
                primary_key_position: Some(1),
                indexed: true,
            }],
            indexes: Vec::new(),
            analyzed: None,
        };
        let tables = ["items", "orders", "users"].map(table).into_iter();
        let wanted = tables.filter(|table| {
            schema.is_none_or(|schema| schema == table.schema)
                && after
                    .as_ref()
                    .is_none_or(|(schema, name)| (&table.schema, &table.name) > (schema, name))
        });
        Ok(wanted.take(limit as usize).collect())
    }

    async fn profile(
        &self,
        login: &Login,
        table: &str,
        sample_rows: u32,
    ) -> Result<TableProfile, AccessError> {
        let tables = self.catalog(login, None, None, u32::MAX).await?;
        let found = tables.into_iter().find(|found| found.name == table);
        let table = found.ok_or_else(|| {
            AccessError::Refused(format!("the target has no table {table}; near it: items"))
        })?;
        Ok(TableProfile {
            table,
            rows: 3,
            rows_exact: true,
            columns: vec![ColumnProfile {
                name: "id".to_owned(),
                type_name: "INTEGER".to_owned(),
                nulls_ratio: 0.0,
                distinct_estimate: Some(3),
                min: Some("1".to_owned()),
                max: Some("3".to_owned()),
                range_exact: true,
                average_bytes: Some(1.0),
                common: Vec::new(),
            }],
            sampled_rows: u64::from(sample_rows.min(3)),
            sample: SampleMethod::All,
            from_statistics: false,
        })
    }

    async fn sample_column(
        &self,
        login: &Login,
        table: &str,
        _: &str,
        limit: u32,
        _: u64,
    ) -> Result<Vec<Option<String>>, AccessError> {
        self.profile(login, table, limit).await?;
        let values = ["1", "2", "3"].map(|value| Some(value.to_owned()));
        Ok(values.into_iter().take(limit as usize).collect())
    }

    async fn preflight(&self, login: &Login, spec: &Spec) -> Result<PreflightFacts, AccessError> {
        let version = self.test(login).await?.version;
        let facts = |operation| OperationFacts {
            operation,
            problem: None,
            plan: Some("SEARCH items USING INTEGER PRIMARY KEY (rowid=?)".to_owned()),
            uses_index: true,
            scans: Vec::new(),
        };
        Ok(PreflightFacts {
            version,
            read_only: false,
            connections_free: None,
            tables: Vec::new(),
            operations: (0..spec.operations.len()).map(facts).collect(),
        })
    }
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
        }],
        load: Load::Concurrency {
            connections: 4,
            think_time: Duration::ZERO,
        },
        phases: Phases {
            warmup: Duration::from_secs(2),
            measurement: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(1),
        },
        workers: 2,
        seed: 1,
        slos: vec![],
        worker_loss: WorkerLossPolicy::Fail,
        operation_timeout: Duration::from_secs(1),
        start_timeout: Duration::from_secs(10),
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
        };
        let now = services.clock.now();
        let address = Address::Sqlite {
            path: "/t.db".into(),
        };
        let (id, created) = (TargetId(Uuid::from_u128(1)), now);
        let db = Target {
            id,
            project: project(),
            name: name("db"),
            address,
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
        tokio::time::timeout(Duration::from_mins(5), wait)
            .await
            .expect("the run gets there")
    }

    pub async fn until_over(&self, run: RunId) -> Run {
        self.until(run, |run| run.status().is_terminal()).await
    }
}

pub fn measuring(run: &Run) -> bool {
    run.state.phase() == Some(Phase::Measurement)
}

pub fn in_status(status: Status) -> impl Fn(&Run) -> bool {
    move |run| run.status() == status
}
