//! Benchmark descriptions and their versions.

use std::panic;

use gauntlet_model::{
    id::{Name, Project, TemplateId},
    template::{Spec, Template, Violation},
    time::Timestamp,
};
use gauntlet_store::{Error as StoreError, PageQuery, Stores};
use gauntlet_template_file as template_file;
use gauntlet_wire::{
    Violations,
    decode::{
        CloneTemplate, CreateTemplate, DeleteTemplate, GetTemplate, Named, UpdateTemplate,
        ValidateTemplate,
    },
};
use uuid::Uuid;

use super::{TRIES, idempotency, missing_pools};

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
    /// The change follows a version that is not the newest.
    #[error(
        "template {name} was changed by somebody else: the change follows version {follows}, the newest is {newest}; read it again"
    )]
    Stale {
        /// The template.
        name: Name,
        /// What the change follows.
        follows: i32,
        /// What there is.
        newest: i32,
    },
    /// Others were faster, again and again.
    #[error("template {0} is being changed by somebody else; try again")]
    Contended(Name),
    /// Parameters draw from pools that are not there.
    #[error(transparent)]
    MissingPools(Violations),
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
) -> Result<Template, TemplateError> {
    let repeatable = idempotency(
        "CreateTemplate",
        &request.project,
        request.request_id.as_deref(),
        request.fingerprint(),
    );
    need_pools(stores, &request.project, &request.spec).await?;
    let template = Template {
        id: TemplateId(id),
        project: request.project,
        name: request.name,
        version: 1,
        spec: request.spec,
        source: request.source,
        created: now,
        updated: now,
    };
    let made = stores.templates.insert(&template, repeatable.as_ref());
    Ok(made.await?)
}

/// All that is wrong with a description: its fields, or, when they are good,
/// the pools that are not there.
pub async fn violations(
    stores: &Stores,
    request: ValidateTemplate,
) -> Result<Vec<Violation>, StoreError> {
    match (request.spec, request.project) {
        (Err(violations), _) => Ok(violations),
        (Ok(_), None) => Ok(Vec::new()),
        (Ok(spec), Some(project)) => pool_violations(stores, &project, &spec).await,
    }
}

async fn pool_violations(
    stores: &Stores,
    project: &Project,
    spec: &Spec,
) -> Result<Vec<Violation>, StoreError> {
    let missing = missing_pools(stores, project, spec).await?;
    let violations = missing.iter().map(|missing| missing.violation(project));
    Ok(violations.collect())
}

async fn need_pools(stores: &Stores, project: &Project, spec: &Spec) -> Result<(), TemplateError> {
    let violations = pool_violations(stores, project, spec).await?;
    if violations.is_empty() {
        return Ok(());
    }
    let below = |violation: Violation| {
        Violation::new(format!("spec.{}", violation.field), violation.message)
    };
    let violations = violations.into_iter().map(below).collect();
    Err(TemplateError::MissingPools(Violations(violations)))
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

/// A page of a template's versions, newest first.
pub async fn versions(
    stores: &Stores,
    template: &Named,
    page: PageQuery<i32>,
) -> Result<Vec<Template>, TemplateError> {
    let Named { project, name } = template;
    let first = page.after.is_none();
    let versions = stores.templates.versions(project, name, page).await?;
    // Every template has a version, so only one that is not there has none.
    if first && versions.is_empty() {
        return Err(TemplateError::Missing(project.clone(), name.clone()));
    }
    Ok(versions)
}

/// Makes the next version of a template; none when nothing would change. A file
/// that says what is asked for stays, when no other is given. Returns the newest version.
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
        must_follow(&before, request.follows)?;
        let is_kept = request.source.is_none() || request.source == before.source;
        if before.spec == request.spec && is_kept {
            return Ok(before);
        }
        need_pools(stores, &before.project, &request.spec).await?;
        let next = Template {
            version: before.version + 1,
            spec: request.spec.clone(),
            source: request.source.clone(),
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

fn must_follow(newest: &Template, follows: Option<i32>) -> Result<(), TemplateError> {
    match follows {
        Some(follows) if follows != newest.version => Err(TemplateError::Stale {
            name: newest.name.clone(),
            follows,
            newest: newest.version,
        }),
        _ => Ok(()),
    }
}

/// Makes version 1 of a new template from a version of another. Target and
/// pools of another project need not be there yet: a start says so.
pub async fn clone_template(
    stores: &Stores,
    request: CloneTemplate,
    id: Uuid,
    now: Timestamp,
) -> Result<Template, TemplateError> {
    let repeatable = idempotency(
        "CloneTemplate",
        &request.to.project,
        request.request_id.as_deref(),
        request.fingerprint(),
    );
    let original = template(stores, &request.from).await?;
    let source = renamed(original.source, &request.to).await;
    let copy = Template {
        id: TemplateId(id),
        project: request.to.project,
        name: request.to.name,
        version: 1,
        spec: original.spec,
        source,
        created: now,
        updated: now,
    };
    let made = stores.templates.insert(&copy, repeatable.as_ref());
    Ok(made.await?)
}

/// The file of a copy; none where the file cannot be changed in place.
async fn renamed(source: Option<String>, to: &Named) -> Option<String> {
    let (source, to) = (source?, to.clone());
    // A long one takes long enough to keep others from being answered.
    let renaming = tokio::task::spawn_blocking(move || {
        template_file::rename(&source, to.name.as_str(), to.project.as_str())
    });
    match renaming.await {
        Ok(copy) => copy,
        Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
        // The control plane is going: nobody waits for the answer.
        Err(_) => None,
    }
}

/// Removes a template with all its versions.
pub async fn delete_template(
    stores: &Stores,
    request: DeleteTemplate,
) -> Result<(), TemplateError> {
    let newest = GetTemplate {
        template: request.template,
        version: None,
    };
    let before = template(stores, &newest).await?;
    must_follow(&before, request.newest)?;
    let deleted = stores.templates.delete(&before.project, &before.name).await;
    deleted.map_err(|error| match error {
        StoreError::Missing(_) => TemplateError::Missing(before.project, before.name),
        error => error.into(),
    })
}
