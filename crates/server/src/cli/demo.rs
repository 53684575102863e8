//! `gauntlet demo`: the main job with nothing to configure.

use std::{
    env,
    path::{Path, PathBuf},
};

use clap::Args;
use gauntlet_client::{Client, Code, Error, pb, yaml::TemplateFile};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Context, DEFAULT_PROJECT, DEFAULT_SERVER,
    exit::Exit,
    failure::Failure,
    interrupt::Interrupts,
    print,
    run::start_and_follow,
    target::{add::sqlite, load::load},
    template::apply,
    text::{address, number::counted, plan},
    up::Local,
};
use crate::plane::{self, UpOptions};

/// The template of the demo, for who wants to read or change it.
const TEMPLATE: &str = include_str!("../../../../examples/demo.yaml");
/// The template's name in messages.
const TEMPLATE_FILE: &str = "examples/demo.yaml";
/// The rows of the demo's table; its template draws keys up to it.
const ROWS: i64 = 100_000;
/// How many targets of the demo there may be, one for each address it was given.
const MOST_TARGETS: usize = 100;

/// Try it all with nothing to configure
///
/// Shows the main job: starts a control plane and workers, fills a table in an
/// embedded SQLite database, benchmarks it for 20 seconds, reports, and then
/// serves until Ctrl-C.
#[derive(Debug, Args)]
pub struct Demo {
    /// End after the report, with the run's exit code
    #[arg(long)]
    exit: bool,
    /// Benchmark this database instead: postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// The folder of the store, the demo database, the key and the workers' logs
    #[arg(long, default_value = ".gauntlet/demo", value_name = "FOLDER")]
    data_dir: PathBuf,
    #[command(flatten)]
    local: Local,
}

impl Demo {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let address = self.address().map_err(Failure::Asked)?;
        if self.local.workers == 0 {
            return Err(Failure::Asked(
                "the demo needs at least one worker".to_owned(),
            ));
        }
        let mut interrupts = Interrupts::listen()?;
        let stop = CancellationToken::new();
        let options = UpOptions {
            data_dir: self.data_dir.clone(),
            listen: self.local.listen,
            insecure: false,
            workers: self.local.workers,
            limits: plane::Limits::default(),
            retain: plane::Retention::default(),
            otlp: None,
        };
        print::aside(&format!(
            "starting a control plane and {}, data in {}",
            counted(self.local.workers.into(), "worker"),
            self.data_dir.display()
        ));
        let plane = tokio::select! {
            plane = plane::up(options, stop.clone()) => plane?,
            () = interrupts.next() => {
                stop.cancel();
                return Ok(Exit::Cancelled);
            }
        };
        let url = plane.url();
        let context = Context {
            server: url.clone(),
            given_project: Some(DEFAULT_PROJECT.to_owned()),
            ..context.clone()
        };
        let result = benchmark(&context, &address, self.local.workers, &mut interrupts).await;
        // A run that a person ended means that the person wants to leave.
        let serves = !self.exit && !matches!(result, Ok(Exit::Cancelled) | Err(_));
        if serves {
            print::aside(&goodbye(&url, &program()));
            tokio::select! {
                () = interrupts.next() => {}
                () = stop.cancelled() => {}
            }
        }
        stop.cancel();
        plane.wait().await?;
        result
    }

    fn address(&self) -> Result<pb::target::Address, String> {
        if let Some(url) = &self.postgres {
            return address::postgres(url).map(pb::target::Address::Postgres);
        }
        let file = self.data_dir.join("demo.db");
        let path = file.to_str().ok_or_else(|| not_text(&file))?;
        sqlite(path).map(pb::target::Address::Sqlite)
    }
}

fn not_text(path: &Path) -> String {
    format!("the path {} is not UTF-8", path.display())
}

