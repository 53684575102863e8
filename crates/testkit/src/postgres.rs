//! A private PostgreSQL for tests: its own data folder, a free loopback port, a password that only the test knows.
//!
//! A guard process ([`guard`]) owns the server and its folder. It notices when the test process is gone, however that
//! ended, so neither a panic nor a `kill -9` leaves a server or a folder behind, and a cluster may live in a `static`.

mod guard;
mod installation;
mod tls;

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use guard::{Folder, Started};
use installation::Installation;
pub use tls::{Authority, Identity, PlainText};

const USER: &str = "gauntlet";
const DATABASE: &str = "postgres";
/// Another process can take the free port between our look and the server's bind; so often in a row it cannot.
const PORT_ATTEMPTS: usize = 10;
/// How long the memory of a killed server may stay attached to what it left running.
const RESTART_DEADLINE: Duration = Duration::from_secs(30);

/// `fsync` and full pages protect against a machine that stops, which no test does.
/// Commits stay synchronous: a commit that was answered survives a killed server, and tests count on it.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 512MB
shared_buffers = 64MB
max_connections = 300
shared_preload_libraries = ''
timezone = 'UTC'
log_timezone = 'UTC'
";

/// A statement that `psql` did not carry out, in the server's words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SqlError(String);

/// A running private PostgreSQL; dropping it stops the server and removes its data.
#[derive(Debug)]
pub struct Cluster {
    /// The address it listens on: 127.0.0.1.
    pub host: String,
    /// The TCP port it listens on, the same after a restart.
    pub port: u16,
    /// The superuser.
    pub user: String,
    /// The database that exists from the start.
    pub database: String,
    password: String,
    installation: Installation,
    folder: Mutex<Folder>,
}

impl Cluster {
    /// Starts a new server and returns once it accepts connections.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start; the message says what to do or ends with the server's log.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts a new server with more settings, in lines as in `postgresql.conf`; the last of a name counts.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    #[must_use]
    pub fn start_with(settings: &str) -> Self {
        Self::start_prepared(settings, |_, _| Ok(()))
    }

    /// Starts a new server that has a certificate.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    #[must_use]
    pub fn start_with_tls(identity: &Identity, plain_text: PlainText) -> Self {
        Self::start_prepared(tls::SETTINGS, |data, installation| {
            write_for(
                installation,
                &data.join("server.crt"),
                &identity.certificate,
            )?;
            write_for(installation, &data.join("server.key"), &identity.key)?;
            match plain_text {
                PlainText::Taken => Ok(()),
                PlainText::Refused => fs::write(data.join("pg_hba.conf"), tls::ONLY_ENCRYPTED),
            }
        })
    }

    /// `prepare` is given the new data folder.
    fn start_prepared(
        settings: &str,
        prepare: impl FnOnce(&Path, &Installation) -> io::Result<()>,
    ) -> Self {
        let installation = Installation::find().unwrap_or_else(|missing| panic!("{missing}"));
        let template = Template::of_this_process(&installation);
        let mut folder =
            Folder::create(&installation).expect("a temporary folder for a PostgreSQL");
        copy(&template.folder.data(), &folder.data(), &installation);
        configure(&folder, settings).expect("the settings of a new cluster");
        prepare(&folder.data(), &installation).expect("the files of a new cluster");
        let port = start_on_a_free_port(&mut folder);
        Self {
            host: "127.0.0.1".to_owned(),
            port,
            user: USER.to_owned(),
            database: DATABASE.to_owned(),
            password: template.password.clone(),
            installation,
            folder: Mutex::new(folder),
        }
    }

    /// One server for all tests of this process, started by the first that asks and gone when the process ends.
    /// Tests keep apart with [`Cluster::create_database`]; a test that stops its server starts its own.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Whether the installation has a library that `shared_preload_libraries` can name: those of contrib may lack.
    ///
    /// # Panics
    /// When PostgreSQL is not installed.
    #[must_use]
    pub fn has_library(name: &str) -> bool {
        let installation = Installation::find().unwrap_or_else(|missing| panic!("{missing}"));
        installation.has_library(name)
    }

