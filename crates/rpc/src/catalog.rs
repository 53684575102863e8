//! Makes, changes and finds targets and templates.

use gauntlet_model::{
    id::{Name, Project, TargetId, TemplateId},
    target::Target,
    template::Template,
    time::Timestamp,
};
use gauntlet_orchestrator::access::{BadSeal, Login, Vault};
use gauntlet_store::{Error as StoreError, Idempotency, Stores};
use gauntlet_wire::decode::{CreateTarget, CreateTemplate, GetTemplate, Named, UpdateTemplate};
use uuid::Uuid;

/// How often an update that may follow any version is tried when others are faster.
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

/// Registers a target; its password is sealed before it is stored.
pub async fn create_target(
    stores: &Stores,
    vault: &dyn Vault,
    request: CreateTarget,
    id: Uuid,
    now: Timestamp,
) -> Result<Target, StoreError> {
    let repeatable = idempotency(
        "CreateTarget",
        &request.project,
        request.request_id.as_deref(),
        request.fingerprint(),
    );
    let sealed = request.password.as_ref().map(|secret| vault.seal(secret));
    let target = Target {
        id: TargetId(id),
        project: request.project,
        name: request.name,
        address: request.address,
        created: now,
    };
    stores
        .targets
        .insert(&target, sealed.as_ref(), repeatable.as_ref())
        .await
}

/// Why a target cannot be logged in to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// There is no such target.
    #[error(
        "target {1} does not exist in project {0}; \"gauntlet target list\" shows those that do"
    )]
    Missing(Project, Name),
    /// Its password was sealed with another key.
    #[error(transparent)]
    Sealed(#[from] BadSeal),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One target.
pub async fn target(stores: &Stores, named: &Named) -> Result<Target, LoginError> {
    let Named { project, name } = named;
    let found = stores.targets.get(project, name).await?;
    found.ok_or_else(|| LoginError::Missing(project.clone(), name.clone()))
}

/// A target's address with its opened password.
pub async fn login(stores: &Stores, vault: &dyn Vault, named: &Named) -> Result<Login, LoginError> {
    let target = target(stores, named).await?;
    let sealed = stores.targets.password(&named.project, &named.name).await?;
    let password = sealed.map(|sealed| vault.open(&sealed)).transpose()?;
    Ok(Login {
        address: target.address,
        password,
    })
}

/// Why a template was not found or changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is no such template.
    #[error(
        "template {1} does not exist in project {0}; \"gauntlet template list\" shows those that do"
    )]
    Missing(Project, Name),
    /// There is no such version of it.
    #[error("template {1} of project {0} has no version {2}")]
    MissingVersion(Project, Name, i32),
    /// The update follows a version that is not the newest.
    #[error(
        "template {name} was changed by somebody else: the update follows version {follows}, the newest is {newest}; read it again"
    )]
    Stale {
        /// The template.
        name: Name,
        /// What the update follows.
        follows: i32,
        /// What there is.
        newest: i32,
    },
    /// Others were faster, again and again.
    #[error("template {0} is being changed by somebody else; try again")]
    Contended(Name),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes version 1 of a template.
pub async fn create_template(
    stores: &Stores,
    request: CreateTemplate,
    id: Uuid,
    now: Timestamp,
) -> Result<Template, StoreError> {
    let repeatable = idempotency(
        "CreateTemplate",
        &request.project,
        request.request_id.as_deref(),
        request.fingerprint(),
    );
    let template = Template {
        id: TemplateId(id),
        project: request.project,
        name: request.name,
        version: 1,
        spec: request.spec,
        created: now,
        updated: now,
    };
    stores
        .templates
        .insert(&template, repeatable.as_ref())
        .await
}

/// One version of a template.
pub async fn template(stores: &Stores, request: &GetTemplate) -> Result<Template, TemplateError> {
    let Named { project, name } = &request.template;
    if let Some(found) = stores.templates.get(project, name, request.version).await? {
        return Ok(found);
    }
    match request.version {
        Some(version) if stores.templates.get(project, name, None).await?.is_some() => Err(
            TemplateError::MissingVersion(project.clone(), name.clone(), version),
        ),
        _ => Err(TemplateError::Missing(project.clone(), name.clone())),
    }
}

/// Makes the next version of a template; none when nothing would change.
/// Returns the newest version.
pub async fn update_template(
    stores: &Stores,
    request: UpdateTemplate,
    now: Timestamp,
) -> Result<Template, TemplateError> {
    let newest = GetTemplate {
        template: request.template,
        version: None,
    };
    for _ in 0..TRIES {
        let before = template(stores, &newest).await?;
        if let Some(follows) = request.follows.filter(|version| *version != before.version) {
            return Err(TemplateError::Stale {
                name: before.name,
                follows,
                newest: before.version,
            });
        }
        if before.spec == request.spec {
            return Ok(before);
        }
        let next = Template {
            version: before.version + 1,
            spec: request.spec.clone(),
            updated: now,
            ..before
        };
        match stores.templates.append(&next).await {
            Ok(()) => return Ok(next),
            // Somebody was faster: the next round sees their version.
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(TemplateError::Contended(newest.template.name))
}

#[cfg(test)]
mod tests;
