//! A run's measurements as files.

use gauntlet_api::v1::{self as pb, export_run_response::Part};
use gauntlet_model::{
    id::RunId,
    interval::{ErrorClass, ErrorCount},
    lifecycle::{Phase, StopReason},
    search::{Figures, Findings, Outcome, SearchEnd, Step, StepKind, Trial},
    template::Level,
    time::Timestamp,
};
use tonic::Code;
use uuid::Uuid;

use crate::{
    made::{create_mixed, create_named, ended, interval, judge, measure, measuring, second},
    support::Plane,
};

fn request(run: RunId, format: pb::ExportFormat) -> pb::ExportRunRequest {
    pb::ExportRunRequest {
        run_id: run.to_string(),
        format: format.into(),
        resolution_us: 0,
    }
}

async fn export(plane: &Plane, request: pb::ExportRunRequest) -> (pb::ExportHeader, Vec<u8>) {
    let stream = plane.runs().export_run(request).await.unwrap();
    let mut stream = stream.into_inner();
    let first = stream.message().await.unwrap().unwrap();
    let Some(Part::Header(header)) = first.part else {
        panic!("the header comes first: {first:?}");
    };
    let mut bytes = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        let Some(Part::Chunk(chunk)) = message.part else {
            panic!("one header is enough: {message:?}");
        };
        assert!((1..=256 * 1024).contains(&chunk.len()), "{}", chunk.len());
        bytes.extend(chunk);
    }
    (header, bytes)
}

async fn measured(seconds: u64) -> (Plane, RunId) {
    let plane = Plane::ready().await;
    create_mixed(&plane).await;
    let run = create_named(&plane, "mixed", "file").await;
    let over = ended(&plane, run, StopReason::DurationElapsed, seconds).await;
    judge(&plane, &over, None, true).await;
    let seconds: Vec<_> = (0..seconds)
        .map(|at| interval(run, 0, at, &[(0, &[1_000, 2_000]), (1, &[9_000])]))
        .collect();
    measure(&plane, run, &seconds, Timestamp(i64::MAX)).await;
    (plane, run)
}

#[tokio::test]
async fn a_csv_has_a_row_for_every_second_and_operation() {
    let (plane, run) = measured(3).await;
    let (header, bytes) = export(&plane, request(run, pb::ExportFormat::Csv)).await;
    assert_eq!(header.filename, "file.csv");
    assert!(header.content_type.starts_with("text/csv"), "{header:?}");
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.lines().count(), 1 + 3 * 2, "{text}");
}

#[tokio::test]
async fn a_csv_says_what_kind_of_failures_there_were() {
    let plane = Plane::ready().await;
    create_mixed(&plane).await;
    let run = create_named(&plane, "mixed", "failing").await;
    ended(&plane, run, StopReason::DurationElapsed, 1).await;
    let mut second = interval(run, 0, 0, &[(0, &[1_000]), (1, &[9_000])]);
    second.errors = vec![ErrorCount {
        operation: 1,
        phase: Phase::Measurement,
        class: ErrorClass::Serialization,
        code: "40001".to_owned(),
        message: "try again".to_owned(),
        count: 7,
    }];
    measure(&plane, run, &[second], Timestamp(i64::MAX)).await;
    let (_, bytes) = export(&plane, request(run, pb::ExportFormat::Csv)).await;
    let text = String::from_utf8(bytes).unwrap();
    let mut rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = rows.next().unwrap();
    let mut columns = header.iter();
    let place = columns.position(|name| *name == "failed_serialization");
    let cells: Vec<&str> = rows.map(|row| row[place.unwrap()]).collect();
    assert_eq!(cells, ["0", "7"], "{text}");
}

#[tokio::test]
async fn the_resolution_is_the_one_asked_for() {
    let (plane, run) = measured(25).await;
    let request = pb::ExportRunRequest {
        resolution_us: 10_000_000,
        ..request(run, pb::ExportFormat::Csv)
    };
    let (_, bytes) = export(&plane, request).await;
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.lines().count(), 1 + 3 * 2, "{text}");
}

