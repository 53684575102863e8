//! Runs side by side.

use gauntlet_api::v1 as pb;
use gauntlet_model::{id::RunId, lifecycle::StopReason, report::OperationReport, time::Timestamp};
use tonic::Code;
use uuid::Uuid;

use crate::{
    made::{create_mixed, create_named, ended, interval, judge, measure},
    support::Plane,
};

fn request(runs: &[RunId]) -> pb::CompareRunsRequest {
    pb::CompareRunsRequest {
        run_ids: runs.iter().map(ToString::to_string).collect(),
        max_points: 0,
    }
}

#[tokio::test]
async fn runs_are_held_against_the_first() {
    let plane = Plane::ready().await;
    create_mixed(&plane).await;
    let mut runs = Vec::new();
    for (name, throughput, latency) in [("base", 100.0, 1_000_000), ("other", 150.0, 3_000_000)] {
        let id = create_named(&plane, "mixed", name).await;
        let run = ended(&plane, id, StopReason::DurationElapsed, 3).await;
        let seconds: Vec<_> = (0..3)
            .map(|at| interval(id, 0, at, &[(0, &[latency; 10])]))
            .collect();
        measure(&plane, id, &seconds, Timestamp(i64::MAX)).await;
        judge(&plane, &run, None, true).await;
        let stores = &plane.backend.stores;
        let mut report = stores.reports.get(id).await.unwrap().unwrap();
        report.total = OperationReport {
            succeeded: 30,
            throughput_per_s: throughput,
            ..OperationReport::default()
        };
        stores.reports.put(&report).await.unwrap();
        runs.push(id);
    }
    let answer = plane.runs().compare_runs(request(&runs)).await.unwrap();
    let comparison = answer.into_inner().comparison.unwrap();
    let names: Vec<&str> = comparison
        .runs
        .iter()
        .map(|run| run.name.as_str())
        .collect();
    assert_eq!(names, ["base", "other"]);
    assert!(comparison.runs.iter().all(|run| run.spec.is_none()));
    assert_eq!(comparison.runs[0].validity(), pb::Validity::Valid);
    let operations: Vec<&str> = comparison
        .operations
        .iter()
        .map(|one| one.operation.as_str())
        .collect();
    assert_eq!(operations, ["read", "write", ""]);
    let throughput = comparison.operations[2]
        .metrics
        .iter()
        .find(|one| one.metric == "throughput_per_s")
        .unwrap();
    assert!(throughput.higher_is_better);
    let other = &throughput.values[1];
    assert_eq!(
        (other.value, other.difference, other.ratio),
        (Some(150.0), Some(50.0), Some(1.5))
    );
    let offsets: Vec<i64> = comparison
        .series
        .iter()
        .map(|point| point.offset_us)
        .collect();
    assert_eq!(offsets, [0, 1_000_000, 2_000_000]);
    assert_eq!(comparison.resolution_us, 1_000_000);
    for point in &comparison.series {
        assert_eq!(point.values[0].throughput_per_s, Some(10.0));
        let medians: Vec<f64> = point
            .values
            .iter()
            .map(|value| value.response_p50_us.unwrap())
            .collect();
        assert!((medians[0] - 1_000.0).abs() < 1.0, "{medians:?}");
        assert!((medians[1] - 3_000.0).abs() < 3.0, "{medians:?}");
    }
}

#[tokio::test]
async fn a_run_without_load_has_nothing_at_any_point() {
    let plane = Plane::ready().await;
    create_mixed(&plane).await;
    let base = create_named(&plane, "mixed", "base").await;
    ended(&plane, base, StopReason::DurationElapsed, 1).await;
    let seconds = [interval(base, 0, 0, &[(0, &[5])])];
    measure(&plane, base, &seconds, Timestamp(i64::MAX)).await;
    let idle = create_named(&plane, "lookups", "idle").await;
    let answer = plane.runs().compare_runs(request(&[base, idle])).await;
    let comparison = answer.unwrap().into_inner().comparison.unwrap();
    assert_eq!(comparison.series.len(), 1);
    assert_eq!(comparison.series[0].values[1], pb::AlignedValue::default());
    assert_ne!(comparison.warnings, Vec::<String>::new());
    let paths: Vec<&str> = comparison
        .differences
        .iter()
        .map(|one| one.path.as_str())
        .collect();
    assert!(paths.contains(&"template"), "{paths:?}");
}

#[tokio::test]
async fn runs_that_are_not_there_cannot_be_compared() {
    let plane = Plane::ready().await;
    let one = create_named(&plane, "lookups", "one").await;
    let unknown = RunId(Uuid::from_u128(5));
    let status = plane.runs().compare_runs(request(&[one, unknown])).await;
    assert_eq!(status.unwrap_err().code(), Code::NotFound);
    for runs in [vec![one], vec![one, one], vec![one; 6]] {
        let status = plane.runs().compare_runs(request(&runs)).await;
        assert_eq!(status.unwrap_err().code(), Code::InvalidArgument);
    }
}
