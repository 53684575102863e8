//! Very many runs, written by the store itself before anybody serves it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gauntlet_model::id::{Name, RunId};
use gauntlet_model::lifecycle::{End, ProcessingStatus, RunState, Stage, StopReason};
use gauntlet_model::run::{Run, RunEvent, RunEventKind};
use gauntlet_store::Stores;
use gauntlet_store_sql::Location;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::place::Place;
use crate::error::{Error, Result};

/// One in so many runs failed; the others are completed.
pub const FAILED_EVERY: usize = 10;
/// So many templates share the runs.
pub const TEMPLATES: usize = 20;
/// So many teams have labelled them.
pub const TEAMS: usize = 10;
/// Writers at the same time, so that the store can group them.
const WRITERS: usize = 256;

/// Writes copies of the run of that id that differ in what lists are filtered by.
pub async fn fill(place: &Place<'_>, run_id: &str, count: usize) -> Result<()> {
    place.begin_filling()?;
    let location = Location::parse(place.url()).map_err(failed)?;
    let stores = gauntlet_store_sql::open(&location).await.map_err(failed)?;
    let id: RunId = run_id.parse().map_err(failed)?;
    let sample = stores.runs.get(id).await.map_err(failed)?;
    let sample = Arc::new(sample.ok_or_else(|| failed("the run to copy is gone"))?);
    let mut writers = JoinSet::new();
    for first in 0..WRITERS {
        let indices = (first..count).step_by(WRITERS);
        writers.spawn(write(stores.clone(), sample.clone(), indices));
    }
    while let Some(written) = writers.join_next().await {
        written.map_err(failed)??;
    }
    drop(stores);
    place.end_filling()
}

async fn write(
    stores: Stores,
    sample: Arc<Run>,
    indices: impl Iterator<Item = usize>,
) -> Result<()> {
    for index in indices {
        let run = copy(&sample, index)?;
        let event = RunEvent {
            sequence: 0,
            time: run.created,
            kind: RunEventKind::Status,
            message: "created".to_owned(),
            shard: None,
        };
        let stored = stores.runs.insert(&run, &event, None).await;
        stored.map_err(failed)?;
    }
    Ok(())
}

/// One second apart, the first the oldest.
fn copy(sample: &Run, index: usize) -> Result<Run> {
    let created = sample.created + Duration::from_secs(index as u64 + 1);
    let ended = created + Duration::from_millis(500);
    let reason = if index.is_multiple_of(FAILED_EVERY) {
        StopReason::SetupError
    } else {
        StopReason::DurationElapsed
    };
    let stage = Stage::Done {
        at: ended,
        measured: None,
        end: End {
            reason,
            message: String::new(),
        },
        processing: ProcessingStatus::Completed,
    };
    // Not of the same parity as the template, so that every combination occurs.
    let team = index / TEMPLATES % TEAMS;
    Ok(Run {
        id: RunId(Uuid::now_v7()),
        name: Name::new(format!("run-{index}")).map_err(failed)?,
        template: Name::new(template(index % TEMPLATES)).map_err(failed)?,
        state: RunState {
            stage,
            ..sample.state.clone()
        },
        labels: BTreeMap::from([
            ("team".to_owned(), team_name(team)),
            ("build".to_owned(), index.to_string()),
        ]),
        created,
        started: Some(created),
        ended: Some(ended),
        ..sample.clone()
    })
}

/// The name of a template by its place.
pub fn template(index: usize) -> String {
    format!("template-{index}")
}

/// The value of the label `team`.
pub fn team_name(index: usize) -> String {
    format!("team-{index}")
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Failed(format!("filling the store: {error}"))
}
