//! Workers that runs have of their own leave nothing behind.

use std::{fs, time::Duration};

use gauntlet_api::v1::{
    self as pb, run_service_client::RunServiceClient, target_service_client::TargetServiceClient,
    template_service_client::TemplateServiceClient, watch_run_response::Update,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};
use tonic::{Streaming, transport::Channel};

use crate::support::Served;

/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);
const WORKERS: u32 = 2;

/// A control plane with a template whose runs have two workers of their own.
struct Host {
    served: Served,
    runs: RunServiceClient<Channel>,
    run: String,
}

impl Host {
    async fn with_run() -> Self {
        let served = Served::start(&[]);
        let mut targets = TargetServiceClient::connect(served.url.clone())
            .await
            .unwrap();
        let path = served.beside("target.db");
        let target = pb::Target {
            project: "acme".to_owned(),
            name: "db".to_owned(),
            address: Some(pb::target::Address::Sqlite(pb::SqliteAddress {
                path: path.display().to_string(),
            })),
            ..pb::Target::default()
        };
        let create = pb::CreateTargetRequest {
            target: Some(target),
            ..pb::CreateTargetRequest::default()
        };
        targets.create_target(create).await.unwrap();
        let dataset = pb::LoadDatasetRequest {
            project: "acme".to_owned(),
            name: "db".to_owned(),
            dataset: Some(pb::Dataset {
                table: "t".to_owned(),
                rows: 10,
                ..pb::Dataset::default()
            }),
        };
        let mut loading = targets.load_dataset(dataset).await.unwrap().into_inner();
        while loading.message().await.unwrap().is_some() {}
        let mut templates = TemplateServiceClient::connect(served.url.clone())
            .await
            .unwrap();
        templates.create_template(template()).await.unwrap();
        let mut runs = RunServiceClient::connect(served.url.clone()).await.unwrap();
        let create = pb::CreateRunRequest {
            project: "acme".to_owned(),
            template: "own".to_owned(),
            ..pb::CreateRunRequest::default()
        };
        let made = runs.create_run(create).await.unwrap().into_inner();
        let run = made.run.unwrap().run_id;
        Self { served, runs, run }
    }

    async fn start(&mut self) {
        let start = pb::StartRunRequest {
            run_id: self.run.clone(),
            ..pb::StartRunRequest::default()
        };
        self.runs.start_run(start).await.unwrap();
    }

    /// Waits until the run is in a status.
    async fn until(&mut self, status: pb::RunStatus) {
        let watch = pb::WatchRunRequest {
            run_id: self.run.clone(),
            options: None,
        };
        let mut states = self.runs.watch_run(watch).await.unwrap().into_inner();
        let reached = tokio::time::timeout(PATIENCE, reach(&mut states, status)).await;
        reached.unwrap_or_else(|_| panic!("never {status:?}"));
    }

    /// Starts the run; gives its workers once it is under load.
    async fn running(&mut self) -> Vec<Pid> {
        self.start().await;
        self.until(pb::RunStatus::Running).await;
        let workers = children(self.served.pid());
        assert_eq!(workers.len(), WORKERS as usize);
        workers
    }
}

async fn reach(states: &mut Streaming<pb::WatchRunResponse>, status: pb::RunStatus) {
    let mut last = None;
    while let Some(state) = states.message().await.unwrap() {
        if let Some(Update::Run(run)) = state.update {
            if run.status() == status {
                return;
            }
            last = Some(run);
        }
    }
    panic!("it ended as {last:?}");
}

fn template() -> pb::CreateTemplateRequest {
    let one = pb::Operation {
        kind: pb::OperationKind::Sql.into(),
        weight: 100.0,
        sql: "SELECT 1".to_owned(),
        class: pb::StatementClass::Read.into(),
        ..pb::Operation::default()
    };
    let load = pb::RateLoad {
        per_second: 20.0,
        connections: WORKERS,
        ..pb::RateLoad::default()
    };
    let measurement = prost_types::Duration {
        seconds: 60,
        nanos: 0,
    };
    pb::CreateTemplateRequest {
        project: "acme".to_owned(),
        name: "own".to_owned(),
        spec: Some(pb::TemplateSpec {
            target: "db".to_owned(),
            operations: vec![one],
            load: Some(pb::Load {
                mode: Some(pb::load::Mode::Rate(load)),
            }),
            phases: Some(pb::Phases {
                measurement: Some(measurement),
                ..pb::Phases::default()
            }),
            workers: WORKERS,
            launcher: pb::Launcher::Local.into(),
            ..pb::TemplateSpec::default()
        }),
        ..pb::CreateTemplateRequest::default()
    }
}

/// The processes that a process has started and that have not ended.
fn children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero().to_string();
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let entry = entry.unwrap();
        // One that ends while it is looked at has no file any more.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // pid (name) state parent …; the name may hold anything.
        let after = stat.rsplit_once(')').unwrap().1;
        let fields: Vec<&str> = after.split_whitespace().collect();
        if fields[0] != "Z" && fields[1] == parent {
            let id = entry.file_name().to_str().unwrap().parse().unwrap();
            children.push(Pid::from_raw(id).unwrap());
        }
    }
    children
}

/// Waits until a process has ended.
fn see_the_end_of(process: Pid) {
    let Ok(handle) = pidfd_open(process, PidfdFlags::empty()) else {
        return;
    };
    let mut ends = [PollFd::new(&handle, PollFlags::IN)];
    let patience = Timespec {
        tv_sec: PATIENCE.as_secs() as i64,
        tv_nsec: 0,
    };
    let ended = poll(&mut ends, Some(&patience)).unwrap();
    assert_eq!(ended, 1, "process {process:?} still runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_run_ends_its_workers() {
    let mut host = Host::with_run().await;
    let workers = host.running().await;
    let stop = pb::StopRunRequest {
        run_id: host.run.clone(),
        ..pb::StopRunRequest::default()
    };
    host.runs.stop_run(stop).await.unwrap();
    host.until(pb::RunStatus::Cancelled).await;
    for worker in workers {
        see_the_end_of(worker);
    }
    assert_eq!(children(host.served.pid()), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_of_the_start_ends_the_workers() {
    let mut host = Host::with_run().await;
    host.start().await;
    let started = children(host.served.pid());
    let abort = pb::AbortRunRequest {
        run_id: host.run.clone(),
        ..pb::AbortRunRequest::default()
    };
    host.runs.abort_run(abort).await.unwrap();
    host.until(pb::RunStatus::Cancelled).await;
    for worker in started {
        see_the_end_of(worker);
    }
    // The control plane waits for those that it was just starting.
    let pid = host.served.pid();
    host.served.terminate();
    let ended = tokio::task::spawn_blocking(move || host.served.ended());
    let (status, log) = ended.await.unwrap();
    assert!(status.success(), "{log}");
    assert_eq!(children(pid), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_control_plane_ends_the_workers() {
    for signal in [Signal::TERM, Signal::KILL] {
        let mut host = Host::with_run().await;
        let workers = host.running().await;
        kill_process(host.served.pid(), signal).unwrap();
        for worker in workers {
            see_the_end_of(worker);
        }
        let ended = tokio::task::spawn_blocking(move || host.served.ended());
        ended.await.unwrap();
    }
}
