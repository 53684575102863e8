//! What a start would meet, and what keeps it from happening.

use gauntlet_api::v1 as pb;
use gauntlet_orchestrator::access::{AccessError, OperationFacts, PreflightFacts};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    support::{Plane, hello},
    workers::Scripted,
};

/// The target reads every row of `items` for a point lookup.
fn scanning(read_only: bool) -> PreflightFacts {
    PreflightFacts {
        version: "Fake 1".to_owned(),
        read_only,
        connections_free: Some(0),
        tables: Vec::new(),
        operations: vec![OperationFacts {
            operation: 0,
            problem: None,
            plan: Some("SCAN items".to_owned()),
            uses_index: false,
            scans: vec!["items".to_owned()],
        }],
    }
}

async fn preflight(plane: &Plane, run_id: &str) -> Result<pb::PreflightRunResponse, Status> {
    let run_id = run_id.to_owned();
    let request = pb::PreflightRunRequest { run_id };
    let answer = plane.runs().preflight_run(request).await?;
    Ok(answer.into_inner())
}

async fn start(plane: &Plane, run_id: &str, acknowledged: &[&str]) -> Result<pb::Run, Status> {
    let request = pb::StartRunRequest {
        run_id: run_id.to_owned(),
        acknowledged_findings: acknowledged.iter().map(|&code| code.to_owned()).collect(),
    };
    let answer = plane.runs().start_run(request).await?;
    Ok(answer.into_inner().run.unwrap())
}

fn codes(found: &pb::PreflightRunResponse) -> Vec<(&str, pb::Severity)> {
    let findings = found.findings.iter();
    findings
        .map(|finding| (finding.code.as_str(), finding.severity()))
        .collect()
}

/// Type and subject of each thing that keeps a run from starting.
fn held(status: &Status) -> Vec<(String, String)> {
    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
    let failure = status.get_details_precondition_failure().unwrap();
    let violations = failure.violations.into_iter();
    violations.map(|one| (one.r#type, one.subject)).collect()
}

#[tokio::test]
async fn a_run_is_checked_without_any_load() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let found = preflight(&plane, &run.run_id).await.unwrap();
    assert_eq!(
        codes(&found),
        [
            ("WORKERS_SHORT", pb::Severity::Blocking),
            ("MEASUREMENT_SHORT", pb::Severity::Warning),
            ("WARMUP_SHORT", pb::Severity::Info),
        ]
    );
    assert_eq!(found.target_version, "Fake 1");
    assert_eq!((found.planned_us, found.planned_operations), (1_000_000, 0));

    let _worker = Scripted::attach(&plane, hello(1)).await;
    *plane.target.facts.lock().unwrap() = Some(scanning(false));
    let found = preflight(&plane, &run.run_id).await.unwrap();
    assert_eq!(
        codes(&found)[..2],
        [
            ("TABLE_SCAN", pb::Severity::Severe),
            ("CONNECTIONS_SHORT", pb::Severity::Severe),
        ]
    );
    assert_eq!(found.findings[0].field, "operations[0].key_column");

    let away = AccessError::Unreachable("db does not answer".to_owned());
    *plane.target.fails_with.lock().unwrap() = Some(away);
    let found = preflight(&plane, &run.run_id).await.unwrap();
    assert_eq!(
        codes(&found)[0],
        ("TARGET_UNREACHABLE", pb::Severity::Blocking)
    );
    assert_eq!(found.findings[0].message, "db does not answer");
    assert_eq!(found.target_version, "");
    assert_eq!(
        plane.get_run(&run.run_id).await.status(),
        pb::RunStatus::Prepared
    );
}

#[tokio::test]
async fn only_a_prepared_run_is_checked() {
    let plane = Plane::ready().await;
    let unknown = "01890000-0000-7000-8000-000000000000";
    let missing = preflight(&plane, unknown).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let run = plane.create_run().await;
    // Without a worker the start ends it.
    start(&plane, &run.run_id, &[]).await.unwrap_err();
    let over = preflight(&plane, &run.run_id).await.unwrap_err();
    assert_eq!(
        held(&over),
        [("RUN_STATUS".to_owned(), "FAILED".to_owned())]
    );
}

#[tokio::test]
async fn a_severe_finding_must_be_acknowledged() {
    let plane = Plane::ready().await;
    let _worker = Scripted::attach(&plane, hello(1)).await;
    *plane.target.facts.lock().unwrap() = Some(scanning(false));
    let run = plane.create_run().await;
    let refused = start(&plane, &run.run_id, &[]).await.unwrap_err();
    let kind = || "PREFLIGHT".to_owned();
    let both = [
        (kind(), "TABLE_SCAN".to_owned()),
        (kind(), "CONNECTIONS_SHORT".to_owned()),
    ];
    assert_eq!(held(&refused), both);
    assert!(
        refused
            .message()
            .contains("(TABLE_SCAN, CONNECTIONS_SHORT)"),
        "{}",
        refused.message()
    );
    let refused = start(&plane, &run.run_id, &["TABLE_SCAN"]).await;
    assert_eq!(held(&refused.unwrap_err()), both[1..]);
    assert_eq!(
        plane.get_run(&run.run_id).await.status(),
        pb::RunStatus::Prepared
    );

    let typo = start(&plane, &run.run_id, &["TABLE_SCAN", "TABLESCAN"]).await;
    let typo = typo.unwrap_err();
    assert_eq!(typo.code(), Code::InvalidArgument);
    let fields = typo.get_details_bad_request().unwrap().field_violations;
    assert_eq!(fields[0].field, "acknowledged_findings[1]");

    let codes = ["CONNECTIONS_SHORT", "TABLE_SCAN"];
    let started = start(&plane, &run.run_id, &codes).await.unwrap();
    assert_eq!(started.status(), pb::RunStatus::Starting);
}

#[tokio::test]
async fn what_a_start_does_not_find_by_itself_holds_it() {
    let plane = Plane::ready().await;
    let _worker = Scripted::attach(&plane, hello(1)).await;
    let mut spec = crate::support::spec();
    spec.operations[0].kind = pb::OperationKind::Insert.into();
    spec.operations[0].columns = vec!["k".to_owned()];
    let update = pb::UpdateTemplateRequest {
        source: String::new(),
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        spec: Some(spec),
        etag: String::new(),
    };
    plane.templates().update_template(update).await.unwrap();
    let mut facts = scanning(true);
    facts.connections_free = None;
    *plane.target.facts.lock().unwrap() = Some(facts);
    let run = plane.create_run().await;
    let refused = start(&plane, &run.run_id, &["READ_ONLY_TARGET"]).await;
    assert_eq!(
        held(&refused.unwrap_err()),
        [("PREFLIGHT".to_owned(), "READ_ONLY_TARGET".to_owned())]
    );
    assert_eq!(
        plane.get_run(&run.run_id).await.status(),
        pb::RunStatus::Prepared
    );
}

#[tokio::test]
async fn what_a_start_finds_it_says_itself() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let refused = start(&plane, &run.run_id, &[]).await.unwrap_err();
    assert_eq!(held(&refused), [("SETUP".to_owned(), "run".to_owned())]);
    assert_eq!(
        plane.get_run(&run.run_id).await.status(),
        pb::RunStatus::Failed
    );
}

