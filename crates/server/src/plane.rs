//! The control plane: store, orchestrator and services on one port.

use std::{
    fs::File,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use gauntlet_connect::{CorsOrigins, Front, Registry};
use gauntlet_model::{preflight::Place, time::Clock};
use gauntlet_orchestrator::{
    Orchestrator, Services, access::TargetAccess, launcher::Launcher as RunLauncher,
};
use gauntlet_rpc::{Backend, Server};
use gauntlet_store::{Stores, Witness};
use gauntlet_store_sql::Location;
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

mod access;
mod clock;
mod dashboard;
mod http;
mod launcher;
mod limits;
pub mod local_workers;
mod lock;
pub mod logs;
mod ready;
mod retention;
mod routes;
mod tls;
mod up;
pub mod upkeep;
pub mod vault;
mod worker_process;

pub use limits::Limits;
pub use retention::{Pruned, Retention};
pub use tls::TlsFiles;
pub use up::{UpOptions, up};
pub use worker_process::exit_with_parent;

use access::DirectAccess;
use clock::SystemClock;
use launcher::LocalLauncher;
use local_workers::LocalWorkers;
use ready::Readiness;
use retention::Schedule;
use vault::{KEY_VARIABLE, KeyVault};

use crate::telemetry::{BadCollector, OtlpOptions, Telemetry};

/// gauntlet's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Connections that wait to be taken. A fleet of workers that attaches in one
/// instant fits in; the system may allow fewer.
const BACKLOG: u32 = 4_096;

/// How a control plane is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port and where it can be reached from.
    pub listen: SocketAddr,
    /// Whether an address other than loopback is allowed: whoever reaches it
    /// can do everything.
    pub insecure: bool,
    /// Where everything is kept.
    pub store: Location,
    /// The key that seals passwords: 32 bytes in base64. `None` for that of the file.
    pub secret_key: Option<String>,
    /// The file of the key; made when it is needed and not there.
    pub key_file: PathBuf,
    /// The web pages that may call.
    pub origins: CorsOrigins,
    /// What bounds callers.
    pub limits: Limits,
    /// TLS on the port; `None` is plain text.
    pub tls: Option<TlsFiles>,
    /// What is removed with time.
    pub retain: Retention,
    /// Where metrics and spans are sent; `None` is nowhere.
    pub otlp: Option<OtlpOptions>,
}

impl Options {
    /// The usual set-up: the key from the environment or from a file beside the
    /// store, pages of this machine may call.
    pub fn new(listen: SocketAddr, store: Location) -> Self {
        Self {
            listen,
            insecure: false,
            secret_key: std::env::var(KEY_VARIABLE).ok(),
            key_file: key_file(&store),
            store,
            origins: CorsOrigins::Loopback,
            limits: Limits::default(),
            tls: None,
            retain: Retention::default(),
            otlp: None,
        }
    }
}

fn key_file(store: &Location) -> PathBuf {
    match store {
        Location::Sqlite(path) => path.with_extension("key"),
        Location::Postgres(_) => PathBuf::from(".gauntlet/secret.key"),
    }
}

