//! What became of a call about targets, templates and pools.

use gauntlet_orchestrator::access::BadSeal;
use tonic::Status;

use super::{absent, access, precondition, store};
use crate::catalog::{LoginError, PoolError, PrepareError, TargetError, TemplateError};

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
        TemplateError::MissingPools(violations) => violations.into(),
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

/// A target was not changed or removed.
pub(crate) fn target(error: TargetError) -> Status {
    let message = error.to_string();
    match error {
        TargetError::Missing(project, name) => {
            absent("target", format!("{project}/{name}"), message)
        }
        TargetError::Stale(_) | TargetError::Contended(_) => Status::aborted(message),
        TargetError::InUse { run, .. } => precondition("ACTIVE_RUN", run.as_str(), message),
        TargetError::Request(violations) => violations.into(),
        TargetError::Store(error) => store(error),
    }
}

/// A pool was not found or removed.
pub(crate) fn pool(error: PoolError) -> Status {
    let message = error.to_string();
    match error {
        PoolError::Missing(project, name) => {
            absent("value pool", format!("{project}/{name}"), message)
        }
        PoolError::InUse { template, .. } => precondition("TEMPLATE", template.as_str(), message),
        PoolError::InRun { run, .. } => precondition("ACTIVE_RUN", run.as_str(), message),
        PoolError::Store(error) => store(error),
    }
}

/// A template was not prepared.
pub(crate) fn prepare(error: PrepareError) -> Status {
    let message = error.to_string();
    match error {
        PrepareError::Template(error) => template(error),
        PrepareError::Login(error) => login(error),
        PrepareError::Access(error) => access(error),
        PrepareError::Request(violations) => violations.into(),
        PrepareError::Empty { table, .. } => precondition("TABLE", &table, message),
        PrepareError::Taken(_) => Status::already_exists(message),
        PrepareError::Store(error) => store(error),
    }
}
