//! A template keeps the file that its author wrote.

use gauntlet_api::v1 as pb;
use tonic::{Code, Status};

use crate::support::{Plane, create_template, spec};

/// A file of [`spec`].
const FILE: &str = "\
# Why: ten keys are all in memory.
name: lookups # by key

target: db
table: items
operations:
  - {kind: point_lookup, weight: 100, parameters: [uniform: {min: 1, max: 10}]}
load: {concurrency: {connections: 1}}
phases: {measurement: 1s}
";

fn create(request_id: &str, source: &str) -> pb::CreateTemplateRequest {
    pb::CreateTemplateRequest {
        request_id: request_id.to_owned(),
        source: source.to_owned(),
        ..create_template("lookups")
    }
}

fn update(description: &str, source: &str) -> pb::UpdateTemplateRequest {
    pb::UpdateTemplateRequest {
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        spec: Some(pb::TemplateSpec {
            description: description.to_owned(),
            ..spec()
        }),
        etag: String::new(),
        source: source.to_owned(),
    }
}

async fn created(plane: &Plane, source: &str) -> Result<pb::Template, Status> {
    let made = plane.templates().create_template(create("", source)).await;
    made.map(|made| made.into_inner().template.unwrap())
}

/// The newest version and its source after an update.
async fn updated(plane: &Plane, request: pb::UpdateTemplateRequest) -> (i32, String) {
    let made = plane.templates().update_template(request).await.unwrap();
    let made = made.into_inner().template.unwrap();
    assert_eq!(got(plane, "lookups", 0).await, made);
    (made.version, made.source)
}

async fn got(plane: &Plane, name: &str, version: i32) -> pb::Template {
    let request = pb::GetTemplateRequest {
        project: "acme".to_owned(),
        name: name.to_owned(),
        version,
    };
    let found = plane.templates().get_template(request).await.unwrap();
    found.into_inner().template.unwrap()
}

#[tokio::test]
async fn a_file_stays_as_it_was_written() {
    let plane = Plane::new();
    let made = created(&plane, FILE).await.unwrap();
    assert_eq!(made.source, FILE);
    assert_eq!(got(&plane, "lookups", 0).await, made);
    // Defaults that one says and the other does not make no difference.
    let spelled = format!("{FILE}workers: 1\nproject: acme\noperation_timeout: 10s\n");
    let said = updated(&plane, update("", &spelled)).await;
    assert_eq!(said, (2, spelled));

    // Lists leave it out.
    let mut templates = plane.templates();
    let list = pb::ListTemplatesRequest {
        project: "acme".to_owned(),
        page: None,
    };
    let listed = templates.list_templates(list).await.unwrap().into_inner();
    let versions = pb::ListTemplateVersionsRequest {
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        page: None,
    };
    let versions = templates.list_template_versions(versions).await.unwrap();
    let all = [listed.templates, versions.into_inner().versions].concat();
    let sources: Vec<&str> = all.iter().map(|one| one.source.as_str()).collect();
    assert_eq!(sources, ["", "", ""]);
}

#[tokio::test]
async fn a_version_is_made_of_what_changes() {
    let plane = Plane::new();
    created(&plane, FILE).await.unwrap();
    let other = FILE.replace("Why", "Because");
    let more = FILE.replace("target", "description: more\ntarget");
    for (request, newest) in [
        // The same of both, and the same of the spec: the file stays.
        (update("", FILE), (1, FILE)),
        (update("", ""), (1, FILE)),
        // Another file that says the same.
        (update("", &other), (2, other.as_str())),
        // Another spec, with its file and without.
        (update("more", &more), (3, more.as_str())),
        (update("less", ""), (4, "")),
        (update("less", ""), (4, "")),
    ] {
        assert_eq!(
            updated(&plane, request).await,
            (newest.0, newest.1.to_owned())
        );
    }
    for (version, source) in [(1, FILE), (2, &other), (3, &more), (4, "")] {
        assert_eq!(got(&plane, "lookups", version).await.source, source);
    }
}

