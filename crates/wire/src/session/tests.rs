//! Every message survives both ways, and nonsense is refused by its field.

use std::time::Duration;

use gauntlet_model::{
    id::{Name, WorkerId},
    interval::{
        Encoded, ErrorClass, ErrorCount, Interval, Latencies, OperationInterval, empty_histogram,
    },
    lifecycle::{Action, Aim, Phase, StepPlan},
    logs::{Level as LogLevel, LogLine},
    sample::{OperationSample, SampleKind, SampledError},
    session::{
        Assign, Command, ControlMessage, Heartbeat, Hello, KeyRange, ResumePoint, ShardTotals,
        Welcome, WorkerEvent,
    },
    target::{Address, Authorities, Encryption, Secret},
    template::{Level, Parameter, PoolOrder, Split},
};
use uuid::Uuid;

use super::*;
use crate::encode::tests::a_simple_spec;

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

fn an_attempt() -> AttemptRef {
    AttemptRef {
        run: RunId(Uuid::from_u128(5)),
        shard: 1,
        attempt: 2,
    }
}

fn latencies(values: &[u64]) -> Latencies {
    let mut histogram = empty_histogram();
    for value in values {
        histogram.record(*value).unwrap();
    }
    let encoded = Encoded::from_histogram(&histogram);
    Latencies {
        response: encoded.clone(),
        service: encoded.clone(),
        lag: encoded,
        rows: values.len() as u64,
    }
}

fn an_interval() -> Interval {
    Interval {
        attempt: an_attempt(),
        sequence: 3,
        start: Timestamp(1_000_000),
        end: Timestamp(2_000_000),
        operations: vec![OperationInterval {
            operation: 1,
            phase: Phase::Measurement,
            step: 7,
            succeeded: latencies(&[1_000, 2_000_000]),
            failed: Latencies::default(),
            cut: 1,
            dropped: 2,
        }],
        errors: vec![ErrorCount {
            operation: 1,
            phase: Phase::Warmup,
            class: ErrorClass::Constraint,
            code: "23505".into(),
            message: "duplicate key".into(),
            count: 4,
        }],
        in_flight: 5,
        backlog: 6,
    }
}

fn a_hello(resumes: Vec<ResumePoint>) -> Hello {
    Hello {
        protocol_min: 1,
        protocol_max: 1,
        worker: WorkerId(Uuid::from_u128(9)),
        name: "host".into(),
        capacity: 100,
        labels: [("zone".to_owned(), "a".to_owned())].into(),
        processors: 2,
        version: "0.1.0".into(),
        resumes,
    }
}

fn a_heartbeat(clock_uncertainty: Option<Duration>) -> Heartbeat {
    Heartbeat {
        sent: Timestamp(77),
        clock_offset_us: -12,
        clock_uncertainty,
        cpu: 0.25,
        memory_bytes: 1 << 24,
        in_flight: 3,
        backlog: 4,
    }
}

fn a_sample(kind: SampleKind, error: Option<SampledError>) -> OperationSample {
    OperationSample {
        attempt: an_attempt(),
        operation: 1,
        phase: Phase::Measurement,
        kind,
        index: 1 << 40,
        due: Timestamp(1_234_567),
        response_ns: 30,
        service_ns: 20,
        lag_ns: 10,
        rows: 2,
        error,
        parameters: "7, 'x'".into(),
    }
}

fn a_line(level: LogLevel) -> LogLine {
    LogLine {
        sequence: 0,
        time: Timestamp(9),
        worker: None,
        shard: Some(1),
        level,
        message: "connections open".into(),
    }
}

