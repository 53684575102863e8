//! A search against a real target whose limit is known: so many connections,
//! each held for a fixed time.

use gauntlet_api::v1 as pb;
use gauntlet_testkit::postgres::Cluster;

use crate::plane::Plane;

/// Four connections that each take 20 ms: at most 200 operations a second.
const CAP: f64 = 200.0;

const TEMPLATE: &str = "
name: find
target: db
workers: 2
operations:
  - {name: hold, kind: sql, weight: 100, class: read, sql: SELECT pg_sleep(0.02)}
load:
  rate: {per_second: 50, connections: 4}
search:
  bisect: {resolution: 0.05}
  step: 3s
  settle: 1s
  confirm: 3s
phases:
  measurement: 3m
  drain_timeout: 5s
";

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_the_limit_of_a_target() {
    let (plane, cluster) = (Plane::start().await, Cluster::start());
    let _workers = [plane.worker("w1").await, plane.worker("w2").await];
    plane.must(&["target", "add", "db", "--postgres", &cluster.url()]);
    plane.file("find.yaml", TEMPLATE);
    plane.must(&["template", "apply", "-f", "find.yaml"]);
    let run_id = plane.start_run("find").await;
    let run = plane.until_over(&run_id).await;
    assert_eq!(
        run.status(),
        pb::RunStatus::Completed,
        "{}",
        run.stop_message
    );
    assert_eq!(run.stop_reason(), pb::StopReason::SearchFinished);
    let report = plane.report(&run_id).await;
    let search = report.search.clone().unwrap();
    assert_eq!(search.end(), pb::SearchEnd::Found, "{}", search.message);
    let best = match search.best.as_ref().and_then(|best| best.level.as_ref()) {
        Some(pb::load_level::Level::PerSecond(rate)) => *rate,
        other => panic!("no rate: {other:?}"),
    };
    // Two in a hundred may fall short; pg_sleep sleeps a little longer than it is told to.
    assert!(
        best < 1.06 * CAP && best > 0.85 * CAP,
        "{best}: {:#?}",
        search.steps
    );
    assert!(search.steps.len() <= 15, "{:#?}", search.steps);
    let request = pb::ListStepsRequest {
        run_id: run_id.clone(),
    };
    let listed = plane.runs().await.list_steps(request).await.unwrap();
    assert_eq!(listed.into_inner().steps.len(), search.steps.len());
    // The report is that of the best step alone.
    let step = search
        .steps
        .iter()
        .find(|step| step.step == search.best_step);
    let total = report.total.unwrap();
    assert_eq!(total.succeeded, step.unwrap().succeeded);
    let shown = plane.must(&["steps", &run.name]);
    assert!(
        shown.contains("bisect") && shown.contains("confirm"),
        "{shown}"
    );
    let text = plane.must(&["report", &run.name]);
    assert!(text.contains("search: the best level is"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_of_the_page_on_searching_is_one() {
    let page = include_str!("../../../docs/search.md");
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (template, _) = rest.split_once("```").unwrap();
    let plane = Plane::start().await;
    plane.sqlite_target(100);
    plane.file("limit.yaml", template);
    plane.must(&["template", "apply", "-f", "limit.yaml"]);
    let shown = plane.must(&["template", "show", "limit", "--output", "json"]);
    assert!(shown.contains("bisect"), "{shown}");
}
