//! Closed loop: what an operation costs the client, and how many there are, on the same SQL by every tool.

use std::time::Duration;

use crate::database::Database;
use crate::error::Result;
use crate::figure::{Figure, doubts};
use crate::peers::{Outcome, Peers, Work};
use crate::plane::{Finished, Plane, TARGET};
use crate::settings::{ACCOUNTS, CONNECTIONS, Settings};
use crate::stats::short;
use crate::tool::{PEERS, Rounds, Tool, order};

const TEMPLATE: &str = "select-c8";
/// Work that nobody counts, so that the first round finds its pages in memory.
const HEATING: Duration = Duration::from_secs(2);

/// One tool in one round.
struct Sample {
    operations: f64,
    operations_per_s: f64,
    client_cpu_s: f64,
    /// The control plane beside the worker; 0 for a peer.
    plane_cpu_s: f64,
    server_cpu_s: f64,
    /// Why gauntlet itself would not trust the run.
    doubts: Vec<String>,
}

impl Sample {
    fn client_us(&self) -> f64 {
        self.client_cpu_s * 1e6 / self.operations
    }

    fn plane_us(&self) -> f64 {
        self.plane_cpu_s * 1e6 / self.operations
    }

    fn server_us(&self) -> f64 {
        self.server_cpu_s * 1e6 / self.operations
    }
}

/// The template as a user would write it.
pub fn template(settings: &Settings) -> String {
    let warmup = settings.warmup.as_secs();
    let measurement = settings.measurement.as_secs();
    format!(
        "\
name: {TEMPLATE}
target: {TARGET}
operations:
{operation}
load:
  concurrency:
    connections: {CONNECTIONS}
phases:
  warmup: {warmup}s
  measurement: {measurement}s
",
        operation = operation()
    )
}

/// What `pgbench -S` sends.
pub fn operation() -> String {
    format!(
        "  - name: account-balance
    kind: SQL
    class: READ
    weight: 100
    sql: SELECT abalance FROM pgbench_accounts WHERE aid = $1
    parameters:
      - uniform:
          min: 1
          max: {ACCOUNTS}"
    )
}

pub async fn measure(
    settings: &Settings,
    peers: &Peers,
    database: &Database,
    plane: &mut Plane,
) -> Result<Vec<Figure>> {
    plane.apply_template(&template(settings)).await?;
    let heating = Work {
        length: HEATING,
        rate: None,
    };
    peers.run_pgbench(&database.address(), heating).await?;
    let mut rounds = Rounds::new();
    for round in 0..settings.rounds {
        for tool in order(&peers.present(), round) {
            let sample = sample(tool, settings, peers, database, plane).await?;
            println!(
                "select, round {} of {}: {} {} µs/op, {:.0}/s",
                round + 1,
                settings.rounds,
                tool.name(),
                short(sample.client_us()),
                sample.operations_per_s
            );
            rounds.add(tool, sample);
        }
    }
    Ok(vec![cpu_figure(&rounds), throughput_figure(&rounds)])
}

async fn sample(
    tool: Tool,
    settings: &Settings,
    peers: &Peers,
    database: &Database,
    plane: &mut Plane,
) -> Result<Sample> {
    let work = Work {
        length: settings.round(),
        rate: None,
    };
    let address = database.address();
    let server_before = database.cpu().await?;
    let mut sample = match tool {
        Tool::Gauntlet => gauntlet(&plane.run(TEMPLATE).await?),
        Tool::Pgbench => peer(&peers.run_pgbench(&address, work).await?),
        Tool::Sysbench => peer(&peers.run_sysbench(&address, settings, work).await?),
    };
    sample.server_cpu_s = database.cpu().await? - server_before;
    Ok(sample)
}

fn gauntlet(finished: &Finished) -> Sample {
    Sample {
        operations: finished.operations(),
        operations_per_s: finished.total().throughput_per_s,
        client_cpu_s: finished.worker_cpu_s,
        plane_cpu_s: finished.server_cpu_s,
        server_cpu_s: 0.0,
        doubts: finished.doubts(),
    }
}

fn peer(outcome: &Outcome) -> Sample {
    Sample {
        operations: outcome.operations,
        operations_per_s: outcome.per_second,
        client_cpu_s: outcome.cpu_s,
        plane_cpu_s: 0.0,
        server_cpu_s: 0.0,
        doubts: Vec::new(),
    }
}

fn cpu_figure(rounds: &Rounds<Sample>) -> Figure {
    let ours = rounds.spread(Tool::Gauntlet, Sample::client_us);
    let ratio = rounds.ratios(Tool::Pgbench, Sample::client_us);
    let peers = rounds.peers(Sample::client_us);
    let mut notes = vec![
        "client CPU (user and system) over all operations, start and warmup included".to_owned(),
        ratios(rounds, Sample::client_us),
        spreads("µs", rounds, Sample::client_us),
        spreads("server µs", rounds, Sample::server_us),
    ];
    if let Some(plane) = rounds.spread(Tool::Gauntlet, Sample::plane_us) {
        notes.push(format!("control plane beside the worker: {plane} µs"));
    }
    if peers.values().any(Option::is_none) {
        notes.push("sysbench is not installed".to_owned());
    } else {
        notes.push("sysbench reads its own, wider row".to_owned());
    }
    notes.extend(doubts(
        rounds
            .of(Tool::Gauntlet)
            .iter()
            .flat_map(|sample| &sample.doubts),
    ));
    Figure {
        name: "cpu_per_op_pg_select_c8".into(),
        unit: "µs/op".into(),
        ours: ours.map(|spread| spread.median),
        peer: peers[Tool::Pgbench.name()],
        peers,
        ratio: ratio.map(|spread| spread.median),
        note: notes.join("; "),
        measured: String::new(),
    }
}

fn throughput_figure(rounds: &Rounds<Sample>) -> Figure {
    let value = |sample: &Sample| sample.operations_per_s;
    let peers = rounds.peers(value);
    let notes = [
        "the same rounds; tools and server share the processors, so this is how they split them"
            .to_owned(),
        ratios(rounds, value),
        spreads("op/s", rounds, value),
    ];
    Figure {
        name: "throughput_pg_select_c8".into(),
        unit: "op/s".into(),
        ours: rounds
            .spread(Tool::Gauntlet, value)
            .map(|spread| spread.median),
        peer: peers[Tool::Pgbench.name()],
        peers,
        ratio: rounds
            .ratios(Tool::Pgbench, value)
            .map(|spread| spread.median),
        note: notes.join("; "),
        measured: String::new(),
    }
}

fn ratios(rounds: &Rounds<Sample>, value: impl Fn(&Sample) -> f64) -> String {
    let count = rounds.of(Tool::Gauntlet).len();
    let each: Vec<String> = PEERS
        .iter()
        .filter_map(|peer| Some((peer.name(), rounds.ratios(*peer, &value)?)))
        .map(|(name, ratio)| format!("{ratio} × {name}"))
        .collect();
    format!("{} in {count} rounds", each.join(", "))
}

fn spreads(unit: &str, rounds: &Rounds<Sample>, value: impl Fn(&Sample) -> f64) -> String {
    let each: Vec<String> = [Tool::Gauntlet]
        .into_iter()
        .chain(PEERS)
        .filter_map(|tool| Some((tool.name(), rounds.spread(tool, &value)?)))
        .map(|(name, spread)| format!("{name} {spread}"))
        .collect();
    format!("{unit}: {}", each.join(", "))
}
