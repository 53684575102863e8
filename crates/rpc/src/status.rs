//! Outcomes to statuses: one exhaustive match per error.

mod catalog;
mod preflight;
mod workers;

use std::{collections::HashMap, time::Duration};

use gauntlet_model::{id::RunId, lifecycle::Refused};
use gauntlet_orchestrator::{ControlError, access::AccessError, registry::AttachError};
use gauntlet_store::Error as StoreError;
use gauntlet_wire::Violations;
use tokio::task::JoinError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::runs::{FileError, HistoryError, ReportError};

pub(crate) use catalog::{login, pool, prepare, target, template};
pub(crate) use preflight::preflight;
pub(crate) use workers::{drain, no_worker};

/// Who asks again when the store is away may wait so long.
const AGAIN: Duration = Duration::from_secs(1);

/// The store did not do what was asked.
pub(crate) fn store(error: StoreError) -> Status {
    let message = error.to_string();
    let (code, details) = match error {
        StoreError::AlreadyExists(what) => {
            let details = ErrorDetails::with_resource_info("entry", what, "", "exists already");
            (Code::AlreadyExists, details)
        }
        StoreError::Missing(what) => {
            let details = ErrorDetails::with_resource_info("entry", what, "", "does not exist");
            (Code::NotFound, details)
        }
        StoreError::Conflict(_) => (Code::Aborted, reason("LOST_RACE", [])),
        StoreError::Full(_) => (Code::ResourceExhausted, reason("STORE_FULL", [])),
        StoreError::Unavailable(_) => {
            let details = ErrorDetails::with_retry_info(Some(AGAIN));
            (Code::Unavailable, details)
        }
        StoreError::Corrupt(_) => (Code::DataLoss, reason("STORE_CORRUPT", [])),
    };
    Status::with_error_details(code, message, details)
}

/// A run was not created, changed, started or ended.
pub(crate) fn control(error: ControlError) -> Status {
    let message = error.to_string();
    match error {
        ControlError::NoSuchRun(id) => absent("run", id.to_string(), message),
        ControlError::NoSuchTemplate(name, project) => {
            absent("template", format!("{project}/{name}"), message)
        }
        ControlError::NoSuchShard { run, what } => {
            absent("shard", format!("{run}/{what}"), message)
        }
        ControlError::Refused(Refused { status, .. }) => {
            precondition("RUN_STATUS", status.as_str(), message)
        }
        ControlError::SetupFailed(_) => precondition("SETUP", "run", message),
        ControlError::Stale { etag, .. } => stale(etag, message),
        ControlError::WrongLevel(_) => Violations::one("level", message).into(),
        ControlError::TooManyConnections { worker, .. } => {
            precondition("WORKER_CAPACITY", &worker, message)
        }
        ControlError::NothingSent(_) => precondition("PROCESSING_STATUS", "SKIPPED", message),
        ControlError::Reported(_) => precondition("PROCESSING_STATUS", "COMPLETED", message),
        ControlError::Pruned(_) => precondition("MEASUREMENTS", "PRUNED", message),
        ControlError::Store(error) => store(error),
        ControlError::ShuttingDown => Status::unavailable(message),
    }
}

/// A run has no such shard.
pub(crate) fn no_shard(run: RunId, index: u32, count: usize) -> Status {
    let message = match count.checked_sub(1) {
        None => format!("run {run} has no shard {index}: it was not started, so it has none"),
        Some(last) => format!("run {run} has no shard {index}: it has shards 0 to {last}"),
    };
    absent("shard", format!("{run}/{index}"), message)
}

/// A run's history cannot be read.
pub(crate) fn history(error: HistoryError) -> Status {
    match error {
        HistoryError::Store(error) => store(error),
        error @ (HistoryError::Series(_) | HistoryError::Histogram(_)) => {
            store(StoreError::Corrupt(error.to_string()))
        }
    }
}

/// A file breaks off.
pub(crate) fn file(error: FileError) -> Status {
    match error {
        FileError::Store(error) => store(error),
        // The writer writes to memory: only what it was given can be wrong.
        FileError::Export(error) => store(StoreError::Corrupt(error.to_string())),
    }
}

/// There is no report to give.
pub(crate) fn report(error: ReportError) -> Status {
    let message = error.to_string();
    match error {
        ReportError::Run(error) => control(error),
        ReportError::NotOver(_, status) => precondition("RUN_STATUS", status.as_str(), message),
        ReportError::Skipped(..) => precondition("PROCESSING_STATUS", "SKIPPED", message),
        ReportError::Failed(_) => precondition("PROCESSING_STATUS", "FAILED", message),
        ReportError::Lost(_) => Status::data_loss(message),
        ReportError::Store(error) => store(error),
    }
}

/// A target did not do what was asked.
pub(crate) fn access(error: AccessError) -> Status {
    match error {
        AccessError::Unreachable(message) => Status::unavailable(message),
        AccessError::Refused(message) => precondition("TARGET", "target", message),
        AccessError::AlreadyExists(message) => Status::already_exists(message),
    }
}

/// A worker cannot attach.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(crate) fn attach(error: AttachError) -> Status {
    let message = error.to_string();
    match error {
        AttachError::Protocol { .. } => precondition("PROTOCOL", "protocol_max", message),
    }
}

/// A task of our own broke: a defect of gauntlet.
pub(crate) fn broken(error: &JoinError) -> Status {
    Status::internal(format!("gauntlet failed, which is a defect of it: {error}"))
}

/// What the caller knows is out of date.
fn stale(etag: String, message: String) -> Status {
    let details = reason("STALE_ETAG", [("etag".to_owned(), etag)]);
    Status::with_error_details(Code::Aborted, message, details)
}

/// A reason that programs tell apart.
fn reason<const N: usize>(reason: &str, facts: [(String, String); N]) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, "gauntlet", HashMap::from(facts))
}

fn absent(kind: &str, name: String, message: String) -> Status {
    let details = ErrorDetails::with_resource_info(kind, name, "", "does not exist");
    Status::with_error_details(Code::NotFound, message, details)
}

fn precondition(kind: &str, subject: &str, message: String) -> Status {
    let details = ErrorDetails::with_precondition_failure_violation(kind, subject, &message);
    Status::with_error_details(Code::FailedPrecondition, message, details)
}
