//! Requests of `RunService`.

use std::{cmp::Reverse, collections::HashMap};

use gauntlet_model::{
    history::Resolution, id::RunId, lifecycle::Phase, sample::SampleKind, template::Level,
    time::Timestamp, verdict::Verdict,
};
use uuid::Uuid;

use super::*;

const RUN: &str = "018f0000-0000-7000-8000-000000000001";

fn run() -> RunId {
    RunId(Uuid::parse_str(RUN).unwrap())
}

fn list(filter: pb::RunFilter, order_by: &str, token: &str) -> Result<ListRuns, Violations> {
    list_runs(pb::ListRunsRequest {
        project: "acme".into(),
        filter: Some(filter),
        order_by: order_by.into(),
        page: Some(pb::PageRequest {
            page_size: 0,
            page_token: token.into(),
        }),
    })
}

#[test]
fn empty_requests_name_the_run() {
    let run = [("run_id", "is required")];
    refused(delete_run(&pb::DeleteRunRequest::default()), &run);
    refused(rerun_run(pb::RerunRunRequest::default()), &run);
    refused(preflight_run(&pb::PreflightRunRequest::default()), &run);
    refused(get_shard(&pb::GetShardRequest::default()), &run);
    refused(abort_shard(pb::AbortShardRequest::default()), &run);
    refused(get_metrics(&pb::GetMetricsRequest::default()), &run);
    refused(
        recompute_report(&pb::RecomputeReportRequest::default()),
        &run,
    );
    refused(
        retry_processing(&pb::RetryProcessingRequest::default()),
        &run,
    );
    refused(
        get_error_summary(&pb::GetErrorSummaryRequest::default()),
        &run,
    );
    refused(list_operations(pb::ListOperationsRequest::default()), &run);
    refused(
        update_run(pb::UpdateRunRequest::default()),
        &[
            ("run_id", "is required"),
            ("labels", "is required, or notes"),
        ],
    );
    refused(
        adjust_run(pb::AdjustRunRequest::default()),
        &[
            ("run_id", "is required"),
            ("adjustment", "is required: give level or paused"),
        ],
    );
    refused(
        compare_runs(&pb::CompareRunsRequest::default()),
        &[("run_ids", "must be 2 to 5, there are 0")],
    );
    refused(
        export_run(&pb::ExportRunRequest::default()),
        &[("run_id", "is required"), ("format", "is required")],
    );
}

#[test]
fn every_part_of_a_filter_is_checked() {
    let filter = pb::RunFilter {
        statuses: vec![0, 99, 99],
        template: "T".into(),
        template_version: -1,
        name_contains: "n".repeat(64),
        labels: [(String::new(), "v".to_owned())].into(),
        label_keys: vec!["k".repeat(64), "good".into()],
        load_mode: 7,
        created: Some(pb::TimeRange {
            from_us: -1,
            to_us: 0,
        }),
        started: Some(pb::TimeRange {
            from_us: 5,
            to_us: 5,
        }),
        ended: Some(pb::TimeRange {
            from_us: 0,
            to_us: -2,
        }),
        verdicts: vec![1, 9],
        validities: vec![0],
        rerun_of: "x".into(),
    };
    refused(
        list(filter, "status asc", "?"),
        &[
            (
                "order_by",
                "\"status asc\" is not an order: give \"created\", \"name\" or \"ended\"",
            ),
            ("filter.statuses[0]", "is required"),
            ("filter.statuses[1]", "99 is not one of its values"),
            ("filter.statuses[2]", "99 is not one of its values"),
            ("filter.template", "\"T\" is not a name"),
            ("filter.template_version", "must not be negative"),
            ("filter.name_contains", "must have at most 63 bytes"),
            ("filter.labels[\"\"]", "keys must have 1 to 63 characters"),
            ("filter.label_keys[0]", "must have at most 63 characters"),
            ("filter.load_mode", "7 is not one of its values"),
            ("filter.created.from_us", "must not be negative"),
            ("filter.started.to_us", "must be after from_us, 5, it is 5"),
            ("filter.ended.to_us", "must not be negative"),
            ("filter.verdicts[1]", "9 is not one of its values"),
            ("filter.validities[0]", "is required"),
            ("filter.rerun_of", "\"x\" is not a UUID"),
            ("page.page_token", "is not a token"),
        ],
    );
    let version = pb::RunFilter {
        template_version: 2,
        ..pb::RunFilter::default()
    };
    refused(
        list(version, "", ""),
        &[("filter.template", "is required with template_version")],
    );
}

