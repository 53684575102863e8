//! Runs made, changed, started and ended.

use std::collections::BTreeMap;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::{Name, Project, RunId},
    template::Level,
};

use super::{optional_number, run_id};
use crate::{
    Violations,
    decode::template::version,
    digest::digest,
    fields::{Fields, read},
    rules::check,
};

const LONGEST_MESSAGE: usize = 1_000;
/// The longest notes, in characters.
const LONGEST_NOTES: usize = 10_000;
/// The most findings that a start acknowledges.
const MOST_FINDINGS: usize = 100;
/// The most connections of a level.
const MOST_CONNECTIONS: u32 = 100_000;
/// The smallest and the largest rate of a level, operations per second.
const RATES: std::ops::RangeInclusive<f64> = 0.001..=10_000_000.0;

/// A run to prepare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRun {
    /// Makes the call repeatable.
    pub request_id: Option<String>,
    /// The template's project.
    pub project: Project,
    /// The template.
    pub template: Name,
    /// Its version; `None` for the newest.
    pub template_version: Option<i32>,
    /// The run's name; `None` to have one made.
    pub name: Option<Name>,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
}

impl CreateRun {
    /// A digest of the content.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let content = (
            &self.project,
            &self.template,
            self.template_version,
            &self.name,
            &self.labels,
        );
        format!("{:032x}", digest(&format!("{content:?}")))
    }
}

/// A run to repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RerunRun {
    /// Makes the call repeatable.
    pub request_id: Option<String>,
    /// The run whose snapshot is taken.
    pub run: RunId,
    /// The new run's name; `None` to have one made.
    pub name: Option<Name>,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
}

impl RerunRun {
    /// A digest of the content.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let content = (self.run, &self.name, &self.labels);
        format!("{:032x}", digest(&format!("{content:?}")))
    }
}

/// A run to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRun {
    /// The run.
    pub run: RunId,
    /// Codes of severe findings that the caller accepts.
    pub acknowledged: Vec<String>,
}

/// A run to stop or to abort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndRun {
    /// The run.
    pub run: RunId,
    /// Why; may be empty.
    pub message: String,
}

/// What people say of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateRun {
    /// The run.
    pub run: RunId,
    /// All labels it will have; `None` leaves them.
    pub labels: Option<BTreeMap<String, String>>,
    /// The notes it will have; `None` leaves them.
    pub notes: Option<String>,
    /// The etag as the caller knows it; `None` for whatever it is.
    pub etag: Option<String>,
}

/// How to change a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdjustRun {
    /// The run.
    pub run: RunId,
    /// What to change.
    pub change: LoadChange,
    /// Why; may be empty.
    pub message: String,
}

/// A change of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadChange {
    /// The load from now on.
    Level(Level),
    /// Whether it pauses.
    Paused(bool),
}

/// One shard of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetShard {
    /// The run.
    pub run: RunId,
    /// The shard's index.
    pub shard: u32,
}

/// A shard to give up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbortShard {
    /// The run.
    pub run: RunId,
    /// The shard's index.
    pub shard: u32,
    /// The attempt; `None` for the newest.
    pub attempt: Option<u32>,
    /// Why; may be empty.
    pub message: String,
}

/// `CreateRun`.
pub fn create_run(request: pb::CreateRunRequest) -> Result<CreateRun, Violations> {
    read(check(&request), |fields| {
        let request_id = fields.request_id(request.request_id);
        let project = fields.project("project", request.project);
        let template = fields.name("template", request.template);
        let template_version = version(fields, "template_version", request.template_version);
        let name = fields.optional_name("name", request.name);
        let labels = fields.labels("labels", request.labels);
        Some(CreateRun {
            request_id,
            project: project?,
            template: template?,
            template_version,
            name,
            labels: labels?,
        })
    })
}

/// `RerunRun`.
pub fn rerun_run(request: pb::RerunRunRequest) -> Result<RerunRun, Violations> {
    read(check(&request), |fields| {
        let request_id = fields.request_id(request.request_id);
        let run = run_id(fields, &request.run_id);
        let name = fields.optional_name("name", request.name);
        let labels = fields.labels("labels", request.labels);
        Some(RerunRun {
            request_id,
            run: run?,
            name,
            labels: labels?,
        })
    })
}

/// `StartRun`.
pub fn start_run(request: pb::StartRunRequest) -> Result<StartRun, Violations> {
    read(check(&request), |fields| {
        let run = run_id(fields, &request.run_id);
        let codes = request.acknowledged_findings;
        if codes.len() > MOST_FINDINGS {
            let (most, count) = (MOST_FINDINGS, codes.len());
            let message = format!("must be at most {most} codes, there are {count}");
            fields.add("acknowledged_findings", message);
            return None;
        }
        let mut acknowledged = Vec::with_capacity(codes.len());
        for (index, code) in codes.into_iter().enumerate() {
            let field = format!("acknowledged_findings[{index}]");
            acknowledged.extend(fields.filled(&field, code, 100));
        }
        Some(StartRun {
            run: run?,
            acknowledged,
        })
    })
}

