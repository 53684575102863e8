//! Templates in SQL.

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project},
    template::Template,
};
use gauntlet_store::{Error, Idempotency, NameKey, PageQuery, Result, Templates};

use crate::{
    columns::Columns,
    database::{Created, Sql},
    script::{Row, Script},
    statement::{Statement, id, json, query},
    targets::page_values,
};

#[async_trait]
impl Templates for Sql {
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
        let script = Script::of(&subject, insert).send(&subject, insert_version(&subject, &first)?);
        let made = first.id.to_string();
        match self.create(request, &made, first.created, script).await? {
            Created::New => Ok(first),
            Created::Before(earlier) => {
                let values = [earlier.as_str().into()];
                let get = Statement::new(query!("templates/get_first_by_id"), values);
                let row = self.fetch_optional(get).await?;
                read(row.ok_or_else(|| Error::Missing(format!("template {earlier}")))?)
            }
        }
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
        let not_next = Error::Conflict(subject.clone());
        let script = Script::of(&subject, append)
            .expect_one(not_next)
            .send(&subject, insert_version(&subject, template)?);
        match self.write(script).await.map_err(Error::from) {
            Ok(_) => Ok(()),
            Err(Error::Conflict(subject)) => {
                let exists = Statement::new(query!("templates/exists"), [id(template.id)]);
                Err(self.missing_or_changed(exists, subject).await)
            }
            Err(error) => Err(error),
        }
    }

    async fn delete(&self, project: &Project, name: &Name) -> Result<()> {
        let subject = format!("template {project}/{name}");
        let key = [project.as_str().into(), name.as_str().into()];
        let delete = Statement::new(query!("templates/delete"), key);
        let missing = Error::Missing(subject.clone());
        self.write(Script::of(&subject, delete).expect_one(missing))
            .await?;
        Ok(())
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
        self.fetch_optional(get).await?.map(read).transpose()
    }

    async fn list(&self, project: &Project, page: PageQuery<NameKey>) -> Result<Vec<Template>> {
        let list = Statement::new(query!("templates/list"), page_values(project, page));
        self.fetch(list).await?.into_iter().map(read).collect()
    }

    async fn versions(
        &self,
        project: &Project,
        name: &Name,
        page: PageQuery<i32>,
    ) -> Result<Vec<Template>> {
        let values = [
            project.as_str().into(),
            name.as_str().into(),
            page.after.map_or(i64::MAX, i64::from).into(),
            page.limit.into(),
        ];
        let list = Statement::new(query!("templates/list_versions"), values);
        self.fetch(list).await?.into_iter().map(read).collect()
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
        template.source.clone().into(),
    ];
    Ok(Statement::new(query!("templates/insert_version"), values))
}

fn read(row: Row) -> Result<Template> {
    let mut columns = Columns::new("templates", row);
    Ok(Template {
        id: columns.id()?,
        project: columns.named()?,
        name: columns.named()?,
        version: columns.number()?,
        spec: columns.json()?,
        created: columns.time()?,
        updated: columns.time()?,
        source: columns.optional_text()?,
    })
}
