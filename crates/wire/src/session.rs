//! What a worker and the control plane say to each other, both ways and on
//! both sides.

mod down;
mod logs;
mod measured;
mod pools;
mod samples;
mod up;

pub use down::{decode_control, encode_control};
pub use up::{decode_worker, encode_worker};

use gauntlet_api::v1 as pb;
use gauntlet_model::{id::RunId, session::AttemptRef, time::Timestamp};

use crate::fields::Fields;

fn encode_attempt(attempt: AttemptRef) -> pb::AttemptRef {
    pb::AttemptRef {
        run_id: attempt.run.to_string(),
        shard: attempt.shard,
        attempt: attempt.attempt,
    }
}

/// The attempt that a message is about.
fn attempt(fields: &mut Fields<'_>, attempt: Option<pb::AttemptRef>) -> Option<AttemptRef> {
    let attempt = fields.required("attempt", attempt)?;
    let mut fields = fields.child("attempt");
    attempt_of(&mut fields, &attempt.run_id, attempt.shard, attempt.attempt)
}

fn attempt_of(fields: &mut Fields<'_>, run: &str, shard: u32, attempt: u32) -> Option<AttemptRef> {
    let run = fields.uuid("run_id", run).map(RunId);
    if attempt == 0 {
        fields.add("attempt", "must be at least 1");
    }
    Some(AttemptRef {
        run: run?,
        shard,
        attempt,
    })
}

/// An instant; 0 is none.
fn instant(fields: &mut Fields<'_>, field: &str, us: i64) -> Option<Timestamp> {
    if us <= 0 {
        fields.add(field, "is required");
        return None;
    }
    Some(Timestamp(us))
}

/// A number that counts from 1, or from 0 where nothing was counted yet.
fn sequence(fields: &mut Fields<'_>, field: &str, value: i64, least: i64) -> Option<i64> {
    if value < least {
        fields.add(field, format!("must be at least {least}, it is {value}"));
        return None;
    }
    Some(value)
}

/// A length of time in microseconds.
fn length(fields: &mut Fields<'_>, field: &str, us: i64) -> Option<std::time::Duration> {
    let Ok(us) = u64::try_from(us) else {
        fields.add(field, format!("must not be negative, it is {us}"));
        return None;
    };
    Some(std::time::Duration::from_micros(us))
}

#[cfg(test)]
mod tests;
