//! Open loop: whether the rate asked for is reached, and how late operations are sent.

use std::collections::BTreeMap;

use crate::database::Database;
use crate::error::Result;
use crate::figure::{Figure, doubts};
use crate::peers::{Outcome, Peers, Work};
use crate::plane::{Finished, Plane, TARGET};
use crate::select;
use crate::settings::{CONNECTIONS, Settings};
use crate::stats::{percentile, short};
use crate::tool::{PEERS, Rounds, Tool, order};

/// Operations each second, and what the figure about them is called.
const RATES: [(u32, &str); 2] = [(1_000, "rate_error_1k"), (10_000, "rate_error_10k")];

/// One tool at one rate.
struct Sample {
    /// As the tool reports it.
    reported_per_s: f64,
    /// As the server counted it; where the server cannot count, as the tool reports it.
    achieved_per_s: f64,
    /// sysbench does not tell.
    lag: Option<Lag>,
    doubts: Vec<String>,
}

/// How long after its scheduled time an operation was sent.
#[derive(Clone, Copy)]
struct Lag {
    p50_us: f64,
    p99_us: f64,
}

/// The template as a user would write it.
pub fn template(settings: &Settings, rate: u32) -> String {
    let warmup = settings.rate_warmup.as_secs();
    let measurement = settings.rate_measurement.as_secs();
    format!(
        "\
name: {name}
target: {TARGET}
operations:
{operation}
load:
  rate:
    per_second: {rate}
    connections: {CONNECTIONS}
phases:
  warmup: {warmup}s
  measurement: {measurement}s
",
        name = template_name(rate),
        operation = select::operation()
    )
}

fn template_name(rate: u32) -> String {
    format!("rate-{rate}")
}

pub async fn measure(
    settings: &Settings,
    peers: &Peers,
    database: &Database,
    plane: &mut Plane,
) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut at_each = Vec::new();
    database.set_counting(true)?;
    for (rate, name) in RATES {
        plane.apply_template(&template(settings, rate)).await?;
        let mut rounds = Rounds::new();
        for round in 0..settings.rate_rounds {
            for tool in order(&peers.present(), round) {
                let sample = sample(tool, rate, settings, peers, database, plane).await?;
                println!(
                    "{rate}/s, round {} of {}: {} reached {:.1}/s{}",
                    round + 1,
                    settings.rate_rounds,
                    tool.name(),
                    sample.achieved_per_s,
                    lag_text(sample.lag)
                );
                rounds.add(tool, sample);
            }
        }
        figures.push(rate_figure(
            name,
            rate,
            settings,
            database.counts(),
            &rounds,
        ));
        at_each.push((rate, rounds));
    }
    database.set_counting(false)?;
    figures.push(lag_figure(&at_each));
    Ok(figures)
}

async fn sample(
    tool: Tool,
    rate: u32,
    settings: &Settings,
    peers: &Peers,
    database: &Database,
    plane: &mut Plane,
) -> Result<Sample> {
    let work = Work {
        length: settings.rate_length(),
        rate: Some(rate),
    };
    let address = database.address();
    let load = async {
        Ok(match tool {
            Tool::Gauntlet => gauntlet(&plane.run(&template_name(rate)).await?),
            Tool::Pgbench => peer(peers.run_pgbench(&address, work).await?),
            Tool::Sysbench => peer(peers.run_sysbench(&address, settings, work).await?),
        })
    };
    let counted = database.counted_rate(settings.rate_warmup, settings.rate_window());
    let (mut sample, counted) = tokio::try_join!(load, counted)?;
    if let Some(counted) = counted {
        sample.achieved_per_s = counted;
    }
    Ok(sample)
}

fn gauntlet(finished: &Finished) -> Sample {
    let total = finished.total();
    let ended = (total.succeeded + total.failed) as f64;
    let reported_per_s = ended * 1e6 / finished.report.measured_us as f64;
    Sample {
        reported_per_s,
        achieved_per_s: reported_per_s,
        lag: total.lag.map(|lag| Lag {
            p50_us: lag.p50_us,
            p99_us: lag.p99_us,
        }),
        doubts: finished.doubts(),
    }
}