#[test]
fn a_filter_is_read_in_full() {
    let filter = pb::RunFilter {
        statuses: vec![3, 2, 3],
        template: "reads".into(),
        template_version: 4,
        name_contains: "50%_".into(),
        labels: [("team".to_owned(), "core".to_owned())].into(),
        label_keys: vec!["b".into(), "a".into(), "b".into()],
        load_mode: pb::LoadMode::Rate.into(),
        created: Some(pb::TimeRange {
            from_us: 1,
            to_us: 0,
        }),
        started: Some(pb::TimeRange {
            from_us: 0,
            to_us: 9,
        }),
        ended: None,
        verdicts: vec![pb::Verdict::Fail.into()],
        validities: vec![pb::Validity::Invalid.into()],
        rerun_of: RUN.into(),
    };
    let asked = list(filter, "ended asc", "").unwrap();
    let expected = RunFilter {
        statuses: vec![
            gauntlet_model::lifecycle::Status::Running,
            gauntlet_model::lifecycle::Status::Starting,
        ],
        template: Some(Name::new("reads").unwrap()),
        template_version: Some(4),
        name_contains: Some("50%_".into()),
        labels: [("team".to_owned(), "core".to_owned())].into(),
        label_keys: vec!["a".into(), "b".into()],
        load_mode: Some(LoadMode::Rate),
        created: Span {
            from: Some(Timestamp(1)),
            to: None,
        },
        started: Span {
            from: None,
            to: Some(Timestamp(9)),
        },
        ended: Span::default(),
        verdicts: vec![Verdict::Fail],
        validities: vec![Validity::Invalid],
        rerun_of: Some(run()),
    };
    assert_eq!(asked.filter, expected);
    let order = RunOrder {
        by: RunField::Ended,
        descending: false,
    };
    assert_eq!(asked.order, order);
}