/// `StopRun`.
pub fn stop_run(request: pb::StopRunRequest) -> Result<EndRun, Violations> {
    read(check(&request), |fields| {
        end_run(fields, &request.run_id, request.message)
    })
}

/// `AbortRun`.
pub fn abort_run(request: pb::AbortRunRequest) -> Result<EndRun, Violations> {
    read(check(&request), |fields| {
        end_run(fields, &request.run_id, request.message)
    })
}

/// `UpdateRun`.
pub fn update_run(request: pb::UpdateRunRequest) -> Result<UpdateRun, Violations> {
    read(check(&request), |fields| {
        let run = run_id(fields, &request.run_id);
        if request.labels.is_none() && request.notes.is_none() {
            fields.add("labels", "is required, or notes");
        }
        let labels = request
            .labels
            .and_then(|given| fields.child("labels").labels("labels", given.labels));
        let notes = request.notes.and_then(|given| notes(fields, given));
        let etag = fields.text("etag", request.etag, 100);
        Some(UpdateRun {
            run: run?,
            labels,
            notes,
            etag: etag.filter(|etag| !etag.is_empty()),
        })
    })
}

/// `DeleteRun`.
pub fn delete_run(request: &pb::DeleteRunRequest) -> Result<RunId, Violations> {
    read(check(request), |fields| run_id(fields, &request.run_id))
}

/// `AdjustRun`.
pub fn adjust_run(request: pb::AdjustRunRequest) -> Result<AdjustRun, Violations> {
    use pb::adjust_run_request::Adjustment as P;
    read(check(&request), |fields| {
        let run = run_id(fields, &request.run_id);
        let change = match request.adjustment {
            None => {
                fields.add("adjustment", "is required: give level or paused");
                None
            }
            Some(P::Level(wanted)) => level(fields, wanted.level).map(LoadChange::Level),
            Some(P::Paused(paused)) => Some(LoadChange::Paused(paused)),
        };
        let message = fields.text("message", request.message, LONGEST_MESSAGE);
        Some(AdjustRun {
            run: run?,
            change: change?,
            message: message?,
        })
    })
}

/// `GetShard`.
pub fn get_shard(request: &pb::GetShardRequest) -> Result<GetShard, Violations> {
    read(check(request), |fields| {
        let run = run_id(fields, &request.run_id)?;
        let shard = request.shard;
        Some(GetShard { run, shard })
    })
}

/// `AbortShard`.
pub fn abort_shard(request: pb::AbortShardRequest) -> Result<AbortShard, Violations> {
    read(check(&request), |fields| {
        let run = run_id(fields, &request.run_id);
        let message = fields.text("message", request.message, LONGEST_MESSAGE);
        Some(AbortShard {
            run: run?,
            shard: request.shard,
            attempt: optional_number(request.attempt),
            message: message?,
        })
    })
}

fn end_run(fields: &mut Fields<'_>, run: &str, message: String) -> Option<EndRun> {
    let run = run_id(fields, run);
    let message = fields.text("message", message, LONGEST_MESSAGE);
    Some(EndRun {
        run: run?,
        message: message?,
    })
}

/// Notes; their limit counts characters.
fn notes(fields: &mut Fields<'_>, text: String) -> Option<String> {
    let count = text.chars().count();
    if count > LONGEST_NOTES {
        let message = format!("must have at most {LONGEST_NOTES} characters, it has {count}");
        fields.add("notes", message);
        return None;
    }
    fields.text("notes", text, usize::MAX)
}

fn level(fields: &mut Fields<'_>, level: Option<pb::load_level::Level>) -> Option<Level> {
    use pb::load_level::Level as P;
    match level {
        None => {
            fields.add("level", "is required: give connections or per_second");
            None
        }
        Some(P::Connections(connections)) => {
            let mut fields = fields.child("level");
            let connections = fields.count("connections", connections, MOST_CONNECTIONS)?;
            Some(Level::Concurrency { connections })
        }
        Some(P::PerSecond(per_second)) => {
            let milli_per_s = milli(&mut fields.child("level"), per_second)?;
            Some(Level::Rate { milli_per_s })
        }
    }
}

/// A rate in operations per 1,000 seconds.
fn milli(fields: &mut Fields<'_>, per_second: f64) -> Option<u64> {
    if !RATES.contains(&per_second) {
        let (least, most) = (RATES.start(), RATES.end());
        let message = format!("must be {least} to {most}, it is {per_second}");
        fields.add("per_second", message);
        return None;
    }
    let milli = (per_second * 1e3).round();
    if (per_second * 1e3 - milli).abs() > 1e-6 * milli {
        let message = format!("must have at most three decimals, it is {per_second}");
        fields.add("per_second", message);
        return None;
    }
    Some(milli as u64)
}
