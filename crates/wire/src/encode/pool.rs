//! Value pools.

use gauntlet_api::v1 as pb;
use gauntlet_model::pool::{Source, ValuePool};

/// A pool with the values that it came with.
#[must_use]
pub fn pool(pool: &ValuePool) -> pb::ValuePool {
    let value = |text: &Option<String>| pb::PoolValue { text: text.clone() };
    pb::ValuePool {
        project: pool.project.to_string(),
        name: pool.name.to_string(),
        values: pool.values.iter().map(value).collect(),
        count: pool.count,
        source: source(&pool.source),
        created_us: pool.created.0,
    }
}

fn source(source: &Source) -> Option<pb::PoolSource> {
    match source {
        Source::Given => None,
        Source::Column {
            target,
            table,
            column,
            seed,
        } => Some(pb::PoolSource {
            target: target.to_string(),
            table: table.clone(),
            column: column.clone(),
            seed: *seed,
        }),
    }
}
