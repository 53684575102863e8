//! Up: what a worker says.

use std::time::Duration;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::WorkerId,
    session::{Heartbeat, Hello, ResumePoint, ShardTotals, WorkerEvent},
    time::micros,
};
use pb::worker_message::Message as M;

use super::{
    attempt, attempt_of, encode_attempt, instant, length, logs, measured, samples, sequence,
};
use crate::{
    Violations, decode, encode,
    fields::{Fields, read, shortened},
};

const LONGEST_NAME: usize = 255;
const LONGEST_MESSAGE: usize = 4_096;
/// More shards than a worker holds at once.
const MOST_RESUMES: usize = 1_000;

/// A worker's event as a message.
#[must_use]
pub fn encode_worker(event: &WorkerEvent) -> pb::WorkerMessage {
    let message = match event {
        WorkerEvent::Hello(hello) => M::Hello(encode_hello(hello)),
        WorkerEvent::Ready {
            attempt,
            target_version,
        } => M::Ready(pb::Ready {
            attempt: Some(encode_attempt(*attempt)),
            target_version: target_version.clone(),
        }),
        WorkerEvent::Heartbeat(heartbeat) => M::Heartbeat(encode_heartbeat(heartbeat)),
        WorkerEvent::Ack {
            attempt,
            sequence,
            late,
        } => M::Ack(pb::Ack {
            attempt: Some(encode_attempt(*attempt)),
            sequence: *sequence,
            late_us: micros(*late),
        }),
        WorkerEvent::PhaseEntered { attempt, phase, at } => M::PhaseEntered(pb::PhaseEntered {
            attempt: Some(encode_attempt(*attempt)),
            phase: encode::phase(*phase).into(),
            at_us: at.0,
        }),
        WorkerEvent::Interval {
            interval,
            first_operation,
        } => M::Interval(measured::encode(interval, *first_operation)),
        WorkerEvent::Samples { attempt, samples } => M::Samples(samples::encode(*attempt, samples)),
        WorkerEvent::Logs { run, lines } => M::Logs(logs::encode(*run, lines)),
        WorkerEvent::ShardFinished(totals) => M::ShardFinished(pb::ShardFinished {
            attempt: Some(encode_attempt(totals.attempt)),
            intervals: totals.intervals,
            operations: totals.operations,
            first_operation_us: encode::instant(totals.first_operation),
            peak_cpu: totals.peak_cpu,
        }),
        WorkerEvent::ShardFailed { attempt, message } => M::ShardFailed(pb::ShardFailed {
            attempt: Some(encode_attempt(*attempt)),
            message: message.clone(),
        }),
        WorkerEvent::Goodbye { message } => M::Goodbye(pb::Goodbye {
            message: message.clone(),
        }),
    };
    pb::WorkerMessage {
        message: Some(message),
    }
}

fn encode_hello(hello: &Hello) -> pb::Hello {
    pb::Hello {
        protocol_min: hello.protocol_min,
        protocol_max: hello.protocol_max,
        worker_id: hello.worker.to_string(),
        name: hello.name.clone(),
        capacity: hello.capacity,
        labels: hello.labels.clone().into_iter().collect(),
        processors: hello.processors,
        version: hello.version.clone(),
        resumes: hello.resumes.iter().map(encode_resume).collect(),
    }
}

fn encode_resume(point: &ResumePoint) -> pb::ResumePoint {
    pb::ResumePoint {
        run_id: point.attempt.run.to_string(),
        shard: point.attempt.shard,
        attempt: point.attempt.attempt,
        last_command: point.last_command,
    }
}

fn encode_heartbeat(heartbeat: &Heartbeat) -> pb::Heartbeat {
    pb::Heartbeat {
        sent_us: heartbeat.sent.0,
        clock_offset_us: heartbeat.clock_offset_us,
        clock_uncertainty_us: encode::uncertainty(heartbeat.clock_uncertainty),
        cpu: heartbeat.cpu,
        memory_bytes: heartbeat.memory_bytes,
        in_flight: heartbeat.in_flight,
        backlog: heartbeat.backlog,
    }
}

/// A worker's message as an event.
pub fn decode_worker(message: pb::WorkerMessage) -> Result<WorkerEvent, Violations> {
    read(Vec::new(), |fields| {
        match fields.required("message", message.message)? {
            M::Hello(message) => hello(&mut fields.child("hello"), message),
            M::Ready(message) => ready(&mut fields.child("ready"), message),
            M::Heartbeat(message) => heartbeat(&mut fields.child("heartbeat"), &message),
            M::Ack(message) => ack(&mut fields.child("ack"), message),
            M::PhaseEntered(message) => phase_entered(&mut fields.child("phase_entered"), message),
            M::Interval(message) => measured::decode(&mut fields.child("interval"), message),
            M::Samples(message) => samples::decode(&mut fields.child("samples"), message),
            M::Logs(message) => logs::decode(&mut fields.child("logs"), message),
            M::ShardFinished(message) => finished(&mut fields.child("shard_finished"), message),
            M::ShardFailed(message) => {
                let mut fields = fields.child("shard_failed");
                let attempt = attempt(&mut fields, message.attempt);
                Some(WorkerEvent::ShardFailed {
                    attempt: attempt?,
                    message: said(message.message),
                })
            }
            M::Goodbye(message) => Some(WorkerEvent::Goodbye {
                message: said(message.message),
            }),
        }
    })
}

