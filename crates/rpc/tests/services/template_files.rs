//! Template files, read and written by the control plane.

use gauntlet_api::v1 as pb;
use tonic::Code;

use crate::support::{Plane, create_template, spec};

async fn parse(plane: &Plane, text: &str) -> pb::ParseTemplateResponse {
    let text = text.to_owned();
    let request = pb::ParseTemplateRequest { text };
    let answer = plane.templates().parse_template(request).await;
    answer.unwrap().into_inner()
}

/// Place, field and message of each fault.
fn told(answer: &pb::ParseTemplateResponse) -> Vec<String> {
    let faults = answer.faults.iter();
    let told = faults.map(|fault| {
        format!(
            "{}:{} {}: {}",
            fault.line, fault.column, fault.field, fault.message
        )
    });
    told.collect()
}

const GOOD: &str = "\
name: lookups
project: acme/shop
target: db
table: items
operations:
  - {kind: point_lookup, weight: 100, parameters: [uniform: {min: 1, max: 9}]}
load:
  concurrency: {connections: 2}
phases:
  measurement: 10s
";

#[tokio::test]
async fn a_good_file_is_a_template() {
    let plane = Plane::new();
    let answer = parse(&plane, GOOD).await;
    assert_eq!(told(&answer), Vec::<String>::new());
    let named = (answer.name.as_str(), answer.project.as_str());
    assert_eq!(named, ("lookups", "acme/shop"));
    let spec = answer.spec.unwrap();
    assert_eq!(spec.target, "db");

    // What is said to be good can be made.
    let made = pb::CreateTemplateRequest {
        source: String::new(),
        request_id: String::new(),
        project: answer.project,
        name: answer.name,
        spec: Some(spec),
    };
    plane.templates().create_template(made).await.unwrap();
}

#[tokio::test]
async fn every_fault_comes_with_its_place() {
    let plane = Plane::new();
    // What is written wrong; then there is nothing to check.
    let answer = parse(&plane, &GOOD.replace("weight", "wieght")).await;
    let expected = "6:26 : unknown key \"wieght\" in operations[0]; did you mean \"weight\"?";
    assert_eq!(told(&answer), [expected]);
    assert_eq!((answer.spec, answer.name.as_str()), (None, "lookups"));

    // What is described wrong.
    let wrong = GOOD
        .replace("name: lookups", "name: Look Ups")
        .replace("weight: 100", "weight: 101")
        .replace("connections: 2", "connections: 0");
    let answer = parse(&plane, &wrong).await;
    let told = told(&answer);
    let begin = told.iter().map(|fault| {
        let end = fault.match_indices(": ").next().unwrap().0;
        &fault[..end]
    });
    let begin: Vec<&str> = begin.collect();
    let expected = [
        "1:1 name",
        "6:26 operations[0].weight",
        "8:17 load.concurrency.connections",
    ];
    assert_eq!(begin, expected, "{told:?}");
    assert!(answer.spec.is_some());

    // The path of a file in place of what it says.
    let answer = parse(&plane, "benchmarks/shop.yaml").await;
    let expected = "1:1 : this looks like a file's path: read the file and give its text";
    assert_eq!(
        (self::told(&answer), answer.spec),
        (vec![expected.to_owned()], None)
    );

    // A form can show what has no name yet.
    let answer = parse(&plane, &GOOD.replace("name: lookups\n", "")).await;
    let expected = "1:1 : name is missing: give the template a name at the top level";
    assert_eq!(self::told(&answer), [expected]);
    assert!(answer.spec.is_some());
}

#[tokio::test]
async fn pools_are_looked_for_where_the_file_says_its_project() {
    let plane = Plane::new();
    let drawing = GOOD.replace("uniform: {min: 1, max: 9}", "pool: {pool: keys}");
    let answer = parse(&plane, &drawing).await;
    assert_eq!(answer.faults.len(), 1, "{:?}", answer.faults);
    let fault = &answer.faults[0];
    assert!(fault.message.contains("keys"), "{fault:?}");
    assert_eq!((fault.line, fault.column), (6, 52), "{fault:?}");

    let anywhere = drawing.replace("project: acme/shop\n", "");
    let answer = parse(&plane, &anywhere).await;
    assert_eq!(told(&answer), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_formatted_is_parsed_again() {
    let plane = Plane::new();
    let format = |name: &str, spec: Option<pb::TemplateSpec>| pb::FormatTemplateRequest {
        name: name.to_owned(),
        project: "acme".to_owned(),
        spec,
    };
    let mut templates = plane.templates();
    let answer = templates
        .format_template(format("lookups", Some(spec())))
        .await;
    let text = answer.unwrap().into_inner().text;
    assert!(text.starts_with("name: lookups\nproject: acme\n"), "{text}");
    let answer = parse(&plane, &text).await;
    assert_eq!((answer.spec, answer.faults), (Some(spec()), vec![]));

    // What is stored has every default; the file says what its author said.
    let made = templates.create_template(create_template("lookups")).await;
    let stored = made.unwrap().into_inner().template.unwrap().spec;
    assert!(stored.as_ref().unwrap().operation_timeout.is_some());
    let answer = templates.format_template(format("lookups", stored)).await;
    assert_eq!(answer.unwrap().into_inner().text, text);

    // The description need not be valid, the rest of the request must.
    let empty = templates.format_template(format("a", Some(pb::TemplateSpec::default())));
    let text = empty.await.unwrap().into_inner().text;
    assert_eq!(text, "name: a\nproject: acme\n");
    for (request, field) in [
        (format("A", Some(spec())), "name"),
        (format("a", None), "spec"),
    ] {
        let refused = templates.format_template(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with(field), "{refused}");
    }
}
