//! What it costs the control plane to take in, store and publish the measurements of many workers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gauntlet_client::pb;
use gauntlet_client::watch::{RunWatch, Update, is_over};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::place::{Kind, Place};
use super::template::{self, OPERATIONS};
use super::worker::{self, PER_SECOND, Seconds, Tally};
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::plane::{Binary, PROJECT, Plane};
use crate::process::until;
use crate::settings::Settings;
use crate::stats::short;

/// The workers of the smaller ingest.
const FEW: usize = 64;
/// Workers that attach at the same time.
const AT_ONCE: usize = 50;
/// How long the workers may take to attach, and to begin.
const BEGIN_LIMIT: Duration = Duration::from_secs(45);
/// How long a run may take to end after its measurement.
const END_LIMIT: Duration = Duration::from_mins(1);
/// How long attached workers are watched that do nothing.
const IDLE: Duration = Duration::from_secs(4);
/// The measurement's length beside the part that is watched, in seconds.
const MARGIN_S: u64 = 8;

/// What a run of many workers cost.
struct Sample {
    workers: usize,
    /// Cores, while the workers were only attached.
    idle_cores: f64,
    idle_rss_mb: f64,
    cores: f64,
    rss_mb: f64,
    intervals_per_s: f64,
    /// Operations that were sent, and those that the report counts.
    sent: u64,
    reported: u64,
}

pub async fn measure(
    settings: &Settings,
    binary: &Binary,
    place: &Place<'_>,
) -> Result<Vec<Figure>> {
    let seconds = worker::seconds();
    let few = sample(settings, binary, place, FEW, &seconds).await?;
    let many = sample(settings, binary, place, settings.many_workers, &seconds).await?;
    let kind = place.kind();
    let note = |one: &Sample| note(one, kind, worker::bytes(&seconds));
    let share = |one: &Sample| {
        let name = kind.figure(&format!("ingest_core_share_{}", one.workers));
        Figure::alone(name, "% of a core", one.cores * 100.0).noting(note(one))
    };
    let rss = kind.figure(&format!("rss_{}_workers_mb", many.workers));
    Ok(vec![
        share(&few),
        share(&many),
        Figure::alone(rss, "MB", many.rss_mb).noting(format!(
            "resident memory of the control plane at the end of that load; {} MB with the workers attached and idle",
            short(many.idle_rss_mb)
        )),
    ])
}

fn note(one: &Sample, kind: Kind, bytes: usize) -> String {
    format!(
        "{}: {} simulated workers in one run, a connection each, {OPERATIONS} operations with {PER_SECOND} latencies each and \
         second, three histograms per operation, {bytes} bytes of them per worker and second; {} intervals/s; control plane \
         CPU {} cores, {} cores with the workers attached and idle; {} operations sent, {} in the report",
        kind.name(),
        one.workers,
        short(one.intervals_per_s),
        short(one.cores),
        short(one.idle_cores),
        one.sent,
        one.reported
    )
}