fn hello(fields: &mut Fields<'_>, hello: pb::Hello) -> Option<WorkerEvent> {
    if hello.protocol_min == 0 || hello.protocol_min > hello.protocol_max {
        fields.add(
            "protocol_min",
            "must be at least 1 and at most protocol_max",
        );
    }
    let worker = fields.uuid("worker_id", &hello.worker_id).map(WorkerId);
    let name = fields.filled("name", hello.name, LONGEST_NAME);
    let labels = fields.labels("labels", hello.labels);
    let version = fields.text("version", hello.version, LONGEST_NAME);
    if hello.capacity == 0 {
        fields.add("capacity", "must be at least 1");
    }
    let resumes = resumes(fields, &hello.resumes);
    Some(WorkerEvent::Hello(Hello {
        protocol_min: hello.protocol_min,
        protocol_max: hello.protocol_max,
        worker: worker?,
        name: name?,
        capacity: hello.capacity,
        labels: labels?,
        processors: hello.processors,
        version: version?,
        resumes: resumes?,
    }))
}

fn resumes(fields: &mut Fields<'_>, points: &[pb::ResumePoint]) -> Option<Vec<ResumePoint>> {
    if points.len() > MOST_RESUMES {
        let message = format!("must be at most {MOST_RESUMES}, there are {}", points.len());
        fields.add("resumes", message);
        return None;
    }
    let read: Vec<_> = points
        .iter()
        .enumerate()
        .map(|(index, point)| resume(&mut fields.child(format!("resumes[{index}]")), point))
        .collect();
    read.into_iter().collect()
}

fn resume(fields: &mut Fields<'_>, point: &pb::ResumePoint) -> Option<ResumePoint> {
    let attempt = attempt_of(fields, &point.run_id, point.shard, point.attempt);
    let last_command = sequence(fields, "last_command", point.last_command, 0);
    Some(ResumePoint {
        attempt: attempt?,
        last_command: last_command?,
    })
}

fn ready(fields: &mut Fields<'_>, ready: pb::Ready) -> Option<WorkerEvent> {
    let attempt = attempt(fields, ready.attempt);
    let target_version = fields.text("target_version", ready.target_version, LONGEST_MESSAGE);
    Some(WorkerEvent::Ready {
        attempt: attempt?,
        target_version: target_version?,
    })
}

fn heartbeat(fields: &mut Fields<'_>, heartbeat: &pb::Heartbeat) -> Option<WorkerEvent> {
    let sent = instant(fields, "sent_us", heartbeat.sent_us);
    let uncertainty = length(
        fields,
        "clock_uncertainty_us",
        heartbeat.clock_uncertainty_us,
    )?;
    Some(WorkerEvent::Heartbeat(Heartbeat {
        sent: sent?,
        clock_offset_us: heartbeat.clock_offset_us,
        clock_uncertainty: (uncertainty > Duration::ZERO).then_some(uncertainty),
        cpu: share(fields, "cpu", heartbeat.cpu)?,
        memory_bytes: heartbeat.memory_bytes,
        in_flight: heartbeat.in_flight,
        backlog: heartbeat.backlog,
    }))
}

fn ack(fields: &mut Fields<'_>, ack: pb::Ack) -> Option<WorkerEvent> {
    let attempt = attempt(fields, ack.attempt);
    let sequence = sequence(fields, "sequence", ack.sequence, 1);
    let late = length(fields, "late_us", ack.late_us);
    Some(WorkerEvent::Ack {
        attempt: attempt?,
        sequence: sequence?,
        late: late?,
    })
}

fn phase_entered(fields: &mut Fields<'_>, entered: pb::PhaseEntered) -> Option<WorkerEvent> {
    let attempt = attempt(fields, entered.attempt);
    let phase = fields.choice("phase", entered.phase, decode::phase);
    let at = instant(fields, "at_us", entered.at_us);
    Some(WorkerEvent::PhaseEntered {
        attempt: attempt?,
        phase: phase?,
        at: at?,
    })
}

fn finished(fields: &mut Fields<'_>, totals: pb::ShardFinished) -> Option<WorkerEvent> {
    let attempt = attempt(fields, totals.attempt);
    let intervals = sequence(fields, "intervals", totals.intervals, 0);
    let peak_cpu = share(fields, "peak_cpu", totals.peak_cpu);
    Some(WorkerEvent::ShardFinished(ShardTotals {
        attempt: attempt?,
        intervals: intervals?,
        operations: totals.operations,
        first_operation: measured::first_operation(totals.first_operation_us),
        peak_cpu: peak_cpu?,
    }))
}

/// A share of the processors. Coarse clocks may give a little more than all.
fn share(fields: &mut Fields<'_>, field: &str, value: f64) -> Option<f64> {
    if value.is_finite() && value >= 0.0 {
        return Some(value);
    }
    fields.add(field, format!("must be 0 to 1, it is {value}"));
    None
}

/// A worker's own words, kept short rather than refused.
fn said(message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        shortened(&message)
    } else {
        message
    }
}
