//! Value pools, and templates that draw from them.

use gauntlet_api::v1 as pb;
use gauntlet_orchestrator::access::AccessError;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{Plane, create_template, spec};

fn values(texts: &[Option<&str>]) -> Vec<pb::PoolValue> {
    let texts = texts.iter();
    texts
        .map(|text| pb::PoolValue {
            text: text.map(str::to_owned),
        })
        .collect()
}

fn create(request_id: &str, name: &str, texts: &[Option<&str>]) -> pb::CreateValuePoolRequest {
    pb::CreateValuePoolRequest {
        request_id: request_id.to_owned(),
        pool: Some(pb::ValuePool {
            project: "acme".to_owned(),
            name: name.to_owned(),
            values: values(texts),
            ..pb::ValuePool::default()
        }),
    }
}

fn get(name: &str) -> pb::GetValuePoolRequest {
    pb::GetValuePoolRequest {
        project: "acme".to_owned(),
        name: name.to_owned(),
    }
}

fn delete(name: &str) -> pb::DeleteValuePoolRequest {
    pb::DeleteValuePoolRequest {
        project: "acme".to_owned(),
        name: name.to_owned(),
    }
}

/// Lookups of keys that come from a pool.
fn drawing(pool: &str) -> pb::TemplateSpec {
    let mut spec = spec();
    spec.operations[0].parameters[0].generator =
        Some(pb::parameter::Generator::Pool(pb::PoolDraw {
            pool: pool.to_owned(),
            ..pb::PoolDraw::default()
        }));
    spec
}

fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_details_bad_request().expect("a bad request");
    let fields = details.field_violations.into_iter();
    fields.map(|violation| violation.field).collect()
}

#[tokio::test]
async fn a_pool_is_kept_with_its_values() {
    let plane = Plane::new();
    let mut templates = plane.templates();
    let texts = [Some("a"), None, Some("")];
    let request = create("r1", "keys", &texts);
    let made = templates.create_value_pool(request.clone()).await.unwrap();
    let made = made.into_inner().pool.unwrap();
    assert_eq!((made.count, made.values.len()), (3, 0));
    assert_eq!(made.source, None);

    let found = templates.get_value_pool(get("keys")).await.unwrap();
    let found = found.into_inner().pool.unwrap();
    assert_eq!((found.values.clone(), found.count), (values(&texts), 3));
    assert_eq!(found.created_us, made.created_us);

    let again = templates.create_value_pool(request).await.unwrap();
    assert_eq!(again.into_inner().pool, Some(made));
    for other in [
        create("r1", "keys", &[Some("a"), Some(""), None]),
        create("", "keys", &texts),
    ] {
        let taken = templates.create_value_pool(other).await.unwrap_err();
        assert_eq!(taken.code(), Code::AlreadyExists, "{taken:?}");
    }
    let missing = templates.get_value_pool(get("nope")).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    assert_eq!(
        missing.get_details_resource_info().unwrap().resource_name,
        "acme/nope"
    );
}

#[tokio::test]
async fn pools_are_listed_without_their_values() {
    let plane = Plane::new();
    let mut templates = plane.templates();
    for name in ["a", "b", "c"] {
        let request = create("", name, &[Some("1"), Some("2")]);
        templates.create_value_pool(request).await.unwrap();
    }
    let (mut found, mut token, mut pages) = (Vec::new(), String::new(), 0);
    while pages == 0 || !token.is_empty() {
        let request = pb::ListValuePoolsRequest {
            project: "acme".to_owned(),
            page: Some(pb::PageRequest {
                page_size: 2,
                page_token: token,
            }),
        };
        let page = templates.list_value_pools(request).await.unwrap();
        let page = page.into_inner();
        found.extend(page.pools);
        (token, pages) = (page.next_page_token, pages + 1);
    }
    assert_eq!(pages, 2);
    let shown: Vec<_> = found
        .iter()
        .map(|pool| (pool.name.as_str(), pool.count, pool.values.len()))
        .collect();
    assert_eq!(shown, [("a", 2, 0), ("b", 2, 0), ("c", 2, 0)]);
}

#[tokio::test]
async fn a_template_draws_from_pools_that_are_there() {
    let plane = Plane::ready().await;
    let mut templates = plane.templates();
    let request = pb::CreateTemplateRequest {
        spec: Some(drawing("keys")),
        ..create_template("drawing")
    };
    let refused = templates
        .create_template(request.clone())
        .await
        .unwrap_err();
    let field = "operations[0].parameters[0].pool";
    assert_eq!(fields(&refused), [format!("spec.{field}")]);
    assert!(
        refused
            .message()
            .contains("there is no value pool keys in project acme"),
        "{}",
        refused.message()
    );
    for (project, found) in [("acme", vec![field.to_owned()]), ("", Vec::new())] {
        let validate = pb::ValidateTemplateRequest {
            spec: Some(drawing("keys")),
            project: project.to_owned(),
        };
        let checked = templates.validate_template(validate).await.unwrap();
        let violations = checked.into_inner().violations.into_iter();
        assert_eq!(violations.map(|one| one.field).collect::<Vec<_>>(), found);
    }
    let update = pb::UpdateTemplateRequest {
        source: String::new(),
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        spec: Some(drawing("keys")),
        etag: String::new(),
    };
    let refused = templates.update_template(update.clone()).await.unwrap_err();
    assert_eq!(fields(&refused), [format!("spec.{field}")]);
    // One of a project below is another pool.
    let mut below = create("", "keys", &[Some("1")]);
    below.pool.as_mut().unwrap().project = "acme/team".to_owned();
    templates.create_value_pool(below).await.unwrap();
    assert!(templates.update_template(update.clone()).await.is_err());

    let pool = create("", "keys", &[Some("1")]);
    templates.create_value_pool(pool).await.unwrap();
    templates.create_template(request).await.unwrap();
    templates.update_template(update).await.unwrap();
}

