//! `make bench`: gauntlet beside its peers on one machine, interleaved, written to `docs/benchmarks.md` and `.json`.
//!
//! Nothing is judged here: the figures are written down and a person reads them. Everything that is started listens on a
//! free loopback port and is gone when this program ends, also after an interrupt or a panic.

mod api;
mod database;
mod document;
mod error;
mod figure;
mod first_operation;
mod machine;
mod peers;
mod plane;
mod process;
mod rate;
mod select;
mod settings;
mod stats;
mod steering;
mod tool;

use std::fs;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use api::Server;
use database::Database;
use error::{Error, Result};
use figure::Figure;
use machine::Machine;
use peers::Peers;
use plane::{Binary, Plane};
use settings::{Options, Part, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    // The side that loses is dropped, and with it every process that it started.
    let done = tokio::select! {
        done = bench(&options) => done,
        asked = asked_to_end() => asked,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns, as an error, when the person at the terminal or the system ends the benchmark.
async fn asked_to_end() -> Result<()> {
    let mut terminate =
        signal(SignalKind::terminate()).map_err(Error::io("listening for SIGTERM"))?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt.map_err(Error::io("listening for Ctrl-C"))?,
        _ = terminate.recv() => {}
    }
    Err(Error::Interrupted)
}

async fn bench(options: &Options) -> Result<()> {
    let settings = Settings::of(options);
    let binary = Binary::find(options.binary.as_deref()).await?;
    let mut machine = Machine::look(&binary.version).await;
    let mut figures = Vec::new();
    if options.wants(Part::Select) || options.wants(Part::Rate) {
        let peers = Peers::find().await?;
        let database = Database::start(&peers, &settings).await?;
        machine.databases(&database.version, peers.versions());
        let mut plane = Plane::start(&binary).await?;
        plane.add_worker().await?;
        plane.add_postgres_target(&database).await?;
        if options.wants(Part::Select) {
            figures.extend(select::measure(&settings, &peers, &database, &mut plane).await?);
        }
        if options.wants(Part::Rate) {
            figures.extend(rate::measure(&settings, &peers, &database, &mut plane).await?);
        }
    }
    if options.wants(Part::FirstOperation) {
        figures.push(first_operation::measure(&settings, &binary).await?);
    }
    if options.wants(Part::Steering) {
        figures.extend(steering::measure(&settings, &binary).await?);
    }
    if options.wants_api() {
        let server = Server::start()?;
        machine.store(&server.version()?);
        figures.extend(api::measure(options, &settings, &binary, &server).await?);
    }
    machine.look_again();
    for figure in &mut figures {
        figure.measured = machine.measured();
    }
    publish(options, &settings, &machine, figures)
}

/// A partial run is only printed, unless it is asked to keep the other figures: each says when it was measured.
fn publish(
    options: &Options,
    settings: &Settings,
    machine: &Machine,
    figures: Vec<Figure>,
) -> Result<()> {
    if !options.parts.is_empty() && !options.keep {
        println!("{}", figure::json(&figures));
        return Ok(());
    }
    fs::create_dir_all(&options.out).map_err(Error::io("the folder for the figures"))?;
    let path = options.out.join("benchmarks.json");
    let figures = if options.parts.is_empty() {
        figures
    } else {
        figure::merged(figure::read(&path)?, figures)
    };
    let json = figure::json(&figures);
    let document = document::markdown(settings, machine, &figures);
    for (name, text) in [("benchmarks.md", document), ("benchmarks.json", json)] {
        let path = options.out.join(name);
        fs::write(&path, text).map_err(Error::io(&path.display().to_string()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
