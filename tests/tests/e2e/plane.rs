//! A control plane and workers as processes, as a user would start them.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use gauntlet_api::v1::{
    self as pb, run_service_client::RunServiceClient, worker_service_client::WorkerServiceClient,
};
use tempfile::TempDir;
use tonic::transport::Channel;

/// Nothing here may take longer.
const PATIENCE: Duration = Duration::from_mins(2);

/// The gauntlet binary, built if it is not.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let built = Command::new(env!("CARGO"))
            .args(["bins", "--quiet", "--bin", "gauntlet"])
            .current_dir(root)
            .status()
            .unwrap();
        assert!(built.success(), "the gauntlet binary does not compile");
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        target.join("debug/gauntlet")
    })
}

/// Waits until something is there.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(since.elapsed() < PATIENCE, "waited for {what} in vain");
        tokio::time::sleep(Duration::from_millis(20)).await; // allow-sleep: another process is looked at
    }
}

/// A child process that ends with the test.
pub struct Process(Child);

impl Process {
    /// `kill -9`.
    pub fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A control plane with a store in a folder of its own.
pub struct Plane {
    pub folder: TempDir,
    pub address: SocketAddr,
    store: String,
    server: Process,
}

impl Plane {
    pub async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let store = format!("sqlite:{}", folder.path().join("store.db").display());
        Self::start_on(folder, store).await
    }

    /// A control plane over a store of its own in another place.
    pub async fn start_on(folder: TempDir, store: String) -> Self {
        let address = free_address();
        let server = Self::serve(folder.path(), &store, address);
        let plane = Self {
            folder,
            address,
            store,
            server,
        };
        plane.ready().await;
        plane
    }

    fn serve(folder: &Path, store: &str, address: SocketAddr) -> Process {
        let applied = gauntlet()
            .args(["schema", "apply", "--store", store])
            .output()
            .unwrap();
        assert!(applied.status.success(), "{}", text(&applied));
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("server.log"))
            .unwrap();
        let server = gauntlet()
            .args(["serve", "--store", store, "--listen", &address.to_string()])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Process(server)
    }

    async fn ready(&self) {
        let address = self.address;
        eventually("the control plane", async || {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
    }

    /// `kill -9`, and another one on the same store and port.
    pub async fn kill_and_start_again(&mut self) {
        self.server.kill();
        self.server = Self::serve(self.folder.path(), &self.store, self.address);
        self.ready().await;
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A worker that reaches the control plane at `address`.
    pub async fn worker_through(&self, address: SocketAddr, name: &str) -> Process {
        self.worker_with(address, name, &[]).await
    }

    /// A worker with more on its command line.
    pub async fn worker_with(
        &self,
        address: SocketAddr,
        name: &str,
        arguments: &[&str],
    ) -> Process {
        let log = File::create(self.folder.path().join(format!("{name}.log"))).unwrap();
        let worker = gauntlet()
            .args([
                "worker",
                "--server",
                &format!("http://{address}"),
                "--name",
                name,
            ])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let process = Process(worker);
        eventually("the worker", async || {
            self.attached().await.into_iter().find(|worker| {
                worker.name == name
                    && worker.status() == pb::WorkerStatus::Idle
                    && worker.clock_uncertainty_us > 0
            })
        })
        .await;
        process
    }

    pub async fn worker(&self, name: &str) -> Process {
        self.worker_through(self.address, name).await
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(self.url())
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    pub async fn runs(&self) -> RunServiceClient<Channel> {
        RunServiceClient::new(self.channel().await)
    }

    pub async fn attached(&self) -> Vec<pb::Worker> {
        let mut workers = WorkerServiceClient::new(self.channel().await);
        let page = workers
            .list_workers(pb::ListWorkersRequest::default())
            .await;
        page.unwrap().into_inner().workers
    }

    /// The command line against this control plane.
    pub fn gauntlet(&self, arguments: &[&str]) -> Output {
        gauntlet()
            .arg("--server")
            .arg(self.url())
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// The same, which must succeed; returns what it printed.
    pub fn must(&self, arguments: &[&str]) -> String {
        let output = self.gauntlet(arguments);
        assert!(
            output.status.success(),
            "gauntlet {}:\n{}",
            arguments.join(" "),
            text(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Writes a file into the plane's folder, where [`Self::gauntlet`] finds it.
    pub fn file(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    /// An embedded SQLite target "db" with a table "bench" of so many rows.
    pub fn sqlite_target(&self, rows: u32) -> PathBuf {
        let path = self.folder.path().join("target.db");
        self.must(&["target", "add", "db", "--sqlite", path.to_str().unwrap()]);
        self.must(&[
            "target",
            "load",
            "db",
            "--table",
            "bench",
            "--rows",
            &rows.to_string(),
        ]);
        path
    }

    /// Creates a run of a template and starts it.
    pub async fn start_run(&self, template: &str) -> String {
        let mut runs = self.runs().await;
        let request = pb::CreateRunRequest {
            project: "default".to_owned(),
            template: template.to_owned(),
            ..pb::CreateRunRequest::default()
        };
        let run = runs
            .create_run(request)
            .await
            .unwrap()
            .into_inner()
            .run
            .unwrap();
        runs.start_run(pb::StartRunRequest {
            run_id: run.run_id.clone(),
            ..Default::default()
        })
        .await
        .unwrap();
        run.run_id
    }

    pub async fn get(&self, run_id: &str) -> pb::Run {
        let request = pb::GetRunRequest {
            run_id: run_id.to_owned(),
        };
        self.runs()
            .await
            .get_run(request)
            .await
            .unwrap()
            .into_inner()
            .run
            .unwrap()
    }

    pub async fn until_over(&self, run_id: &str) -> pb::Run {
        eventually("the end of the run", async || {
            let run = self.get(run_id).await;
            (run.phase() == pb::RunPhase::Done).then_some(run)
        })
        .await
    }

    pub async fn report(&self, run_id: &str) -> pb::Report {
        let request = pb::GetReportRequest {
            run_id: run_id.to_owned(),
        };
        self.runs()
            .await
            .get_report(request)
            .await
            .unwrap()
            .into_inner()
            .report
            .unwrap()
    }
}

pub fn gauntlet() -> Command {
    let mut command = Command::new(binary());
    command.env_remove("GAUNTLET_SERVER");
    command
}

pub fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}

pub fn text(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!("{}\n{out}{err}", output.status)
}
