//! What a start would meet, and what it needs to have acknowledged.

mod facts;

use gauntlet_api::v1 as pb;
use gauntlet_model::template::Violation;
use gauntlet_model::{
    id::RunId,
    lifecycle::Status as RunStatus,
    preflight::{self, Code, Finding, Severity},
    run::Run,
    time::micros,
};
use gauntlet_orchestrator::ControlError;
use gauntlet_wire::{Violations, decode, encode};
use tonic::{Response, Status};

use crate::{Backend, status};

/// Why a run was not checked, or not started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PreflightError {
    /// There is no such run.
    #[error(transparent)]
    NoSuchRun(ControlError),
    /// It is past its start.
    #[error("run {0} is {status}; only a run that is PREPARED is checked", status = .1.as_str())]
    NotPrepared(RunId, RunStatus),
    /// What was found keeps it from starting. Never empty; the run stays PREPARED.
    #[error("run {run} does not start: {}", sentence(.findings))]
    Held {
        /// The run.
        run: RunId,
        /// What was found.
        findings: Vec<Finding>,
    },
    /// Words that are no codes.
    #[error(transparent)]
    UnknownCodes(Violations),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] gauntlet_store::Error),
}

/// The codes, and how to go on all the same.
fn sentence(held: &[Finding]) -> String {
    let first = held
        .first()
        .map_or_else(String::new, |finding| finding.message.clone());
    let codes: Vec<&str> = held.iter().map(|finding| finding.code.as_str()).collect();
    let blocked = held
        .iter()
        .any(|finding| finding.severity == Severity::Blocking);
    let advice = if blocked {
        "mend it, then start again"
    } else {
        "mend it, or acknowledge it to start all the same"
    };
    format!("{first} ({}); {advice}", codes.join(", "))
}

pub(crate) async fn preflight_run(
    backend: &Backend,
    request: pb::PreflightRunRequest,
) -> Result<Response<pb::PreflightRunResponse>, Status> {
    let id = decode::preflight_run(&request)?;
    let run = prepared(backend, id).await.map_err(status::preflight)?;
    let facts = facts::gather(backend, &run).await.map_err(status::store)?;
    let findings = preflight::findings(&run.spec, &facts);
    Ok(Response::new(pb::PreflightRunResponse {
        findings: findings.iter().map(encode::finding).collect(),
        planned_us: micros(run.planned()),
        planned_operations: preflight::planned_operations(&run.spec).unwrap_or(0),
        target_version: facts
            .target
            .map(|target| target.version)
            .unwrap_or_default(),
    }))
}

/// A run that has not been started.
async fn prepared(backend: &Backend, id: RunId) -> Result<Run, PreflightError> {
    let run = read(backend, id).await?;
    match run.status() {
        RunStatus::Prepared => Ok(run),
        status => Err(PreflightError::NotPrepared(id, status)),
    }
}

async fn read(backend: &Backend, id: RunId) -> Result<Run, PreflightError> {
    let found = backend.stores.runs.get(id).await?;
    found.ok_or(PreflightError::NoSuchRun(ControlError::NoSuchRun(id)))
}

/// Whether a run may start: every severe finding is acknowledged, and nothing
/// blocks it that the start would not find by itself. What the start does find
/// it says in its own words, and ends the run; a run past its start is its
/// business too.
pub(crate) async fn gate(
    backend: &Backend,
    request: &decode::StartRun,
) -> Result<(), PreflightError> {
    let acknowledged = codes(&request.acknowledged).map_err(PreflightError::UnknownCodes)?;
    let run = read(backend, request.run).await?;
    if run.status() != RunStatus::Prepared {
        return Ok(());
    }
    let facts = facts::gather(backend, &run).await?;
    let mut held = preflight::findings(&run.spec, &facts);
    held.retain(|finding| match finding.severity {
        Severity::Blocking => !finding.code.is_found_at_start(),
        Severity::Severe => !acknowledged.contains(&finding.code),
        Severity::Warning | Severity::Info => false,
    });
    if held.is_empty() {
        return Ok(());
    }
    Err(PreflightError::Held {
        run: request.run,
        findings: held,
    })
}

fn codes(words: &[String]) -> Result<Vec<Code>, Violations> {
    let mut unknown = Vec::new();
    let mut codes = Vec::with_capacity(words.len());
    for (index, word) in words.iter().enumerate() {
        match Code::parse(word) {
            Some(code) => codes.push(code),
            None => unknown.push(Violation::new(
                format!("acknowledged_findings[{index}]"),
                format!("{word:?} is no code of a finding; PreflightRun gives them"),
            )),
        }
    }
    if unknown.is_empty() {
        return Ok(codes);
    }
    Err(Violations(unknown))
}
