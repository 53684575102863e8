//! What goes out comes back the same, and never a password.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_api::DESCRIPTOR_SET;
use gauntlet_model::{
    id::{Name, Project, RunId, TargetId, TemplateId, WorkerId},
    lifecycle::{End, RunState, ShardStage, ShardState, Stage, StopReason},
    run::{Attempt, Run},
    session::KeyRange,
    target::{Address, Authorities, Encryption, Target},
    template::{
        Bisect, Control, GuardrailMode, Guardrails, Launcher, Limit, Linear, Load, Method,
        Operation, Parameter, Phases, Scaling, ScalingMode, Scope, Search, Slo, Spec, Statement,
        StopSignals, Template, UntilSteady, WorkerLossPolicy,
    },
};
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use uuid::Uuid;

use super::*;
use crate::decode;

mod any;
mod found;
mod runs;

proptest! {
    #[test]
    fn a_description_survives(spec in any::a_spec()) {
        prop_assert_eq!(decode::template_spec(super::spec(&spec)), Ok(spec));
    }
}

/// As a browser or a shell gives it back. Its numbers are short: a reader may
/// take a long one for its neighbour.
#[test]
fn a_description_survives_json() {
    let mut spec = a_simple_spec();
    spec.operations[0].label = Some(Name::new("hot").unwrap());
    spec.phases.warmup = Duration::from_mins(1);
    spec.phases.until_steady = Some(UntilSteady {
        window: Duration::from_secs(20),
        tolerance: 0.05,
    });
    spec.slos = vec![Slo {
        name: "hot p99.9".into(),
        scope: Scope::Label {
            label: Name::new("hot").unwrap(),
        },
        limit: Limit::Latency {
            percentile: 99.9,
            max: Duration::from_micros(1_500),
        },
        confidence: 0.95,
        abort_on_fail: false,
    }];
    spec.worker_loss = WorkerLossPolicy::Replace;
    spec.control = Control {
        search: Some(Search {
            method: Method::Linear(Linear {
                increment: 4.0,
                backoffs: 0,
            }),
            step: Duration::from_millis(1_500),
            settle: Duration::ZERO,
            confirm: Duration::ZERO,
            max_level: 64.0,
            max_steps: 9,
            stop: StopSignals {
                max_latency_increase: Some(0.5),
                slos: false,
                ..StopSignals::default()
            },
        }),
        scaling: Scaling {
            mode: ScalingMode::Bounded { max_workers: 4 },
            ..Scaling::default()
        },
        guardrails: Some(Guardrails {
            mode: GuardrailMode::Soft,
            max_worker_cpu: Some(0.9),
            max_worker_memory_bytes: Some(1 << 60),
            max_error_ratio: None,
            max_queue_ratio: None,
            patience_s: 5,
        }),
        worker_labels: [("zone".to_owned(), "a".to_owned())].into(),
        worker_wait: Duration::from_secs(30),
        launcher: Launcher::External,
        max_clock_uncertainty: Duration::from_millis(5),
    };
    let message = as_json(&super::spec(&spec));
    assert_eq!(decode::template_spec(message), Ok(spec));
}

/// Writes a description as protobuf JSON and reads it again.
fn as_json(spec: &pb::TemplateSpec) -> pb::TemplateSpec {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
    let descriptor = pool
        .get_message_by_name("gauntlet.v1.TemplateSpec")
        .unwrap();
    let bytes = spec.encode_to_vec();
    let written = DynamicMessage::decode(descriptor.clone(), bytes.as_slice()).unwrap();
    let text = serde_json::to_string(&written).unwrap();
    let mut reader = serde_json::Deserializer::from_str(&text);
    let read = DynamicMessage::deserialize(descriptor, &mut reader).unwrap();
    read.transcode_to().unwrap()
}

pub(crate) fn a_simple_spec() -> Spec {
    Spec {
        description: "reads".into(),
        target: Name::new("db").unwrap(),
        operations: vec![Operation {
            name: Name::new("read").unwrap(),
            weight: 10_000,
            statement: Statement::PointLookup {
                table: "items".into(),
                key: "id".into(),
                columns: Vec::new(),
            },
            parameters: vec![Parameter::Uniform { min: 1, max: 9 }],
            label: None,
        }],
        load: Load::Concurrency {
            connections: 4,
            think_time: Duration::ZERO,
        },
        phases: Phases {
            warmup: Duration::ZERO,
            measurement: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(1),
            until_steady: None,
        },
        workers: 2,
        seed: u64::MAX,
        slos: Vec::new(),
        worker_loss: WorkerLossPolicy::Fail,
        operation_timeout: Duration::from_secs(1),
        start_timeout: Duration::from_secs(2),
        control: Control::default(),
    }
}

#[test]
fn the_common_table_is_said_once() {
    let mut spec = a_simple_spec();
    let mut other = spec.operations[0].clone();
    other.statement = Statement::PointLookup {
        table: "orders".into(),
        key: "id".into(),
        columns: Vec::new(),
    };
    spec.operations.push(other);
    let message = super::spec(&spec);
    assert_eq!(
        (message.table.as_str(), message.key_column.as_str()),
        ("items", "id")
    );
    let tables: Vec<(&str, &str)> = message
        .operations
        .iter()
        .map(|operation| (operation.table.as_str(), operation.key_column.as_str()))
        .collect();
    assert_eq!(tables, vec![("", ""), ("orders", "")]);
}