#[test]
fn orders_are_a_field_and_a_direction() {
    let order = |text: &str| list(pb::RunFilter::default(), text, "").map(|asked| asked.order);
    let expected = |by, descending| Ok(RunOrder { by, descending });
    assert_eq!(order(""), expected(RunField::Created, true));
    assert_eq!(order("created asc"), expected(RunField::Created, false));
    assert_eq!(order("name desc"), expected(RunField::Name, true));
    assert_eq!(order(" ended  asc "), expected(RunField::Ended, false));
    for bad in [
        "created",
        "name up",
        "id asc",
        "name asc, ended asc",
        "NAME asc",
    ] {
        assert!(order(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_page_token_is_bound_to_the_whole_query() {
    let labels: HashMap<String, String> = (0..9).map(|n| (n.to_string(), String::new())).collect();
    let filter = |statuses: Vec<i32>| pb::RunFilter {
        statuses,
        label_keys: vec!["a".into(), "b".into()],
        labels: labels.clone(),
        ..pb::RunFilter::default()
    };
    let first = list(filter(vec![3, 2]), "name asc", "").unwrap();
    let place = RunPlace::Name(Name::new("n").unwrap(), run());
    let token = first.page.token(&place);
    let after = |filter, order: &str| list(filter, order, &token).map(|asked| asked.page.after);
    // The same sets in another order are the same query.
    assert_eq!(after(filter(vec![2, 3, 2]), "name asc"), Ok(Some(place)));
    let other = [("page.page_token", "is of another query")];
    refused(after(filter(vec![3]), "name asc"), &other);
    refused(after(filter(vec![3, 2]), "name desc"), &other);
    refused(after(pb::RunFilter::default(), "name asc"), &other);
}

#[test]
fn every_place_of_an_order_survives_its_token() {
    let places = [
        RunPlace::Created(Timestamp(-5), run()),
        RunPlace::Name(Name::new("a").unwrap(), run()),
        RunPlace::Ended(Some(Timestamp(7)), run()),
        RunPlace::Ended(None, run()),
    ];
    for place in places {
        let first = list(pb::RunFilter::default(), "ended asc", "").unwrap();
        let token = first.page.token(&place);
        let next = list(pb::RunFilter::default(), "ended asc", &token).unwrap();
        assert_eq!(next.page.after, Some(place));
    }
}

#[test]
fn labels_and_notes_are_checked() {
    let update = |labels: Option<HashMap<String, String>>, notes: Option<String>| {
        update_run(pb::UpdateRunRequest {
            run_id: RUN.into(),
            labels: labels.map(|labels| pb::Labels { labels }),
            notes,
            etag: "e".into(),
        })
    };
    let none = update(Some(HashMap::new()), None).unwrap();
    assert_eq!((none.labels, none.notes), (Some([].into()), None));
    let longest = "é".repeat(10_000);
    let notes = update(None, Some(longest.clone())).unwrap();
    assert_eq!((notes.labels, notes.notes), (None, Some(longest.clone())));
    assert_eq!(notes.etag.as_deref(), Some("e"));
    refused(
        update(
            Some([(String::new(), "v".repeat(256))].into()),
            Some(longest + "x"),
        ),
        &[
            ("labels.labels[\"\"]", "keys must have"),
            ("labels.labels[\"\"]", "values must have"),
            ("notes", "must have at most 10000 characters, it has 10001"),
        ],
    );
}

#[test]
fn a_level_is_absolute_and_bounded() {
    use pb::{adjust_run_request::Adjustment, load_level::Level as P};
    let adjust = |adjustment| {
        let run_id = RUN.into();
        let message = String::new();
        let adjustment = Some(adjustment);
        let request = pb::AdjustRunRequest {
            run_id,
            adjustment,
            message,
        };
        adjust_run(request).map(|asked| asked.change)
    };
    let level = |level| adjust(Adjustment::Level(pb::LoadLevel { level: Some(level) }));
    assert_eq!(
        adjust(Adjustment::Paused(false)),
        Ok(LoadChange::Paused(false))
    );
    assert_eq!(
        level(P::Connections(8)),
        Ok(LoadChange::Level(Level::Concurrency { connections: 8 }))
    );
    for (per_second, milli_per_s) in [(0.001, 1), (12.345, 12_345), (10_000_000.0, 10_000_000_000)]
    {
        let expected = LoadChange::Level(Level::Rate { milli_per_s });
        assert_eq!(level(P::PerSecond(per_second)), Ok(expected));
    }
    for bad in [f64::NAN, f64::INFINITY, -1.0, 0.0, 0.0009, 10_000_001.0] {
        refused(
            level(P::PerSecond(bad)),
            &[("level.per_second", "must be 0.001 to 10000000")],
        );
    }
    refused(
        level(P::PerSecond(0.0014)),
        &[(
            "level.per_second",
            "must have at most three decimals, it is 0.0014",
        )],
    );
    for bad in [0, 100_001] {
        refused(
            level(P::Connections(bad)),
            &[("level.connections", "must be 1 to 100000")],
        );
    }
    refused(
        adjust(Adjustment::Level(pb::LoadLevel { level: None })),
        &[("level.level", "is required: give connections or per_second")],
    );
}

#[test]
fn a_rerun_is_the_same_whatever_its_request_id() {
    let rerun = |request_id: &str, name: &str| {
        let request = pb::RerunRunRequest {
            request_id: request_id.into(),
            run_id: RUN.into(),
            name: name.into(),
            labels: HashMap::new(),
        };
        rerun_run(request).unwrap().fingerprint()
    };
    assert_eq!(rerun("a", "n"), rerun("b", "n"));
    assert_ne!(rerun("a", "n"), rerun("a", "m"));
}

#[test]
fn what_a_start_acknowledges_is_bounded() {
    let start = |acknowledged_findings: Vec<String>| {
        let run_id = RUN.into();
        start_run(pb::StartRunRequest {
            run_id,
            acknowledged_findings,
        })
    };
    let codes = vec!["CONNECTIONS_SHORT".to_owned()];
    assert_eq!(start(codes.clone()).unwrap().acknowledged, codes);
    refused(
        start(vec!["x".repeat(101), " ".into()]),
        &[
            ("acknowledged_findings[0]", "must have at most 100 bytes"),
            ("acknowledged_findings[1]", "is required"),
        ],
    );
    refused(
        start(vec!["x".into(); 101]),
        &[("acknowledged_findings", "must be at most 100")],
    );
}

#[test]
fn questions_about_history_are_checked_and_completed() {
    let asked = get_metrics(&pb::GetMetricsRequest {
        run_id: RUN.into(),
        ..pb::GetMetricsRequest::default()
    });
    let asked = asked.unwrap();
    assert_eq!((asked.resolution, asked.max_points), (None, 500));
    assert_eq!(asked.percentiles.values(), [50.0, 95.0, 99.0, 99.9]);
    assert!(asked.range.is_open() && asked.operations.is_empty());
    refused(
        get_metrics(&pb::GetMetricsRequest {
            run_id: "?".into(),
            range: Some(pb::TimeRange {
                from_us: 9,
                to_us: 3,
            }),
            resolution_us: -1,
            operations: vec!["read".into(), "Not".into()],
            percentiles: vec![0.0],
            max_points: 2_001,
        }),
        &[
            ("run_id", "\"?\" is not a UUID"),
            ("range.to_us", "must be after from_us, 9, it is 3"),
            ("resolution_us", "must not be negative"),
            ("operations[1]", "\"Not\" is not a name"),
            ("percentiles[0]", "must be greater than 0 and at most 100"),
            ("max_points", "must be 1 to 2000"),
        ],
    );
    let many = pb::GetErrorSummaryRequest {
        run_id: RUN.into(),
        operations: vec!["a".into(); 1_001],
        phase: 99,
    };
    refused(
        get_error_summary(&many),
        &[
            ("operations", "must be at most 1000, there are 1001"),
            ("phase", "99 is not one of its values"),
        ],
    );
}

#[test]
fn examples_are_asked_for_by_kind_and_phase() {
    let asked = |kind: i32, token: &str| {
        list_operations(pb::ListOperationsRequest {
            run_id: RUN.into(),
            operations: vec!["b".into(), "a".into(), "b".into()],
            kind,
            phase: pb::RunPhase::Warmup.into(),
            page: Some(pb::PageRequest {
                page_size: 0,
                page_token: token.into(),
            }),
        })
    };
    let first = asked(3, "").unwrap();
    assert_eq!(
        (first.kind, first.phase),
        (Some(SampleKind::Reservoir), Some(Phase::Warmup))
    );
    assert_eq!(first.operations.len(), 2);
    let place = SamplePlace {
        response_ns: Reverse(u64::MAX),
        operation: 1,
        kind: 2,
        shard: 3,
        attempt: 4,
        rank: u32::MAX,
    };
    let token = first.page.token(&place);
    assert_eq!(asked(3, &token).unwrap().page.after, Some(place));
    refused(
        asked(1, &token),
        &[("page.page_token", "is of another query")],
    );
    refused(asked(9, ""), &[("kind", "9 is not one of its values")]);
}

#[test]
fn two_to_five_runs_are_compared_each_once() {
    let other = RUN.replace('1', "2");
    let compare = |run_ids: Vec<String>| {
        compare_runs(&pb::CompareRunsRequest {
            run_ids,
            max_points: 0,
        })
    };
    let two = compare(vec![RUN.into(), other.clone()]).unwrap();
    assert_eq!((two.runs.len(), two.max_points), (2, 500));
    refused(
        compare(vec![
            RUN.into(),
            other,
            RUN.to_ascii_uppercase(),
            "x".into(),
        ]),
        &[
            ("run_ids[2]", "is there twice"),
            ("run_ids[3]", "\"x\" is not a UUID"),
        ],
    );
    for count in [1, 6] {
        refused(
            compare(vec![RUN.into(); count]),
            &[("run_ids", "must be 2 to 5")],
        );
    }
}

#[test]
fn an_export_takes_the_next_finer_resolution() {
    let export = |resolution_us: i64| {
        let request = pb::ExportRunRequest {
            run_id: RUN.into(),
            format: pb::ExportFormat::Hlog.into(),
            resolution_us,
        };
        export_run(&request).map(|asked| asked.resolution)
    };
    for (asked, expected) in [
        (0, Resolution::Second),
        (1, Resolution::Second),
        (9_999_999, Resolution::Second),
        (10_000_000, Resolution::TenSeconds),
        (i64::MAX, Resolution::Hour),
    ] {
        assert_eq!(export(asked), Ok(expected), "{asked}");
    }
    refused(export(-1), &[("resolution_us", "must not be negative")]);
}

#[test]
fn activity_is_asked_for_whole_or_from_an_instant() {
    let asked = |after_us: i64, max_points: u32| {
        let request = pb::GetTargetActivityRequest {
            run_id: RUN.into(),
            after_us,
            max_points,
        };
        get_target_activity(&request).map(|asked| (asked.after, asked.max_points))
    };
    assert_eq!(asked(0, 0), Ok((None, 600)));
    assert_eq!(asked(7, 2_000), Ok((Some(Timestamp(7)), 2_000)));
    refused(asked(-1, 0), &[("after_us", "must not be negative")]);
    refused(asked(0, 2_001), &[("max_points", "must be 1 to 2000")]);
}