#[test]
fn every_event_of_a_worker_survives() {
    let attempt = an_attempt();
    let resume = ResumePoint {
        attempt,
        last_command: 0,
    };
    for event in [
        WorkerEvent::Hello(a_hello(Vec::new())),
        WorkerEvent::Hello(a_hello(vec![resume, resume])),
        WorkerEvent::Ready {
            attempt,
            target_version: "PostgreSQL 15".into(),
        },
        WorkerEvent::Heartbeat(a_heartbeat(None)),
        WorkerEvent::Heartbeat(a_heartbeat(Some(Duration::from_micros(150)))),
        WorkerEvent::Ack {
            attempt,
            sequence: 1,
            late: Duration::from_micros(8),
        },
        WorkerEvent::PhaseEntered {
            attempt,
            phase: Phase::Cooldown,
            at: Timestamp(6),
        },
        WorkerEvent::Interval {
            interval: Box::new(an_interval()),
            first_operation: None,
        },
        WorkerEvent::Interval {
            interval: Box::new(an_interval()),
            first_operation: Some(Timestamp(6)),
        },
        WorkerEvent::Samples {
            attempt,
            samples: vec![
                a_sample(SampleKind::Slowest, None),
                a_sample(SampleKind::Reservoir, None),
                a_sample(
                    SampleKind::FirstError,
                    Some(SampledError {
                        class: ErrorClass::Timeout,
                        code: "OPERATION_TIMEOUT".into(),
                        message: "too slow".into(),
                    }),
                ),
            ],
        },
        WorkerEvent::Logs {
            run: attempt.run,
            lines: LogLevel::ALL.map(a_line).to_vec(),
        },
        WorkerEvent::ShardFinished(ShardTotals {
            attempt,
            intervals: 3,
            operations: 12,
            first_operation: None,
            peak_cpu: 0.5,
        }),
        WorkerEvent::ShardFailed {
            attempt,
            message: "the target went away".into(),
        },
        WorkerEvent::Goodbye {
            message: String::new(),
        },
    ] {
        assert_eq!(decode_worker(encode_worker(&event)), Ok(event));
    }
}

#[test]
fn an_interval_that_does_not_tell_when_the_load_began_is_let_in() {
    for us in [0, -1, i64::MIN] {
        let message = pb::Interval {
            first_operation_us: us,
            ..measured::encode(&an_interval(), Some(Timestamp(6)))
        };
        let message = pb::worker_message::Message::Interval(message);
        assert_eq!(
            decode_worker(pb::WorkerMessage {
                message: Some(message)
            }),
            Ok(WorkerEvent::Interval {
                interval: Box::new(an_interval()),
                first_operation: None,
            })
        );
    }
}

#[test]
fn every_control_message_survives_with_its_generation() {
    let attempt = an_attempt();
    let assign = Assign {
        attempt,
        run_name: Name::new("run").unwrap(),
        spec: a_simple_spec(),
        address: Address::Postgres {
            host: "h".into(),
            port: 5_432,
            database: "d".into(),
            user: "u".into(),
            encryption: Encryption::VerifyAuthority(Authorities::Pem(CERTIFICATE.into())),
        },
        password: Some(Secret::new("pw".into())),
        shards: 2,
        keys: KeyRange {
            first: 1_000,
            length: 500,
        },
        pools: vec![(
            Name::new("names").unwrap(),
            vec![Some("a".into()), None, Some(String::new())],
        )],
    };
    let aim = Aim {
        level: Level::Rate { milli_per_s: 1 },
        split: Split::of(vec![10, 0, 8]),
    };
    let command = |action| {
        ControlMessage::Command(Command {
            attempt,
            sequence: 1,
            at: Timestamp(5),
            action,
        })
    };
    for message in [
        ControlMessage::Welcome(Welcome {
            protocol: 1,
            generation: 3,
            heartbeat_period: Duration::from_secs(1),
            now: Timestamp(9),
        }),
        ControlMessage::Assign(Box::new(assign.clone())),
        ControlMessage::Assign(Box::new(Assign {
            address: Address::Sqlite {
                path: "/tmp/x.db".into(),
            },
            password: None,
            ..assign
        })),
        command(Action::Start(Phase::Warmup)),
        command(Action::SetPhase(Phase::Measurement)),
        command(Action::SetTarget(
            Level::Concurrency { connections: 7 }.into(),
        )),
        command(Action::SetTarget(aim.clone())),
        command(Action::Step(StepPlan {
            step: 3,
            aim,
            settle_us: 0,
            window_us: 1_000_000,
        })),
        command(Action::Pause),
        command(Action::Resume),
        command(Action::Stop { drain_us: 0 }),
        ControlMessage::Drain {
            message: "the machine is needed".into(),
        },
        ControlMessage::IntervalsAck {
            attempt,
            sequence: 0,
        },
        ControlMessage::Release { attempt },
        ControlMessage::HeartbeatReply {
            sent: Timestamp(1),
            received: Timestamp(2),
            replied: Timestamp(3),
        },
    ] {
        assert_eq!(
            decode_control(encode_control(3, &message)),
            Ok((3, message))
        );
    }
}

fn refused_up(message: pb::worker_message::Message, expected: &[&str]) {
    let message = pb::WorkerMessage {
        message: Some(message),
    };
    let found = decode_worker(message).unwrap_err().0;
    let fields: Vec<&str> = found.iter().map(|found| found.field.as_str()).collect();
    assert_eq!(fields, expected, "{found:?}");
}

