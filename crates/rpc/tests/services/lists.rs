//! Lists of runs: every filter, every order, every page.

use std::collections::BTreeMap;

use gauntlet_api::v1 as pb;
use gauntlet_model::{lifecycle::StopReason, run::Run, verdict::Verdict};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    made::{create_mixed, create_named, ended, get, judge, measuring, put, second},
    support::{Plane, create_template, spec},
};

fn list(filter: pb::RunFilter, order_by: &str) -> pb::ListRunsRequest {
    pb::ListRunsRequest {
        project: "acme".to_owned(),
        filter: Some(filter),
        order_by: order_by.to_owned(),
        page: None,
    }
}

async fn names(plane: &Plane, request: pb::ListRunsRequest) -> Vec<String> {
    let answer = plane.runs().list_runs(request).await.unwrap().into_inner();
    answer.runs.into_iter().map(|run| run.name).collect()
}

fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

/// A template that looks for the highest level.
async fn create_searching(plane: &Plane) {
    let mut template = create_template("searching");
    let linear = pb::LinearSearch {
        increment: 2.0,
        ..pb::LinearSearch::default()
    };
    template.spec = Some(pb::TemplateSpec {
        search: Some(pb::Search {
            method: Some(pb::search::Method::Linear(linear)),
            step: Some(seconds(1)),
            settle: Some(seconds(0)),
            confirm: Some(seconds(0)),
            ..pb::Search::default()
        }),
        ..spec()
    });
    plane.templates().create_template(template).await.unwrap();
}

async fn label(plane: &Plane, run: Run, labels: &[(&str, &str)]) -> Run {
    let labels = labels.iter();
    let labels: BTreeMap<String, String> = labels
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    put(plane, Run { labels, ..run }, &[]).await
}

