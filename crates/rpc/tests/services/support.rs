//! The services over a store in memory and a target that is made up.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use gauntlet_api::v1::{
    self as pb, run_service_client::RunServiceClient, server_service_client::ServerServiceClient,
    target_service_client::TargetServiceClient, template_service_client::TemplateServiceClient,
    worker_service_client::WorkerServiceClient,
};
use gauntlet_model::{
    session::KeyRange,
    target::{Dataset, Sealed, Secret},
    template::Spec,
    time::{Clock, Timestamp},
};
use gauntlet_orchestrator::{
    Orchestrator, Services,
    access::{
        AccessError, BadSeal, Capabilities, CatalogColumn, CatalogTable, ColumnProfile,
        DatabaseKind, Loaded, Login, OperationFacts, PreflightFacts, SampleMethod, TableKind,
        TableProfile, TargetAccess, TargetVersion, Vault,
    },
};
use gauntlet_rpc::{Backend, Parts, Server};
use gauntlet_store::{Stores, memory};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use uuid::Uuid;

/// The services, the ways to call them, and what a test can turn.
pub struct Plane {
    routes: Routes,
    pub backend: Backend,
    pub target: Arc<Target>,
}

impl Plane {
    pub fn new() -> Self {
        Self::over(memory::stores())
    }

    pub fn over(stores: Stores) -> Self {
        let target = Arc::new(Target::default());
        let clock = Arc::new(Ticking(Instant::now()));
        let orchestrator = Orchestrator::new(Services {
            stores: stores.clone(),
            access: target.clone(),
            vault: Arc::new(Reversed),
            clock: clock.clone(),
            version: "test".to_owned(),
            launcher: None,
        });
        let backend = Backend {
            orchestrator,
            stores,
            store_place: None,
            access: target.clone(),
            vault: Arc::new(Reversed),
            clock,
            ids: Uuid::now_v7,
            stop: CancellationToken::new(),
        };
        Self {
            routes: gauntlet_rpc::routes(&backend, server(&backend)),
            backend,
            target,
        }
    }

    /// With a target and a template to make runs of.
    pub async fn ready() -> Self {
        Self::ready_over(memory::stores()).await
    }

    pub async fn ready_over(stores: Stores) -> Self {
        let plane = Self::over(stores);
        plane.create_target("db").await;
        let template = create_template("lookups");
        plane.templates().create_template(template).await.unwrap();
        plane
    }

    pub fn server(&self) -> ServerServiceClient<Routes> {
        ServerServiceClient::new(self.routes.clone())
    }

    pub fn runs(&self) -> RunServiceClient<Routes> {
        RunServiceClient::new(self.routes.clone())
    }

    pub fn templates(&self) -> TemplateServiceClient<Routes> {
        TemplateServiceClient::new(self.routes.clone())
    }

    pub fn targets(&self) -> TargetServiceClient<Routes> {
        TargetServiceClient::new(self.routes.clone())
    }

    pub fn workers(&self) -> WorkerServiceClient<Routes> {
        WorkerServiceClient::new(self.routes.clone())
    }

    pub async fn create_target(&self, name: &str) -> pb::Target {
        let made = self.targets().create_target(create_target(name)).await;
        made.unwrap().into_inner().target.unwrap()
    }

    pub async fn create_run(&self) -> pb::Run {
        let made = self.runs().create_run(create_run("")).await;
        made.unwrap().into_inner().run.unwrap()
    }

    pub async fn get_run(&self, run_id: &str) -> pb::Run {
        let run_id = run_id.to_owned();
        let found = self.runs().get_run(pb::GetRunRequest { run_id }).await;
        found.unwrap().into_inner().run.unwrap()
    }
}

pub fn create_target(name: &str) -> pb::CreateTargetRequest {
    let postgres = pb::PostgresAddress {
        host: "db.example".to_owned(),
        port: 0,
        database: "shop".to_owned(),
        user: "app".to_owned(),
        password: "hunter2".to_owned(),
        ..pb::PostgresAddress::default()
    };
    pb::CreateTargetRequest {
        request_id: String::new(),
        target: Some(pb::Target {
            project: "acme".to_owned(),
            name: name.to_owned(),
            address: Some(pb::target::Address::Postgres(postgres)),
            ..pb::Target::default()
        }),
    }
}

/// A control plane one of whose parts does not work.
fn server(backend: &Backend) -> Server {
    Server {
        version: "1.2.3".to_owned(),
        started: backend.clock.now(),
        store: "memory",
        schema_version: 7,
        dashboard: true,
        parts: Arc::new(Failing),
    }
}

struct Failing;

#[async_trait]
impl Parts for Failing {
    async fn failing(&self) -> Vec<String> {
        vec!["hub: nobody reads it".to_owned()]
    }
}

pub fn create_template(name: &str) -> pb::CreateTemplateRequest {
    pb::CreateTemplateRequest {
        source: String::new(),
        request_id: String::new(),
        project: "acme".to_owned(),
        name: name.to_owned(),
        spec: Some(spec()),
    }
}

