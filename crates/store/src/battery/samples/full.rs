//! A run with everything.

use gauntlet_model::{
    history::{Resolution, Rollup},
    id::RunId,
    interval::{Failures, Latencies},
    lifecycle::Phase,
    logs::{Level, LogLine},
    run::PhaseTransition,
    sample::{OperationSample, SampleKind},
    session::AttemptRef,
    time::Timestamp,
};

use super::{attempt, interval, moved, run, starting, stored};
use crate::{
    Stores,
    battery::{evidence::pieces, reports::report, run_lists::stages, runs::control},
};

/// A run that is over and has something of everything.
pub async fn full(stores: &Stores, called: &str, ended_us: i64) -> RunId {
    let one = stored(stores, &run("acme/web/prod", called)).await;
    let mut change = moved(&one, starting());
    change.attempts = vec![attempt(0, 1)];
    change.controls = vec![control(1)];
    change.phases = vec![PhaseTransition {
        phase: Phase::Preparing,
        at: Timestamp(1),
    }];
    let revision = stores.runs.advance(&change).await;
    change.run.revision = revision.expect("a change is stored").revision;
    change.run.state.stage = stages().pop().expect("the last stage is an end");
    change.run.ended = Some(Timestamp(ended_us));
    (change.controls, change.phases) = (Vec::new(), Vec::new());
    let advanced = stores.runs.advance(&change).await;
    advanced.expect("a change is stored");
    record(stores, one.id).await;
    one.id
}

async fn record(stores: &Stores, run: RunId) {
    let intervals: Vec<_> = (1..=5).map(|sequence| interval(run, sequence)).collect();
    let stored = stores.intervals.append(&intervals).await;
    stored.expect("intervals are stored");
    let rollup = Rollup {
        run,
        resolution: Resolution::Hour,
        start: Timestamp(0),
        operation: 0,
        phase: Phase::Warmup,
        succeeded: Latencies::default(),
        failed: Latencies::default(),
        failures: Failures::default(),
        cut: 0,
        dropped: 0,
        intervals: 0,
        in_flight_max: 0,
        backlog_max: 0,
    };
    stores.rollups.put(&[rollup]).await.expect("a rollup");
    let sample = OperationSample {
        attempt: AttemptRef {
            run,
            shard: 0,
            attempt: 1,
        },
        operation: 0,
        phase: Phase::Warmup,
        kind: SampleKind::Slowest,
        index: 0,
        due: Timestamp(0),
        response_ns: 0,
        service_ns: 0,
        lag_ns: 0,
        rows: 0,
        error: None,
        parameters: String::new(),
    };
    stores.samples.put(&[sample]).await.expect("a sample");
    let line = LogLine {
        sequence: 0,
        time: Timestamp(0),
        worker: None,
        shard: None,
        level: Level::Info,
        message: String::new(),
    };
    stores.logs.append(run, &[line]).await.expect("a line");
    stores.reports.put(&report(run)).await.expect("a report");
    let piece = &pieces()[0];
    stores.evidence.put(run, piece).await.expect("a piece");
}
