//! Outcomes to statuses: one exhaustive match per error.

use gauntlet_model::lifecycle::Refused;
use gauntlet_orchestrator::{
    ControlError,
    access::{AccessError, BadSeal},
    registry::AttachError,
};
use gauntlet_store::Error as StoreError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    catalog::{LoginError, TemplateError},
    runs::ReportError,
};

/// The store did not do what was asked.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(crate) fn store(error: StoreError) -> Status {
    let code = match &error {
        StoreError::AlreadyExists(_) => Code::AlreadyExists,
        StoreError::Conflict(_) => Code::Aborted,
        StoreError::Missing(_) => Code::NotFound,
        StoreError::Full(_) => Code::ResourceExhausted,
        StoreError::Unavailable(_) => Code::Unavailable,
        StoreError::Corrupt(_) => Code::DataLoss,
    };
    Status::new(code, error.to_string())
}

/// A run was not created, started or ended.
pub(crate) fn control(error: ControlError) -> Status {
    let message = error.to_string();
    match error {
        ControlError::NoSuchRun(id) => absent("run", id.to_string(), message),
        ControlError::NoSuchTemplate(name, project) => {
            absent("template", format!("{project}/{name}"), message)
        }
        ControlError::Refused(Refused { status, .. }) => {
            precondition("RUN_STATUS", status.as_str(), message)
        }
        ControlError::SetupFailed(_) => precondition("SETUP", "run", message),
        ControlError::Store(error) => store(error),
        ControlError::ShuttingDown => Status::unavailable(message),
    }
}

/// There is no report to give.
pub(crate) fn report(error: ReportError) -> Status {
    let message = error.to_string();
    match error {
        ReportError::NoSuchRun(error) => control(error),
        ReportError::NotOver(_, status) => precondition("RUN_STATUS", status.as_str(), message),
        ReportError::Skipped(..) => precondition("PROCESSING_STATUS", "SKIPPED", message),
        ReportError::Failed(_) => precondition("PROCESSING_STATUS", "FAILED", message),
        ReportError::Lost(_) => Status::data_loss(message),
        ReportError::Store(error) => store(error),
    }
}

/// A template was not changed or found.
pub(crate) fn template(error: TemplateError) -> Status {
    let message = error.to_string();
    match error {
        TemplateError::Missing(project, name) => {
            absent("template", format!("{project}/{name}"), message)
        }
        TemplateError::MissingVersion(project, name, version) => {
            absent("template", format!("{project}/{name}@{version}"), message)
        }
        TemplateError::Stale { .. } | TemplateError::Contended(..) => Status::aborted(message),
        TemplateError::Store(error) => store(error),
    }
}

/// A target cannot be logged in to.
pub(crate) fn login(error: LoginError) -> Status {
    let message = error.to_string();
    match error {
        LoginError::Missing(project, name) => {
            absent("target", format!("{project}/{name}"), message)
        }
        LoginError::Sealed(BadSeal(_)) => precondition("SECRET_KEY", "password", message),
        LoginError::Store(error) => store(error),
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

fn absent(kind: &str, name: String, message: String) -> Status {
    let details = ErrorDetails::with_resource_info(kind, name, "", "does not exist");
    Status::with_error_details(Code::NotFound, message, details)
}

fn precondition(kind: &str, subject: &str, message: String) -> Status {
    let details = ErrorDetails::with_precondition_failure_violation(kind, subject, &message);
    Status::with_error_details(Code::FailedPrecondition, message, details)
}