    /// The connection URL of the first database: `postgres://user:password@host:port/database`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(&self.database)
    }

    /// The connection URL of any database in this cluster.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        format!(
            "postgres://{}:{}@{}:{}/{database}",
            self.user, self.password, self.host, self.port
        )
    }

    /// The superuser's password; any other is refused (SCRAM), over TCP and over the socket.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The folder of the Unix socket, which is `.s.PGSQL.<port>` in it.
    ///
    /// A server that runs as another account keeps it readable for that account and for root only.
    #[must_use]
    pub fn socket_folder(&self) -> std::path::PathBuf {
        self.folder().path().to_owned()
    }

    /// Creates an empty database and returns its connection URL.
    ///
    /// # Panics
    /// When the name needs escaping in a URL (letters, digits and underscores do not), or when it is taken.
    #[must_use]
    pub fn create_database(&self, name: &str) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        assert!(
            name.bytes().all(plain),
            "the database name {name:?} has more than letters, digits and underscores"
        );
        if let Err(error) = self.psql(&format!("CREATE DATABASE \"{name}\"")) {
            panic!("the database {name} cannot be created: {error}");
        }
        self.url_of(name)
    }

    /// Runs statements in the first database with the `psql` command; columns come separated by `|`, rows by newlines.
    pub fn psql(&self, sql: &str) -> Result<String, SqlError> {
        self.psql_in(&self.database, sql)
    }

    /// Runs statements in any database of this cluster, as [`Cluster::psql`].
    /// Several statements in one text are one transaction unless they say otherwise.
    ///
    /// # Panics
    /// When the `psql` command cannot be started.
    pub fn psql_in(&self, database: &str, sql: &str) -> Result<String, SqlError> {
        let port = self.port.to_string();
        let output = self
            .installation
            .program("psql")
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                &self.host,
                "-p",
                &port,
            ])
            .args(["-U", &self.user, "-d", database, "-c", sql])
            .env("PGPASSWORD", &self.password)
            .env("PGCONNECT_TIMEOUT", "10")
            .env("PGOPTIONS", "-c statement_timeout=60s")
            .stdin(Stdio::null())
            .output()
            .expect("the psql command of the installation that was found");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout)
                .trim_end()
                .to_owned())
        } else {
            Err(SqlError(
                String::from_utf8_lossy(&output.stderr)
                    .trim_end()
                    .to_owned(),
            ))
        }
    }

    /// Stops the server as an administrator would: connections are ended, data is kept.
    ///
    /// # Panics
    /// When the guard is gone.
    pub fn stop(&self) {
        self.folder()
            .stop()
            .expect("the guard of a running cluster");
    }

    /// Kills the server's main process as a crash would: what was not committed is lost.
    ///
    /// # Panics
    /// When the guard is gone.
    pub fn kill9(&self) {
        self.folder()
            .kill9()
            .expect("the guard of a running cluster");
    }

    /// Starts the server again on the same port with the same data, after [`Cluster::stop`] or [`Cluster::kill9`].
    /// Does nothing while it runs.
    ///
    /// # Panics
    /// When it does not start within 30 seconds; the message ends with the server's log.
    pub fn start_again(&self) {
        let mut folder = self.folder();
        let asked = Instant::now();
        // A killed server's children keep its shared memory until they notice, and until then a new one refuses to start.
        while folder.start(self.port).expect("the guard of a cluster") != Started::Ready {
            assert!(
                asked.elapsed() < RESTART_DEADLINE,
                "the private PostgreSQL does not start again:\n{}",
                folder.log()
            );
        }
    }

    /// What the server has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.folder().log()
    }

    fn folder(&self) -> MutexGuard<'_, Folder> {
        self.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A data folder that was initialised once and is copied for each cluster: a copy takes a sixth of the time.
struct Template {
    folder: Folder,
    password: String,
}

impl Template {
    fn of_this_process(installation: &Installation) -> &'static Self {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE.get_or_init(|| Self::create(installation))
    }

    fn create(installation: &Installation) -> Self {
        let folder = Folder::create(installation).expect("a temporary folder for a PostgreSQL");
        let password = random_password().expect("a random password from /dev/urandom");
        let password_file = folder.path().join("password");
        write_for(installation, &password_file, &password).expect("the password file");
        let mut initdb = installation.program_as_account("initdb", folder.path());
        initdb
            .args([
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "-U",
                USER,
            ])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("-D")
            .arg(folder.data());
        succeed(&mut initdb);
        configure(&folder, SETTINGS).expect("the settings of a new cluster");
        Self { folder, password }
    }
}

fn configure(folder: &Folder, settings: &str) -> io::Result<()> {
    let configuration = folder.data().join("postgresql.conf");
    let mut file = fs::OpenOptions::new().append(true).open(configuration)?;
    file.write_all(settings.as_bytes())
}

fn start_on_a_free_port(folder: &mut Folder) -> u16 {
    for _ in 0..PORT_ATTEMPTS {
        let port = free_port().expect("a free loopback port");
        if folder.start(port).expect("the guard of a new cluster") == Started::Ready {
            return port;
        }
        let log = folder.log();
        assert!(
            log.contains("could not bind"),
            "the private PostgreSQL does not start:\n{log}"
        );
    }
    panic!("the private PostgreSQL found no free port in {PORT_ATTEMPTS} attempts");
}

/// A port that nothing listens on right now.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A guessable password would let any account on this machine act as the account that runs the server.
fn random_password() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn write_for(installation: &Installation, path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    installation.give(path)
}

fn copy(from: &Path, to: &Path, installation: &Installation) {
    let mut copy = Command::new("cp");
    installation.as_account(&mut copy);
    let parent = to
        .parent()
        .expect("the data folder lies in the cluster's folder");
    succeed(copy.current_dir(parent).arg("-R").arg(from).arg(to));
}

fn succeed(command: &mut Command) {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} ended with {}:\n{said}",
        output.status
    );
}
