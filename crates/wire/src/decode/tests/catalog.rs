//! Targets, templates, pools and workers: what is filled in and what is refused.

use gauntlet_model::pool::{MOST_BYTES, MOST_VALUES};

use super::*;

fn sqlite(path: &str) -> pb::target::Address {
    pb::target::Address::Sqlite(pb::SqliteAddress {
        path: path.to_owned(),
    })
}

fn postgres(password: &str) -> pb::target::Address {
    pb::target::Address::Postgres(pb::PostgresAddress {
        host: "db.example".to_owned(),
        port: 0,
        database: "shop".to_owned(),
        user: "app".to_owned(),
        password: password.to_owned(),
        ..pb::PostgresAddress::default()
    })
}

fn update(
    address: impl Into<Option<pb::target::Address>>,
    remove_password: bool,
) -> Result<UpdateTarget, Violations> {
    update_target(pb::UpdateTargetRequest {
        target: Some(pb::Target {
            project: "acme".to_owned(),
            name: "db".to_owned(),
            address: address.into(),
            ..pb::Target::default()
        }),
        etag: "v3".to_owned(),
        remove_password,
    })
}

#[test]
fn a_password_is_kept_replaced_or_removed() {
    let password = |address, remove| update(address, remove).unwrap().password;
    assert_eq!(password(postgres(""), false), NewPassword::Keep);
    let new = NewPassword::Set(Secret::new("new".to_owned()));
    assert_eq!(password(postgres("new"), false), new);
    assert_eq!(password(postgres(""), true), NewPassword::Remove);
    // A file asks for none, so none is kept for it.
    assert_eq!(password(sqlite("/a.db"), false), NewPassword::Remove);
    refused(
        update(postgres("new"), true),
        &[("remove_password", "must be false")],
    );
    refused(update(None, false), &[("target.address", "is required")]);
    assert_eq!(update(postgres(""), false).unwrap().revision, Some(3));
}

#[test]
fn an_encryption_that_is_not_said_is_kept() {
    use pb::SslMode as Mode;
    for (mode, kept) in [
        (Mode::Unspecified, true),
        (Mode::Disable, false),
        (Mode::Require, false),
        (Mode::VerifyFull, false),
    ] {
        let mut address = postgres("");
        if let pb::target::Address::Postgres(address) = &mut address {
            address.set_ssl_mode(mode);
        }
        let read = update(address, false).unwrap();
        assert_eq!(read.keeps_encryption, kept, "{mode:?}");
    }
    assert!(!update(sqlite("/a.db"), false).unwrap().keeps_encryption);
}

#[test]
fn an_etag_is_one_that_was_given() {
    let delete = |etag: &str| {
        delete_target(pb::DeleteTargetRequest {
            project: "acme".to_owned(),
            name: "db".to_owned(),
            etag: etag.to_owned(),
        })
        .map(|delete| delete.revision)
    };
    assert_eq!(delete(""), Ok(None));
    assert_eq!(delete(&crate::encode::etag(i64::MAX)), Ok(Some(i64::MAX)));
    for bad in ["3", "v", "v0", "v-1", "v1x", "v99999999999999999999"] {
        refused(delete(bad), &[("etag", "is not an etag")]);
    }
}

#[test]
fn a_catalog_page_is_of_one_target_and_schema() {
    let list = |schema: &str, page_token: String| {
        list_catalog(pb::ListCatalogRequest {
            project: "acme".to_owned(),
            name: "db".to_owned(),
            schema: schema.to_owned(),
            page: Some(pb::PageRequest {
                page_size: 2,
                page_token,
            }),
        })
    };
    let first = list("", String::new()).unwrap();
    assert_eq!((first.schema, first.page.limit()), (None, 3));
    let key = ("public".to_owned(), "a,b\"".to_owned());
    let token = first.page.token(&key);
    assert_eq!(list("", token.clone()).unwrap().page.after, Some(key));
    refused(
        list("public", token),
        &[("page.page_token", "is of another query")],
    );
}

#[test]
fn a_profile_looks_at_a_bounded_number_of_rows() {
    let rows = |sample_rows| {
        profile_table(pb::ProfileTableRequest {
            project: "acme".to_owned(),
            name: "db".to_owned(),
            table: "items".to_owned(),
            sample_rows,
        })
        .map(|profile| profile.sample_rows)
    };
    assert_eq!(rows(0), Ok(10_000));
    assert_eq!(rows(1_000_000), Ok(1_000_000));
    refused(rows(1_000_001), &[("sample_rows", "must be 1 to 1000000")]);
}

#[test]
fn a_clone_stays_in_its_project_unless_it_says_otherwise() {
    let clone = |new_project: &str, new_name: &str| {
        clone_template(pb::CloneTemplateRequest {
            project: "acme".to_owned(),
            name: "lookups".to_owned(),
            new_project: new_project.to_owned(),
            new_name: new_name.to_owned(),
            ..pb::CloneTemplateRequest::default()
        })
    };
    let to = |project: &str| clone(project, "copy").unwrap().to.project.to_string();
    assert_eq!(
        (to(""), to("other/team")),
        ("acme".to_owned(), "other/team".to_owned())
    );
    assert_ne!(
        clone("", "copy").unwrap().fingerprint(),
        clone("other", "copy").unwrap().fingerprint()
    );
    refused(
        clone("No", "No"),
        &[
            ("new_project", "\"No\" is not"),
            ("new_name", "\"No\" is not"),
        ],
    );
}

