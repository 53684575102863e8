//! Templates in SQL.

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project},
    template::Template,
};
use gauntlet_store::{Error, Idempotency, NameKey, PageQuery, Result, Templates};

use crate::{
    columns::Columns,
    database::Sql,
    dialect::Dialect,
    idempotency,
    statement::{Statement, id, json, query},
    targets::page_values,
};

#[async_trait]
impl<D: Dialect> Templates for Sql<D> {
    async fn insert(&self, template: &Template, request: Option<&Idempotency>) -> Result<Template> {
        let subject = subject(template);
        let first = Template {
            version: 1,
            ..template.clone()
        };
        let insert = Statement::new(
            query!("templates/insert"),
            [
                id(first.id),
                first.project.as_str().into(),
                first.name.as_str().into(),
                first.created.into(),
            ],
        );
        let insert_version = insert_version(&subject, &first)?;
        let mut transaction = self.begin().await?;
        let claimed =
            idempotency::claim(&mut transaction, request, first.id.0, first.created).await?;
        if let Some(earlier) = claimed {
            let get = Statement::new(query!("templates/get_first_by_id"), [id(earlier)]);
            let rows = transaction.fetch(&subject, get).await?;
            let row = rows.first();
            let row = row.ok_or_else(|| Error::Missing(format!("template {earlier}")))?;
            return read::<D>(row);
        }
        transaction.execute(&subject, insert).await?;
        transaction.execute(&subject, insert_version).await?;
        transaction.commit().await?;
        Ok(first)
    }

    async fn append(&self, template: &Template) -> Result<()> {
        let subject = subject(template);
        let append = Statement::new(
            query!("templates/append"),
            [
                id(template.id),
                template.version.into(),
                (i64::from(template.version) - 1).into(),
            ],
        );
        let insert_version = insert_version(&subject, template)?;
        let mut transaction = self.begin().await?;
        if transaction.execute(&subject, append).await? != 1 {
            let exists = Statement::new(query!("templates/exists"), [id(template.id)]);
            let there = !transaction.fetch(&subject, exists).await?.is_empty();
            return Err(if there {
                Error::Conflict(subject)
            } else {
                Error::Missing(subject)
            });
        }
        transaction.execute(&subject, insert_version).await?;
        transaction.commit().await
    }

    async fn get(
        &self,
        project: &Project,
        name: &Name,
        version: Option<i32>,
    ) -> Result<Option<Template>> {
        let (project, name) = (project.as_str().into(), name.as_str().into());
        let get = match version {
            None => Statement::new(query!("templates/get_newest"), [project, name]),
            Some(version) => {
                let key = [project, name, version.into()];
                Statement::new(query!("templates/get_version"), key)
            }
        };
        self.fetch_optional(get)
            .await?
            .as_ref()
            .map(read::<D>)
            .transpose()
    }

    async fn list(&self, project: &Project, page: PageQuery<NameKey>) -> Result<Vec<Template>> {
        let list = Statement::new(query!("templates/list"), page_values(project, page));
        self.fetch(list).await?.iter().map(read::<D>).collect()
    }
}

fn subject(template: &Template) -> String {
    format!("template {}/{}", template.project, template.name)
}

fn insert_version(subject: &str, template: &Template) -> Result<Statement> {
    let values = [
        id(template.id),
        template.version.into(),
        json(subject, &template.spec)?,
        template.updated.into(),
    ];
    Ok(Statement::new(query!("templates/insert_version"), values))
}

fn read<D: Dialect>(row: &D::Row) -> Result<Template> {
    let mut columns = Columns::<D>::new("templates", row);
    Ok(Template {
        id: columns.id()?,
        project: columns.named()?,
        name: columns.named()?,
        version: columns.number()?,
        spec: columns.json()?,
        created: columns.time()?,
        updated: columns.time()?,
    })
}
