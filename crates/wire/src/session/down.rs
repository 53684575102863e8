//! Down: what the control plane says.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    lifecycle::{Action, Aim, Phase, StepPlan},
    session::{Assign, Command, ControlMessage, KeyRange, Welcome},
    template::{Level, Split},
    time::micros,
};
use pb::control_message::Message as M;

use super::{attempt, attempt_of, encode_attempt, instant, length, pools, sequence};
use crate::{
    Violations, decode, encode,
    fields::{Fields, read},
};

const LONGEST_MESSAGE: usize = 4_096;
/// As many as there may be workers.
const MOST_SHARDS: usize = 10_000;
/// As many as a template may ask for.
const MOST_CONNECTIONS: u32 = 100_000;
/// As much as a template may ask for: ten million per second.
const LARGEST_MILLI_PER_S: u64 = 10_000_000_000;

/// A control message of a session's generation.
#[must_use]
pub fn encode_control(generation: u64, message: &ControlMessage) -> pb::ControlMessage {
    let message = match message {
        ControlMessage::Welcome(welcome) => M::Welcome(pb::Welcome {
            protocol: welcome.protocol,
            session_generation: welcome.generation,
            heartbeat_period_us: micros(welcome.heartbeat_period),
            server_time_us: welcome.now.0,
        }),
        ControlMessage::Assign(assign) => M::Assign(encode_assign(assign)),
        ControlMessage::Command(command) => M::Command(encode_command(command)),
        ControlMessage::IntervalsAck { attempt, sequence } => M::IntervalsAck(pb::IntervalsAck {
            attempt: Some(encode_attempt(*attempt)),
            sequence: *sequence,
        }),
        ControlMessage::Release { attempt } => M::Release(pb::Release {
            attempt: Some(encode_attempt(*attempt)),
        }),
        ControlMessage::Drain { message } => M::Drain(pb::Drain {
            message: message.clone(),
        }),
        ControlMessage::HeartbeatReply {
            sent,
            received,
            replied,
        } => M::HeartbeatReply(pb::HeartbeatReply {
            sent_us: sent.0,
            received_us: received.0,
            replied_us: replied.0,
        }),
    };
    pb::ControlMessage {
        session_generation: generation,
        message: Some(message),
    }
}

fn encode_assign(assign: &Assign) -> pb::Assign {
    let address = encode::address(&assign.address, assign.password.as_ref());
    pb::Assign {
        run_id: assign.attempt.run.to_string(),
        run_name: assign.run_name.to_string(),
        spec: Some(encode::spec(&assign.spec)),
        target: Some(pb::Target {
            address: Some(address),
            ..pb::Target::default()
        }),
        shard: assign.attempt.shard,
        shards: assign.shards,
        attempt: assign.attempt.attempt,
        keys: Some(encode::key_range(assign.keys)),
        pools: assign.pools.iter().map(pools::encode).collect(),
    }
}

fn encode_command(command: &Command) -> pb::Command {
    use pb::command::Action as A;
    let action = match &command.action {
        Action::Start(phase) => A::Start(pb::StartCommand {
            phase: encode::phase(*phase).into(),
        }),
        Action::SetPhase(phase) => A::SetPhase(pb::SetPhaseCommand {
            phase: encode::phase(*phase).into(),
        }),
        Action::SetTarget(aim) => A::SetTarget(encode_aim(aim)),
        Action::Step(plan) => A::Step(pb::StepCommand {
            step: plan.step,
            target: Some(encode_aim(&plan.aim)),
            settle_us: plan.settle_us,
            window_us: plan.window_us,
        }),
        Action::Pause => A::Pause(pb::PauseCommand {}),
        Action::Resume => A::Resume(pb::ResumeCommand {}),
        Action::Stop { drain_us } => A::Stop(pb::StopCommand {
            drain_us: *drain_us,
        }),
    };
    pb::Command {
        attempt: Some(encode_attempt(command.attempt)),
        sequence: command.sequence,
        at_us: command.at.0,
        action: Some(action),
    }
}