#[tokio::test]
async fn what_a_run_uses_stays_until_it_is_over() {
    let plane = Plane::ready().await;
    let _worker = Scripted::attach(&plane, hello(1)).await;
    let mut templates = plane.templates();
    let pool = pb::CreateValuePoolRequest {
        request_id: String::new(),
        pool: Some(pb::ValuePool {
            project: "acme".to_owned(),
            name: "keys".to_owned(),
            values: vec![pb::PoolValue::default()],
            ..pb::ValuePool::default()
        }),
    };
    templates.create_value_pool(pool).await.unwrap();
    let update = |spec| pb::UpdateTemplateRequest {
        source: String::new(),
        project: "acme".to_owned(),
        name: "lookups".to_owned(),
        spec: Some(spec),
        etag: String::new(),
    };
    let mut drawing = crate::support::spec();
    drawing.operations[0].parameters[0].generator =
        Some(pb::parameter::Generator::Pool(pb::PoolDraw {
            pool: "keys".to_owned(),
            ..pb::PoolDraw::default()
        }));
    templates.update_template(update(drawing)).await.unwrap();
    let run = plane.create_run().await;
    let plain = crate::support::spec();
    templates.update_template(update(plain)).await.unwrap();
    start(&plane, &run.run_id, &[]).await.unwrap();

    let target = pb::DeleteTargetRequest {
        project: "acme".to_owned(),
        name: "db".to_owned(),
        etag: String::new(),
    };
    let pool = pb::DeleteValuePoolRequest {
        project: "acme".to_owned(),
        name: "keys".to_owned(),
    };
    let refused = [
        plane.targets().delete_target(target).await.unwrap_err(),
        templates.delete_value_pool(pool).await.unwrap_err(),
    ];
    for status in refused {
        assert_eq!(held(&status), [("ACTIVE_RUN".to_owned(), run.name.clone())]);
    }
}
