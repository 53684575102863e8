//! Failures, and operations kept as examples.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::RunId,
    interval::{ErrorClass, ErrorCount},
    lifecycle::{Phase, StopReason},
    sample::{OperationSample, SampleKind, SampledError},
    session::AttemptRef,
};

use crate::{
    made::{create_mixed, create_named, ended, interval, second},
    support::Plane,
};

async fn a_run() -> (Plane, RunId) {
    let plane = Plane::ready().await;
    create_mixed(&plane).await;
    let run = create_named(&plane, "mixed", "kept").await;
    ended(&plane, run, StopReason::DurationElapsed, 10).await;
    (plane, run)
}

fn failed(operation: u32, phase: Phase, message: &str, count: u64) -> ErrorCount {
    ErrorCount {
        operation,
        phase,
        class: ErrorClass::Constraint,
        code: "23505".to_owned(),
        message: message.to_owned(),
        count,
    }
}

#[tokio::test]
async fn failures_are_grouped_by_what_they_say() {
    let (plane, run) = a_run().await;
    let mut intervals = [interval(run, 0, 0, &[]), interval(run, 1, 4, &[])];
    intervals[0].errors = vec![
        failed(0, Phase::Measurement, "duplicate key (id)=(17)", 3),
        failed(0, Phase::Warmup, "duplicate key (id)=(3)", 1),
    ];
    intervals[1].errors = vec![
        failed(0, Phase::Measurement, "duplicate key (id)=(4711)", 4),
        failed(1, Phase::Measurement, "no such table", 9),
    ];
    plane
        .backend
        .stores
        .intervals
        .append(&intervals)
        .await
        .unwrap();
    let ask = async |operations: &[&str], phase: pb::RunPhase| {
        let request = pb::GetErrorSummaryRequest {
            run_id: run.to_string(),
            operations: operations.iter().map(|name| (*name).to_owned()).collect(),
            phase: phase.into(),
        };
        let answer = plane.runs().get_error_summary(request).await;
        answer.unwrap().into_inner()
    };
    let all = ask(&[], pb::RunPhase::Unspecified).await;
    let shown: Vec<(&str, pb::RunPhase, u64, f64)> = all
        .errors
        .iter()
        .map(|group| {
            (
                group.operation.as_str(),
                group.phase(),
                group.count,
                group.share,
            )
        })
        .collect();
    let expected = [
        ("write", pb::RunPhase::Measurement, 9, 1.0),
        ("read", pb::RunPhase::Measurement, 7, 0.875),
        ("read", pb::RunPhase::Warmup, 1, 0.125),
    ];
    assert_eq!((all.failed, shown.as_slice()), (17, expected.as_slice()));
    let duplicate = &all.errors[1];
    assert_eq!(duplicate.example, "duplicate key (id)=(17)");
    assert!(!duplicate.message.contains("17"), "{}", duplicate.message);
    assert_eq!(
        (duplicate.class.as_str(), duplicate.code.as_str()),
        ("CONSTRAINT", "23505")
    );
    assert_eq!(duplicate.last_us, second(5).0);

    let warmup = ask(&["read"], pb::RunPhase::Warmup).await;
    assert_eq!((warmup.failed, warmup.errors.len()), (1, 1));
    assert_eq!(ask(&["write"], pb::RunPhase::Warmup).await.errors, []);
}

fn sample(run: RunId, shard: u32, operation: u32, kind: SampleKind, us: u64) -> OperationSample {
    let error = (kind == SampleKind::FirstError).then(|| SampledError {
        class: ErrorClass::Timeout,
        code: String::new(),
        message: "too long".to_owned(),
    });
    OperationSample {
        attempt: AttemptRef {
            run,
            shard,
            attempt: 1,
        },
        operation,
        phase: Phase::Measurement,
        kind,
        index: us,
        due: second(1),
        response_ns: us * 1_000,
        service_ns: us * 1_000,
        lag_ns: 0,
        rows: 1,
        error,
        parameters: format!("[{us}]"),
    }
}

#[tokio::test]
async fn examples_come_slowest_first_page_by_page() {
    let (plane, run) = a_run().await;
    let samples = [
        sample(run, 0, 0, SampleKind::Slowest, 900),
        sample(run, 0, 0, SampleKind::Slowest, 500),
        sample(run, 1, 0, SampleKind::Slowest, 900),
        sample(run, 1, 1, SampleKind::FirstError, 700),
        sample(run, 0, 1, SampleKind::Reservoir, 10),
    ];
    plane.backend.stores.samples.put(&samples).await.unwrap();
    let ask = async |kind: pb::OperationSampleKind, operations: Vec<String>, size: u32| {
        let mut found = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = pb::ListOperationsRequest {
                run_id: run.to_string(),
                operations: operations.clone(),
                kind: kind.into(),
                phase: 0,
                page: Some(pb::PageRequest {
                    page_size: size,
                    page_token,
                }),
            };
            let answer = plane.runs().list_operations(request).await.unwrap();
            let answer = answer.into_inner();
            found.extend(answer.operations);
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return found;
            }
        }
    };
    let any = pb::OperationSampleKind::Unspecified;
    for size in [1, 2, 50] {
        let all = ask(any, Vec::new(), size).await;
        let shown: Vec<(f64, u32)> = all.iter().map(|one| (one.response_us, one.shard)).collect();
        let expected = [(900.0, 0), (900.0, 1), (700.0, 1), (500.0, 0), (10.0, 0)];
        assert_eq!(shown, expected, "{size}");
        assert_eq!(
            (all[0].parameters.as_str(), all[0].operation.as_str()),
            ("[900]", "read")
        );
        assert_eq!(all[2].error_class, "TIMEOUT");
    }
    let slowest = ask(pb::OperationSampleKind::Slowest, Vec::new(), 2).await;
    assert_eq!(slowest.len(), 3);
    let write = ask(any, vec!["write".to_owned()], 1).await;
    assert_eq!(write.len(), 2);
}