/// Five runs: `a-1` prepared, `b-10` under load, `c-100` completed, passed,
/// `d-5` cancelled, failed, `e-50` failed, invalid and of the other template.
async fn five() -> Plane {
    let plane = Plane::ready().await;
    create_mixed(&plane).await;
    create_named(&plane, "lookups", "a-1").await;
    let b = create_named(&plane, "lookups", "b-10").await;
    let b = measuring(&plane, b).await;
    label(&plane, b, &[("team", "core"), ("100%", "")]).await;
    let c = create_named(&plane, "lookups", "c-100").await;
    let c = ended(&plane, c, StopReason::DurationElapsed, 20).await;
    judge(&plane, &c, Some(Verdict::Pass), true).await;
    label(&plane, c, &[("team", "c%re")]).await;
    let d = create_named(&plane, "lookups", "d-5").await;
    let d = ended(&plane, d, StopReason::UserStop, 10).await;
    judge(&plane, &d, Some(Verdict::Fail), true).await;
    let e = create_named(&plane, "mixed", "e-50").await;
    let e = ended(&plane, e, StopReason::SetupError, 30).await;
    judge(&plane, &e, None, false).await;
    plane
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one case for each part of a filter")]
async fn every_part_of_a_filter_selects() {
    let plane = five().await;
    let any = pb::RunFilter::default;
    let range = |from_us, to_us| Some(pb::TimeRange { from_us, to_us });
    let at = |seconds| second(seconds).0;
    let labels = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    let status = |status: pb::RunStatus| vec![status.into()];
    let cases: [(&str, pb::RunFilter, &[&str]); 20] = [
        ("all", any(), &["a-1", "b-10", "c-100", "d-5", "e-50"]),
        (
            "status",
            pb::RunFilter {
                statuses: status(pb::RunStatus::Running),
                ..any()
            },
            &["b-10"],
        ),
        (
            "statuses",
            pb::RunFilter {
                statuses: vec![1, 9],
                ..any()
            },
            &["a-1", "e-50"],
        ),
        (
            "template",
            pb::RunFilter {
                template: "mixed".into(),
                ..any()
            },
            &["e-50"],
        ),
        (
            "template version",
            pb::RunFilter {
                template: "mixed".into(),
                template_version: 2,
                ..any()
            },
            &[],
        ),
        (
            "name",
            pb::RunFilter {
                name_contains: "-10".into(),
                ..any()
            },
            &["b-10", "c-100"],
        ),
        (
            "name in capitals",
            pb::RunFilter {
                name_contains: "D-".into(),
                ..any()
            },
            &["d-5"],
        ),
        (
            "percent",
            pb::RunFilter {
                name_contains: "%".into(),
                ..any()
            },
            &[],
        ),
        (
            "underscore",
            pb::RunFilter {
                name_contains: "b_10".into(),
                ..any()
            },
            &[],
        ),
        (
            "backslash",
            pb::RunFilter {
                name_contains: "\\".into(),
                ..any()
            },
            &[],
        ),
        (
            "label",
            pb::RunFilter {
                labels: labels("team", "core"),
                ..any()
            },
            &["b-10"],
        ),
        (
            "label percent",
            pb::RunFilter {
                labels: labels("team", "c%re"),
                ..any()
            },
            &["c-100"],
        ),
        (
            "label key",
            pb::RunFilter {
                label_keys: vec!["team".into()],
                ..any()
            },
            &["b-10", "c-100"],
        ),
        (
            "label key percent",
            pb::RunFilter {
                label_keys: vec!["100%".into()],
                ..any()
            },
            &["b-10"],
        ),
        (
            "rate",
            pb::RunFilter {
                load_mode: pb::LoadMode::Rate.into(),
                ..any()
            },
            &[],
        ),
        (
            "created",
            pb::RunFilter {
                created: range(1, 2),
                ..any()
            },
            &[],
        ),
        (
            "started",
            pb::RunFilter {
                started: range(at(0), 0),
                ..any()
            },
            &["b-10", "c-100", "d-5", "e-50"],
        ),
        (
            "ended",
            pb::RunFilter {
                ended: range(at(10), at(30)),
                ..any()
            },
            &["c-100", "d-5"],
        ),
        (
            "verdict",
            pb::RunFilter {
                verdicts: vec![pb::Verdict::Fail.into()],
                ..any()
            },
            &["d-5"],
        ),
        (
            "validity",
            pb::RunFilter {
                validities: vec![pb::Validity::Valid.into()],
                ..any()
            },
            &["c-100", "d-5"],
        ),
    ];
    for (what, filter, expected) in cases {
        let found = names(&plane, list(filter, "name asc")).await;
        assert_eq!(found, expected, "{what}");
    }
}

#[tokio::test]
async fn every_order_gives_every_run_once_at_any_page_size() {
    let plane = five().await;
    let orders: [(&str, &[&str]); 7] = [
        ("", &["e-50", "d-5", "c-100", "b-10", "a-1"]),
        ("created desc", &["e-50", "d-5", "c-100", "b-10", "a-1"]),
        ("created asc", &["a-1", "b-10", "c-100", "d-5", "e-50"]),
        ("name asc", &["a-1", "b-10", "c-100", "d-5", "e-50"]),
        ("name desc", &["e-50", "d-5", "c-100", "b-10", "a-1"]),
        ("ended asc", &["d-5", "c-100", "e-50", "a-1", "b-10"]),
        ("ended desc", &["e-50", "c-100", "d-5", "b-10", "a-1"]),
    ];
    for (order, expected) in orders {
        for size in [1, 2, 5] {
            let mut found = Vec::new();
            let mut token = String::new();
            loop {
                let mut request = list(pb::RunFilter::default(), order);
                request.page = Some(pb::PageRequest {
                    page_size: size,
                    page_token: token,
                });
                let answer = plane.runs().list_runs(request).await.unwrap().into_inner();
                found.extend(answer.runs.into_iter().map(|run| run.name));
                token = answer.next_page_token;
                if token.is_empty() {
                    break;
                }
            }
            assert_eq!(found, expected, "{order} by {size}");
        }
    }
}

#[tokio::test]
async fn a_list_and_a_get_say_the_same() {
    let plane = five().await;
    create_searching(&plane).await;
    create_named(&plane, "searching", "f-0").await;
    let request = list(pb::RunFilter::default(), "name asc");
    let listed = plane.runs().list_runs(request).await.unwrap().into_inner();
    let searching: Vec<bool> = listed.runs.iter().map(|run| run.finds_max).collect();
    assert_eq!(searching, [false, false, false, false, false, true]);
    for run in listed.runs {
        let whole = plane.get_run(&run.run_id).await;
        let spec = whole.spec.clone().unwrap();
        assert!(run.load.is_some());
        assert_eq!(
            (run.load, run.finds_max),
            (spec.load, spec.search.is_some())
        );
        let expected = pb::Run {
            spec: None,
            server_time_us: run.server_time_us,
            ..whole
        };
        assert_eq!(run, expected);
    }
}

#[tokio::test]
async fn reruns_are_found_by_what_they_repeat() {
    let plane = five().await;
    let request = list(
        pb::RunFilter {
            name_contains: "c-100".into(),
            ..Default::default()
        },
        "",
    );
    let listed = plane.runs().list_runs(request).await.unwrap().into_inner();
    let other = listed.runs[0].run_id.clone();
    let rerun = pb::RerunRunRequest {
        run_id: other.clone(),
        name: "again".to_owned(),
        ..pb::RerunRunRequest::default()
    };
    plane.runs().rerun_run(rerun).await.unwrap();
    let filter = pb::RunFilter {
        rerun_of: other,
        ..Default::default()
    };
    assert_eq!(names(&plane, list(filter, "")).await, ["again"]);
}

#[tokio::test]
async fn an_unknown_order_names_those_there_are() {
    let plane = Plane::ready().await;
    let request = list(pb::RunFilter::default(), "status asc");
    let status = plane.runs().list_runs(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_details_bad_request().unwrap();
    let violation = &details.field_violations[0];
    assert_eq!(violation.field, "order_by");
    for word in ["created", "name", "ended", "asc", "desc"] {
        assert!(
            violation.description.contains(word),
            "{}",
            violation.description
        );
    }
}

#[tokio::test]
async fn a_token_of_another_order_is_refused() {
    let plane = five().await;
    let page = |page_token: String| pb::PageRequest {
        page_size: 1,
        page_token,
    };
    let mut request = list(pb::RunFilter::default(), "name asc");
    request.page = Some(page(String::new()));
    let first = plane
        .runs()
        .list_runs(request.clone())
        .await
        .unwrap()
        .into_inner();
    request.order_by = "name desc".to_owned();
    request.page = Some(page(first.next_page_token));
    let status = plane.runs().list_runs(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(
        status.message().contains("another query"),
        "{}",
        status.message()
    );
    let run = get(&plane, crate::made::id(&first.runs[0].run_id)).await;
    assert_eq!(run.name.as_str(), "a-1");
}