fn encode_aim(aim: &Aim) -> pb::SetTargetCommand {
    pb::SetTargetCommand {
        level: Some(encode_level(aim.level)),
        weights: aim.split.weights().to_vec(),
    }
}

fn encode_level(level: Level) -> pb::set_target_command::Level {
    use pb::set_target_command::Level as L;
    match level {
        Level::Concurrency { connections } => L::Connections(connections),
        Level::Rate { milli_per_s } => L::MilliPerS(milli_per_s),
    }
}

/// A control message with the generation of the session that it is of.
pub fn decode_control(message: pb::ControlMessage) -> Result<(u64, ControlMessage), Violations> {
    let generation = message.session_generation;
    read(Vec::new(), |fields| {
        match fields.required("message", message.message)? {
            M::Welcome(message) => welcome(&mut fields.child("welcome"), &message),
            M::Assign(message) => assign(&mut fields.child("assign"), message)
                .map(|assign| ControlMessage::Assign(Box::new(assign))),
            M::Command(message) => {
                command(&mut fields.child("command"), message).map(ControlMessage::Command)
            }
            M::IntervalsAck(message) => {
                let mut fields = fields.child("intervals_ack");
                let attempt = attempt(&mut fields, message.attempt);
                let sequence = sequence(&mut fields, "sequence", message.sequence, 0);
                Some(ControlMessage::IntervalsAck {
                    attempt: attempt?,
                    sequence: sequence?,
                })
            }
            M::Release(message) => attempt(&mut fields.child("release"), message.attempt)
                .map(|attempt| ControlMessage::Release { attempt }),
            M::Drain(message) => fields
                .child("drain")
                .text("message", message.message, LONGEST_MESSAGE)
                .map(|message| ControlMessage::Drain { message }),
            M::HeartbeatReply(message) => {
                heartbeat_reply(&mut fields.child("heartbeat_reply"), message)
            }
        }
    })
    .map(|message| (generation, message))
}

fn welcome(fields: &mut Fields<'_>, welcome: &pb::Welcome) -> Option<ControlMessage> {
    if welcome.protocol == 0 {
        fields.add("protocol", "must be at least 1");
    }
    let period = length(fields, "heartbeat_period_us", welcome.heartbeat_period_us);
    if period.is_some_and(|period| period.is_zero()) {
        fields.add("heartbeat_period_us", "must be greater than 0");
    }
    let now = instant(fields, "server_time_us", welcome.server_time_us);
    Some(ControlMessage::Welcome(Welcome {
        protocol: welcome.protocol,
        generation: welcome.session_generation,
        heartbeat_period: period?,
        now: now?,
    }))
}

fn assign(fields: &mut Fields<'_>, assign: pb::Assign) -> Option<Assign> {
    let attempt = attempt_of(fields, &assign.run_id, assign.shard, assign.attempt);
    let run_name = fields.name("run_name", assign.run_name);
    if assign.shard >= assign.shards {
        let message = format!(
            "must be above shard ({}), it is {}",
            assign.shard, assign.shards
        );
        fields.add("shards", message);
    }
    let spec = fields
        .required("spec", assign.spec)
        .and_then(|spec| decode::spec(&mut fields.child("spec"), spec));
    let target = fields
        .required("target", assign.target)
        .and_then(|target| decode::address(&mut fields.child("target"), target.address));
    let keys = fields
        .required("keys", assign.keys)
        .and_then(|keys| key_range(&mut fields.child("keys"), keys));
    let pools = pools::decode(fields, assign.pools, spec.as_ref());
    let (address, password) = target?;
    Some(Assign {
        attempt: attempt?,
        run_name: run_name?,
        spec: spec?,
        address,
        password,
        shards: assign.shards,
        keys: keys?,
        pools: pools?,
    })
}

fn key_range(fields: &mut Fields<'_>, keys: pb::KeyRange) -> Option<KeyRange> {
    if keys.length < 0 {
        fields.add("length", "must not be negative");
        return None;
    }
    if keys.first.checked_add(keys.length).is_none() {
        fields.add("length", "must leave the last key within 64 bits");
        return None;
    }
    Some(KeyRange {
        first: keys.first,
        length: keys.length,
    })
}

