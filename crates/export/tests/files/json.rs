use gauntlet_export::Format;
use serde_json::{Value, json};

use crate::support::{ORIGIN, Sample, at, contents, write};

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
    assert_eq!(total["throughput_per_s"], 20.0);
    let read = &point["operations"][0];
    assert_eq!(
        (&read["operation"], &read["succeeded"]),
        (&json!("read"), &json!(10))
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
