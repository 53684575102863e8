//! A control plane on a port of its own.

use std::time::Duration;

use gauntlet_api::v1::{
    self as pb, run_service_client::RunServiceClient,
    template_service_client::TemplateServiceClient, worker_service_client::WorkerServiceClient,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;

use super::*;

/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

fn options(folder: &TempDir) -> Options {
    let store = Location::Sqlite(folder.path().join("store.db"));
    let loopback = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    Options {
        secret_key: None,
        ..Options::new(loopback, store)
    }
}

async fn started(folder: &TempDir) -> (Plane, CancellationToken) {
    let options = options(folder);
    gauntlet_store_sql::apply_schema(&options.store)
        .await
        .unwrap();
    let stop = CancellationToken::new();
    (start(options, stop.clone()).await.unwrap(), stop)
}

async fn refused(options: Options) -> String {
    let started = start(options, CancellationToken::new()).await;
    started.err().expect("the start is refused").to_string()
}

/// One HTTP/1.1 request, sent as it is; the whole answer.
async fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get(address: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    http(address, &request).await
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let everywhere = Options {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..options(&folder)
    };
    let message = refused(everywhere.clone()).await;
    assert!(message.contains("--insecure"), "{message}");
    // With the word it gets as far as the store, which is not there.
    let message = refused(Options {
        insecure: true,
        ..everywhere
    });
    assert!(message.await.contains("gauntlet schema apply"));
}

#[tokio::test]
async fn a_store_without_schema_names_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let message = refused(options(&folder)).await;
    assert!(
        message.contains("gauntlet schema apply --store sqlite:"),
        "{message}"
    );
    let inside = std::fs::read_dir(folder.path()).unwrap();
    assert_eq!(inside.count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn a_port_and_a_store_have_one_control_plane() {
    let folder = tempfile::tempdir().unwrap();
    let (plane, stop) = started(&folder).await;
    let same_port = Options {
        listen: plane.address,
        ..options(&folder)
    };
    let message = refused(same_port).await;
    let named = message.contains(&plane.address.to_string()) && message.contains("--listen");
    assert!(named, "{message}");
    let message = refused(options(&folder)).await;
    assert!(message.contains("another control plane"), "{message}");
    stop.cancel();
    plane.wait().await.unwrap();
    // Both are free again.
    let (plane, stop) = started(&folder).await;
    stop.cancel();
    plane.wait().await.unwrap();
}

#[tokio::test]
async fn a_fleet_that_connects_in_one_instant_waits_in_the_backlog() {
    let limit = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let fleet = limit.trim().parse::<usize>().unwrap().min(1_500);
    // Nobody takes the connections: those that do not fit would have to try again.
    let listener = listen(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), false).unwrap();
    let address = listener.local_addr().unwrap();
    let mut connecting = tokio::task::JoinSet::new();
    for _ in 0..fleet {
        connecting.spawn(TcpStream::connect(address));
    }
    let connected = tokio::time::timeout(PATIENCE, connecting.join_all()).await;
    let connected = connected.expect("none is left waiting");
    assert!(connected.iter().all(Result::is_ok));
}

#[tokio::test]
async fn one_port_speaks_http_grpc_and_connect() {
    let folder = tempfile::tempdir().unwrap();
    let (plane, stop) = started(&folder).await;
    let address = plane.address;
    for (path, status, word) in [
        ("/healthz", "200", "ok"),
        ("/readyz", "200", "ok"),
        ("/", "200", "gauntlet"),
        ("/nothing", "404", ""),
    ] {
        let answer = get(address, path).await;
        let expected = format!("HTTP/1.1 {status}");
        assert!(
            answer.starts_with(&expected) && answer.contains(word),
            "{answer}"
        );
    }

    let mut workers = WorkerServiceClient::connect(plane.url()).await.unwrap();
    let listed = workers.list_workers(pb::ListWorkersRequest::default());
    assert_eq!(listed.await.unwrap().into_inner().workers, []);

    let body = r#"{"project":"acme"}"#;
    let post = format!(
        "POST /gauntlet.v1.RunService/ListRuns HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = http(address, &post).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("{}"),
        "{answer}"
    );
    stop.cancel();
    plane.wait().await.unwrap();
}

/// A GET with an `Accept` header; the body as it is.
async fn scrape(address: SocketAddr, accept: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /metrics HTTP/1.1\r\nhost: test\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(!head.contains("chunked"), "{head}");
    (head, answer[end + 4..].to_vec())
}

#[tokio::test]
async fn metrics_come_in_three_forms() {
    use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::MetricFamily;
    use prost::Message as _;

    let folder = tempfile::tempdir().unwrap();
    let (plane, stop) = started(&folder).await;
    let mut workers = WorkerServiceClient::connect(plane.url()).await.unwrap();
    let listed = workers.list_workers(pb::ListWorkersRequest::default());
    listed.await.unwrap();

    let (head, body) = scrape(plane.address, "*/*").await;
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    let text = String::from_utf8(body).unwrap();
    for line in [
        "gauntlet_rpc_calls_total{method=\"gauntlet.v1.WorkerService/ListWorkers\",protocol=\"grpc\",code=\"ok\"} 1",
        "gauntlet_rpc_open{method=\"gauntlet.v1.WorkerService/ListWorkers\",kind=\"unary\"} 0",
        "gauntlet_rpc_faults_total{kind=\"shed\"} 0",
        "gauntlet_connections 2",
        "gauntlet_workers{status=\"idle\"} 0",
        "gauntlet_runs_active{status=\"running\"} 0",
        "gauntlet_store_duration_seconds_count{call=\"workers.list\"} 1",
        "gauntlet_store_duration_seconds_count{call=\"runs.active\"} 1",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    for series in [
        "process_cpu_seconds_total",
        "process_open_fds",
        "gauntlet_build_info{",
        "gauntlet_hub_lag_seconds_count",
    ] {
        assert!(text.lines().any(|one| one.starts_with(series)), "{series}");
    }

    let told = include_str!("../../../../docs/operations.md");
    for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = name.split(' ').next().unwrap();
        assert!(
            told.contains(&format!("`{name}`")),
            "{name} is not in docs/operations.md"
        );
    }

    let (head, body) = scrape(plane.address, "application/openmetrics-text").await;
    assert!(head.contains("application/openmetrics-text"), "{head}");
    assert!(String::from_utf8(body).unwrap().ends_with("# EOF\n"));

    let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let (head, body) = scrape(plane.address, accept).await;
    assert!(head.contains("application/vnd.google.protobuf"), "{head}");
    let mut rest = body.as_slice();
    let mut names = Vec::new();
    while !rest.is_empty() {
        names.push(
            MetricFamily::decode_length_delimited(&mut rest)
                .unwrap()
                .name,
        );
    }
    assert!(
        names.contains(&"gauntlet_rpc_duration_seconds".to_owned()),
        "{names:?}"
    );
    stop.cancel();
    plane.wait().await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_gone_is_told_by_readyz_and_by_the_health_service() {
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };
    let folder = tempfile::tempdir().unwrap();
    let (plane, stop) = started(&folder).await;
    let channel = tonic::transport::Endpoint::new(plane.url()).unwrap();
    let mut health = HealthClient::new(channel.connect().await.unwrap());
    let request = HealthCheckRequest {
        service: "gauntlet.v1.RunService".to_owned(),
    };
    let mut statuses = health.watch(request).await.unwrap().into_inner();
    let first = statuses.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);

    std::fs::remove_file(folder.path().join("store.db")).unwrap();
    let answer = get(plane.address, "/readyz").await;
    let named = answer.starts_with("HTTP/1.1 503") && answer.contains("\nstore: the store is not");
    assert!(named && answer.contains("store.db is gone"), "{answer}");
    assert!(
        get(plane.address, "/healthz")
            .await
            .starts_with("HTTP/1.1 200")
    );
    let next = statuses.message().await.unwrap().unwrap();
    assert_eq!(next.status(), ServingStatus::NotServing);
    stop.cancel();
    plane.wait().await.unwrap();
}

