//! How fast what the control plane says is in force at many workers: the start, the stop, and the next step of a search.

use std::time::{SystemTime, UNIX_EPOCH};

use gauntlet_client::pb;

use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::plane::{Binary, Plane};
use crate::settings::Settings;
use crate::stats::{Spread, percentile};

/// Workers on this machine; each has one connection and one load thread.
const WORKERS: usize = 32;

const HEAD: &str = "
target: postgres
table: steering
workers: 32
operations:
  - {kind: point_lookup, weight: 100, parameters: [{uniform: {min: 1, max: 1000}}]}
load:
  concurrency: {connections: 32, think_time: 100ms}
";

pub async fn measure(settings: &Settings, binary: &Binary) -> Result<Vec<Figure>> {
    let mut plane = Plane::start(binary).await?;
    plane.add_sqlite_target().await?;
    plane.load_table("steering").await?;
    plane.add_workers(WORKERS).await?;
    plane
        .apply_template(&format!("name: short{HEAD}phases: {{measurement: 1s}}\n"))
        .await?;
    plane
        .apply_template(&format!("name: long{HEAD}phases: {{measurement: 60s}}\n"))
        .await?;
    let search = "search: {bisect: {}, step: 1s, settle: 0s, max_level: 64, max_steps: 8}\n";
    plane
        .apply_template(&format!(
            "name: find{HEAD}{search}phases: {{measurement: 60s}}\n"
        ))
        .await?;
    let (mut starts, mut stops, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=settings.steered {
        let started = plane.run("short").await?;
        starts.push(started.report.start_skew_us as f64 / 1e3);
        stops.extend(stop(&mut plane).await?);
        let found = plane.run("find").await?;
        let search = found.report.search.unwrap_or_default();
        let transitions = search.steps.iter().map(|step| step.transition_us);
        steps.extend(transitions.filter(|us| *us > 0).map(|us| us as f64 / 1e3));
        println!("steering, round {round} of {}", settings.steered);
    }
    let figure = |name, values: &mut Vec<f64>, percent, note: &str| {
        let value = percentile(values, percent).unwrap_or(f64::NAN);
        let spread = Spread::of(values.iter().copied());
        let spread = spread.map_or_else(String::new, |spread| spread.to_string());
        Figure::alone(name, "ms", value).noting(format!("{note}; all {}: {spread}", values.len()))
    };
    Ok(vec![
        figure(
            "start_skew_32_p95_ms",
            &mut starts,
            95.0,
            "between the first operations of the first and the last of 32 local workers, by their corrected clocks",
        ),
        figure(
            "stop_32_p99_ms",
            &mut stops,
            99.0,
            "from the call of StopRun to the instant from which nothing more is due at a worker, each of 32 in each round",
        ),
        figure(
            "step_transition_32_p99_ms",
            &mut steps,
            99.0,
            "from the end of a step's window to the instant at which the next level is in force at 32 workers",
        ),
    ])
}

/// Milliseconds from the call to each worker's entering COOLDOWN.
async fn stop(plane: &mut Plane) -> Result<Vec<f64>> {
    let run_id = plane.start_run("long").await?;
    plane
        .until_phase(&run_id, pb::RunPhase::Measurement)
        .await?;
    let called_us = now_us();
    let request = pb::StopRunRequest {
        run_id: run_id.clone(),
        ..Default::default()
    };
    let stopped = plane.client().runs().stop_run(request).await;
    stopped.map_err(Error::refused("StopRun"))?;
    plane.end_of(&run_id).await?;
    let request = pb::ListEventsRequest {
        run_id,
        page: Some(pb::PageRequest {
            page_size: 1_000,
            page_token: String::new(),
        }),
    };
    let events = plane.client().runs().list_events(request).await;
    let events = events.map_err(Error::refused("ListEvents"))?.into_inner();
    let entered = events.events.iter().filter_map(|event| {
        let at = event.message.strip_prefix("entered COOLDOWN at ")?;
        at.strip_suffix(" us")?.parse::<i64>().ok()
    });
    Ok(entered.map(|at| (at - called_us) as f64 / 1e3).collect())
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as i64)
}
