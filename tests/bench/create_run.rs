//! How many runs a control plane on an embedded store creates each second.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gauntlet_client::{Client, pb};
use tokio::task::JoinSet;

use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::plane::{Binary, PROJECT, Plane, TARGET};
use crate::select;
use crate::settings::{CALLERS, CONNECTIONS, Settings};
use crate::stats::{percentile, short};

const TEMPLATE: &str = "created";
/// Calls before the clock starts.
const HEATING: Duration = Duration::from_secs(1);

pub async fn measure(settings: &Settings, binary: &Binary) -> Result<Figure> {
    let plane = Plane::start(binary).await?;
    plane.add_sqlite_target().await?;
    plane.apply_template(&template()).await?;
    call(&plane, "heat", HEATING).await?;
    let cpu_before = plane.server_cpu()?;
    let started = Instant::now();
    let mut calls_us = call(&plane, "call", settings.create).await?;
    let elapsed_s = started.elapsed().as_secs_f64();
    let cpu_s = plane.server_cpu()? - cpu_before;

    let count = calls_us.len() as f64;
    let per_s = count / elapsed_s;
    let cpu_us = cpu_s * 1e6 / count.max(1.0);
    let [p50, p99] = [50.0, 99.0]
        .map(|percent| percentile(&mut calls_us, percent).map_or(f64::NAN, |us| us / 1e3));
    println!("CreateRun: {per_s:.0}/s");
    Ok(Figure {
        name: "create_run_per_s_sqlite",
        unit: "calls/s",
        ours: Some(per_s),
        peer: None,
        peers: BTreeMap::new(),
        ratio: None,
        note: format!(
            "CreateRun over gRPC with a request_id, {CALLERS} callers with a connection each, embedded store; server CPU {} µs \
             per call; a call takes p50 {} ms, p99 {} ms; the callers work on the same processors",
            short(cpu_us),
            short(p50),
            short(p99)
        ),
    })
}

fn template() -> String {
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
  measurement: 10s
",
        operation = select::operation()
    )
}

/// Lets all callers call for a while and gives back how long each call took, in microseconds.
async fn call(plane: &Plane, prefix: &'static str, length: Duration) -> Result<Vec<f64>> {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let client = Client::connect(plane.url()).await?;
        callers.spawn(create_until(
            client,
            format!("{prefix}-{caller}"),
            Instant::now() + length,
        ));
    }
    let mut calls_us = Vec::new();
    while let Some(ended) = callers.join_next().await {
        let ended = ended.map_err(|error| Error::Failed(format!("a caller: {error}")))?;
        calls_us.extend(ended?);
    }
    Ok(calls_us)
}

async fn create_until(client: Client, name: String, end: Instant) -> Result<Vec<f64>> {
    let mut runs = client.runs();
    let mut calls_us = Vec::new();
    while Instant::now() < end {
        let request = pb::CreateRunRequest {
            request_id: format!("{name}-{}", calls_us.len()),
            project: PROJECT.to_owned(),
            template: TEMPLATE.to_owned(),
            ..Default::default()
        };
        let sent = Instant::now();
        let answer = runs.create_run(request).await;
        answer.map_err(Error::refused("CreateRun"))?;
        calls_us.push(sent.elapsed().as_secs_f64() * 1e6);
    }
    Ok(calls_us)
}