fn from_column(name: &str, column: &str, size: u32) -> pb::PoolFromColumn {
    pb::PoolFromColumn {
        name: name.to_owned(),
        column: column.to_owned(),
        size,
        ..pb::PoolFromColumn::default()
    }
}

fn prepare(pools: Vec<pb::PoolFromColumn>) -> Result<PrepareTemplate, Violations> {
    prepare_template(pb::PrepareTemplateRequest {
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        pools,
        ..pb::PrepareTemplateRequest::default()
    })
}

#[test]
fn pools_of_columns_have_a_size_and_a_name_of_their_own() {
    let prepared = prepare(vec![from_column("a", "id", 0)]).unwrap();
    let pool = &prepared.pools[0];
    assert_eq!((pool.size, &pool.table), (1_000, &None));
    assert_eq!(prepared.sample_rows, 10_000);
    refused(
        prepare(vec![
            from_column("a", "id", 100_001),
            from_column("b", " ", 1),
            from_column("c", "id", 1),
            from_column("c", "k", 1),
        ]),
        &[
            ("pools[0].size", "must be 1 to 100000"),
            ("pools[1].column", "is required"),
            ("pools[3].name", "\"c\" is given twice"),
        ],
    );
    refused(
        prepare(vec![from_column("a", "id", 1); 17]),
        &[("pools", "must be at most 16, there are 17")],
    );
}

#[test]
fn the_values_of_a_pool_have_limits() {
    let create = |values: Vec<Option<String>>| {
        let values = values.into_iter().map(|text| pb::PoolValue { text });
        create_value_pool(pb::CreateValuePoolRequest {
            request_id: String::new(),
            pool: Some(pb::ValuePool {
                project: "acme".to_owned(),
                name: "keys".to_owned(),
                values: values.collect(),
                ..pb::ValuePool::default()
            }),
        })
    };
    let text = |text: &str| Some(text.to_owned());
    let good = create(vec![text("a"), None, text("")]).unwrap();
    assert_eq!(good.values, [text("a"), None, text("")]);
    // NULL and an empty text are not the same.
    let other = create(vec![text("a"), text(""), None]).unwrap();
    assert_ne!(good.fingerprint(), other.fingerprint());
    assert!(create(vec![None; MOST_VALUES]).is_ok());
    assert!(create(vec![Some("x".repeat(MOST_BYTES))]).is_ok());
    refused(create(Vec::new()), &[("pool.values", "is required")]);
    refused(
        create(vec![None; MOST_VALUES + 1]),
        &[("pool.values", "must be 1 to 100000, there are 100001")],
    );
    refused(
        create(vec![Some("x".repeat(MOST_BYTES)), text("y")]),
        &[(
            "pool.values",
            "must have at most 8388608 bytes in all, they have 8388609",
        )],
    );
    refused(
        create(vec![None, text("a\0b")]),
        &[("pool.values[1].text", "must not hold the character NUL")],
    );
}

#[test]
fn empty_requests_of_the_catalog_name_what_is_missing() {
    let named = [("project", "is required"), ("name", "is required")];
    refused(
        update_target(pb::UpdateTargetRequest::default()),
        &[("target", "is required")],
    );
    refused(delete_target(pb::DeleteTargetRequest::default()), &named);
    refused(
        get_capabilities(pb::GetCapabilitiesRequest::default()),
        &named,
    );
    refused(list_catalog(pb::ListCatalogRequest::default()), &named);
    refused(
        profile_table(pb::ProfileTableRequest::default()),
        &[named[0], named[1], ("table", "is required")],
    );
    refused(
        list_template_versions(pb::ListTemplateVersionsRequest::default()),
        &named,
    );
    refused(
        clone_template(pb::CloneTemplateRequest::default()),
        &[named[0], named[1], ("new_name", "is required")],
    );
    refused(
        delete_template(pb::DeleteTemplateRequest::default()),
        &named,
    );
    refused(
        prepare_template(pb::PrepareTemplateRequest::default()),
        &named,
    );
    refused(
        create_value_pool(pb::CreateValuePoolRequest::default()),
        &[("pool", "is required")],
    );
    refused(get_value_pool(pb::GetValuePoolRequest::default()), &named);
    refused(
        list_value_pools(pb::ListValuePoolsRequest::default()),
        &[("project", "is required")],
    );
    refused(
        delete_value_pool(pb::DeleteValuePoolRequest::default()),
        &named,
    );
    let worker = [("worker_id", "is required")];
    refused(get_worker(&pb::GetWorkerRequest::default()), &worker);
    refused(drain_worker(pb::DrainWorkerRequest::default()), &worker);
}