/// Target, table, template, run, report.
async fn benchmark(
    context: &Context,
    address: &pb::target::Address,
    workers: u32,
    interrupts: &mut Interrupts,
) -> Result<Exit, Failure> {
    let client = context.client().await?;
    let (template, target) = tokio::select! {
        prepared = prepare(&client, context, address, workers) => prepared?,
        () = interrupts.next() => return Ok(Exit::Cancelled),
    };
    print::aside(plan::lines(&template, Some(&target)).trim_end());
    let request = pb::CreateRunRequest {
        request_id: Uuid::new_v4().to_string(),
        project: context.project(),
        template: template.name,
        template_version: template.version,
        ..Default::default()
    };
    let created = client.runs().create_run(request).await?;
    let run = created.into_inner().run.unwrap_or_default();
    start_and_follow(&client, context, &run, Vec::new(), interrupts).await
}

async fn prepare(
    client: &Client,
    context: &Context,
    address: &pb::target::Address,
    workers: u32,
) -> Result<(pb::Template, pb::Target), Failure> {
    let target = target(client, context, address).await?;
    let mut file = TemplateFile::parse(TEMPLATE_FILE, TEMPLATE)?;
    file.spec.target.clone_from(&target.name);
    file.spec.workers = workers;
    let dataset = pb::Dataset {
        table: file.spec.table.clone(),
        rows: ROWS,
        seed: 1,
        replace: false,
    };
    match load(client, context, &target.name, dataset).await {
        Ok(_) => {}
        // The INSERTs of an earlier demo made it longer; it serves as well.
        Err(Failure::Client(Error::Refused(refusal))) if refusal.code == Code::AlreadyExists => {
            print::aside(&format!(
                "table {} is there from an earlier run and used as it is",
                file.spec.table
            ));
        }
        Err(failure) => return Err(failure),
    }
    let (template, _) = apply(client, &context.project(), &file).await?;
    Ok((template, target))
}

/// The demo's target at an address: the one registered before, or a new one.
/// Targets cannot be changed, so another address gets another name.
async fn target(
    client: &Client,
    context: &Context,
    address: &pb::target::Address,
) -> Result<pb::Target, Failure> {
    for number in 1..=MOST_TARGETS {
        let name = match number {
            1 => "demo".to_owned(),
            number => format!("demo-{number}"),
        };
        let request = pb::GetTargetRequest {
            project: context.project(),
            name: name.clone(),
        };
        match client.targets().get_target(request).await {
            Ok(response) => {
                let known = response.into_inner().target.unwrap_or_default();
                if is_at(&known, address) && lets_in(client, context, &known).await {
                    return Ok(known);
                }
            }
            Err(status) if status.code() == Code::NotFound => {
                return create(client, context, name, address).await;
            }
            Err(status) => return Err(status.into()),
        }
    }
    Err(Failure::Asked(format!(
        "the demo's store holds {MOST_TARGETS} targets at other addresses; begin a new one with --data-dir"
    )))
}

async fn create(
    client: &Client,
    context: &Context,
    name: String,
    address: &pb::target::Address,
) -> Result<pb::Target, Failure> {
    let request = pb::CreateTargetRequest {
        request_id: Uuid::new_v4().to_string(),
        target: Some(pb::Target {
            project: context.project(),
            name,
            address: Some(address.clone()),
            ..Default::default()
        }),
    };
    let response = client.targets().create_target(request).await?;
    Ok(response.into_inner().target.unwrap_or_default())
}

/// Whether a target without its password is at an address with one.
fn is_at(known: &pb::Target, address: &pb::target::Address) -> bool {
    let known = known.address.as_ref().map(completed);
    known == Some(completed(address))
}

/// An address with what the server takes where nothing is said, without its password.
fn completed(address: &pb::target::Address) -> pb::target::Address {
    let mut address = address.clone();
    if let pb::target::Address::Postgres(postgres) = &mut address {
        postgres.password.clear();
        if postgres.port == 0 {
            postgres.port = 5432;
        }
        if postgres.ssl_mode() == pb::SslMode::Unspecified {
            postgres.set_ssl_mode(pb::SslMode::Disable);
        }
    }
    address
}