#[test]
fn a_target_goes_out_without_a_password() {
    let message = target(&Target {
        id: TargetId(Uuid::nil()),
        project: Project::new("acme").unwrap(),
        name: Name::new("db").unwrap(),
        address: Address::Postgres {
            host: "h".into(),
            port: 5_433,
            database: "d".into(),
            user: "u".into(),
            encryption: Encryption::VerifyHost(Authorities::System),
        },
        created: Timestamp(3),
        revision: 1,
        price_per_hour: 1.25,
    });
    let Some(pb::target::Address::Postgres(address)) = message.address else {
        panic!("it is a PostgreSQL target");
    };
    assert_eq!(address.password, "");
    assert_eq!(address.ssl_mode(), pb::SslMode::VerifyFull);
    assert_eq!(address.root_certificate, "");
    assert_eq!((address.port, message.created_us), (5_433, 3));
    assert_eq!(message.price_per_hour.to_string(), "1.25");
}

#[test]
fn a_template_carries_the_etag_of_its_version() {
    let message = template(&Template {
        id: TemplateId(Uuid::nil()),
        project: Project::new("acme").unwrap(),
        name: Name::new("reads").unwrap(),
        version: 7,
        spec: a_simple_spec(),
        source: Some("# why\nname: reads\n".to_owned()),
        created: Timestamp(1),
        updated: Timestamp(2),
    });
    assert_eq!(message.etag, etag(7));
    assert_eq!(message.source, "# why\nname: reads\n");
    assert_eq!((message.created_us, message.updated_us), (1, 2));
}

fn a_run(state: RunState) -> Run {
    Run {
        id: RunId(Uuid::from_u128(1)),
        project: Project::new("acme").unwrap(),
        name: Name::new("run").unwrap(),
        template: Name::new("reads").unwrap(),
        template_version: 2,
        spec: a_simple_spec(),
        state,
        revision: 4,
        labels: [("a".to_owned(), "b".to_owned())].into(),
        notes: String::new(),
        rerun_of: None,
        created: Timestamp(10),
        started: None,
        ended: None,
    }
}

#[test]
fn a_prepared_run_has_no_phase_and_no_reason() {
    let message = run(&a_run(RunState::prepared()), Timestamp(99));
    assert_eq!(message.status(), pb::RunStatus::Prepared);
    assert_eq!(message.phase(), pb::RunPhase::Unspecified);
    assert_eq!(message.stop_reason(), pb::StopReason::Unspecified);
    assert_eq!(message.processing(), pb::ProcessingStatus::Pending);
    assert_eq!(
        (
            message.phase_started_us,
            message.started_us,
            message.ended_us
        ),
        (0, 0, 0)
    );
    assert_eq!((message.server_time_us, message.shards_total), (99, 2));
    assert!(message.spec.is_some());
}

#[test]
fn an_ending_run_says_why_and_who_is_ready() {
    let shard = |stage| ShardState {
        stage,
        ..ShardState::assigned(WorkerId(Uuid::nil()))
    };
    let state = RunState {
        stage: Stage::Cooldown {
            since: Timestamp(50),
            deadline: Timestamp(60),
            measured: None,
            end: End {
                reason: StopReason::UserStop,
                message: "enough".into(),
            },
        },
        // Two were planned, one joined under load.
        shards: [ShardStage::Finished, ShardStage::Lost, ShardStage::Lost]
            .map(shard)
            .into(),
        ..RunState::prepared()
    };
    let message = run(&a_run(state), Timestamp(55));
    assert_eq!(message.status(), pb::RunStatus::Cancelling);
    assert_eq!(message.phase(), pb::RunPhase::Cooldown);
    assert_eq!(message.stop_reason(), pb::StopReason::UserStop);
    assert_eq!(message.stop_message, "enough");
    assert_eq!((message.phase_started_us, message.shards_ready), (50, 1));
    assert_eq!(message.shards_total, 3);
}

#[test]
fn attempts_are_gathered_by_shard() {
    let attempt = |shard, number, stage| Attempt {
        shard,
        number,
        worker: WorkerId(Uuid::nil()),
        worker_text: String::new(),
        stage,
        message: String::new(),
        keys: KeyRange {
            first: 1,
            length: 10,
        },
        assigned: Timestamp(1),
        ended: None,
        first_operation: None,
        peak_cpu_permille: 0,
        clock_uncertainty: None,
        revision: 0,
    };
    let shards = shards(&[
        attempt(1, 1, ShardStage::Running),
        attempt(0, 2, ShardStage::Ready),
        attempt(0, 1, ShardStage::Lost),
    ]);
    let seen: Vec<(u32, pb::AttemptStatus, Vec<u32>)> = shards
        .iter()
        .map(|shard| {
            let numbers = shard
                .attempts
                .iter()
                .map(|attempt| attempt.number)
                .collect();
            (shard.index, shard.status(), numbers)
        })
        .collect();
    assert_eq!(
        seen,
        vec![
            (0, pb::AttemptStatus::Ready, vec![1, 2]),
            (1, pb::AttemptStatus::Running, vec![1]),
        ]
    );
}
