//! Targets and templates.

use gauntlet_api::v1 as pb;
use gauntlet_orchestrator::access::AccessError;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::{Plane, create_target, create_template, spec};

fn with_id(request_id: &str, mut request: pb::CreateTargetRequest) -> pb::CreateTargetRequest {
    request_id.clone_into(&mut request.request_id);
    request
}

#[tokio::test]
async fn a_target_is_kept_and_its_password_is_not_told() {
    let plane = Plane::new();
    let made = plane.create_target("db").await;
    let get = pb::GetTargetRequest {
        project: "acme".to_owned(),
        name: "db".to_owned(),
    };
    let found = plane.targets().get_target(get).await.unwrap().into_inner();
    assert_eq!(found.target, Some(made.clone()));
    assert!(!format!("{made:?}").contains("hunter2"));

    let test = pb::TestTargetRequest {
        project: "acme".to_owned(),
        name: "db".to_owned(),
    };
    let tested = plane.targets().test_target(test).await.unwrap();
    assert_eq!(tested.into_inner().version, "Fake 1");
    let login = plane.target.seen.lock().unwrap().clone().unwrap();
    assert_eq!(login.password.unwrap().expose(), "hunter2");
}

#[tokio::test]
async fn a_request_id_makes_a_create_repeatable() {
    let plane = Plane::new();
    let request = with_id("r1", create_target("db"));
    let mut targets = plane.targets();
    let first = targets.create_target(request.clone()).await.unwrap();
    let again = targets.create_target(request).await.unwrap();
    assert_eq!(first.into_inner(), again.into_inner());

    let other = targets
        .create_target(with_id("r1", create_target("other")))
        .await;
    assert_eq!(other.unwrap_err().code(), Code::AlreadyExists);
    let taken = targets.create_target(create_target("db")).await;
    assert_eq!(taken.unwrap_err().code(), Code::AlreadyExists);
    // The same request id names another call in another method.
    let template = pb::CreateTemplateRequest {
        request_id: "r1".to_owned(),
        ..create_template("t")
    };
    plane.templates().create_template(template).await.unwrap();
}

#[tokio::test]
async fn what_a_target_says_becomes_a_code() {
    let plane = Plane::ready().await;
    let cases = [
        (AccessError::Unreachable("m".to_owned()), Code::Unavailable),
        (
            AccessError::Refused("m".to_owned()),
            Code::FailedPrecondition,
        ),
        (
            AccessError::AlreadyExists("m".to_owned()),
            Code::AlreadyExists,
        ),
    ];
    for (error, code) in cases {
        *plane.target.fails_with.lock().unwrap() = Some(error);
        let test = pb::TestTargetRequest {
            project: "acme".to_owned(),
            name: "db".to_owned(),
        };
        let status = plane.targets().test_target(test).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, "m"));
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let plane = Plane::ready().await;
    let get = pb::GetTargetRequest {
        project: "acme".to_owned(),
        name: "nope".to_owned(),
    };
    let status = plane.targets().get_target(get).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert!(
        status
            .message()
            .contains("target nope does not exist in project acme")
    );
    let resource = status.get_details_resource_info().unwrap();
    assert_eq!(
        (resource.resource_type, resource.resource_name),
        ("target".to_owned(), "acme/nope".to_owned())
    );

    let version = |name: &str, version| pb::GetTemplateRequest {
        project: "acme".to_owned(),
        name: name.to_owned(),
        version,
    };
    for (request, message) in [
        (version("nope", 3), "template nope does not exist"),
        (version("lookups", 3), "has no version 3"),
    ] {
        let status = plane.templates().get_template(request).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert!(status.message().contains(message), "{}", status.message());
    }
}

