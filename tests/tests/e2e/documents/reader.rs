//! Somebody who does what a document says.

use std::{
    cell::OnceCell,
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use gauntlet_testkit::postgres::{Authority, Cluster, PlainText};
use tempfile::TempDir;

use super::{root, steps::Step};
use crate::plane::{binary, eventually, free_address, text};

/// Where documents say that things are, which a reader has elsewhere.
const POSTGRES: &str = "@127.0.0.1:5432/";
const ADDRESS: &str = "127.0.0.1:8090";
/// What a reader has who has followed the first guide.
const DATABASE: &str =
    "CREATE ROLE bench LOGIN PASSWORD 'secret';\nCREATE DATABASE bench OWNER bench;";
/// What a provider of databases has for download.
const AUTHORITY: &str = "postgres-ca.pem";
/// Commands that go on until they are ended: a reader gives each a terminal of its own.
const LASTING: [&str; 3] = ["gauntlet up", "gauntlet serve", "gauntlet worker --"];
/// How often a reader runs again what was INVALID, as the guides say.
const ATTEMPTS: usize = 5;
/// The exit code of a run whose numbers cannot be trusted.
const INVALID: i32 = 4;

/// A reader has a `PostgreSQL` server with TLS, a free port, a folder, and says yes when asked.
pub struct Reader {
    server: OnceCell<Cluster>,
    /// What the server's owner has done before the document begins.
    prepared: &'static str,
    folder: TempDir,
    address: SocketAddr,
    terminals: Vec<Terminal>,
}

/// A program that goes on until the reader leaves.
struct Terminal(Child);

impl Drop for Terminal {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Reader {
    /// A reader in an empty folder.
    pub fn new() -> Self {
        Self {
            server: OnceCell::new(),
            prepared: DATABASE,
            folder: TempDir::new().unwrap(),
            address: free_address(),
            terminals: Vec::new(),
        }
    }

    /// A reader whose server has nothing in it.
    pub fn newcomer() -> Self {
        Self {
            prepared: "",
            ..Self::new()
        }
    }

    /// A reader in a clone, as far as documents use it.
    pub fn in_clone() -> Self {
        let reader = Self::new();
        let examples = reader.folder.path().join("examples");
        fs::create_dir(&examples).unwrap();
        for entry in fs::read_dir(root().join("examples")).unwrap() {
            let path = entry.unwrap().path();
            let file = examples.join(path.file_name().unwrap());
            fs::write(file, hurried(&fs::read_to_string(&path).unwrap())).unwrap();
        }
        reader
    }

    /// Does one thing, and looks at what came of it.
    pub async fn take(&mut self, document: &str, step: Step) {
        match step {
            Step::Save { file, text } => {
                fs::write(self.folder.path().join(file), hurried(&text)).unwrap();
            }
            Step::Sql(sql) => {
                if let Err(error) = carry_out(self.server(), &sql) {
                    panic!("{document}: {error}");
                }
            }
            Step::Run { command, .. } if LASTING.iter().any(|start| command.starts_with(start)) => {
                self.last(document, &command).await;
            }
            Step::Run { command, exit } => self.run(document, &command, exit),
        }
    }

    fn run(&self, document: &str, command: &str, exit: Option<i32>) {
        for attempt in 1.. {
            let output = self.shell(&self.adapted(command)).output().unwrap();
            let code = output.status.code().unwrap_or(-1);
            let fine = match exit {
                Some(announced) => code == announced,
                None => answers(command).contains(&code),
            };
            if fine {
                return;
            }
            // A machine that is busy with other tests says so; that is no mistake of the document.
            let busy = exit.is_some() && code == INVALID && attempt < ATTEMPTS;
            assert!(
                busy,
                "{document}: {command}: exit code {code}\n{}",
                text(&output)
            );
        }
    }

    /// Starts something that lasts, and waits until it is there.
    async fn last(&mut self, document: &str, command: &str) {
        let before = self.attached();
        let number = self.terminals.len();
        let log = self.folder.path().join(format!("terminal-{number}.log"));
        let file = fs::File::create(&log).unwrap();
        // `exec`: the shell is the program, and ends with the reader.
        let command = command.trim_end_matches(['&', ' ']);
        let child = self
            .shell(&format!("exec {}", self.adapted(command)))
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut terminal = Terminal(child);
        let more = match subcommand(command) {
            "up" => 2,
            "worker" => 1,
            _ => 0,
        };
        eventually(command, async || {
            let ended = terminal.0.try_wait().unwrap();
            let log = || fs::read_to_string(&log).unwrap();
            assert!(ended.is_none(), "{document}: {command} ended:\n{}", log());
            let now = self.attached()?;
            (now >= before.unwrap_or(0) + more).then_some(())
        })
        .await;
        self.terminals.push(terminal);
    }

    /// How many workers are attached; `None` when no control plane answers.
    fn attached(&self) -> Option<usize> {
        let mut command = self.shell("gauntlet workers --output json");
        let listed = command.output().unwrap();
        listed
            .status
            .success()
            .then(|| text(&listed).matches("WORKER_STATUS_IDLE").count())
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(command)
            .current_dir(self.folder.path())
            .env("PATH", path())
            .stdin(Stdio::null());
        let authority = self.folder.path().join("ca.pem");
        // A document that makes an authority speaks TLS from then on.
        let scheme = if authority.exists() {
            shell.env("GAUNTLET_TLS_CA", authority);
            "https"
        } else {
            "http"
        };
        shell.env("GAUNTLET_SERVER", format!("{scheme}://{}", self.address));
        shell
    }

    /// A command with what the reader has instead of what the document names.
    fn adapted(&self, command: &str) -> String {
        let mut command = command.replace(ADDRESS, &self.address.to_string());
        if command.contains(POSTGRES) {
            let own = format!("@{}:{}/", self.server().host, self.server().port);
            command = command.replace(POSTGRES, &own);
        }
        match subcommand(&command) {
            "run" if !command.contains("--yes") => command.push_str(" --yes"),
            "up" => command = format!("{command} --listen {}", self.address),
            _ => {}
        }
        command
    }

    /// The server, started when it is needed first.
    fn server(&self) -> &Cluster {
        self.server.get_or_init(|| {
            let authority = Authority::new("provider");
            let identity = authority.sign(&["127.0.0.1"]);
            let cluster = Cluster::start_with_tls(&identity, PlainText::Taken);
            fs::write(self.folder.path().join(AUTHORITY), authority.pem()).unwrap();
            carry_out(&cluster, self.prepared).unwrap();
            cluster
        })
    }
}

/// The codes that a command may end with: of a run and of a gate, every answer that
/// it can give.
fn answers(command: &str) -> &[i32] {
    match subcommand(command) {
        "run" | "rerun" | "report" | "watch" => &[0, 2, 3, INVALID],
        "compare" if command.contains("--max-regression") => &[0, 2, 3, INVALID],
        _ => &[0],
    }
}

/// `run` of `gauntlet run …`.
fn subcommand(command: &str) -> &str {
    let mut words = command.split_whitespace();
    match words.next() {
        Some("gauntlet") => words.next().unwrap_or_default(),
        _ => "",
    }
}

/// Has the owner of the server carry out statements, each for itself as `psql` does it.
fn carry_out(server: &Cluster, sql: &str) -> Result<(), String> {
    for statement in sql.split(";\n").filter(|part| !part.trim().is_empty()) {
        server
            .psql(statement)
            .map_err(|error| format!("{statement}\n{error}"))?;
    }
    Ok(())
}

/// The commands of the binary and of the repository.
fn path() -> String {
    format!(
        "{}:{}:{}",
        binary().parent().unwrap().display(),
        root().join("node_modules/.bin").display(),
        std::env::var("PATH").unwrap()
    )
}

/// A template with phases that a test has the time for.
fn hurried(text: &str) -> String {
    let shorter = |line: &str| {
        let (key, given) = line.split_once(':')?;
        let time = match key.trim() {
            // What is given in minutes is a bound, and ends earlier by itself.
            _ if !given.ends_with('s') => return None,
            "warmup" => "1s",
            "measurement" => "4s",
            _ => return None,
        };
        Some(format!("{key}: {time}\n"))
    };
    text.lines()
        .map(|line| shorter(line).unwrap_or_else(|| format!("{line}\n")))
        .collect()
}
