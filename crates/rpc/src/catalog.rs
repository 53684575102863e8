//! Makes, changes and finds targets, templates and value pools.

mod pools;
mod prepare;
mod targets;
mod templates;

pub use pools::{PoolError, create_pool, delete_pool, missing_pools, pool};
pub use prepare::{PrepareError, Prepared, prepare};
pub use targets::{
    LoginError, TargetError, create_target, delete_target, login, target, update_target,
};
pub use templates::{
    TemplateError, clone_template, create_template, delete_template, template, update_template,
    versions, violations,
};

use gauntlet_model::id::Project;
use gauntlet_store::Idempotency;

/// How often a change that may follow any state is tried when others are faster.
const TRIES: usize = 10;

/// What makes a create call repeatable; `None` when the caller gave no request id.
#[must_use]
pub fn idempotency(
    method: &str,
    project: &Project,
    request_id: Option<&str>,
    fingerprint: String,
) -> Option<Idempotency> {
    request_id.map(|id| Idempotency {
        key: format!("{method} {project} {id}"),
        fingerprint,
    })
}

#[cfg(test)]
mod tests;
