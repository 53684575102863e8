//! The API as other programs call it: `curl`, `buf curl`, a browser's preflight.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use crate::plane::{Plane, text};

const READS: &str = "
name: reads
target: db
table: bench
workers: 1
operations:
  - kind: point_lookup
    weight: 100
    parameters:
      - uniform: {min: 1, max: 1000}
load:
  concurrency: {connections: 2}
phases:
  measurement: 3s
";

fn buf_curl(arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    Command::new(root.join("node_modules/.bin/buf"))
        .arg("curl")
        .args(arguments)
        .output()
        .expect("buf is installed by make test")
}

fn buf_says(arguments: &[&str]) -> String {
    let output = buf_curl(arguments);
    assert!(
        output.status.success(),
        "buf curl {}:\n{}",
        arguments.join(" "),
        text(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn curl(arguments: &[&str]) -> (u16, Value) {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "60",
            "--write-out",
            "\n%{http_code}",
        ])
        .args(arguments)
        .output()
        .expect("curl is not installed: apt-get install curl");
    assert!(
        output.status.success(),
        "curl {}:\n{}",
        arguments.join(" "),
        text(&output)
    );
    let printed = String::from_utf8(output.stdout).unwrap();
    let (body, status) = printed.rsplit_once('\n').unwrap();
    (
        status.parse().unwrap(),
        serde_json::from_str(body).unwrap_or(Value::Null),
    )
}

const JSON: [&str; 2] = ["--header", "content-type: application/json"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buf_curl_needs_no_flags() {
    let plane = Plane::start().await;
    let url = plane.url();
    let methods = buf_says(&["--list-methods", &url]);
    for expected in [
        "gauntlet.v1.RunService/WatchRun",
        "gauntlet.v1.TemplateService/ValidateTemplate",
        "gauntlet.v1.TargetService/TestTarget",
        "gauntlet.v1.WorkerService/Attach",
        "grpc.health.v1.Health/Check",
    ] {
        assert!(
            methods.contains(expected),
            "{expected} is missing in\n{methods}"
        );
    }
    let list = format!("{url}/gauntlet.v1.RunService/ListRuns");
    for protocol in ["connect", "grpc", "grpcweb"] {
        let mut arguments = vec![
            "--protocol",
            protocol,
            "--data",
            r#"{"project":"default"}"#,
            &list,
        ];
        if protocol == "grpc" {
            arguments.push("--http2-prior-knowledge");
        }
        assert_eq!(buf_says(&arguments).trim(), "{}", "{protocol}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buf_curl_follows_a_run_to_its_end() {
    let plane = Plane::start().await;
    let _worker = plane.worker("w1").await;
    plane.sqlite_target(1_000);
    plane.file("reads.yaml", READS);
    plane.must(&["template", "apply", "-f", "reads.yaml"]);
    let run = plane.start_run("reads").await;
    let request = format!(r#"{{"run_id":"{run}"}}"#);
    let watch = format!("{}/gauntlet.v1.RunService/WatchRun", plane.url());
    let metrics = format!("{}/gauntlet.v1.RunService/StreamMetrics", plane.url());
    let messages = |url: &str| -> Vec<Value> {
        serde_json::Deserializer::from_str(&buf_says(&["--data", &request, url]))
            .into_iter()
            .map(Result::unwrap)
            .collect()
    };
    let states = messages(&watch);
    let phases: Vec<&str> = states
        .iter()
        .filter_map(|message| message["run"]["phase"].as_str())
        .collect();
    assert_eq!(phases.last(), Some(&"RUN_PHASE_DONE"), "{phases:?}");
    assert!(
        states
            .iter()
            .any(|message| message.get("snapshotDone").is_some())
    );
    assert_eq!(
        states.last().unwrap()["run"]["status"],
        "RUN_STATUS_COMPLETED"
    );

    let points = messages(&metrics);
    let succeeded: u64 = points
        .iter()
        .filter_map(|message| message["point"]["total"]["succeeded"].as_str())
        .map(|count| count.parse::<u64>().unwrap())
        .sum();
    assert_eq!(succeeded, plane.report(&run).await.total.unwrap().succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_curl_speaks_json() {
    let plane = Plane::start().await;
    let method = |name: &str| format!("{}/gauntlet.v1.{name}", plane.url());

    let list = method("RunService/ListRuns");
    let (status, body) = curl(&[
        JSON[0],
        JSON[1],
        "--data",
        r#"{"project":"default"}"#,
        &list,
    ]);
    assert_eq!((status, body), (200, serde_json::json!({})));

    let (status, body) = curl(&[
        JSON[0],
        JSON[1],
        "--data",
        r#"{"projekt":"default"}"#,
        &list,
    ]);
    assert_eq!((status, &body["code"]), (400, &"invalid_argument".into()));
    assert!(
        body["message"].as_str().unwrap().contains("projekt"),
        "{body}"
    );

    let get = method("RunService/GetRun");
    let unknown = r#"{"run_id":"018f0000-0000-7000-8000-000000000000"}"#;
    let (status, body) = curl(&[JSON[0], JSON[1], "--data", unknown, &get]);
    assert_eq!((status, &body["code"]), (404, &"not_found".into()));

    for path in ["healthz", "readyz"] {
        let (status, _) = curl(&[&format!("{}/{path}", plane.url())]);
        assert_eq!(status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_request_to_any_method_names_a_field() {
    let plane = Plane::start().await;
    for method in [
        "RunService/CreateRun",
        "RunService/GetRun",
        "RunService/ListRuns",
        "RunService/StartRun",
        "RunService/StopRun",
        "RunService/AbortRun",
        "RunService/GetReport",
        "RunService/ListShards",
        "RunService/ListEvents",
        "TemplateService/CreateTemplate",
        "TemplateService/GetTemplate",
        "TemplateService/ListTemplates",
        "TemplateService/UpdateTemplate",
        "TemplateService/ValidateTemplate",
        "TargetService/CreateTarget",
        "TargetService/GetTarget",
        "TargetService/ListTargets",
        "TargetService/TestTarget",
    ] {
        let url = format!("{}/gauntlet.v1.{method}", plane.url());
        let (status, body) = curl(&[JSON[0], JSON[1], "--data", "{}", &url]);
        assert_eq!(
            (status, &body["code"]),
            (400, &"invalid_argument".into()),
            "{method}: {body}"
        );
        let violation = &body["details"][0]["debug"]["fieldViolations"][0];
        assert!(violation["field"].is_string(), "{method}: {body}");
    }
}