#[tokio::test]
async fn an_update_follows_the_version_that_was_read() {
    let plane = Plane::ready().await;
    let mut templates = plane.templates();
    let update = |description: &str, etag: &str| pb::UpdateTemplateRequest {
        source: String::new(),
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        spec: Some(pb::TemplateSpec {
            description: description.to_owned(),
            ..spec()
        }),
        etag: etag.to_owned(),
    };
    let get = pb::GetTemplateRequest {
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        version: 0,
    };
    let first = templates.get_template(get.clone()).await.unwrap();
    let first = first.into_inner().template.unwrap();

    let second = templates.update_template(update("b", &first.etag)).await;
    let second = second.unwrap().into_inner().template.unwrap();
    assert_eq!((second.version, second.created_us), (2, first.created_us));
    let stale = templates.update_template(update("c", &first.etag)).await;
    assert_eq!(stale.unwrap_err().code(), Code::Aborted);
    // Nothing changes, so no version is made.
    let same = templates.update_template(update("b", &second.etag)).await;
    assert_eq!(same.unwrap().into_inner().template, Some(second));
    let any = templates.update_template(update("c", "")).await.unwrap();
    assert_eq!(any.into_inner().template.unwrap().version, 3);

    let old = pb::GetTemplateRequest { version: 1, ..get };
    let old = templates.get_template(old).await.unwrap().into_inner();
    assert_eq!(old.template.unwrap().spec, first.spec);
}

#[tokio::test]
async fn lists_go_page_by_page() {
    let plane = Plane::new();
    for name in ["a", "b", "c"] {
        plane.create_target(name).await;
        let template = create_template(name);
        plane.templates().create_template(template).await.unwrap();
    }
    let page = |page_token: String| {
        Some(pb::PageRequest {
            page_size: 2,
            page_token,
        })
    };
    let (mut targets, mut templates) = (Vec::new(), Vec::new());
    let (mut token, mut pages) = (String::new(), 0);
    while pages == 0 || !token.is_empty() {
        let request = pb::ListTargetsRequest {
            project: "acme".to_owned(),
            page: page(token),
        };
        let answer = plane.targets().list_targets(request).await.unwrap();
        let answer = answer.into_inner();
        targets.extend(answer.targets.into_iter().map(|target| target.name));
        (token, pages) = (answer.next_page_token, pages + 1);
    }
    assert_eq!(
        (targets.as_slice(), pages),
        (["a", "b", "c"].map(str::to_owned).as_slice(), 2)
    );

    let (mut token, mut pages) = (String::new(), 0);
    while pages == 0 || !token.is_empty() {
        let request = pb::ListTemplatesRequest {
            project: "acme".to_owned(),
            page: page(token),
        };
        let answer = plane.templates().list_templates(request).await.unwrap();
        let answer = answer.into_inner();
        templates.extend(answer.templates.into_iter().map(|template| template.name));
        (token, pages) = (answer.next_page_token, pages + 1);
    }
    assert_eq!(templates, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_description_is_checked_and_not_stored() {
    let plane = Plane::new();
    let mut bad = spec();
    bad.operations[0].weight = 40.0;
    let request = pb::ValidateTemplateRequest {
        spec: Some(bad),
        project: "acme".to_owned(),
    };
    let answer = plane.templates().validate_template(request).await.unwrap();
    let violations = answer.into_inner().violations;
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].field, "operations");

    let request = pb::ValidateTemplateRequest {
        spec: Some(spec()),
        project: String::new(),
    };
    let answer = plane.templates().validate_template(request).await.unwrap();
    assert_eq!(answer.into_inner().violations, []);
}

fn update_target(host: &str, password: &str, etag: &str) -> pb::UpdateTargetRequest {
    let mut request = create_target("db");
    let target = request.target.as_mut().unwrap();
    if let Some(pb::target::Address::Postgres(address)) = target.address.as_mut() {
        host.clone_into(&mut address.host);
        password.clone_into(&mut address.password);
    }
    pb::UpdateTargetRequest {
        target: request.target,
        etag: etag.to_owned(),
        remove_password: false,
    }
}

/// The password that a login to the target uses.
async fn password(plane: &Plane) -> Option<String> {
    let test = pb::TestTargetRequest {
        project: "acme".to_owned(),
        name: "db".to_owned(),
    };
    plane.targets().test_target(test).await.unwrap();
    let login = plane.target.seen.lock().unwrap().clone().unwrap();
    login.password.map(|secret| secret.expose().to_owned())
}