/// Why there is no control plane.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can be reached from elsewhere.
    #[error(
        "{0} can be reached from other machines, and this control plane has no accounts; listen on 127.0.0.1, or say --insecure to let in everybody who reaches it"
    )]
    NotLoopback(SocketAddr),
    /// Somebody else has the port.
    #[error("{0} is in use by another program; stop it, or choose another address with --listen")]
    InUse(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}; choose another address with --listen")]
    Listen(SocketAddr, io::Error),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] gauntlet_store::Error),
    /// Another control plane has the store.
    #[error("another control plane uses the store {0}; stop it, or choose another store")]
    StoreInUse(Location),
    /// A folder or a file cannot be made or used.
    #[error("{} cannot be used: {error}", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The port cannot speak TLS.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// There is nowhere to send metrics and spans to.
    #[error(transparent)]
    Otlp(#[from] BadCollector),
    /// There is no key for the passwords.
    #[error(transparent)]
    Key(#[from] vault::KeyError),
    /// The local workers did not start.
    #[error(transparent)]
    Workers(#[from] local_workers::Error),
    /// The port failed while it served.
    #[error("the port failed: {0}")]
    Serve(io::Error),
}

/// A control plane that serves. It ends when the token that it was started with
/// fires; [`Plane::wait`] sees it through.
pub struct Plane {
    /// Where it listens.
    pub address: SocketAddr,
    orchestrator: Orchestrator,
    serving: JoinHandle<io::Result<()>>,
    /// What goes on beside serving, until `stop`.
    chores: TaskTracker,
    stop: CancellationToken,
    /// Ends the sending of metrics and spans, when there is nothing more to tell.
    told: CancellationToken,
    is_tls: bool,
    workers: Option<LocalWorkers>,
    launcher: Option<Arc<LocalLauncher>>,
    _lock: Option<File>,
}

impl Plane {
    /// The address for callers on this machine.
    pub fn url(&self) -> String {
        url(self.address, self.is_tls)
    }

    /// Waits until the control plane has ended, by its token or by a failure,
    /// and leaves nothing behind. Runs that are active go on at the next start.
    pub async fn wait(self) -> Result<(), Error> {
        let workers = async {
            if let Some(workers) = self.workers {
                workers.until(&self.stop).await;
            }
        };
        let serving = async {
            let served = self.serving.await;
            // A port that failed ends the rest too.
            self.stop.cancel();
            served
        };
        let stopped = async {
            self.stop.cancelled().await;
            Instant::now()
        };
        let (served, (), stopped) = tokio::join!(serving, workers, stopped);
        self.orchestrator.shutdown().await;
        if let Some(launcher) = self.launcher {
            launcher.ended().await;
        }
        self.told.cancel();
        self.chores.close();
        self.chores.wait().await;
        let took_ms = stopped.elapsed().as_millis() as u64;
        tracing::info!(took_ms, "control plane ended");
        served
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(Error::Serve)
    }
}

/// Starts a control plane: takes the port, opens the store (no DDL), takes up
/// the runs that were active, and serves.
pub async fn start(options: Options, stop: CancellationToken) -> Result<Plane, Error> {
    let listener = listen(options.listen, options.insecure)?;
    start_on(listener, options, stop).await
}

/// Like [`start`], on a port that is taken already.
async fn start_on(
    listener: TcpListener,
    options: Options,
    stop: CancellationToken,
) -> Result<Plane, Error> {
    let address = listener
        .local_addr()
        .map_err(|error| Error::Listen(options.listen, error))?;
    let tls = options.tls.as_ref().map(TlsFiles::read).transpose()?;
    let is_tls = tls.is_some();
    let stores = gauntlet_store_sql::open(&options.store).await?;
    let lock = lock::take(&options.store)?;
    let vault = KeyVault::open(options.secret_key.as_deref(), &options.key_file)?;

    let telemetry = Telemetry::new();
    let witness: Arc<dyn Witness> = telemetry.clone();
    let stores = gauntlet_store::metered(stores, &witness);
    let place = options.store.place();
    let launcher = launcher(address, is_tls, &stop);
    let backend = backend(stores, place, vault, launcher.clone(), stop.clone());
    let orchestrator = backend.orchestrator.clone();
    let exporter = options.otlp.as_ref();
    let exporter = exporter.map(|options| telemetry.exporter(options, &orchestrator));
    let exporter = exporter.transpose()?;
    match orchestrator.recover().await {
        Ok(0) => {}
        Ok(runs) => tracing::info!(runs, "took up active runs"),
        Err(error) => {
            orchestrator.shutdown().await;
            return Err(error.into());
        }
    }
    let readiness = Readiness {
        stores: backend.stores.clone(),
        orchestrator: orchestrator.clone(),
        telemetry: telemetry.clone(),
        max_connections: options.limits.max_connections,
        stop: stop.clone(),
    };
    let server = Server {
        version: VERSION.to_owned(),
        started: backend.clock.now(),
        store: options.store.kind(),
        schema_version: gauntlet_store_sql::schema_version(&options.store),
        dashboard: !dashboard::BUILT.is_empty(),
        parts: Arc::new(readiness.clone()),
    };
    let (routes, reporter) = routes::all(&backend, server, &telemetry).await;
    let metrics = telemetry.registry(&orchestrator);
    let http = http::router(
        readiness.clone(),
        metrics,
        dashboard::BUILT,
        &url(address, is_tls),
    );
    let front = Front::builder(registry(), routes, http)
        .cors_origins(options.origins)
        .observer(telemetry.clone());
    let front = options.limits.front(front).build();
    let serve_options = options.limits.serve(tls);
    let serving = gauntlet_connect::serve(listener, front, stop.clone(), serve_options);

    let chores = TaskTracker::new();
    chores.spawn(telemetry.follow(orchestrator.clone(), stop.clone()));
    chores.spawn(readiness.tell(reporter));
    let schedule = Schedule {
        stores: backend.stores,
        orchestrator: orchestrator.clone(),
        clock: backend.clock,
        keep: options.retain,
        stop: stop.clone(),
    };
    chores.spawn(schedule.follow());
    let told = CancellationToken::new();
    if let Some(exporter) = exporter {
        chores.spawn(exporter.run(told.clone()));
    }
    tracing::info!(%address, store = %options.store, tls = is_tls, "control plane serves");
    Ok(Plane {
        address,
        orchestrator,
        serving: tokio::spawn(serving),
        chores,
        stop,
        told,
        is_tls,
        workers: None,
        launcher,
        _lock: lock,
    })
}

fn backend(
    stores: Stores,
    store_place: Option<Place>,
    vault: KeyVault,
    launcher: Option<Arc<LocalLauncher>>,
    stop: CancellationToken,
) -> Backend {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::starting_now());
    let access: Arc<dyn TargetAccess> = Arc::new(DirectAccess);
    let vault = Arc::new(vault);
    let orchestrator = Orchestrator::new(Services {
        stores: stores.clone(),
        access: access.clone(),
        vault: vault.clone(),
        clock: clock.clone(),
        version: VERSION.to_owned(),
        launcher: launcher.map(|launcher| -> Arc<dyn RunLauncher> { launcher }),
    });
    Backend {
        orchestrator,
        stores,
        store_place,
        access,
        vault,
        clock,
        ids: Uuid::now_v7,
        stop,
    }
}

/// Who starts the workers that runs have of their own. Nobody where they would
/// have to be told whom to trust.
fn launcher(
    address: SocketAddr,
    is_tls: bool,
    stop: &CancellationToken,
) -> Option<Arc<LocalLauncher>> {
    if is_tls {
        return None;
    }
    match LocalLauncher::new(url(address, is_tls), stop.clone()) {
        Ok(launcher) => Some(Arc::new(launcher)),
        Err(error) => {
            tracing::warn!(%error, "runs cannot have workers of their own: this program is not found");
            None
        }
    }
}

fn registry() -> Registry {
    Registry::from_descriptor_sets(&routes::DESCRIPTOR_SETS)
        .expect("the descriptor sets are those that the services were generated from")
}

fn listen(address: SocketAddr, insecure: bool) -> Result<TcpListener, Error> {
    if !address.ip().is_loopback() && !insecure {
        return Err(Error::NotLoopback(address));
    }
    bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Error::InUse(address),
        _ => Error::Listen(address, error),
    })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A port whose last connections have not been forgotten is free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// An address that means "all" is called by the loopback's.
fn url(address: SocketAddr, is_tls: bool) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if is_tls { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(ip, address.port()))
}

fn make_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|error| Error::Folder {
        path: path.to_owned(),
        error,
    })
}

#[cfg(test)]
mod tests;
