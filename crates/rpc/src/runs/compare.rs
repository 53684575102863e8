//! Runs side by side.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    compare::{Compared, compare},
    history::{Resolution, choose},
    report::Report,
    run::Run,
};
use gauntlet_store::Validity;
use gauntlet_wire::{Violations, decode, encode};
use tonic::{Response, Status};

use super::history::Stretch;
use crate::{Backend, judged, status};

/// A run with all that is compared of it.
struct Side {
    run: Run,
    report: Option<Report>,
    /// `None` before any load was sent.
    stretch: Option<Stretch>,
}

pub(super) async fn compare_runs(
    backend: &Backend,
    request: pb::CompareRunsRequest,
) -> Result<Response<pb::CompareRunsResponse>, Status> {
    let request = decode::compare_runs(&request)?;
    let mut sides = Vec::with_capacity(request.runs.len());
    for run in &request.runs {
        sides.push(side(backend, *run).await?);
    }
    let resolution = resolution(&sides, request.max_points)?;
    let mut runs = Vec::with_capacity(sides.len());
    let mut compared = Vec::with_capacity(sides.len());
    for side in sides {
        runs.push(encode_head(backend, &side));
        compared.push(read(backend, side, resolution).await?);
    }
    let compared =
        compare(compared).map_err(|error| Violations::one("run_ids", error.to_string()))?;
    let comparison = encode::comparison(&compared, runs, resolution);
    Ok(Response::new(pb::CompareRunsResponse {
        comparison: Some(comparison),
    }))
}

async fn side(backend: &Backend, id: gauntlet_model::id::RunId) -> Result<Side, Status> {
    let stores = &backend.stores;
    let run = judged::run(stores, id).await.map_err(status::control)?;
    let report = stores.reports.get(id).await.map_err(status::store)?;
    let now = backend.clock.now();
    let stretch = Stretch::load(stores, run.clone(), now, decode::Span::default()).await;
    Ok(Side {
        run,
        report,
        stretch: stretch.map_err(status::store)?,
    })
}

/// The finest resolution at which every run has few enough points.
fn resolution(sides: &[Side], max_points: u32) -> Result<Resolution, Violations> {
    let stretches = sides.iter().filter_map(|side| side.stretch.as_ref());
    let longest = stretches.map(|stretch| stretch.window.length()).max();
    choose(longest.unwrap_or_default(), None, max_points)
        .map_err(|error| Violations::one("max_points", error.to_string()))
}

async fn read(backend: &Backend, side: Side, resolution: Resolution) -> Result<Compared, Status> {
    let mut points = Vec::new();
    if let Some(mut stretch) = side.stretch {
        stretch.set(resolution);
        let percentiles = encode::compared_percentiles();
        let read = stretch.read(&backend.stores, Vec::new(), &percentiles);
        points = read.await.map_err(status::history)?.points;
    }
    Ok(Compared {
        run: side.run,
        report: side.report,
        points,
    })
}

/// A run without its description.
fn encode_head(backend: &Backend, side: &Side) -> pb::Run {
    let mut message = encode::run(&side.run, backend.clock.now());
    message.spec = None;
    if let Some(report) = &side.report {
        let valid = Validity::of(report) == Validity::Valid;
        encode::judge(&mut message, report.verdict, valid);
    }
    message
}
