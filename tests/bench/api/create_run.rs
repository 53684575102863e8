//! How many runs a control plane creates each second.

use std::time::{Duration, Instant};

use gauntlet_client::{Client, pb};
use tokio::task::JoinSet;

use super::json::Json;
use super::place::{Kind, Place};
use super::template;
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::plane::{Binary, PROJECT, Plane};
use crate::settings::{CALLERS, Settings};
use crate::stats::{percentile, short};

const TEMPLATE: &str = "created";
/// Calls before the clock starts.
const HEATING: Duration = Duration::from_secs(1);

/// How the callers speak.
#[derive(Clone, Copy)]
enum Protocol {
    Grpc,
    Json,
}

/// What a while of calling showed.
struct Sample {
    per_s: f64,
    cpu_us: f64,
    p50_ms: f64,
    p99_ms: f64,
}

pub async fn measure(settings: &Settings, binary: &Binary, place: &Place<'_>) -> Result<Figure> {
    let plane = Plane::start_at(binary, place.url()).await?;
    plane.add_sqlite_target().await?;
    plane
        .apply_template(&template::yaml(TEMPLATE, 1, 10))
        .await?;
    call(&plane, "heat", Protocol::Grpc, HEATING).await?;
    let grpc = sample(&plane, "grpc", Protocol::Grpc, settings.create).await?;
    let json = sample(&plane, "json", Protocol::Json, settings.create / 2).await?;
    let rss_mb = plane.server_rss_mb()?;
    let (kind, name) = match place.kind() {
        Kind::Sqlite => ("embedded store", "create_run_per_s_sqlite"),
        Kind::Postgres => (
            "PostgreSQL on the same processors, its commits on the disk",
            "create_run_per_s_postgres",
        ),
    };
    println!("{name}: {:.0}/s, over JSON {:.0}/s", grpc.per_s, json.per_s);
    Ok(Figure::alone(name, "calls/s", grpc.per_s).noting(format!(
        "CreateRun over gRPC with a request_id, {CALLERS} callers with a connection each, {kind}; {}; over Connect JSON {}/s, \
         {}; the control plane has {} MB at the end; the callers work on the same processors",
        costs(&grpc),
        short(json.per_s),
        costs(&json),
        short(rss_mb)
    )))
}

fn costs(sample: &Sample) -> String {
    format!(
        "control plane CPU {} µs per call, a call takes p50 {} ms, p99 {} ms",
        short(sample.cpu_us),
        short(sample.p50_ms),
        short(sample.p99_ms)
    )
}

async fn sample(
    plane: &Plane,
    prefix: &'static str,
    protocol: Protocol,
    length: Duration,
) -> Result<Sample> {
    let cpu_before = plane.server_cpu()?;
    let started = Instant::now();
    let mut calls_us = call(plane, prefix, protocol, length).await?;
    let elapsed_s = started.elapsed().as_secs_f64();
    let cpu_s = plane.server_cpu()? - cpu_before;
    let count = calls_us.len() as f64;
    let [p50_ms, p99_ms] = [50.0, 99.0]
        .map(|percent| percentile(&mut calls_us, percent).map_or(f64::NAN, |us| us / 1e3));
    Ok(Sample {
        per_s: count / elapsed_s,
        cpu_us: cpu_s * 1e6 / count.max(1.0),
        p50_ms,
        p99_ms,
    })
}

/// Lets all callers call for a while and gives back how long each call took, in microseconds.
async fn call(
    plane: &Plane,
    prefix: &'static str,
    protocol: Protocol,
    length: Duration,
) -> Result<Vec<f64>> {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (url, name) = (plane.url().to_owned(), format!("{prefix}-{caller}"));
        let end = Instant::now() + length;
        match protocol {
            Protocol::Grpc => callers.spawn(create_until(url, name, end)),
            Protocol::Json => callers.spawn(create_json_until(url, name, end)),
        };
    }
    let mut calls_us = Vec::new();
    while let Some(ended) = callers.join_next().await {
        let ended = ended.map_err(|error| Error::Failed(format!("a caller: {error}")))?;
        calls_us.extend(ended?);
    }
    Ok(calls_us)
}

async fn create_until(url: String, name: String, end: Instant) -> Result<Vec<f64>> {
    let mut runs = Client::connect(&url).await?.runs();
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

async fn create_json_until(url: String, name: String, end: Instant) -> Result<Vec<f64>> {
    let mut json = Json::connect(&url).await?;
    let mut calls_us = Vec::new();
    while Instant::now() < end {
        let body = serde_json::json!({
            "requestId": format!("{name}-{}", calls_us.len()), "project": PROJECT, "template": TEMPLATE,
        });
        let sent = Instant::now();
        json.call("RunService/CreateRun", &body.to_string()).await?;
        calls_us.push(sent.elapsed().as_secs_f64() * 1e6);
    }
    Ok(calls_us)
}
