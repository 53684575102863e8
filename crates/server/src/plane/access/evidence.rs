//! What a target's own statistics say, in the words of `model`.

use async_trait::async_trait;
use gauntlet_model::{
    evidence::{
        Counters, RelationSize, Snapshot, StatementFigures, Statements, WaitNow, WaitSample,
    },
    time::Timestamp,
};
use gauntlet_orchestrator::access::{AccessError, WaitWatch};
use gauntlet_targets::{self as driver, SessionWatch};

pub(super) fn snapshot(found: driver::Statistics) -> Snapshot {
    let version = ("version".to_owned(), found.version);
    let settings = found.settings.into_iter().map(|setting| {
        let value = match setting.unit {
            Some(unit) => format!("{} {unit}", setting.value),
            None => setting.value,
        };
        (setting.name, value)
    });
    Snapshot {
        counters: found.counters.into_iter().map(counters).collect(),
        levels: found.levels,
        statements: found.statements.map(statements),
        relations: found.relations.into_iter().map(relation).collect(),
        settings: std::iter::once(version).chain(settings).collect(),
        skipped: found.skipped,
    }
}

fn counters(found: driver::Counters) -> Counters {
    Counters {
        source: found.source,
        reset: found.reset_us.map(Timestamp),
        values: found.values,
    }
}

fn statements(found: driver::StatementCounts) -> Statements {
    let figures = found.figures.into_iter().map(|one| StatementFigures {
        operation: one.name,
        calls: one.calls,
        total_us: one.total_us,
        rows: one.rows,
        pages_hit: one.pages_hit,
        pages_read: one.pages_read,
    });
    Statements {
        reset: found.reset_us.map(Timestamp),
        forgotten: found.forgotten,
        figures: figures.collect(),
    }
}

fn relation(found: driver::RelationSize) -> RelationSize {
    RelationSize {
        name: found.name,
        index: found.index,
        bytes: found.bytes,
    }
}

/// A connection that looks at the sessions of one run.
pub(super) struct Watch(pub(super) SessionWatch);

#[async_trait]
impl WaitWatch for Watch {
    async fn look(&mut self) -> Result<WaitSample, AccessError> {
        let found = self.0.look().await.map_err(super::outcome)?;
        let waits = found.waits.into_iter().map(|wait| WaitNow {
            kind: wait.kind,
            event: wait.event,
            sessions: wait.sessions,
            queued: wait.queued,
        });
        Ok(WaitSample {
            sessions: found.sessions,
            waits: waits.collect(),
        })
    }
}