#[tokio::test]
async fn reflection_names_every_service() {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let folder = tempfile::tempdir().unwrap();
    let (plane, stop) = started(&folder).await;
    let channel = tonic::transport::Endpoint::new(plane.url()).unwrap();
    let mut client = ServerReflectionClient::new(channel.connect().await.unwrap());
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = client.server_reflection_info(tokio_stream::once(request));
    let answer = answers.await.unwrap().into_inner().message().await.unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) =
        answer.and_then(|answer| answer.message_response)
    else {
        panic!("not a list of services");
    };
    let names: Vec<String> = list.service.into_iter().map(|one| one.name).collect();
    for service in ["Run", "Template", "Target", "Worker"] {
        let name = format!("gauntlet.v1.{service}Service");
        assert!(names.contains(&name), "{names:?}");
    }
    stop.cancel();
    plane.wait().await.unwrap();
}

#[tokio::test]
async fn a_stop_ends_open_watches() {
    let folder = tempfile::tempdir().unwrap();
    let (plane, stop) = started(&folder).await;
    let mut templates = TemplateServiceClient::connect(plane.url()).await.unwrap();
    templates.create_template(template()).await.unwrap();
    let mut runs = RunServiceClient::connect(plane.url()).await.unwrap();
    let create = pb::CreateRunRequest {
        project: "acme".to_owned(),
        template: "ones".to_owned(),
        ..pb::CreateRunRequest::default()
    };
    let made = runs.create_run(create).await.unwrap().into_inner();
    let watch = pb::WatchRunRequest {
        run_id: made.run.unwrap().run_id,
        options: None,
    };
    let mut states = runs.watch_run(watch).await.unwrap().into_inner();
    for _ in 0..2 {
        assert!(states.message().await.unwrap().is_some());
    }
    stop.cancel();
    let ended = tokio::time::timeout(PATIENCE, plane.wait()).await;
    ended.expect("it ends").unwrap();
    assert_eq!(
        states.message().await.unwrap_err().code(),
        Code::Unavailable
    );
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
    pb::CreateTemplateRequest {
        request_id: String::new(),
        project: "acme".to_owned(),
        name: "ones".to_owned(),
        source: String::new(),
        spec: Some(pb::TemplateSpec {
            target: "db".to_owned(),
            operations: vec![one],
            load: Some(pb::Load {
                mode: Some(pb::load::Mode::Concurrency(load)),
            }),
            phases: Some(pb::Phases {
                measurement: Some(prost_types::Duration {
                    seconds: 1,
                    nanos: 0,
                }),
                ..pb::Phases::default()
            }),
            ..pb::TemplateSpec::default()
        }),
    }
}
