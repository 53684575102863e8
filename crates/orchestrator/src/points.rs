//! The live view's points, from rollups of a second.

use std::collections::BTreeMap;

use gauntlet_model::{
    history::{Resolution, Rollup},
    id::RunId,
    interval::{BadHistogram, empty_histogram},
    lifecycle::Phase,
    point::{OperationPoint, Point},
    report::Summary,
    time::Timestamp,
};
use gauntlet_store::{Stores, TimeRange};

use crate::{
    report::ReportError,
    rollups::{Scan, scan},
};

/// The points of the seconds among some rollups, by time and phase.
pub(crate) fn points(rollups: &[Rollup], operations: usize) -> Result<Vec<Point>, BadHistogram> {
    let mut seconds: BTreeMap<(Timestamp, Phase), Vec<&Rollup>> = BTreeMap::new();
    let of_a_second = |rollup: &&Rollup| rollup.resolution == Resolution::Second;
    for rollup in rollups.iter().filter(of_a_second) {
        let place = (rollup.start, rollup.phase);
        seconds.entry(place).or_default().push(rollup);
    }
    seconds
        .into_iter()
        .map(|((time, phase), rollups)| point(time, phase, &rollups, operations))
        .collect()
}

fn point(
    time: Timestamp,
    phase: Phase,
    rollups: &[&Rollup],
    operations: usize,
) -> Result<Point, BadHistogram> {
    let mut parts = vec![OperationPoint::default(); operations];
    let (mut all, mut total) = (empty_histogram(), OperationPoint::default());
    let (mut in_flight, mut backlog) = (0, 0);
    for rollup in rollups {
        let response = rollup.succeeded.response.decode()?;
        let part = OperationPoint {
            succeeded: response.len(),
            failed: rollup.failed.response.decode()?.len(),
            failures: rollup.failures,
            response: Summary::of(&response),
        };
        total.failed += part.failed;
        total.failures.merge(part.failures);
        in_flight = rollup.in_flight_max.max(in_flight);
        backlog = rollup.backlog_max.max(backlog);
        all.add(&response)
            .map_err(|error| BadHistogram(error.to_string()))?;
        if let Some(place) = parts.get_mut(rollup.operation as usize) {
            *place = part;
        }
    }
    total.succeeded = all.len();
    total.response = Summary::of(&all);
    Ok(Point {
        time,
        phase,
        operations: parts,
        total,
        in_flight,
        backlog,
    })
}

/// All points of a run that are stored.
pub(crate) async fn stored_points(
    stores: &Stores,
    run: RunId,
    operations: usize,
) -> Result<Vec<Point>, ReportError> {
    let seconds = Scan {
        resolution: Resolution::Second,
        started: TimeRange::default(),
    };
    // Rollups come by second, so each second's are together.
    let (mut found, mut second) = (Vec::new(), Vec::new());
    scan(stores, run, seconds, |rollup| {
        if second
            .first()
            .is_some_and(|first: &Rollup| first.start != rollup.start)
        {
            found.extend(points(&second, operations)?);
            second.clear();
        }
        second.push(rollup.clone());
        Ok(())
    })
    .await?;
    found.extend(points(&second, operations)?);
    Ok(found)
}
