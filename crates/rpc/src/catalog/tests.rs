//! What an update does when others are faster. The rest is tried through the services.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use gauntlet_model::{
    id::Name,
    template::{
        Class, Control, Load, Operation, Phases, Spec, Statement, Template, WorkerLossPolicy,
    },
    time::Timestamp,
};
use gauntlet_store::{NameKey, PageQuery, Result as StoreResult, Templates, memory};
use gauntlet_wire::decode::{CreateTemplate, Named, UpdateTemplate};
use uuid::Uuid;

use super::*;

/// Lets somebody else append first, so many times.
struct Racing {
    store: Arc<dyn Templates>,
    others: AtomicUsize,
}

#[async_trait]
impl Templates for Racing {
    async fn insert(
        &self,
        template: &Template,
        idempotency: Option<&Idempotency>,
    ) -> StoreResult<Template> {
        self.store.insert(template, idempotency).await
    }

    async fn append(&self, template: &Template) -> StoreResult<()> {
        let left = self.others.load(Ordering::SeqCst);
        if left > 0 {
            self.others.store(left - 1, Ordering::SeqCst);
            let spec = spec(&format!("other {left}"));
            let other = Template {
                spec,
                ..template.clone()
            };
            self.store.append(&other).await?;
        }
        self.store.append(template).await
    }

    async fn get(
        &self,
        project: &Project,
        name: &Name,
        version: Option<i32>,
    ) -> StoreResult<Option<Template>> {
        self.store.get(project, name, version).await
    }

    async fn delete(&self, project: &Project, name: &Name) -> StoreResult<()> {
        self.store.delete(project, name).await
    }

    async fn list(
        &self,
        project: &Project,
        page: PageQuery<NameKey>,
    ) -> StoreResult<Vec<Template>> {
        self.store.list(project, page).await
    }

    async fn versions(
        &self,
        project: &Project,
        name: &Name,
        page: PageQuery<i32>,
    ) -> StoreResult<Vec<Template>> {
        self.store.versions(project, name, page).await
    }
}

fn spec(description: &str) -> Spec {
    Spec {
        description: description.to_owned(),
        target: Name::new("db").unwrap(),
        operations: vec![Operation {
            name: Name::new("one").unwrap(),
            weight: 10_000,
            statement: Statement::Sql {
                text: "SELECT 1".to_owned(),
                class: Class::Read,
            },
            parameters: Vec::new(),
            label: None,
        }],
        load: Load::Concurrency {
            connections: 1,
            think_time: Duration::ZERO,
        },
        phases: Phases {
            warmup: Duration::ZERO,
            measurement: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(1),
            until_steady: None,
        },
        workers: 1,
        seed: 1,
        slos: Vec::new(),
        worker_loss: WorkerLossPolicy::Fail,
        operation_timeout: Duration::from_secs(1),
        start_timeout: Duration::from_secs(1),
        control: Control::default(),
    }
}

fn named() -> Named {
    Named {
        project: Project::new("acme").unwrap(),
        name: Name::new("t").unwrap(),
    }
}

/// The version that an update makes while others append so many times.
async fn update(others: usize, follows: Option<i32>) -> Result<i32, TemplateError> {
    let mut stores = memory::stores();
    let Named { project, name } = named();
    let first = CreateTemplate {
        request_id: None,
        project,
        name,
        spec: spec("first"),
        source: None,
    };
    let made = create_template(&stores, first, Uuid::from_u128(1), Timestamp(1)).await;
    assert_eq!(made.unwrap().version, 1);
    stores.templates = Arc::new(Racing {
        store: stores.templates,
        others: AtomicUsize::new(others),
    });
    let request = UpdateTemplate {
        template: named(),
        spec: spec("mine"),
        source: None,
        follows,
    };
    let newest = update_template(&stores, request, Timestamp(2)).await?;
    assert_eq!(newest.spec, spec("mine"));
    Ok(newest.version)
}

#[tokio::test]
async fn an_update_that_follows_any_version_comes_after_the_others() {
    assert_eq!(update(0, None).await, Ok(2));
    assert_eq!(update(3, None).await, Ok(5));
    let name = named().name;
    assert_eq!(
        update(TRIES, None).await,
        Err(TemplateError::Contended(name))
    );
}

#[tokio::test]
async fn an_update_that_follows_one_version_loses_the_race() {
    assert_eq!(update(0, Some(1)).await, Ok(2));
    let stale = TemplateError::Stale {
        name: named().name,
        follows: 1,
        newest: 2,
    };
    assert_eq!(update(1, Some(1)).await, Err(stale));
}
