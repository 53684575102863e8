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
    let request = pb::ValidateTemplateRequest { spec: Some(bad) };
    let answer = plane.templates().validate_template(request).await.unwrap();
    let violations = answer.into_inner().violations;
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].field, "operations");

    let request = pb::ValidateTemplateRequest { spec: Some(spec()) };
    let answer = plane.templates().validate_template(request).await.unwrap();
    assert_eq!(answer.into_inner().violations, []);
}
