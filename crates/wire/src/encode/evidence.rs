//! What a target's own statistics say of a run.

use gauntlet_api::v1 as pb;
use gauntlet_model::evidence::{ActivityPoint, Evidence, Period, Relation, StatementFigures, Wait};

use super::run::processing;

pub(super) fn evidence(evidence: &Evidence) -> pb::Evidence {
    pb::Evidence {
        status: processing(evidence.status).into(),
        message: evidence.message.clone(),
        periods: evidence.periods.iter().map(period).collect(),
        settings: evidence
            .settings
            .iter()
            .map(|(name, value)| pb::EvidenceSetting {
                name: name.clone(),
                value: value.clone(),
            })
            .collect(),
        skipped: evidence.skipped.clone(),
    }
}

/// What a run's sessions did at the target.
#[must_use]
pub fn target_activity(point: &ActivityPoint) -> pb::TargetActivity {
    let waits = point.waits.iter();
    pb::TargetActivity {
        time_us: point.at.0,
        sessions: point.sessions,
        waits: waits
            .map(|(kind, sessions)| pb::TargetWait {
                kind: kind.clone(),
                sessions: *sessions,
            })
            .collect(),
        queued: point.queued,
    }
}

fn period(period: &Period) -> pb::EvidencePeriod {
    pb::EvidencePeriod {
        phase: super::phase(period.phase).into(),
        from_us: period.from.0,
        to_us: period.to.0,
        statements: period.statements.iter().map(statement).collect(),
        counters: period
            .counters
            .iter()
            .map(|(name, value)| pb::EvidenceCounter {
                name: name.clone(),
                value: *value,
            })
            .collect(),
        waits: period.waits.iter().map(wait).collect(),
        relations: period.relations.iter().map(relation).collect(),
    }
}

fn statement(figures: &StatementFigures) -> pb::EvidenceStatement {
    let mean_us = if figures.calls == 0 {
        0.0
    } else {
        figures.total_us / figures.calls as f64
    };
    pb::EvidenceStatement {
        operation: figures.operation.clone(),
        calls: figures.calls,
        total_us: figures.total_us,
        mean_us,
        rows: figures.rows,
        pages_hit: figures.pages_hit,
        pages_read: figures.pages_read,
    }
}

fn wait(wait: &Wait) -> pb::EvidenceWait {
    pb::EvidenceWait {
        kind: wait.kind.clone(),
        event: wait.event.clone(),
        sessions: wait.sessions,
        share: wait.share,
    }
}

fn relation(relation: &Relation) -> pb::EvidenceRelation {
    let kind = if relation.index { "index" } else { "table" };
    pb::EvidenceRelation {
        name: relation.name.clone(),
        kind: kind.to_owned(),
        bytes: relation.bytes,
        grown_bytes: relation.grown_bytes,
    }
}
