//! How long a newcomer waits: from the start of the binary to the first operation of the demo.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gauntlet_client::pb;

use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::plane::{Binary, PROJECT, Plane};
use crate::process::{Background, command, folder, free_port};
use crate::settings::Settings;
use crate::stats::Spread;

/// Where the demo keeps its store, below the folder that it is started in.
const STORE: &str = ".gauntlet/demo/store.db";
/// The demo measures for about twenty seconds.
const DEMO_LIMIT: Duration = Duration::from_mins(3);
/// The exit code of a demo that could not run at all.
const COULD_NOT_RUN: i32 = 1;

pub async fn measure(settings: &Settings, binary: &Binary) -> Result<Figure> {
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    for round in 1..=settings.demos {
        let folder = folder()?;
        for (what, seconds) in [
            ("a fresh folder", &mut fresh),
            ("its data there", &mut again),
        ] {
            let measured = demo(binary, folder.path()).await?;
            println!("demo with {what}, round {round}: first operation after {measured:.2} s");
            seconds.push(measured);
        }
    }
    let fresh = Spread::of(fresh);
    let again = Spread::of(again);
    let text =
        |spread: Option<Spread>| spread.map_or_else(String::new, |spread| spread.to_string());
    let ours = fresh.map_or(f64::NAN, |spread| spread.median);
    Ok(Figure::alone("first_operation_s", "s", ours).noting(format!(
        "`gauntlet demo --exit` from the start of the process to the instant its first operation was due, the demo's \
         dataset made on the way: {} s in a fresh folder, {} s with the dataset there",
        text(fresh),
        text(again)
    )))
}

/// Runs the demo to its end and gives back the seconds from its start to the first operation of its run.
async fn demo(binary: &Binary, folder: &Path) -> Result<f64> {
    let mut command = command(&binary.path);
    let listen = format!("127.0.0.1:{}", free_port()?);
    command.args(["demo", "--exit", "--listen", &listen]);
    command.current_dir(folder);
    let started_us = now_us();
    let mut demo = Background::start("gauntlet demo", &mut command, folder.join("demo.log"))?;
    if demo.end(DEMO_LIMIT).await? == COULD_NOT_RUN {
        return Err(Error::Failed(format!(
            "gauntlet demo could not run:\n{}",
            demo.log_tail()
        )));
    }
    let first_us = first_operation_us(binary, &folder.join(STORE)).await?;
    Ok((first_us - started_us) as f64 / 1e6)
}

/// Asks the demo's store, once the demo has ended: asking while it starts would take its processors.
async fn first_operation_us(binary: &Binary, store: &Path) -> Result<i64> {
    let plane = Plane::open(binary, store).await?;
    let mut runs = plane.client().runs();
    let request = pb::ListRunsRequest {
        project: PROJECT.to_owned(),
        page: Some(pb::PageRequest {
            page_size: 1,
            page_token: String::new(),
        }),
        ..Default::default()
    };
    let newest = runs.list_runs(request).await;
    let newest = newest.map_err(Error::refused("ListRuns"))?.into_inner();
    let run_id = newest.runs.into_iter().next().unwrap_or_default().run_id;
    let shards = runs.list_shards(pb::ListShardsRequest { run_id }).await;
    let shards = shards.map_err(Error::refused("ListShards"))?.into_inner();
    let attempts = shards.shards.iter().flat_map(|shard| &shard.attempts);
    attempts
        .map(|attempt| attempt.first_operation_us)
        .filter(|us| *us > 0)
        .min()
        .ok_or_else(|| Error::Failed("the demo's run did no operation".to_owned()))
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as i64)
}