async fn sample(
    settings: &Settings,
    binary: &Binary,
    place: &Place<'_>,
    workers: usize,
    seconds: &Seconds,
) -> Result<Sample> {
    let mut plane = Plane::start_at(binary, place.url()).await?;
    let template = format!("ingest-{workers}");
    let measurement_s = settings.ingest.as_secs() + MARGIN_S;
    if workers == FEW {
        plane.add_sqlite_target_at(&place.target()).await?;
    }
    let yaml = template::yaml(&template, workers, measurement_s);
    plane.load_table(template::TABLE).await?;
    plane.apply_template(&yaml).await?;

    let tally = Arc::new(Tally::default());
    // They end with the set.
    let mut crowd = JoinSet::new();
    for number in 1..=workers {
        let (url, seconds) = (plane.url().to_owned(), seconds.clone());
        crowd.spawn(worker::work(url, number as u32, seconds, tally.clone()));
        // A system's queue of connections that are not accepted yet is short.
        if number % AT_ONCE == 0 || number == workers {
            until("all workers to be attached", BEGIN_LIMIT, async || {
                ended(&mut crowd)?;
                Ok((tally.attached.load(Ordering::Relaxed) == number).then_some(()))
            })
            .await?;
        }
    }
    let idle_cores = cores(&plane, IDLE).await?;
    let idle_rss_mb = plane.server_rss_mb()?;

    let run_id = start(&plane, &template).await?;
    let enough = 2 * workers as u64;
    until("all workers to send", BEGIN_LIMIT, async || {
        plane.check()?;
        ended(&mut crowd)?;
        Ok((tally.intervals.load(Ordering::Relaxed) >= enough).then_some(()))
    })
    .await?;
    let (before, since) = (tally.intervals.load(Ordering::Relaxed), Instant::now());
    let cores = cores(&plane, settings.ingest).await?;
    let intervals = tally.intervals.load(Ordering::Relaxed) - before;
    let intervals_per_s = intervals as f64 / since.elapsed().as_secs_f64();
    let rss_mb = plane.server_rss_mb()?;
    let reported = timeout(END_LIMIT, report(&plane, &run_id))
        .await
        .map_err(|_| Error::Failed(format!("run {run_id} did not end within {END_LIMIT:?}")))??;
    println!(
        "{}: {workers} workers take {cores:.3} cores and {rss_mb:.0} MB",
        place.kind().name()
    );
    Ok(Sample {
        workers,
        idle_cores,
        idle_rss_mb,
        cores,
        rss_mb,
        intervals_per_s,
        sent: tally.operations.load(Ordering::Relaxed),
        reported,
    })
}

/// Fails with the first worker that ended.
fn ended(crowd: &mut JoinSet<Result<()>>) -> Result<()> {
    match crowd.try_join_next() {
        None => Ok(()),
        Some(Ok(Err(error))) => Err(error),
        Some(end) => Err(Error::Failed(format!("a simulated worker ended: {end:?}"))),
    }
}

/// The share of a core that the control plane takes over a while.
async fn cores(plane: &Plane, length: Duration) -> Result<f64> {
    let (before, since) = (plane.server_cpu()?, Instant::now());
    sleep(length).await; // allow-sleep: the load is what passes meanwhile
    Ok((plane.server_cpu()? - before) / since.elapsed().as_secs_f64())
}

/// Creates and starts a run, whatever preflight thinks of it.
async fn start(plane: &Plane, template: &str) -> Result<String> {
    let mut runs = plane.client().runs();
    let created = runs.create_run(pb::CreateRunRequest {
        project: PROJECT.to_owned(),
        template: template.to_owned(),
        ..Default::default()
    });
    let created = created.await.map_err(Error::refused("CreateRun"))?;
    let run_id = created.into_inner().run.unwrap_or_default().run_id;
    let request = pb::PreflightRunRequest {
        run_id: run_id.clone(),
    };
    let checked = runs.preflight_run(request).await;
    let checked = checked.map_err(Error::refused("PreflightRun"))?;
    let findings = checked.into_inner().findings.into_iter();
    let request = pb::StartRunRequest {
        run_id: run_id.clone(),
        acknowledged_findings: findings.map(|finding| finding.code).collect(),
    };
    let started = runs.start_run(request).await;
    started.map_err(Error::refused("StartRun"))?;
    Ok(run_id)
}

/// Waits for the end of a run; the operations that its report counts.
async fn report(plane: &Plane, run_id: &str) -> Result<u64> {
    let mut watch = RunWatch::new(plane.client().clone(), run_id);
    let mut last = None;
    while let Some(update) = watch.next().await? {
        if let Update::New(run) = update {
            last = Some(run);
        }
    }
    let run = last.filter(|run| is_over(run.status()));
    let run = run.ok_or_else(|| Error::Failed(format!("the watch of run {run_id} ended")))?;
    if run.status() != pb::RunStatus::Completed {
        let status = run.status().as_str_name();
        let text = format!("run {run_id} ended as {status}: {}", run.stop_message);
        return Err(Error::Failed(text));
    }
    let request = pb::GetReportRequest {
        run_id: run_id.to_owned(),
    };
    let answer = plane.client().runs().get_report(request).await;
    let answer = answer.map_err(Error::refused("GetReport"))?.into_inner();
    let total = answer.report.and_then(|report| report.total);
    Ok(total.map_or(0, |total| total.succeeded))
}