#[tokio::test]
async fn every_format_begins_as_it_should() {
    let (plane, run) = measured(2).await;
    for (format, extension, first) in [
        (pb::ExportFormat::Json, "json", "{".as_bytes()),
        (pb::ExportFormat::Hlog, "hlog", b"#["),
        (pb::ExportFormat::Parquet, "parquet", b"PAR1"),
        (pb::ExportFormat::Html, "html", b"<!DOCTYPE html>"),
    ] {
        let (header, bytes) = export(&plane, request(run, format)).await;
        assert_eq!(header.filename, format!("file.{extension}"));
        assert!(bytes.starts_with(first), "{extension}: {:?}", &bytes[..8]);
    }
}

#[tokio::test]
async fn a_long_file_comes_in_bounded_pieces() {
    let (plane, run) = measured(2_000).await;
    let (_, bytes) = export(&plane, request(run, pb::ExportFormat::Csv)).await;
    assert!(bytes.len() > 2 * 256 * 1024, "{}", bytes.len());
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.lines().count(), 1 + 2_000 * 2);
}

#[tokio::test]
async fn a_page_has_no_more_points_than_its_charts_have_room_for() {
    let (plane, run) = measured(2_000).await;
    let (header, bytes) = export(&plane, request(run, pb::ExportFormat::Html)).await;
    assert!(header.content_type.starts_with("text/html"), "{header:?}");
    let text = String::from_utf8(bytes).unwrap();
    // 200 points of ten seconds, of which the table under the chart shows each seventh.
    assert!(text.contains("one point of 7"), "{text}");
}

#[tokio::test]
async fn a_page_of_a_long_search_has_the_curve_of_its_step() {
    let (plane, run) = measured(2_000).await;
    let reports = &plane.backend.stores.reports;
    let mut report = reports.get(run).await.unwrap().unwrap();
    let level = Level::Concurrency { connections: 8 };
    let step = Step {
        trial: Trial {
            step: 1,
            kind: StepKind::Grow,
            level,
        },
        from: second(1_005),
        to: second(1_035),
        outcome: Outcome::Passed,
        message: "no stop signal".to_owned(),
        figures: Figures::default(),
        transition_us: 0,
    };
    report.search = Some(Findings {
        end: SearchEnd::MaxTime,
        message: "the time is over".to_owned(),
        best: Some(level),
        best_step: 1,
        failed: None,
        steps: vec![step],
        fit: Err("one level".to_owned()),
        knee: None,
        knee_message: "one level".to_owned(),
    });
    reports.put(&report).await.unwrap();
    let (_, bytes) = export(&plane, request(run, pb::ExportFormat::Html)).await;
    let text = String::from_utf8(bytes).unwrap();
    assert!(
        text.contains("response time in step 1 of the search"),
        "{text}"
    );
    // The other charts are as coarse as ever.
    assert!(text.contains("one point of 7"), "{text}");
}

#[tokio::test]
async fn a_run_that_goes_on_or_never_began_has_a_file_too() {
    let plane = Plane::ready().await;
    create_mixed(&plane).await;
    let idle = create_named(&plane, "mixed", "idle").await;
    let live = create_named(&plane, "mixed", "live").await;
    measuring(&plane, live).await;
    let seconds = [interval(live, 0, 0, &[(0, &[5])])];
    measure(&plane, live, &seconds, second(1)).await;
    for (run, lines) in [(idle, 1), (live, 2)] {
        let (_, bytes) = export(&plane, request(run, pb::ExportFormat::Csv)).await;
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.lines().count(), lines, "{text}");
    }
}

#[tokio::test]
async fn the_end_of_the_control_plane_ends_a_file() {
    let (plane, run) = measured(2_000).await;
    let request = request(run, pb::ExportFormat::Csv);
    let stream = plane.runs().export_run(request).await.unwrap();
    let mut stream = stream.into_inner();
    assert!(stream.message().await.unwrap().is_some());
    plane.backend.stop.cancel();
    let end = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a file that is cut must not look whole"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Unavailable);
}

#[tokio::test]
async fn an_unknown_run_has_no_file() {
    let plane = Plane::ready().await;
    let unknown = request(RunId(Uuid::from_u128(5)), pb::ExportFormat::Json);
    let status = plane.runs().export_run(unknown).await;
    assert_eq!(
        status.err().map(|status| status.code()),
        Some(Code::NotFound)
    );
}
