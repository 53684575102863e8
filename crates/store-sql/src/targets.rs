//! Targets in SQL.

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project},
    target::{Sealed, Target},
};
use gauntlet_store::{Error, Idempotency, NameKey, PageQuery, PasswordChange, Result, Targets};

use crate::{
    columns::Columns,
    database::{Created, Sql},
    script::{Row, Script},
    statement::{Statement, Value, id, json, query},
};

#[async_trait]
impl Targets for Sql {
    async fn insert(
        &self,
        target: &Target,
        password: Option<&Sealed>,
        request: Option<&Idempotency>,
    ) -> Result<Target> {
        let subject = format!("target {}/{}", target.project, target.name);
        let insert = Statement::new(
            query!("targets/insert"),
            [
                id(target.id),
                target.project.as_str().into(),
                target.name.as_str().into(),
                json(&subject, &target.address)?,
                Value::Bytes(password.map(|sealed| sealed.0.clone())),
                target.created.into(),
                json(&subject, &target.price_per_hour)?,
            ],
        );
        let made = target.id.to_string();
        let script = Script::of(&subject, insert);
        match self.create(request, &made, target.created, script).await? {
            Created::New => Ok(Target {
                revision: 1,
                ..target.clone()
            }),
            Created::Before(first) => {
                let get = Statement::new(query!("targets/get_by_id"), [first.as_str().into()]);
                let row = self.fetch_optional(get).await?;
                read(row.ok_or_else(|| Error::Missing(format!("target {first}")))?)
            }
        }
    }

    async fn update(&self, target: &Target, password: PasswordChange) -> Result<Target> {
        let subject = format!("target {}/{}", target.project, target.name);
        let (keep, sealed) = match password {
            PasswordChange::Keep => (1, None),
            PasswordChange::Set(Sealed(bytes)) => (0, Some(bytes)),
            PasswordChange::Remove => (0, None),
        };
        let values = [
            id(target.id),
            target.revision.into(),
            json(&subject, &target.address)?,
            keep.into(),
            Value::Bytes(sealed),
            json(&subject, &target.price_per_hour)?,
        ];
        let update = Statement::new(query!("targets/update"), values);
        let done = self.write(Script::of(&subject, update)).await?;
        if let Some(row) = done.into_iter().flat_map(|one| one.rows).next() {
            return read(row);
        }
        let exists = Statement::new(query!("targets/exists"), [id(target.id)]);
        Err(self.missing_or_changed(exists, subject).await)
    }

    async fn delete(&self, project: &Project, name: &Name, revision: Option<i64>) -> Result<()> {
        let subject = format!("target {project}/{name}");
        let (of, called) = (Value::from(project.as_str()), Value::from(name.as_str()));
        let delete = match revision {
            None => Statement::new(query!("targets/delete"), [of.clone(), called.clone()]),
            Some(revision) => Statement::new(
                query!("targets/delete_revision"),
                [of.clone(), called.clone(), revision.into()],
            ),
        };
        let done = self.write(Script::of(&subject, delete)).await?;
        if done[0].changed == 1 {
            return Ok(());
        }
        let exists = Statement::new(query!("targets/get"), [of, called]);
        Err(self.missing_or_changed(exists, subject).await)
    }

    async fn get(&self, project: &Project, name: &Name) -> Result<Option<Target>> {
        let key = [project.as_str().into(), name.as_str().into()];
        let get = Statement::new(query!("targets/get"), key);
        self.fetch_optional(get).await?.map(read).transpose()
    }

    async fn password(&self, project: &Project, name: &Name) -> Result<Option<Sealed>> {
        let key = [project.as_str().into(), name.as_str().into()];
        let get = Statement::new(query!("targets/get_password"), key);
        let row = self.fetch_optional(get).await?;
        row.map(|row| Ok(Sealed(Columns::new("targets", row).bytes()?)))
            .transpose()
    }

    async fn list(&self, project: &Project, page: PageQuery<NameKey>) -> Result<Vec<Target>> {
        let list = Statement::new(query!("targets/list"), page_values(project, page));
        self.fetch(list).await?.into_iter().map(read).collect()
    }
}

/// The values of a list by project and name. What is below a project begins
/// with its path and "/", and ends before its path and "0", which comes after "/".
pub(crate) fn page_values(project: &Project, page: PageQuery<NameKey>) -> [Value; 6] {
    // Nothing comes before a pair of empty texts.
    let (after_project, after_name) = match page.after {
        Some((project, name)) => (String::from(project), String::from(name)),
        None => (String::new(), String::new()),
    };
    [
        project.as_str().into(),
        Value::Text(Some(format!("{project}/"))),
        Value::Text(Some(format!("{project}0"))),
        Value::Text(Some(after_project)),
        Value::Text(Some(after_name)),
        page.limit.into(),
    ]
}

fn read(row: Row) -> Result<Target> {
    let mut columns = Columns::new("targets", row);
    Ok(Target {
        id: columns.id()?,
        project: columns.named()?,
        name: columns.named()?,
        address: columns.json()?,
        created: columns.time()?,
        revision: columns.integer()?,
        price_per_hour: columns.json()?,
    })
}