#[tokio::test]
async fn a_pool_stays_while_a_newest_version_draws_from_it() {
    let plane = Plane::ready().await;
    let mut templates = plane.templates();
    let pool = create("", "keys", &[Some("1")]);
    templates.create_value_pool(pool).await.unwrap();
    let update = |spec| pb::UpdateTemplateRequest {
        source: String::new(),
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        spec: Some(spec),
        etag: String::new(),
    };
    let drawn = templates.update_template(update(drawing("keys"))).await;
    assert_eq!(drawn.unwrap().into_inner().template.unwrap().version, 2);
    let refused = templates
        .delete_value_pool(delete("keys"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
    let violations = refused
        .get_details_precondition_failure()
        .unwrap()
        .violations;
    assert_eq!(
        (
            violations[0].r#type.as_str(),
            violations[0].subject.as_str()
        ),
        ("TEMPLATE", "lookups")
    );
    templates.update_template(update(spec())).await.unwrap();
    templates.delete_value_pool(delete("keys")).await.unwrap();
    let again = templates
        .delete_value_pool(delete("keys"))
        .await
        .unwrap_err();
    assert_eq!(again.code(), Code::NotFound);
}

fn prepare(pools: Vec<pb::PoolFromColumn>) -> pb::PrepareTemplateRequest {
    pb::PrepareTemplateRequest {
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        version: 0,
        pools,
        sample_rows: 0,
    }
}

fn from_column(name: &str, seed: u64) -> pb::PoolFromColumn {
    pb::PoolFromColumn {
        name: name.to_owned(),
        column: "id".to_owned(),
        size: 2,
        seed,
        ..pb::PoolFromColumn::default()
    }
}

#[tokio::test]
async fn preparing_profiles_the_tables_and_fills_the_pools() {
    let plane = Plane::ready().await;
    let mut templates = plane.templates();
    let request = prepare(vec![from_column("keys", 7)]);
    let prepared = templates.prepare_template(request.clone()).await.unwrap();
    let prepared = prepared.into_inner();
    let tables: Vec<_> = prepared
        .tables
        .iter()
        .map(|profile| profile.table.as_ref().unwrap().name.as_str())
        .collect();
    assert_eq!(tables, ["items"]);
    let pool = &prepared.pools[0];
    assert_eq!((pool.count, pool.values.len()), (2, 0));
    let source = pb::PoolSource {
        target: "db".to_owned(),
        table: "items".to_owned(),
        column: "id".to_owned(),
        seed: 7,
    };
    assert_eq!(pool.source, Some(source));
    let stored = templates.get_value_pool(get("keys")).await.unwrap();
    let stored = stored.into_inner().pool.unwrap();
    assert_eq!(stored.values, values(&[Some("1"), Some("2")]));

    // The same again leaves it as it is; the same name for something else does not.
    let again = templates.prepare_template(request).await.unwrap();
    assert_eq!(again.into_inner().pools, prepared.pools);
    let other = prepare(vec![from_column("keys", 8)]);
    let other = templates.prepare_template(other).await.unwrap_err();
    assert_eq!(other.code(), Code::AlreadyExists);
}

#[tokio::test]
async fn preparing_says_what_stands_in_its_way() {
    let plane = Plane::ready().await;
    let mut templates = plane.templates();
    let mut elsewhere = from_column("keys", 1);
    elsewhere.table = "nowhere".to_owned();
    let refused = templates.prepare_template(prepare(vec![elsewhere])).await;
    assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
    let unknown = pb::PrepareTemplateRequest {
        name: "nope".to_owned(),
        ..prepare(Vec::new())
    };
    let unknown = templates.prepare_template(unknown).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);

    // Without a table of its own, a pool needs operations that name one.
    let own = pb::Operation {
        name: "own".to_owned(),
        kind: pb::OperationKind::Sql.into(),
        weight: 100.0,
        sql: "SELECT 1".to_owned(),
        class: pb::StatementClass::Read.into(),
        ..pb::Operation::default()
    };
    let update = pb::UpdateTemplateRequest {
        source: String::new(),
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        spec: Some(pb::TemplateSpec {
            operations: vec![own],
            ..spec()
        }),
        etag: String::new(),
    };
    templates.update_template(update).await.unwrap();
    let request = prepare(vec![from_column("keys", 1)]);
    let refused = templates.prepare_template(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["pools[0].table"]);

    let away = AccessError::Unreachable("db does not answer".to_owned());
    *plane.target.fails_with.lock().unwrap() = Some(away);
    let first = pb::PrepareTemplateRequest {
        version: 1,
        ..prepare(Vec::new())
    };
    let away = templates.prepare_template(first).await.unwrap_err();
    assert_eq!(
        (away.code(), away.message()),
        (Code::Unavailable, "db does not answer")
    );
}
