//! Targets in SQL.

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project},
    target::{Sealed, Target},
};
use gauntlet_store::{Error, Idempotency, NameKey, PageQuery, Result, Targets};

use crate::{
    columns::Columns,
    database::Sql,
    dialect::Dialect,
    idempotency,
    statement::{Statement, Value, id, json, query},
};

#[async_trait]
impl<D: Dialect> Targets for Sql<D> {
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
            ],
        );
        let mut transaction = self.begin().await?;
        let claimed =
            idempotency::claim(&mut transaction, request, target.id.0, target.created).await?;
        if let Some(first) = claimed {
            let get = Statement::new(query!("targets/get_by_id"), [id(first)]);
            let rows = transaction.fetch(&subject, get).await?;
            let row = rows.first();
            let row = row.ok_or_else(|| Error::Missing(format!("target {first}")))?;
            return read::<D>(row);
        }
        transaction.execute(&subject, insert).await?;
        transaction.commit().await?;
        Ok(target.clone())
    }

    async fn get(&self, project: &Project, name: &Name) -> Result<Option<Target>> {
        let key = [project.as_str().into(), name.as_str().into()];
        let get = Statement::new(query!("targets/get"), key);
        self.fetch_optional(get)
            .await?
            .as_ref()
            .map(read::<D>)
            .transpose()
    }

    async fn password(&self, project: &Project, name: &Name) -> Result<Option<Sealed>> {
        let key = [project.as_str().into(), name.as_str().into()];
        let get = Statement::new(query!("targets/get_password"), key);
        let row = self.fetch_optional(get).await?;
        row.map(|row| Ok(Sealed(Columns::<D>::new("targets", &row).bytes()?)))
            .transpose()
    }

    async fn list(&self, project: &Project, page: PageQuery<NameKey>) -> Result<Vec<Target>> {
        let list = Statement::new(query!("targets/list"), page_values(project, page));
        self.fetch(list).await?.iter().map(read::<D>).collect()
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

fn read<D: Dialect>(row: &D::Row) -> Result<Target> {
    let mut columns = Columns::<D>::new("targets", row);
    Ok(Target {
        id: columns.id()?,
        project: columns.named()?,
        name: columns.named()?,
        address: columns.json()?,
        created: columns.time()?,
    })
}