#[tokio::test]
async fn a_file_that_is_not_the_templates_is_refused() {
    let plane = Plane::new();
    let send = "; send the spec that ParseTemplate returns for this text, or leave source out";
    let change = "; change it in the text, or leave source out";
    let without_name = FILE.replace("name: lookups # by key\n", "");
    for (source, expected) in [
        (
            FILE.replace("connections: 1", "connections: 2"),
            format!("says 2 for load.concurrency.connections, the spec says 1{send}"),
        ),
        (
            format!("{FILE}seed: 7\n"),
            format!("says 7 for seed, the spec says 1{send}"),
        ),
        (
            FILE.replace("name: lookups", "name: others"),
            format!("says name \"others\", the template's is \"lookups\"{change}"),
        ),
        (
            format!("{FILE}project: web\n"),
            format!("says project \"web\", the template's is \"acme\"{change}"),
        ),
        (
            FILE.replace("weight", "wieght"),
            "cannot be read: 7:26: unknown key \"wieght\" in operations[0]; did you mean \"weight\"?"
                .to_owned(),
        ),
        (
            FILE.replace("table: items", "table: [items]"),
            "cannot be read: 5:8: table: must be a text; it is a list".to_owned(),
        ),
        (
            FILE.replace("lookups", "[lookups]"),
            "cannot be read: 2:7: name: must be a text; it is a list".to_owned(),
        ),
        (
            FILE.replace("weight: 100", "weight: 90"),
            "describes what cannot be: operations".to_owned(),
        ),
        (
            "lookups.yaml".to_owned(),
            "cannot be read: 1:1: this looks like a file's path: read the file and give its text"
                .to_owned(),
        ),
        (" ".to_owned(), "cannot be read: the file is empty".to_owned()),
        (
            format!("#{}", "x".repeat(256 << 10)),
            "must have at most 262144 bytes, it has 262145".to_owned(),
        ),
        (
            format!("{FILE}# \0\n"),
            "must not hold the character NUL".to_owned(),
        ),
    ] {
        let refused = created(&plane, &source).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        let begin = format!("source: {expected}");
        assert!(refused.message().starts_with(&begin), "{refused}\n{begin}");
    }
    // It need not say its name.
    created(&plane, &without_name).await.unwrap();
    let request = update("", &FILE.replace("target: db", "target: dc"));
    let refused = plane.templates().update_template(request).await;
    let expected = format!("source: says dc for target, the spec says db{send}");
    assert_eq!(refused.unwrap_err().message(), expected);
    assert_eq!(got(&plane, "lookups", 0).await.version, 1);
}

#[tokio::test]
async fn a_repeated_request_has_the_same_file() {
    let plane = Plane::new();
    let mut templates = plane.templates();
    let first = templates.create_template(create("r1", FILE)).await.unwrap();
    updated(&plane, update("more", "")).await;
    let again = templates.create_template(create("r1", FILE)).await.unwrap();
    let again = again.into_inner().template;
    assert_eq!(again, first.into_inner().template);
    assert_eq!(again.unwrap().source, FILE);
    for source in ["", &FILE.replace("Why", "Because")] {
        let other = templates.create_template(create("r1", source)).await;
        assert_eq!(other.unwrap_err().code(), Code::AlreadyExists);
    }
}

#[tokio::test]
async fn a_clone_has_a_file_of_its_own() {
    let plane = Plane::new();
    let with_project = format!("{FILE}project: 'acme'\n");
    let anchored = FILE.replace("name: lookups", "name: &name lookups");
    created(&plane, FILE).await.unwrap();
    updated(&plane, update("", &with_project)).await;
    updated(&plane, update("", &anchored)).await;
    let copy = FILE.replace("name: lookups", "name: copy");
    for (version, source) in [
        (1, copy.clone()),
        (2, format!("{copy}project: 'other/web'\n")),
        // The name cannot be changed in place.
        (3, String::new()),
    ] {
        let name = if version == 1 {
            "copy".to_owned()
        } else {
            format!("copy-{version}")
        };
        let clone = pb::CloneTemplateRequest {
            request_id: String::new(),
            project: "acme".to_owned(),
            name: "lookups".to_owned(),
            version,
            new_project: "other/web".to_owned(),
            new_name: name.clone(),
        };
        let made = plane.templates().clone_template(clone).await.unwrap();
        let made = made.into_inner().template.unwrap();
        assert_eq!(made.source, source.replace("copy", &name), "{version}");
        // What came along is that of the copy.
        let again = pb::UpdateTemplateRequest {
            project: made.project.clone(),
            name,
            spec: made.spec.clone(),
            etag: String::new(),
            source: made.source.clone(),
        };
        let same = plane.templates().update_template(again).await.unwrap();
        assert_eq!(same.into_inner().template, Some(made));
    }
}
