//! What became of a check before a start.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, PreconditionViolation, StatusExt as _};

use super::{control, precondition, store};
use crate::runs::PreflightError;

/// A run was not checked, or not started: one violation per finding.
pub(crate) fn preflight(error: PreflightError) -> Status {
    let message = error.to_string();
    match error {
        PreflightError::NoSuchRun(error) => control(error),
        PreflightError::NotPrepared(_, status) => {
            precondition("RUN_STATUS", status.as_str(), message)
        }
        PreflightError::Held { findings, .. } => {
            let violation = |finding: gauntlet_model::preflight::Finding| {
                PreconditionViolation::new("PREFLIGHT", finding.code.as_str(), finding.message)
            };
            let violations = findings.into_iter().map(violation).collect::<Vec<_>>();
            let details = ErrorDetails::with_precondition_failure(violations);
            Status::with_error_details(Code::FailedPrecondition, message, details)
        }
        PreflightError::UnknownCodes(violations) => violations.into(),
        PreflightError::Store(error) => store(error),
    }
}