fn refused_down(message: pb::control_message::Message, expected: &[&str]) {
    let message = pb::ControlMessage {
        session_generation: 1,
        message: Some(message),
    };
    let found = decode_control(message).unwrap_err().0;
    let fields: Vec<&str> = found.iter().map(|found| found.field.as_str()).collect();
    assert_eq!(fields, expected, "{found:?}");
}

#[test]
fn empty_messages_of_a_worker_name_what_is_missing() {
    use pb::worker_message::Message as M;
    let empty = decode_worker(pb::WorkerMessage::default()).unwrap_err();
    assert_eq!(empty.to_string(), "message: is required");
    refused_up(
        M::Hello(pb::Hello::default()),
        &[
            "hello.protocol_min",
            "hello.worker_id",
            "hello.name",
            "hello.capacity",
        ],
    );
    refused_up(M::Ready(pb::Ready::default()), &["ready.attempt"]);
    refused_up(
        M::Ready(pb::Ready {
            attempt: Some(pb::AttemptRef::default()),
            ..pb::Ready::default()
        }),
        &["ready.attempt.run_id", "ready.attempt.attempt"],
    );
    refused_up(
        M::Heartbeat(pb::Heartbeat::default()),
        &["heartbeat.sent_us"],
    );
    refused_up(M::Ack(pb::Ack::default()), &["ack.attempt", "ack.sequence"]);
    refused_up(
        M::PhaseEntered(pb::PhaseEntered::default()),
        &[
            "phase_entered.attempt",
            "phase_entered.phase",
            "phase_entered.at_us",
        ],
    );
    refused_up(
        M::Interval(pb::Interval::default()),
        &[
            "interval.attempt",
            "interval.sequence",
            "interval.start_us",
            "interval.end_us",
        ],
    );
    refused_up(
        M::ShardFinished(pb::ShardFinished::default()),
        &["shard_finished.attempt"],
    );
    refused_up(
        M::ShardFailed(pb::ShardFailed::default()),
        &["shard_failed.attempt"],
    );
}

#[test]
fn empty_control_messages_name_what_is_missing() {
    use pb::control_message::Message as M;
    assert!(decode_control(pb::ControlMessage::default()).is_err());
    refused_down(
        M::Welcome(pb::Welcome::default()),
        &[
            "welcome.protocol",
            "welcome.heartbeat_period_us",
            "welcome.server_time_us",
        ],
    );
    refused_down(
        M::Assign(pb::Assign::default()),
        &[
            "assign.run_id",
            "assign.attempt",
            "assign.run_name",
            "assign.shards",
            "assign.spec",
            "assign.target",
            "assign.keys",
        ],
    );
    refused_down(
        M::Command(pb::Command::default()),
        &[
            "command.attempt",
            "command.sequence",
            "command.at_us",
            "command.action",
        ],
    );
    refused_down(
        M::IntervalsAck(pb::IntervalsAck::default()),
        &["intervals_ack.attempt"],
    );
    refused_down(M::Release(pb::Release::default()), &["release.attempt"]);
    refused_down(
        M::HeartbeatReply(pb::HeartbeatReply::default()),
        &[
            "heartbeat_reply.sent_us",
            "heartbeat_reply.received_us",
            "heartbeat_reply.replied_us",
        ],
    );
}

#[test]
fn damaged_measurements_are_refused() {
    let damaged = |damage: fn(&mut pb::Interval), expected: &[&str]| {
        let mut message = measured::encode(&an_interval(), None);
        damage(&mut message);
        refused_up(pb::worker_message::Message::Interval(message), expected);
    };
    damaged(
        |interval| {
            let succeeded = interval.operations[0].succeeded.as_mut().unwrap();
            succeeded.lag = vec![1, 2, 3];
        },
        &["interval.operations[0].succeeded.lag"],
    );
    damaged(
        |interval| interval.operations[0].operation = 100,
        &["interval.operations[0].operation"],
    );
    damaged(
        |interval| interval.errors[0].class = "BAD".into(),
        &["interval.errors[0].class"],
    );
    damaged(
        |interval| interval.operations[0].step = 201,
        &["interval.operations[0].step"],
    );
    damaged(|interval| interval.end_us = 1, &["interval.end_us"]);
    damaged(
        |interval| interval.operations = vec![pb::OperationInterval::default(); 20_601],
        &["interval.operations"],
    );
}

