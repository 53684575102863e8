//! What runs are made from: targets, templates, value pools.

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project},
    pool::ValuePool,
    target::{Sealed, Target},
    template::Template,
};

use crate::{Idempotency, NameKey, PageQuery, Result};

/// What becomes of a target's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordChange {
    /// It stays.
    Keep,
    /// This one takes its place.
    Set(Sealed),
    /// The target has none from now on.
    Remove,
}

/// Databases under test.
#[async_trait]
pub trait Targets: Send + Sync {
    /// Stores a new target, revision 1, with its sealed password.
    /// [`AlreadyExists`](crate::Error::AlreadyExists) when the project has one
    /// of that name. Returns what is stored: with a repeated `idempotency`, the
    /// target of the first call as it is now.
    async fn insert(
        &self,
        target: &Target,
        password: Option<&Sealed>,
        idempotency: Option<&Idempotency>,
    ) -> Result<Target>;
    /// Stores another address and password for the target of this id, if its
    /// revision is still `target.revision`, else
    /// [`Conflict`](crate::Error::Conflict); [`Missing`](crate::Error::Missing)
    /// when there is none. Id, project, name and creation stay. Returns what is
    /// stored.
    async fn update(&self, target: &Target, password: PasswordChange) -> Result<Target>;
    /// Removes a target and its password; runs keep what they were made from.
    /// With a revision, only when it is still that one, else
    /// [`Conflict`](crate::Error::Conflict).
    /// [`Missing`](crate::Error::Missing) when there is none.
    async fn delete(&self, project: &Project, name: &Name, revision: Option<i64>) -> Result<()>;
    /// One target.
    async fn get(&self, project: &Project, name: &Name) -> Result<Option<Target>>;
    /// One target's sealed password; `None` when it has none or is not there.
    async fn password(&self, project: &Project, name: &Name) -> Result<Option<Sealed>>;
    /// The targets of a project and of what is below it.
    async fn list(&self, project: &Project, page: PageQuery<NameKey>) -> Result<Vec<Target>>;
}

/// Benchmark descriptions.
#[async_trait]
pub trait Templates: Send + Sync {
    /// Stores version 1 of a new template.
    /// [`AlreadyExists`](crate::Error::AlreadyExists) when the project has one
    /// of that name. Returns what is stored: with a repeated `idempotency`,
    /// version 1 as it was made by the first call.
    async fn insert(
        &self,
        template: &Template,
        idempotency: Option<&Idempotency>,
    ) -> Result<Template>;
    /// Stores the next version; `template.version` is one more than the newest,
    /// else [`Conflict`](crate::Error::Conflict).
    /// [`Missing`](crate::Error::Missing) when there is no template of that id.
    /// Project, name and creation stay those of version 1.
    async fn append(&self, template: &Template) -> Result<()>;
    /// Removes a template with all its versions; runs keep their snapshot.
    /// [`Missing`](crate::Error::Missing) when there is none.
    async fn delete(&self, project: &Project, name: &Name) -> Result<()>;
    /// One version with its source; the newest when `version` is `None`.
    async fn get(
        &self,
        project: &Project,
        name: &Name,
        version: Option<i32>,
    ) -> Result<Option<Template>>;
    /// The newest versions of the templates of a project and of what is below
    /// it, without their sources.
    async fn list(&self, project: &Project, page: PageQuery<NameKey>) -> Result<Vec<Template>>;
    /// The versions of one template, newest first, without their sources; the
    /// page's key is a version. None when there is no such template.
    async fn versions(
        &self,
        project: &Project,
        name: &Name,
        page: PageQuery<i32>,
    ) -> Result<Vec<Template>>;
}

/// Named lists of values. A pool never changes.
#[async_trait]
pub trait ValuePools: Send + Sync {
    /// Stores a new pool. [`AlreadyExists`](crate::Error::AlreadyExists) when
    /// the project has one of that name. Returns what is stored, without its
    /// values: with a repeated `idempotency`, the pool of the first call.
    async fn insert(
        &self,
        pool: &ValuePool,
        idempotency: Option<&Idempotency>,
    ) -> Result<ValuePool>;
    /// One pool with its values.
    async fn get(&self, project: &Project, name: &Name) -> Result<Option<ValuePool>>;
    /// The pools of a project and of what is below it, without their values.
    async fn list(&self, project: &Project, page: PageQuery<NameKey>) -> Result<Vec<ValuePool>>;
    /// Removes a pool. [`Missing`](crate::Error::Missing) when there is none.
    async fn delete(&self, project: &Project, name: &Name) -> Result<()>;
}