#[tokio::test]
async fn a_target_is_changed_by_whoever_read_it_last() {
    let plane = Plane::new();
    let first = plane.create_target("db").await;
    let mut targets = plane.targets();
    let update = update_target("other.example", "", &first.etag);
    let second = targets.update_target(update).await.unwrap();
    let second = second.into_inner().target.unwrap();
    assert_ne!(second.etag, first.etag);
    assert_eq!(
        (&second.target_id, second.created_us),
        (&first.target_id, first.created_us)
    );
    assert!(
        matches!(&second.address, Some(pb::target::Address::Postgres(address)) if address.host == "other.example")
    );
    assert_eq!(password(&plane).await.as_deref(), Some("hunter2"));

    let stale = update_target("third.example", "", &first.etag);
    let stale = targets.update_target(stale).await.unwrap_err();
    assert_eq!(stale.code(), Code::Aborted, "{stale:?}");
    // Nothing changes, so the revision stays.
    let same = update_target("other.example", "", &second.etag);
    let same = targets.update_target(same).await.unwrap();
    assert_eq!(same.into_inner().target.as_ref(), Some(&second));

    let new = update_target("other.example", "new", "");
    let answer = targets.update_target(new).await.unwrap();
    assert!(!format!("{answer:?}").contains("\"new\""));
    assert_eq!(password(&plane).await.as_deref(), Some("new"));
    let removed = pb::UpdateTargetRequest {
        remove_password: true,
        ..update_target("other.example", "", "")
    };
    targets.update_target(removed).await.unwrap();
    assert_eq!(password(&plane).await, None);

    let mut unknown = update_target("other.example", "", "");
    unknown.target.as_mut().unwrap().name = "nope".to_owned();
    let unknown = targets.update_target(unknown).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

/// A change to a host, as who knows nothing of a root certificate says it.
fn update_encryption(host: &str, mode: pb::SslMode, root: &str) -> pb::UpdateTargetRequest {
    let mut update = update_target(host, "", "");
    let target = update.target.as_mut().unwrap();
    if let Some(pb::target::Address::Postgres(address)) = target.address.as_mut() {
        address.set_ssl_mode(mode);
        root.clone_into(&mut address.root_certificate);
    }
    update
}

#[tokio::test]
async fn an_encryption_stays_until_another_is_said() {
    use pb::SslMode as Mode;
    let plane = Plane::new();
    plane.create_target("db").await;
    let mut targets = plane.targets();
    for (host, said, root, mode, kept) in [
        ("db", Mode::Unspecified, "", Mode::Disable, ""),
        (
            "db",
            Mode::VerifyFull,
            CERTIFICATE,
            Mode::VerifyFull,
            CERTIFICATE,
        ),
        ("db", Mode::Unspecified, "", Mode::VerifyFull, CERTIFICATE),
        (
            "other",
            Mode::Unspecified,
            "",
            Mode::VerifyFull,
            CERTIFICATE,
        ),
        // The certificate stays only with the mode.
        ("db", Mode::VerifyFull, "", Mode::VerifyFull, ""),
        ("db", Mode::Require, "", Mode::Require, ""),
        ("db", Mode::Unspecified, "", Mode::Require, ""),
        ("db", Mode::Disable, "", Mode::Disable, ""),
        ("db", Mode::Unspecified, "", Mode::Disable, ""),
    ] {
        let update = update_encryption(host, said, root);
        let changed = targets.update_target(update).await.unwrap().into_inner();
        let Some(pb::target::Address::Postgres(found)) = changed.target.unwrap().address else {
            panic!("it is a PostgreSQL target");
        };
        assert_eq!(
            (
                found.host.as_str(),
                found.ssl_mode(),
                found.root_certificate.as_str()
            ),
            (host, mode, kept),
            "{said:?}"
        );
    }
    // The password was never asked for again.
    assert_eq!(password(&plane).await.as_deref(), Some("hunter2"));
}

#[tokio::test]
async fn an_encryption_is_not_kept_over_a_socket() {
    let plane = Plane::new();
    plane.create_target("db").await;
    let mut targets = plane.targets();
    let encrypted = update_encryption("db", pb::SslMode::Require, "");
    targets.update_target(encrypted).await.unwrap();
    let socket = |mode| update_encryption("/run/postgresql", mode, "");
    let refused = targets
        .update_target(socket(pb::SslMode::Unspecified))
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    let details = refused.get_details_bad_request().unwrap();
    let violation = &details.field_violations[0];
    assert_eq!(violation.field, "target.postgres.ssl_mode");
    assert!(
        violation
            .description
            .contains("it stays as it is (sslmode=require)"),
        "{violation:?}"
    );
    let plain = targets.update_target(socket(pb::SslMode::Disable)).await;
    assert!(plain.is_ok(), "{plain:?}");
}

#[tokio::test]
async fn a_price_is_part_of_a_target() {
    let plane = Plane::new();
    let mut targets = plane.targets();
    let mut create = create_target("db");
    create.target.as_mut().unwrap().price_per_hour = 0.75;
    let first = targets.create_target(create.clone()).await.unwrap();
    let first = first.into_inner().target.unwrap();
    assert_eq!(first.price_per_hour.to_string(), "0.75");

    let mut update = update_target("db.example", "", &first.etag);
    update.target.as_mut().unwrap().price_per_hour = 1.5;
    let second = targets.update_target(update).await.unwrap();
    let second = second.into_inner().target.unwrap();
    assert_eq!(second.price_per_hour.to_string(), "1.5");
    assert_ne!(second.etag, first.etag);

    for price in [-1.0, f64::NAN, 1e6 + 1.0] {
        create.target.as_mut().unwrap().price_per_hour = price;
        let refused = targets.create_target(create.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let details = refused.get_details_bad_request().unwrap();
        let field = &details.field_violations[0].field;
        assert_eq!(field, "target.price_per_hour");
    }
}

#[tokio::test]
async fn a_target_is_forgotten_by_whoever_read_it_last() {
    let plane = Plane::new();
    let first = plane.create_target("db").await;
    let delete = |etag: &str| pb::DeleteTargetRequest {
        project: "acme".to_owned(),
        name: "db".to_owned(),
        etag: etag.to_owned(),
    };
    let mut targets = plane.targets();
    let update = update_target("other.example", "", "");
    targets.update_target(update).await.unwrap();
    let stale = targets.delete_target(delete(&first.etag)).await;
    assert_eq!(stale.unwrap_err().code(), Code::Aborted);
    targets.delete_target(delete("")).await.unwrap();
    let again = targets.delete_target(delete("")).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound);
    assert_eq!(
        again.get_details_resource_info().unwrap().resource_name,
        "acme/db"
    );
}

#[tokio::test]
async fn a_target_says_what_it_is_and_has() {
    let plane = Plane::ready().await;
    let mut targets = plane.targets();
    let (project, name) = ("acme".to_owned(), "db".to_owned());
    let request = pb::GetCapabilitiesRequest { project, name };
    let found = targets.get_capabilities(request).await.unwrap();
    let found = found.into_inner().capabilities.unwrap();
    assert_eq!(
        (found.kind.as_str(), found.version.as_str()),
        ("sqlite", "Fake 1")
    );

    let list = |page_size, page_token| pb::ListCatalogRequest {
        project: "acme".to_owned(),
        name: "db".to_owned(),
        schema: String::new(),
        page: Some(pb::PageRequest {
            page_size,
            page_token,
        }),
    };
    let (mut names, mut token, mut pages) = (Vec::new(), String::new(), 0);
    while pages == 0 || !token.is_empty() {
        let page = targets.list_catalog(list(2, token)).await.unwrap();
        let page = page.into_inner();
        names.extend(page.tables.into_iter().map(|table| table.name));
        (token, pages) = (page.next_page_token, pages + 1);
    }
    assert_eq!(
        (names, pages),
        (["items", "orders", "users"].map(str::to_owned).to_vec(), 2)
    );
    let unknown = pb::ListCatalogRequest {
        name: "nope".to_owned(),
        ..list(2, String::new())
    };
    let unknown = targets.list_catalog(unknown).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);

    let profile = |table: &str| pb::ProfileTableRequest {
        project: "acme".to_owned(),
        name: "db".to_owned(),
        table: table.to_owned(),
        sample_rows: 2,
    };
    let found = targets.profile_table(profile("items")).await.unwrap();
    let found = found.into_inner().profile.unwrap();
    assert_eq!((found.rows, found.sampled_rows), (3, 2));
    assert_eq!(found.columns[0].max.as_deref(), Some("3"));
    let missing = targets.profile_table(profile("item")).await.unwrap_err();
    assert_eq!(missing.code(), Code::FailedPrecondition);
    assert!(missing.message().contains("near it: items"));
}

