//! Limits, and the end of a control plane that many watch.

use gauntlet_api::v1::{
    self as pb, run_service_client::RunServiceClient,
    template_service_client::TemplateServiceClient,
};
use tonic::{Code, Streaming, transport::Channel};

use crate::support::{Served, refused};

const CONNECTIONS: usize = 10;
const WATCHES_EACH: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_ends_a_thousand_watches() {
    let served = Served::start(&["--log", "info"]);
    let url = served.url.clone();
    let run = prepared_run(&url).await;
    let mut watches = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = RunServiceClient::connect(url.clone()).await.unwrap();
        for _ in 0..WATCHES_EACH {
            watches.push(watch(&mut client, &run).await);
        }
    }
    served.terminate();
    for watch in &mut watches {
        let ended = loop {
            match watch.message().await {
                Ok(Some(_)) => {}
                other => break other,
            }
        };
        assert_eq!(ended.unwrap_err().code(), Code::Unavailable);
    }
    let ended = tokio::task::spawn_blocking(move || served.ended());
    let (status, log) = ended.await.unwrap();
    assert!(status.success(), "{log}");
    let said = log
        .lines()
        .find(|line| line.contains("control plane ended"));
    println!(
        "{} watches: {}",
        watches.len(),
        said.expect("it says how long it took")
    );
}

/// A watch that has shown the run's state and says that it is live.
async fn watch(
    client: &mut RunServiceClient<Channel>,
    run: &str,
) -> Streaming<pb::WatchRunResponse> {
    let request = pb::WatchRunRequest {
        run_id: run.to_owned(),
        options: None,
    };
    let mut states = client.watch_run(request).await.unwrap().into_inner();
    for _ in 0..2 {
        assert!(states.message().await.unwrap().is_some());
    }
    states
}

async fn prepared_run(url: &str) -> String {
    let mut templates = TemplateServiceClient::connect(url.to_owned())
        .await
        .unwrap();
    templates.create_template(template()).await.unwrap();
    let mut runs = RunServiceClient::connect(url.to_owned()).await.unwrap();
    let create = pb::CreateRunRequest {
        project: "acme".to_owned(),
        template: "ones".to_owned(),
        ..pb::CreateRunRequest::default()
    };
    let made = runs.create_run(create).await.unwrap().into_inner();
    made.run.unwrap().run_id
}

fn template() -> pb::CreateTemplateRequest {
    let one = pb::Operation {
        kind: pb::OperationKind::Sql.into(),
        weight: 100.0,
        sql: "SELECT 1".to_owned(),
        class: pb::StatementClass::Read.into(),
        ..pb::Operation::default()
    };
    let load = pb::ConcurrencyLoad {
        connections: 1,
        think_time: None,
    };
    let measurement = prost_types::Duration {
        seconds: 1,
        nanos: 0,
    };
    pb::CreateTemplateRequest {
        project: "acme".to_owned(),
        name: "ones".to_owned(),
        spec: Some(pb::TemplateSpec {
            target: "db".to_owned(),
            operations: vec![one],
            load: Some(pb::Load {
                mode: Some(pb::load::Mode::Concurrency(load)),
            }),
            phases: Some(pb::Phases {
                measurement: Some(measurement),
                ..pb::Phases::default()
            }),
            ..pb::TemplateSpec::default()
        }),
        ..pb::CreateTemplateRequest::default()
    }
}

#[tokio::test]
async fn what_is_over_a_limit_is_refused_with_a_reason() {
    let served = Served::start(&["--max-message-bytes", "1024", "--max-streams", "1"]);
    let mut templates = TemplateServiceClient::connect(served.url.clone())
        .await
        .unwrap();
    let long = pb::CreateTemplateRequest {
        name: "n".repeat(2_000),
        ..template()
    };
    let refused = templates.create_template(long).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    let run = prepared_run(&served.url).await;
    let mut runs = RunServiceClient::connect(served.url.clone()).await.unwrap();
    let _first = watch(&mut runs, &run).await;
    let request = pb::WatchRunRequest {
        run_id: run,
        options: None,
    };
    let refused = runs.watch_run(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
}

#[test]
fn bad_limits_and_files_are_named() {
    let serve = ["serve", "--store", "sqlite:none.db"];
    for (more, said) in [
        (["--max-message-bytes", "99999999"], "--max-message-bytes"),
        (["--call-deadline", "soon"], "--call-deadline"),
        (["--retain", "0d"], "--retain"),
        (["--tls-cert", "cert.pem"], "--tls-key"),
    ] {
        let message = refused(&[&serve[..], &more[..]].concat());
        assert!(message.contains(said), "{message}");
    }
    let files = [
        "--tls-cert",
        "none.pem",
        "--tls-key",
        "none.key",
        "--listen",
        "127.0.0.1:0",
    ];
    let message = refused(&[&serve[..], &files[..]].concat());
    assert!(message.contains("none.pem cannot be read"), "{message}");
}

#[test]
fn log_lines_are_json_when_asked_for() {
    let served = Served::start(&["--log", "info", "--log-format", "json"]);
    let address = served.url.strip_prefix("http://").unwrap().to_owned();
    served.terminate();
    let (_, log) = served.ended();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let serves = lines
        .iter()
        .find(|line| line["message"] == "control plane serves");
    let serves = serves.expect("it says where it serves");
    assert_eq!(serves["address"], address);
    assert_eq!(serves["level"], "INFO");
}
