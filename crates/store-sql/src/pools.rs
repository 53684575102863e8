//! Value pools in SQL.

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project},
    pool::ValuePool,
};
use gauntlet_store::{Error, Idempotency, NameKey, PageQuery, Result, ValuePools};

use crate::{
    columns::Columns,
    database::{Created, Sql},
    script::{Row, Script},
    statement::{Statement, json, query},
    targets::page_values,
};

#[async_trait]
impl ValuePools for Sql {
    async fn insert(&self, pool: &ValuePool, request: Option<&Idempotency>) -> Result<ValuePool> {
        let made = format!("{}/{}", pool.project, pool.name);
        let subject = format!("value pool {made}");
        let values = [
            pool.project.as_str().into(),
            pool.name.as_str().into(),
            json(&subject, &pool.source)?,
            pool.count.into(),
            pool.created.into(),
            json(&subject, &pool.values)?,
        ];
        let insert = Statement::new(query!("value_pools/insert"), values);
        let script = Script::of(&subject, insert);
        match self.create(request, &made, pool.created, script).await? {
            Created::New => Ok(ValuePool {
                project: pool.project.clone(),
                name: pool.name.clone(),
                source: pool.source.clone(),
                values: Vec::new(),
                count: pool.count,
                created: pool.created,
            }),
            Created::Before(first) => {
                let missing = || Error::Missing(format!("value pool {first}"));
                let (project, name) = first.rsplit_once('/').ok_or_else(missing)?;
                let get = Statement::new(query!("value_pools/get"), [project.into(), name.into()]);
                let row = self.fetch_optional(get).await?.ok_or_else(missing)?;
                read(&mut Columns::new("value_pools", row))
            }
        }
    }

    async fn get(&self, project: &Project, name: &Name) -> Result<Option<ValuePool>> {
        let key = [project.as_str().into(), name.as_str().into()];
        let get = Statement::new(query!("value_pools/get"), key);
        let Some(row) = self.fetch_optional(get).await? else {
            return Ok(None);
        };
        let mut columns = Columns::new("value_pools", row);
        let pool = read(&mut columns)?;
        let values = columns.json()?;
        Ok(Some(ValuePool { values, ..pool }))
    }

    async fn list(&self, project: &Project, page: PageQuery<NameKey>) -> Result<Vec<ValuePool>> {
        let list = Statement::new(query!("value_pools/list"), page_values(project, page));
        let read = |row: Row| read(&mut Columns::new("value_pools", row));
        self.fetch(list).await?.into_iter().map(read).collect()
    }

    async fn delete(&self, project: &Project, name: &Name) -> Result<()> {
        let subject = format!("value pool {project}/{name}");
        let key = [project.as_str().into(), name.as_str().into()];
        let delete = Statement::new(query!("value_pools/delete"), key);
        let missing = Error::Missing(subject.clone());
        self.write(Script::of(&subject, delete).expect_one(missing))
            .await?;
        Ok(())
    }
}

/// A pool without its values.
fn read(columns: &mut Columns) -> Result<ValuePool> {
    Ok(ValuePool {
        project: columns.named()?,
        name: columns.named()?,
        source: columns.json()?,
        count: columns.number()?,
        created: columns.time()?,
        values: Vec::new(),
    })
}
