//! Databases under test.

use gauntlet_model::{
    id::{Name, Project, TargetId},
    target::{Address, Encryption, Target},
    time::Timestamp,
};
use gauntlet_orchestrator::access::{BadSeal, Login, Vault};
use gauntlet_store::{Error as StoreError, PasswordChange, Stores};
use gauntlet_wire::{
    Violations,
    decode::{CreateTarget, DeleteTarget, Named, NewPassword, UpdateTarget},
};
use uuid::Uuid;

use super::{TRIES, idempotency};

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
        revision: 1,
        price_per_hour: request.price_per_hour,
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

/// Why a target was not changed or removed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is no such target.
    #[error(
        "target {1} does not exist in project {0}; \"gauntlet target list\" shows those that do"
    )]
    Missing(Project, Name),
    /// The change follows a state that is not the newest.
    #[error("target {0} was changed by somebody else; read it again")]
    Stale(Name),
    /// Others were faster, again and again.
    #[error("target {0} is being changed by somebody else; try again")]
    Contended(Name),
    /// A run that is not over uses it.
    #[error("target {target} is in use by run {run}; stop the run first, or wait until it is over")]
    InUse {
        /// The target.
        target: Name,
        /// The run.
        run: Name,
    },
    /// What is asked for does not go with what is stored.
    #[error(transparent)]
    Request(Violations),
    /// The store did not do it.
    #[error(transparent)]
    Store(StoreError),
}

/// Changes a target's address, price and password. Returns it as it is then.
pub async fn update_target(
    stores: &Stores,
    vault: &dyn Vault,
    request: UpdateTarget,
) -> Result<Target, TargetError> {
    let Named { project, name } = &request.target;
    let password = match &request.password {
        NewPassword::Keep => PasswordChange::Keep,
        NewPassword::Set(secret) => PasswordChange::Set(vault.seal(secret)),
        NewPassword::Remove => PasswordChange::Remove,
    };
    for _ in 0..TRIES {
        let before = read(stores, &request.target).await?;
        let follows = request.revision.unwrap_or(before.revision);
        if follows != before.revision {
            return Err(TargetError::Stale(name.clone()));
        }
        let mut address = request.address.clone();
        if request.keeps_encryption {
            keep_encryption(&mut address, &before.address)?;
        }
        let next = Target {
            address,
            price_per_hour: request.price_per_hour,
            ..before.clone()
        };
        if next == before && is_kept(&password, &request.address) {
            return Ok(before);
        }
        match stores.targets.update(&next, password.clone()).await {
            Ok(stored) => return Ok(stored),
            Err(StoreError::Conflict(_)) if request.revision.is_some() => {
                return Err(TargetError::Stale(name.clone()));
            }
            // Somebody was faster: the next round sees their state.
            Err(StoreError::Conflict(_)) => {}
            Err(StoreError::Missing(_)) => {
                return Err(TargetError::Missing(project.clone(), name.clone()));
            }
            Err(error) => return Err(TargetError::Store(error)),
        }
    }
    Err(TargetError::Contended(name.clone()))
}

/// Encrypts an address as it was before.
fn keep_encryption(address: &mut Address, before: &Address) -> Result<(), TargetError> {
    let (
        Address::Postgres {
            host, encryption, ..
        },
        Address::Postgres {
            encryption: stored, ..
        },
    ) = (address, before)
    else {
        return Ok(());
    };
    if *stored != Encryption::None && host.starts_with('/') {
        return Err(TargetError::Request(Violations::one(
            "target.postgres.ssl_mode",
            format!(
                "must be DISABLE over a unix socket, which has no TLS; when nothing is said it stays as it is (sslmode={})",
                stored.sslmode()
            ),
        )));
    }
    encryption.clone_from(stored);
    Ok(())
}

/// Whether the password stays what it is: a file has none to begin with.
fn is_kept(password: &PasswordChange, address: &Address) -> bool {
    match password {
        PasswordChange::Keep => true,
        PasswordChange::Remove => matches!(address, Address::Sqlite { .. }),
        PasswordChange::Set(_) => false,
    }
}

async fn read(stores: &Stores, named: &Named) -> Result<Target, TargetError> {
    let Named { project, name } = named;
    let found = stores.targets.get(project, name).await;
    let found = found.map_err(TargetError::Store)?;
    found.ok_or_else(|| TargetError::Missing(project.clone(), name.clone()))
}

/// Forgets a target, unless a run that is not over uses it. A run that starts
/// in the same instant is not seen; it has read what it needs.
pub async fn delete_target(stores: &Stores, request: DeleteTarget) -> Result<(), TargetError> {
    let Named { project, name } = request.target;
    let active = stores.runs.active().await.map_err(TargetError::Store)?;
    let user = active
        .into_iter()
        .find(|run| run.project == project && run.spec.target == name);
    if let Some(user) = user {
        return Err(TargetError::InUse {
            target: name,
            run: user.name,
        });
    }
    let deleted = stores
        .targets
        .delete(&project, &name, request.revision)
        .await;
    deleted.map_err(|error| match error {
        StoreError::Missing(_) => TargetError::Missing(project, name),
        StoreError::Conflict(_) => TargetError::Stale(name),
        error => TargetError::Store(error),
    })
}
