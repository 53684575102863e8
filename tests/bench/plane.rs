//! A gauntlet of the benchmark's own: control plane and worker as processes, driven by its command line and its API.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gauntlet_client::watch::{RunWatch, Update, is_over};
use gauntlet_client::{Client, pb};
use tempfile::TempDir;

use crate::database::{BENCH, Database};
use crate::error::{Error, Result};
use crate::process::{Background, command, folder, free_port, run, until};

/// The project of everything that is made here: the command line's own default.
pub const PROJECT: &str = "default";
/// The target's name in every template.
pub const TARGET: &str = "postgres";

/// How long a command of the command line may take.
const COMMAND_LIMIT: Duration = Duration::from_mins(1);
/// How long a process may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Another process can take the free port between our look and the server's bind.
const PORT_ATTEMPTS: usize = 5;

/// The program under measurement.
#[derive(Clone, Debug)]
pub struct Binary {
    pub path: PathBuf,
    /// What it says about itself, and where it is from.
    pub version: String,
}

impl Binary {
    /// The one given, or the one that was built beside this program.
    pub async fn find(given: Option<&Path>) -> Result<Self> {
        let beside = std::env::current_exe()
            .map_err(Error::io("the path of this program"))?
            .with_file_name("gauntlet");
        let path = given.map_or(beside, Path::to_owned);
        // Processes are started in other folders.
        let path = path
            .canonicalize()
            .map_err(Error::io(&format!("the binary {}", path.display())))?;
        let (version, _) = run(command(&path).arg("--version"), COMMAND_LIMIT).await?;
        let how = match given {
            Some(_) => "given with --binary",
            // The one beside this program was built with the same profile.
            None if cfg!(debug_assertions) => "debug build",
            None => "release build",
        };
        let version = format!("{} ({how})", version.trim());
        Ok(Self { path, version })
    }
}

/// A control plane, and its worker when it has one.
#[derive(Debug)]
pub struct Plane {
    // Processes go before the folder that they write in.
    server: Background,
    worker: Option<Background>,
    /// More workers, whose CPU time nobody asks for.
    crowd: Vec<Background>,
    binary: Binary,
    url: String,
    client: Client,
    folder: TempDir,
}

/// A run that ended, and what it cost.
#[derive(Debug)]
pub struct Finished {
    pub report: pb::Report,
    /// CPU time of the worker, in seconds.
    pub worker_cpu_s: f64,
    /// CPU time of the control plane, in seconds.
    pub server_cpu_s: f64,
}

impl Finished {
    /// All operations that ended in any way, those of the warmup too; what the CPU time was spent on.
    pub fn operations(&self) -> f64 {
        let total = self.total();
        (total.succeeded + total.failed + total.cut + self.report.warmup_operations) as f64
    }

    /// All operations of the measurement together.
    pub fn total(&self) -> pb::OperationReport {
        self.report.total.clone().unwrap_or_default()
    }

    /// Why the run is not to be trusted; empty when it is.
    pub fn doubts(&self) -> Vec<String> {
        let reasons = self.report.reasons.iter();
        reasons.map(|reason| reason.code.clone()).collect()
    }
}

impl Plane {
    /// A control plane on a new store.
    pub async fn start(binary: &Binary) -> Result<Self> {
        let folder = folder()?;
        let store = store_at(&folder.path().join("store.db"));
        Self::apply_and_serve(binary, &store, folder).await
    }

    /// A control plane on a store anywhere, whose tables are made when they are missing.
    pub async fn start_at(binary: &Binary, store: &str) -> Result<Self> {
        Self::apply_and_serve(binary, store, folder()?).await
    }

    async fn apply_and_serve(binary: &Binary, store: &str, folder: TempDir) -> Result<Self> {
        let mut schema = command(&binary.path);
        schema.args(["schema", "apply", "--store", store]);
        run(schema.current_dir(folder.path()), COMMAND_LIMIT).await?;
        Self::serve(binary, store, folder).await
    }

    /// A control plane on a store that is there; `folder` is for what it prints.
    pub async fn open(binary: &Binary, store: &Path) -> Result<Self> {
        Self::serve(binary, &store_at(store), folder()?).await
    }