#[tokio::test]
async fn versions_are_listed_the_newest_first() {
    let plane = Plane::ready().await;
    let mut templates = plane.templates();
    for description in ["b", "c"] {
        let update = pb::UpdateTemplateRequest {
            source: String::new(),
            project: "acme".to_owned(),
            name: "lookups".to_owned(),
            spec: Some(pb::TemplateSpec {
                description: description.to_owned(),
                ..spec()
            }),
            etag: String::new(),
        };
        templates.update_template(update).await.unwrap();
    }
    let list = |name: &str, page_token| pb::ListTemplateVersionsRequest {
        project: "acme".to_owned(),
        name: name.to_owned(),
        page: Some(pb::PageRequest {
            page_size: 2,
            page_token,
        }),
    };
    let (mut versions, mut token, mut pages) = (Vec::new(), String::new(), 0);
    while pages == 0 || !token.is_empty() {
        let page = templates
            .list_template_versions(list("lookups", token))
            .await;
        let page = page.unwrap().into_inner();
        let found = page.versions.into_iter();
        versions.extend(found.map(|one| (one.version, one.spec.unwrap().description)));
        (token, pages) = (page.next_page_token, pages + 1);
    }
    let expected = [(3, "c"), (2, "b"), (1, "")].map(|(n, text)| (n, text.to_owned()));
    assert_eq!((versions, pages), (expected.to_vec(), 2));
    let unknown = templates.list_template_versions(list("nope", String::new()));
    assert_eq!(unknown.await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_clone_is_a_template_of_its_own() {
    let plane = Plane::ready().await;
    let mut templates = plane.templates();
    let clone = |request_id: &str, new_name: &str| pb::CloneTemplateRequest {
        request_id: request_id.to_owned(),
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        version: 0,
        // Neither the project nor a target in it needs to be there.
        new_project: "other".to_owned(),
        new_name: new_name.to_owned(),
    };
    let first = templates.clone_template(clone("r1", "copy")).await.unwrap();
    let first = first.into_inner().template.unwrap();
    assert_eq!(
        (first.project.as_str(), first.name.as_str(), first.version),
        ("other", "copy", 1)
    );
    let get = pb::GetTemplateRequest {
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        version: 1,
    };
    let original = templates.get_template(get).await.unwrap().into_inner();
    let original = original.template.unwrap();
    assert_eq!(first.spec, original.spec);
    assert_ne!(first.template_id, original.template_id);

    let again = templates.clone_template(clone("r1", "copy")).await.unwrap();
    assert_eq!(again.into_inner().template, Some(first));
    for request in [clone("r1", "other"), clone("", "copy")] {
        let taken = templates.clone_template(request).await.unwrap_err();
        assert_eq!(taken.code(), Code::AlreadyExists, "{taken:?}");
    }
    let missing = pb::CloneTemplateRequest {
        version: 9,
        ..clone("", "nine")
    };
    let missing = templates.clone_template(missing).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
}

#[tokio::test]
async fn a_template_goes_with_all_its_versions() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let mut templates = plane.templates();
    let delete = |etag: &str| pb::DeleteTemplateRequest {
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        etag: etag.to_owned(),
    };
    let stale = templates.delete_template(delete("v2")).await.unwrap_err();
    assert_eq!(stale.code(), Code::Aborted);
    templates.delete_template(delete("v1")).await.unwrap();
    let again = templates.delete_template(delete("")).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound);
    // The run keeps what it was made from.
    assert_eq!(plane.get_run(&run.run_id).await.spec, run.spec);
    assert!(run.spec.is_some());
}
