use gauntlet_export::Format;
use gauntlet_model::{
    evidence::Evidence,
    lifecycle::ProcessingStatus,
    report::Report,
    search::{Findings, Fit, Progress, SearchEnd},
    template::Level,
};
use serde_json::{Value, json};

use crate::support::{ORIGIN, Sample, a_step, at, contents, write};

fn read(seconds: i64) -> Value {
    let file = write(
        Format::Json,
        &contents(),
        &Sample::of_seconds(seconds).rollups,
    );
    serde_json::from_slice(&file).unwrap()
}

#[test]
fn it_is_one_document() {
    let document = read(3);
    assert_eq!(document["run"]["name"], "nightly");
    assert_eq!(
        document["run"]["labels"]["note"],
        "=1+1, \"quoted\"\nsecond line"
    );
    assert_eq!(document["run"]["spec"]["operations"][1]["name"], "scan");
    assert_eq!(document["run"]["load_started_us"], ORIGIN.0);
    assert_eq!(document["report"]["measured_us"], 60_000_000);
    assert_eq!(document["resolution_us"], 1_000_000);
    let phases: Vec<&str> = document["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["phase"].as_str().unwrap())
        .collect();
    assert_eq!(phases, ["WARMUP", "MEASUREMENT", "MEASUREMENT"]);
    assert_eq!(read(0)["points"], json!([]));
}

#[test]
fn a_point_has_all_figures() {
    let point = &read(3)["points"][1];
    assert_eq!(point["start_us"], at(1).0);
    assert_eq!(
        (&point["covered_us"], &point["in_flight_max"]),
        (&json!(1_000_000), &json!(8))
    );
    let total = &point["total"];
    assert_eq!(total["succeeded"], 20);
    assert_eq!(
        (&total["failed"], &total["dropped"], &total["rows"]),
        (&json!(1), &json!(4), &json!(20))
    );
    assert_eq!(total["failures"], json!({ "TIMEOUT": 1 }));
    assert_eq!(total["throughput_per_s"], 20.0);
    let read = &point["operations"][0];
    assert_eq!(
        (&read["operation"], &read["succeeded"], &read["failures"]),
        (&json!("read"), &json!(10), &json!({}))
    );
    // Reading a float may end at its neighbour: that is serde_json's choice.
    let mean = read["response"]["mean_us"].as_f64().unwrap();
    assert!((mean - 201.9968).abs() < 1e-9, "{mean}");
    assert_eq!(
        read["response"],
        json!({
            "min_us": 199.936, "mean_us": mean, "max_us": 204.031,
            "p50_us": 202.111, "p95_us": 204.031, "p99_us": 204.031, "p99_9_us": 204.031
        })
    );
}

#[test]
fn a_second_in_which_nothing_ended_has_no_latencies() {
    let rollups = Sample::with_standstill(4, 1..3).rollups;
    let file = write(Format::Json, &contents(), &rollups);
    let document: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let points = document["points"].as_array().unwrap();
    let shown: Vec<_> = points
        .iter()
        .map(|point| {
            let total = &point["total"];
            let rate = total["throughput_per_s"].as_f64().unwrap();
            (
                rate,
                total["response"].is_object(),
                point["in_flight_max"].as_u64().unwrap(),
            )
        })
        .collect();
    assert!(points[1]["total"]["response"].is_null());
    let (full, none) = ((20.0, true, 8), (0.0, false, 8));
    assert_eq!(shown, [full, none, none, full]);
}

#[test]
fn it_has_the_search_and_what_the_target_said() {
    let mut contents = contents();
    let progress = Progress {
        steps: vec![a_step()],
        current: None,
        end: Some((SearchEnd::Found, "8 connections hold".to_owned())),
    };
    contents.run.state.search = Some(progress);
    let findings = Findings {
        end: SearchEnd::Found,
        message: "8 connections hold".to_owned(),
        best: Some(Level::Concurrency { connections: 8 }),
        best_step: 1,
        failed: None,
        steps: vec![a_step()],
        fit: Ok(Fit {
            lambda: 1.0,
            sigma: 0.1,
            sigma_interval: (0.0, 0.2),
            kappa: 0.0,
            kappa_interval: (0.0, 0.0),
            peak: None,
            r_squared: 1.0,
            residuals: vec![],
        }),
        knee: None,
        knee_message: "none".to_owned(),
    };
    let evidence = Evidence {
        status: ProcessingStatus::Completed,
        message: String::new(),
        periods: vec![],
        settings: vec![("shared_buffers".to_owned(), "128MB".to_owned())],
        skipped: vec![],
    };
    contents.report = contents.report.map(|report| Report {
        search: Some(findings),
        evidence: Some(evidence),
        cost: 0.25,
        ..report
    });
    let file = write(Format::Json, &contents, &[]);
    let document: Value = serde_json::from_slice(&file).unwrap();
    let step = json!({ "concurrency": { "connections": 8 } });
    assert_eq!(document["run"]["search"]["steps"][0]["level"], step);
    let report = &document["report"];
    assert_eq!(report["search"]["steps"][0]["outcome"], "PASSED");
    assert_eq!(report["search"]["best"], step);
    assert_eq!(report["search"]["end"], "FOUND");
    let settings = &report["evidence"]["settings"];
    assert_eq!(settings, &json!([["shared_buffers", "128MB"]]));
    assert_eq!(report["cost"], 0.25);
}
