use gauntlet_api::v1 as pb;
use gauntlet_model::id::{Name, Project};
use proptest::prelude::*;

use super::*;

fn found<M: Message + prost::Name>(request: &M) -> Vec<(String, String)> {
    let texts = |violation: Violation| (violation.field, violation.message);
    check(request).into_iter().map(texts).collect()
}

fn broken<M: Message + prost::Name>(request: &M, expected: &[(&str, &str)]) {
    let found = found(request);
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(field, message)| (field.as_str(), message.as_str()))
        .collect();
    assert_eq!(found, expected);
}

const GENERATOR: &str = "is required: give literal, uniform, zipf, sequential, text or pool";

#[test]
fn every_rule_in_the_protos_is_known() {
    let rules = Rules::read().map_err(|UnknownRule(why)| why);
    let rules = rules.map(|rules| rules.by_message.len());
    assert!(rules.as_ref().is_ok_and(|some| *some > 50), "{rules:?}");
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_its_place() {
    let label = (" ".to_owned(), "v".repeat(256));
    broken(
        &pb::CreateRunRequest {
            request_id: "r".repeat(129),
            project: "Acme".into(),
            template: String::new(),
            template_version: -1,
            labels: [label].into(),
            ..Default::default()
        },
        &[
            ("request_id", "must have at most 128 bytes, it has 129"),
            (
                "project",
                "\"Acme\" is not a project: use one to three names joined by \"/\", like \"acme/checkout\"",
            ),
            ("template", "is required"),
            ("template_version", "must not be negative, it is -1"),
            ("labels[\" \"]", "keys must have 1 to 63 characters"),
            ("labels[\" \"]", "values must have at most 255 characters"),
        ],
    );
    broken(
        &pb::ListRunsRequest {
            project: "acme".into(),
            filter: Some(pb::RunFilter {
                statuses: vec![1, 0, 99],
                rerun_of: "x".into(),
                ..Default::default()
            }),
            page: Some(pb::PageRequest {
                page_size: 5_000,
                ..Default::default()
            }),
            ..Default::default()
        },
        &[
            ("filter.statuses[1]", "is required"),
            ("filter.statuses[2]", "99 is not one of its values"),
            ("filter.rerun_of", "\"x\" is not a UUID"),
            ("page.page_size", "must be 1 to 1000, it is 5000"),
        ],
    );
}

#[test]
fn what_is_absent_or_empty_is_told_apart() {
    broken(
        &pb::CreateTemplateRequest::default(),
        &[
            ("project", "is required"),
            ("name", "is required"),
            ("spec", "is required"),
        ],
    );
    let mut operation = pb::Operation {
        kind: pb::OperationKind::Sql.into(),
        weight: f64::NAN,
        ..Default::default()
    };
    operation.parameters.push(pb::Parameter::default());
    let spec = pb::TemplateSpec {
        target: "db".into(),
        operations: vec![operation],
        load: Some(pb::Load::default()),
        phases: Some(pb::Phases {
            measurement: Some(prost_types::Duration::default()),
            ..Default::default()
        }),
        ..Default::default()
    };
    broken(
        &pb::UpdateTemplateRequest {
            project: "acme".into(),
            name: "reads".into(),
            spec: Some(spec),
            etag: String::new(),
            source: String::new(),
        },
        &[
            (
                "spec.operations[0].weight",
                "must be greater than 0 and at most 100, it is NaN",
            ),
            ("spec.operations[0].parameters[0].generator", GENERATOR),
            ("spec.load.mode", "is required: give concurrency or rate"),
            ("spec.phases.measurement", "must be greater than 0"),
        ],
    );
}

#[test]
fn a_list_says_how_many_and_what_is_there_twice() {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057".to_owned();
    let compare = |run_ids: &[&String]| pb::CompareRunsRequest {
        run_ids: run_ids.iter().map(|&id| id.clone()).collect(),
        max_points: 0,
    };
    broken(
        &compare(&[&id]),
        &[("run_ids", "must be 2 to 5, there are 1")],
    );
    let found = found(&compare(&[&id, &id]));
    let twice = ("run_ids[1]".to_owned(), "is there twice".to_owned());
    assert_eq!(found, [twice]);
}

proptest! {
    /// The patterns in the protos say what the model says.
    #[test]
    fn the_patterns_are_the_models(text in "[a-zA-Z0-9/_. -]{0,70}|[a-z][a-z0-9-]{0,64}(/[a-z]{1,3}){0,3}") {
        let request = pb::GetTemplateRequest {
            project: text.clone(),
            name: text.clone(),
            version: 0,
        };
        let found = found(&request);
        let wrong = |field: &str| found.iter().any(|(place, _)| place == field);
        prop_assert_eq!(wrong("project"), Project::new(text.clone()).is_err());
        prop_assert_eq!(wrong("name"), Name::new(text).is_err());
    }
}