/// Whether a known target lets us in: its password may be another one now. A
/// file has none.
async fn lets_in(client: &Client, context: &Context, known: &pb::Target) -> bool {
    if matches!(known.address, Some(pb::target::Address::Sqlite(_))) {
        return true;
    }
    let request = pb::TestTargetRequest {
        project: context.project(),
        name: known.name.clone(),
    };
    client.targets().test_target(request).await.is_ok()
}

/// The commands to try, as they work from here: `program` is what this one was
/// started as.
fn goodbye(url: &str, program: &str) -> String {
    let call =
        format!("-d '{{\"project\":\"{DEFAULT_PROJECT}\"}}' {url}/gauntlet.v1.RunService/ListRuns");
    let server = if url == DEFAULT_SERVER {
        String::new()
    } else {
        format!(" --server {url}")
    };
    format!(
        "
serving at {url} until Ctrl-C: open it in a browser for the dashboard
try in another terminal:
  npx @bufbuild/buf curl {call}
  curl -H 'content-type: application/json' {call}
  {program} watch{server}"
    )
}

/// This program as a shell finds it.
fn program() -> String {
    env::args()
        .next()
        .filter(|name| name.contains('/'))
        .unwrap_or_else(|| "gauntlet".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(port: u32, password: &str) -> pb::target::Address {
        pb::target::Address::Postgres(pb::PostgresAddress {
            host: "h".to_owned(),
            port,
            database: "d".to_owned(),
            user: "u".to_owned(),
            password: password.to_owned(),
            ..pb::PostgresAddress::default()
        })
    }

    #[test]
    fn a_known_address_is_recognised_without_its_password() {
        let known = |port| pb::Target {
            address: Some(postgres(port, "")),
            ..Default::default()
        };
        assert!(is_at(&known(5432), &postgres(0, "secret")));
        assert!(is_at(&known(0), &postgres(5432, "secret")));
        assert!(!is_at(&known(5433), &postgres(0, "secret")));
        let mut plain = known(5432);
        if let Some(pb::target::Address::Postgres(postgres)) = &mut plain.address {
            postgres.set_ssl_mode(pb::SslMode::Disable);
        }
        assert!(is_at(&plain, &postgres(0, "secret")));
        let file = pb::target::Address::Sqlite(pb::SqliteAddress {
            path: "/x.db".to_owned(),
        });
        assert!(!is_at(&known(5432), &file));
    }

    #[test]
    fn the_commands_name_the_server_unless_it_is_the_usual_one() {
        let usual = goodbye(DEFAULT_SERVER, "gauntlet");
        assert!(usual.ends_with("\n  gauntlet watch"), "{usual}");
        let other = goodbye("http://127.0.0.1:1", "target/debug/gauntlet");
        assert!(
            other.ends_with("\n  target/debug/gauntlet watch --server http://127.0.0.1:1"),
            "{other}"
        );
    }

    #[test]
    fn the_template_is_good_and_fits_the_table() {
        let file = TemplateFile::parse(TEMPLATE_FILE, TEMPLATE).unwrap();
        assert_eq!(file.name, "demo");
        assert_eq!(file.spec.target, "demo");
        let weights: f64 = file
            .spec
            .operations
            .iter()
            .map(|operation| operation.weight)
            .sum();
        assert!((weights - 100.0).abs() < 1e-9);
        assert!(TEMPLATE.contains(&format!("max: {ROWS}")));
    }

    #[test]
    fn every_example_is_a_template_that_the_control_plane_takes() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        let mut examples = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let file = TemplateFile::read(&path).unwrap_or_else(|error| panic!("{error}"));
            let request = pb::ValidateTemplateRequest {
                spec: Some(file.spec),
                project: String::new(),
            };
            let read = gauntlet_wire::decode::validate_template(request).unwrap();
            assert!(read.spec.is_ok(), "{}: {read:?}", path.display());
            examples += 1;
        }
        assert!(examples >= 3);
    }
}