fn command(fields: &mut Fields<'_>, command: pb::Command) -> Option<Command> {
    let attempt = attempt(fields, command.attempt);
    let sequence = sequence(fields, "sequence", command.sequence, 1);
    let at = instant(fields, "at_us", command.at_us);
    let action = fields
        .required("action", command.action)
        .and_then(|given| action(fields, given));
    Some(Command {
        attempt: attempt?,
        sequence: sequence?,
        at: at?,
        action: action?,
    })
}

fn action(fields: &mut Fields<'_>, action: pb::command::Action) -> Option<Action> {
    use pb::command::Action as A;
    match action {
        A::Start(start) => load_phase(&mut fields.child("start"), start.phase).map(Action::Start),
        A::SetPhase(set) => {
            load_phase(&mut fields.child("set_phase"), set.phase).map(Action::SetPhase)
        }
        A::SetTarget(set) => aim(&mut fields.child("set_target"), set).map(Action::SetTarget),
        A::Step(given) => step(&mut fields.child("step"), given).map(Action::Step),
        A::Pause(pb::PauseCommand {}) => Some(Action::Pause),
        A::Resume(pb::ResumeCommand {}) => Some(Action::Resume),
        A::Stop(stop) => {
            let drain = length(&mut fields.child("stop"), "drain_us", stop.drain_us)?;
            Some(Action::stop(drain))
        }
    }
}

fn step(fields: &mut Fields<'_>, step: pb::StepCommand) -> Option<StepPlan> {
    if step.step == 0 {
        fields.add("step", "must be at least 1");
    }
    let aim = fields
        .required("target", step.target)
        .and_then(|target| aim(&mut fields.child("target"), target));
    let settle = length(fields, "settle_us", step.settle_us);
    let window = sequence(fields, "window_us", step.window_us, 1);
    settle?;
    Some(StepPlan {
        step: step.step,
        aim: aim?,
        settle_us: step.settle_us,
        window_us: window?,
    })
}

fn aim(fields: &mut Fields<'_>, set: pb::SetTargetCommand) -> Option<Aim> {
    let level = fields
        .required("level", set.level)
        .and_then(|given| level(fields, given));
    if set.weights.len() > MOST_SHARDS {
        let message = format!(
            "must be at most {MOST_SHARDS}, there are {}",
            set.weights.len()
        );
        fields.add("weights", message);
    } else if !set.weights.is_empty() && set.weights.iter().all(|weight| *weight == 0) {
        fields.add("weights", "must hold one above 0");
    }
    Some(Aim {
        level: level?,
        split: Split::of(set.weights),
    })
}

fn level(fields: &mut Fields<'_>, level: pb::set_target_command::Level) -> Option<Level> {
    use pb::set_target_command::Level as L;
    match level {
        L::Connections(connections) => fields
            .count("connections", connections, MOST_CONNECTIONS)
            .map(|connections| Level::Concurrency { connections }),
        L::MilliPerS(milli_per_s) if (1..=LARGEST_MILLI_PER_S).contains(&milli_per_s) => {
            Some(Level::Rate { milli_per_s })
        }
        L::MilliPerS(other) => {
            let message = format!("must be 1 to {LARGEST_MILLI_PER_S}, it is {other}");
            fields.add("milli_per_s", message);
            None
        }
    }
}

/// A phase that a worker can be told to enter.
fn load_phase(fields: &mut Fields<'_>, number: i32) -> Option<Phase> {
    let phase = fields.choice("phase", number, decode::phase)?;
    if !phase.is_load() {
        let message = format!("must be WARMUP or MEASUREMENT, it is {}", phase.as_str());
        fields.add("phase", message);
        return None;
    }
    Some(phase)
}

fn heartbeat_reply(fields: &mut Fields<'_>, reply: pb::HeartbeatReply) -> Option<ControlMessage> {
    let sent = instant(fields, "sent_us", reply.sent_us);
    let received = instant(fields, "received_us", reply.received_us);
    let replied = instant(fields, "replied_us", reply.replied_us);
    Some(ControlMessage::HeartbeatReply {
        sent: sent?,
        received: received?,
        replied: replied?,
    })
}