    async fn serve(binary: &Binary, store: &str, folder: TempDir) -> Result<Self> {
        for attempt in 1.. {
            let listen = format!("127.0.0.1:{}", free_port()?);
            let mut serve = command(&binary.path);
            serve.args(["serve", "--store", store, "--listen", &listen]);
            serve.current_dir(folder.path());
            let log = folder.path().join("server.log");
            let mut server = Background::start("gauntlet serve", &mut serve, log)?;
            let url = format!("http://{listen}");
            match connected(&mut server, &url).await {
                Ok(client) => {
                    return Ok(Self {
                        server,
                        worker: None,
                        crowd: Vec::new(),
                        binary: binary.clone(),
                        url,
                        client,
                        folder,
                    });
                }
                Err(error) if attempt == PORT_ATTEMPTS || !server.log_tail().contains("in use") => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        unreachable!("the last attempt returns")
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// CPU time of the control plane so far, in seconds.
    pub fn server_cpu(&self) -> Result<f64> {
        self.server.cpu()
    }

    /// Resident memory of the control plane, in MB of a million bytes.
    pub fn server_rss_mb(&self) -> Result<f64> {
        self.server.rss_mb()
    }

    /// Fails when the control plane has ended.
    pub fn check(&mut self) -> Result<()> {
        self.server.check()
    }

    /// Starts one worker with its own settings, as a user would.
    pub async fn add_worker(&mut self) -> Result<()> {
        let mut worker = command(&self.binary.path);
        worker.args(["worker", "--server", &self.url, "--name", "bench"]);
        let log = self.folder.path().join("worker.log");
        worker.current_dir(self.folder.path());
        self.worker = Some(Background::start("gauntlet worker", &mut worker, log)?);
        self.idle_worker().await
    }

    /// Starts so many small workers, and waits until all are attached and their clocks are known.
    pub async fn add_workers(&mut self, count: usize) -> Result<()> {
        for number in 1..=count {
            let mut worker = command(&self.binary.path);
            let name = format!("w{number}");
            worker.args(["worker", "--server", &self.url, "--name", &name]);
            worker.args(["--threads", "1", "--capacity", "8"]);
            let log = self.folder.path().join(format!("{name}.log"));
            worker.current_dir(self.folder.path());
            let started = Background::start("gauntlet worker", &mut worker, log)?;
            self.crowd.push(started);
        }
        let client = &self.client;
        until("the workers", START_LIMIT, async || {
            let request = pb::ListWorkersRequest {
                page: Some(pb::PageRequest {
                    page_size: 1_000,
                    page_token: String::new(),
                }),
            };
            let answer = client.workers().list_workers(request).await;
            let answer = answer.map_err(Error::refused("ListWorkers"))?.into_inner();
            let ready = answer.workers.iter().filter(|worker| {
                worker.status() == pb::WorkerStatus::Idle && worker.clock_uncertainty_us > 0
            });
            Ok((ready.count() >= count).then_some(()))
        })
        .await
    }

    /// Waits until a run is in a phase, or beyond it.
    pub async fn until_phase(&self, run_id: &str, phase: pb::RunPhase) -> Result<()> {
        let mut watch = RunWatch::new(self.client.clone(), run_id);
        while let Some(update) = watch.next().await? {
            if let Update::New(run) = update
                && run.phase >= i32::from(phase)
            {
                break;
            }
        }
        Ok(())
    }

    /// Registers pgbench's tables as the target.
    pub async fn add_postgres_target(&self, database: &Database) -> Result<()> {
        let address = database.address();
        let url = format!(
            "postgres://{}@{}:{}/{BENCH}",
            address.user, address.host, address.port
        );
        let mut add = self.cli(&["target", "add", TARGET, "--postgres", &url]);
        add.args(["--password-env", "BENCH_PASSWORD"])
            .env("BENCH_PASSWORD", address.password);
        run(&mut add, COMMAND_LIMIT).await?;
        Ok(())
    }

    /// Registers an embedded database, which need not exist and is gone with this control plane.
    pub async fn add_sqlite_target(&self) -> Result<()> {
        self.add_sqlite_target_at(&self.folder.path().join("target.db"))
            .await
    }

    /// Registers an embedded database at a path.
    pub async fn add_sqlite_target_at(&self, path: &Path) -> Result<()> {
        let path = path.to_string_lossy();
        let mut add = self.cli(&["target", "add", TARGET, "--sqlite", &path]);
        run(&mut add, COMMAND_LIMIT).await?;
        Ok(())
    }

    /// Makes a small table at the target.
    pub async fn load_table(&self, table: &str) -> Result<()> {
        let mut load = self.cli(&["target", "load", TARGET, "--table", table, "--rows", "1000"]);
        run(&mut load, COMMAND_LIMIT).await?;
        Ok(())
    }

    /// Creates a template from a file as a user would write it.
    pub async fn apply_template(&self, yaml: &str) -> Result<()> {
        let path = self.folder.path().join("template.yaml");
        fs::write(&path, yaml).map_err(Error::io("a template file"))?;
        let path = path.to_string_lossy();
        let mut apply = self.cli(&["template", "apply", "-f", &path]);
        run(&mut apply, COMMAND_LIMIT).await?;
        Ok(())
    }

    /// Executes a template once; an end that is not COMPLETED is an error.
    pub async fn run(&mut self, template: &str) -> Result<Finished> {
        self.idle_worker().await?;
        let worker_before = self.worker_cpu()?;
        let server_before = self.server.cpu()?;
        let run_id = self.start_run(template).await?;
        let run = self.end_of(&run_id).await?;
        let worker_cpu_s = self.worker_cpu()? - worker_before;
        let server_cpu_s = self.server.cpu()? - server_before;
        if run.status() != pb::RunStatus::Completed {
            return Err(Error::Failed(format!(
                "the run of {template} ended as {}: {}",
                run.status().as_str_name(),
                run.stop_message
            )));
        }
        let request = pb::GetReportRequest { run_id };
        let answer = self.client.runs().get_report(request).await;
        let report = answer.map_err(Error::refused("GetReport"))?.into_inner();
        Ok(Finished {
            report: report
                .report
                .ok_or_else(|| Error::Failed("GetReport returned no report".to_owned()))?,
            worker_cpu_s,
            server_cpu_s,
        })
    }

    pub async fn start_run(&self, template: &str) -> Result<String> {
        let request = pb::CreateRunRequest {
            project: PROJECT.to_owned(),
            template: template.to_owned(),
            ..Default::default()
        };
        let created = self.client.runs().create_run(request).await;
        let created = created.map_err(Error::refused("CreateRun"))?.into_inner();
        let run_id = created.run.unwrap_or_default().run_id;
        let request = pb::StartRunRequest {
            run_id: run_id.clone(),
            ..Default::default()
        };
        let started = self.client.runs().start_run(request).await;
        started.map_err(Error::refused("StartRun"))?;
        Ok(run_id)
    }

    pub async fn end_of(&mut self, run_id: &str) -> Result<pb::Run> {
        let mut watch = RunWatch::new(self.client.clone(), run_id);
        let mut last = None;
        while let Some(update) = watch.next().await? {
            if let Update::New(run) = update {
                last = Some(run);
            }
            self.server.check()?;
        }
        last.filter(|run| is_over(run.status()))
            .ok_or_else(|| Error::Failed(format!("the watch of run {run_id} ended before it")))
    }

    /// Waits until the worker is attached and free.
    async fn idle_worker(&mut self) -> Result<()> {
        let (worker, client) = (&mut self.worker, &self.client);
        until("a free worker", START_LIMIT, async || {
            if let Some(worker) = worker.as_mut() {
                worker.check()?;
            }
            let request = pb::ListWorkersRequest::default();
            let answer = client.workers().list_workers(request).await;
            let answer = answer.map_err(Error::refused("ListWorkers"))?;
            let mut workers = answer.into_inner().workers.into_iter();
            let free = workers.any(|worker| worker.status() == pb::WorkerStatus::Idle);
            Ok(free.then_some(()))
        })
        .await
    }

    fn worker_cpu(&self) -> Result<f64> {
        self.worker.as_ref().map_or(Ok(0.0), Background::cpu)
    }

    fn cli(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut cli = command(&self.binary.path);
        cli.args(arguments).args(["--server", &self.url]);
        cli
    }
}

/// The commands as a person would type them.
pub fn commands() -> Vec<String> {
    let lines = [
        "gauntlet schema apply --store sqlite:$FOLDER/store.db",
        "gauntlet serve --store sqlite:$FOLDER/store.db --listen 127.0.0.1:8090",
        "gauntlet worker --server http://127.0.0.1:8090 --name bench",
        "gauntlet target add postgres --postgres postgres://$USER@127.0.0.1:$PORT/bench --password-env BENCH_PASSWORD",
        "gauntlet template apply -f $TEMPLATE.yaml",
        "gauntlet run $TEMPLATE --yes",
    ];
    lines.map(str::to_owned).into()
}

async fn connected(server: &mut Background, url: &str) -> Result<Client> {
    until("the control plane", START_LIMIT, async || {
        server.check()?;
        Ok(Client::connect(url).await.ok())
    })
    .await
}

fn store_at(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}