/// One second of point lookups on one connection.
pub fn spec() -> pb::TemplateSpec {
    let key = pb::Parameter {
        generator: Some(pb::parameter::Generator::Uniform(pb::IntegerRange {
            min: 1,
            max: 10,
        })),
    };
    let lookup = pb::Operation {
        kind: pb::OperationKind::PointLookup.into(),
        weight: 100.0,
        parameters: vec![key],
        ..pb::Operation::default()
    };
    let load = pb::ConcurrencyLoad {
        connections: 1,
        think_time: None,
    };
    pb::TemplateSpec {
        target: "db".to_owned(),
        table: "items".to_owned(),
        operations: vec![lookup],
        load: Some(pb::Load {
            mode: Some(pb::load::Mode::Concurrency(load)),
        }),
        phases: Some(pb::Phases {
            measurement: Some(prost_types::Duration {
                seconds: 1,
                nanos: 0,
            }),
            ..pb::Phases::default()
        }),
        ..pb::TemplateSpec::default()
    }
}

pub fn create_run(request_id: &str) -> pb::CreateRunRequest {
    pb::CreateRunRequest {
        request_id: request_id.to_owned(),
        project: "acme".to_owned(),
        template: "lookups".to_owned(),
        ..pb::CreateRunRequest::default()
    }
}

/// Begins at a made-up instant and goes on as time does.
struct Ticking(Instant);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000_000) + self.0.elapsed()
    }
}

/// Seals by turning around; refuses what does not begin like a seal of its own.
struct Reversed;

impl Vault for Reversed {
    fn seal(&self, secret: &Secret) -> Sealed {
        Sealed(secret.expose().bytes().rev().collect())
    }

    fn open(&self, sealed: &Sealed) -> Result<Secret, BadSeal> {
        let bytes = sealed.0.iter().rev().copied().collect();
        let text = String::from_utf8(bytes).map_err(|_| BadSeal("not text".to_owned()))?;
        Ok(Secret::new(text))
    }
}

/// A target that is there, unless a test says otherwise.
#[derive(Default)]
pub struct Target {
    /// The login of the last call.
    pub seen: std::sync::Mutex<Option<Login>>,
    pub fails_with: std::sync::Mutex<Option<AccessError>>,
    /// Each permit lets a load write one row.
    pub rows: Permits,
    /// Loads that are running.
    pub loading: Arc<AtomicU64>,
    /// What is said of a template's operations; nothing wrong when `None`.
    pub facts: std::sync::Mutex<Option<PreflightFacts>>,
}

pub struct Permits(pub Semaphore);

impl Default for Permits {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Target {
    fn answer(&self, login: &Login) -> Result<TargetVersion, AccessError> {
        *self.seen.lock().unwrap() = Some(login.clone());
        match self.fails_with.lock().unwrap().clone() {
            Some(error) => Err(error),
            None => Ok(TargetVersion {
                version: "Fake 1".to_owned(),
                connect_us: 7,
            }),
        }
    }
}

struct Counted(Arc<AtomicU64>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl TargetAccess for Target {
    async fn test(&self, login: &Login) -> Result<TargetVersion, AccessError> {
        self.answer(login)
    }

    async fn check(&self, login: &Login, _: &Spec) -> Result<TargetVersion, AccessError> {
        self.answer(login)
    }

    async fn next_free_key(&self, _: &Login, _: &str, _: &str) -> Result<i64, AccessError> {
        Ok(1)
    }

    async fn count_keys(
        &self,
        _: &Login,
        _: &str,
        _: &str,
        _: KeyRange,
    ) -> Result<u64, AccessError> {
        Ok(0)
    }

    async fn load_dataset(
        &self,
        login: &Login,
        dataset: &Dataset,
        progress: &(dyn Fn(Loaded) + Send + Sync),
    ) -> Result<Loaded, AccessError> {
        self.answer(login)?;
        self.loading.fetch_add(1, Ordering::SeqCst);
        let _counted = Counted(self.loading.clone());
        let mut loaded = Loaded {
            rows: 0,
            already_present: false,
        };
        while loaded.rows < dataset.rows {
            self.rows.0.acquire().await.expect("never closed").forget();
            loaded.rows += 1;
            progress(loaded);
        }
        Ok(loaded)
    }

    async fn capabilities(&self, login: &Login) -> Result<Capabilities, AccessError> {
        let version = self.answer(login)?.version;
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
        self.answer(login)?;
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
        let version = self.answer(login)?.version;
        if let Some(facts) = self.facts.lock().unwrap().clone() {
            return Ok(facts);
        }
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

/// Says hello as this worker.
pub fn hello(id: u128) -> gauntlet_model::session::Hello {
    gauntlet_model::session::Hello {
        protocol_min: gauntlet_model::session::PROTOCOL,
        protocol_max: gauntlet_model::session::PROTOCOL,
        worker: gauntlet_model::id::WorkerId(Uuid::from_u128(id)),
        name: format!("worker-{id}"),
        capacity: 100,
        labels: BTreeMap::new(),
        processors: 2,
        version: "test".to_owned(),
        resumes: Vec::new(),
    }
}

/// The longest that a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);