#[test]
fn a_worker_is_only_sent_into_phases_of_load() {
    use pb::{command::Action, control_message::Message};
    let start = pb::StartCommand {
        phase: pb::RunPhase::Done.into(),
    };
    refused_down(
        Message::Command(pb::Command {
            attempt: Some(encode_attempt(an_attempt())),
            sequence: 1,
            at_us: 1,
            action: Some(Action::Start(start)),
        }),
        &["command.start.phase"],
    );
}

#[test]
fn an_assignment_has_the_values_of_all_its_pools() {
    let mut spec = a_simple_spec();
    spec.operations[0].parameters = vec![Parameter::Pool {
        pool: Name::new("names").unwrap(),
        order: PoolOrder::Uniform,
    }];
    let check = |pools: &[(&str, usize, usize)], expected: &[&str]| {
        let pools = pools
            .iter()
            .map(|&(name, values, length)| pb::AssignedPool {
                name: name.to_owned(),
                values: vec![
                    pb::AssignedValue {
                        text: Some("x".repeat(length))
                    };
                    values
                ],
            });
        let assign = pb::Assign {
            spec: Some(crate::encode::spec(&spec)),
            pools: pools.collect(),
            ..pb::Assign::default()
        };
        let others = [
            "assign.run_id",
            "assign.attempt",
            "assign.run_name",
            "assign.shards",
            "assign.target",
            "assign.keys",
        ];
        let expected: Vec<&str> = others.iter().chain(expected).copied().collect();
        refused_down(pb::control_message::Message::Assign(assign), &expected);
    };
    check(&[("names", 1, 1)], &[]);
    check(&[("names", 16, 1 << 20)], &[]);
    check(&[], &["assign.pools"]);
    check(&[("others", 1, 1)], &["assign.pools"]);
    check(&[("names", 0, 0)], &["assign.pools[0].values"]);
    check(&[("names", 17, 1 << 20)], &["assign.pools"]);
}

#[test]
fn levels_that_no_load_can_have_are_refused() {
    use pb::set_target_command::Level as L;
    let check = |level: Option<L>, expected: &str| {
        let set = pb::SetTargetCommand {
            level,
            weights: Vec::new(),
        };
        let command = pb::Command {
            attempt: Some(encode_attempt(an_attempt())),
            sequence: 1,
            at_us: 1,
            action: Some(pb::command::Action::SetTarget(set)),
        };
        refused_down(pb::control_message::Message::Command(command), &[expected]);
    };
    check(None, "command.set_target.level");
    check(Some(L::Connections(0)), "command.set_target.connections");
    check(
        Some(L::Connections(100_001)),
        "command.set_target.connections",
    );
    check(Some(L::MilliPerS(0)), "command.set_target.milli_per_s");
    check(
        Some(L::MilliPerS(10_000_000_001)),
        "command.set_target.milli_per_s",
    );
}

#[test]
fn a_step_has_a_level_a_window_and_somebody_to_send_it() {
    let check = |step: pb::StepCommand, expected: &[&str]| {
        let command = pb::Command {
            attempt: Some(encode_attempt(an_attempt())),
            sequence: 1,
            at_us: 1,
            action: Some(pb::command::Action::Step(step)),
        };
        refused_down(pb::control_message::Message::Command(command), expected);
    };
    check(
        pb::StepCommand {
            settle_us: -1,
            ..pb::StepCommand::default()
        },
        &[
            "command.step.step",
            "command.step.target",
            "command.step.settle_us",
            "command.step.window_us",
        ],
    );
    let split = |weights| pb::StepCommand {
        step: 1,
        target: Some(pb::SetTargetCommand {
            level: Some(pb::set_target_command::Level::Connections(1)),
            weights,
        }),
        settle_us: 0,
        window_us: 1,
    };
    check(split(vec![0, 0]), &["command.step.target.weights"]);
    check(split(vec![1; 10_001]), &["command.step.target.weights"]);
}

#[test]
fn what_a_worker_holds_is_checked_one_by_one() {
    let hello = crate::session::up::encode_worker(&WorkerEvent::Hello(a_hello(Vec::new())));
    let Some(pb::worker_message::Message::Hello(mut hello)) = hello.message else {
        panic!("it is a hello");
    };
    hello.resumes = vec![pb::ResumePoint::default()];
    refused_up(
        pb::worker_message::Message::Hello(hello.clone()),
        &["hello.resumes[0].run_id", "hello.resumes[0].attempt"],
    );
    hello.resumes = vec![pb::ResumePoint::default(); 1_001];
    refused_up(
        pb::worker_message::Message::Hello(hello),
        &["hello.resumes"],
    );
}