fn peer(mut outcome: Outcome) -> Sample {
    let p50 = percentile(&mut outcome.lags_us, 50.0);
    let p99 = percentile(&mut outcome.lags_us, 99.0);
    Sample {
        reported_per_s: outcome.per_second,
        achieved_per_s: outcome.per_second,
        lag: p50.zip(p99).map(|(p50_us, p99_us)| Lag { p50_us, p99_us }),
        doubts: Vec::new(),
    }
}

fn rate_figure(
    name: &'static str,
    rate: u32,
    settings: &Settings,
    counted: bool,
    rounds: &Rounds<Sample>,
) -> Figure {
    let error = |sample: &Sample| (sample.achieved_per_s / f64::from(rate) - 1.0).abs() * 100.0;
    let ours = rounds.spread(Tool::Gauntlet, error);
    let peers = rounds.peers(error);
    let peer = peers[Tool::Pgbench.name()];
    let chance = 100.0 / (f64::from(rate) * settings.rate_window().as_secs_f64()).sqrt();
    let mut notes = vec![
        "distance of the achieved rate from the one asked for".to_owned(),
        if counted {
            format!(
                "counted by the server over {} s amid the load, for all tools",
                settings.rate_window().as_secs()
            )
        } else {
            "as the tools report it: pg_stat_statements is not installed".to_owned()
        },
        each(rounds, |sample| format!("{:.2}", sample.achieved_per_s)),
        format!(
            "reported by the tools: {}",
            each(rounds, |sample| format!("{:.2}", sample.reported_per_s))
        ),
        format!(
            "pgbench's and sysbench's arrivals are random: chance alone moves them by {} %",
            short(chance)
        ),
    ];
    notes.extend(doubts(
        rounds
            .of(Tool::Gauntlet)
            .iter()
            .flat_map(|sample| &sample.doubts),
    ));
    Figure {
        name: name.into(),
        unit: "%".into(),
        ours: ours.map(|spread| spread.median),
        peer,
        peers,
        ratio: ratio(ours.map(|spread| spread.median), peer),
        note: notes.join("; "),
        measured: String::new(),
    }
}

fn lag_figure(at_each: &[(u32, Rounds<Sample>)]) -> Figure {
    let median = |rounds: &Rounds<Sample>, tool| {
        let lags = rounds.spread(tool, |sample| sample.lag.map_or(f64::NAN, |lag| lag.p50_us));
        lags.map(|spread| spread.median)
            .filter(|value| value.is_finite())
    };
    let first = &at_each[0].1;
    let ours = median(first, Tool::Gauntlet);
    let peers: BTreeMap<_, _> = PEERS
        .map(|peer| (peer.name().into(), median(first, peer)))
        .into();
    let peer = peers[Tool::Pgbench.name()];
    let mut notes = vec![
        "from the instant an operation was due to its send; pgbench: schedule_lag of its log"
            .to_owned(),
        "sysbench does not tell".to_owned(),
    ];
    for (rate, rounds) in at_each {
        let lags = each(rounds, |sample| {
            lag_text(sample.lag).trim_start_matches(", ").to_owned()
        });
        notes.push(format!("at {rate}/s: {lags}"));
    }
    Figure {
        name: "lag_p50_1k_us".into(),
        unit: "µs".into(),
        ours,
        peer,
        peers,
        ratio: ratio(ours, peer),
        note: notes.join("; "),
        measured: String::new(),
    }
}

/// What every tool said in every round, those left out that said nothing.
fn each(rounds: &Rounds<Sample>, text: impl Fn(&Sample) -> String) -> String {
    let said = |tool: Tool| {
        let texts: Vec<String> = rounds.of(tool).iter().map(&text).collect();
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        (!texts.is_empty()).then(|| format!("{} {}", tool.name(), texts.join(", ")))
    };
    let tools: Vec<String> = [Tool::Gauntlet]
        .into_iter()
        .chain(PEERS)
        .filter_map(said)
        .collect();
    tools.join("; ")
}

fn lag_text(lag: Option<Lag>) -> String {
    lag.map(|lag| {
        let [p50, p99] = [lag.p50_us, lag.p99_us].map(short);
        format!(", lag p50 {p50} µs p99 {p99} µs")
    })
    .unwrap_or_default()
}

/// Nothing is so many times as far off as a peer that is not off at all.
fn ratio(ours: Option<f64>, peer: Option<f64>) -> Option<f64> {
    ours.zip(peer)
        .filter(|(_, peer)| *peer > 0.0)
        .map(|(ours, peer)| ours / peer)
}
