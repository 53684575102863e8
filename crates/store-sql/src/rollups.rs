//! Rollups in SQL.

use std::collections::BTreeMap;

use async_trait::async_trait;
use gauntlet_model::{
    history::{Resolution, Rollup},
    id::RunId,
    interval::Failures,
    lifecycle::Phase,
};
use gauntlet_store::{PageQuery, Result, RollupKey, Rollups, TimeRange};

use crate::{
    columns::Columns,
    database::Sql,
    intervals::read_latencies,
    script::{Row, Script},
    statement::{Statement, Value, id, query},
};

#[async_trait]
impl Rollups for Sql {
    async fn put(&self, rollups: &[Rollup]) -> Result<()> {
        // By key, so that two who store the same rollups wait in the same
        // order; one statement may not write a row twice: the last word counts.
        let rows: BTreeMap<_, &Rollup> = rollups
            .iter()
            .map(|one| {
                let key = (one.start, one.operation, one.phase.as_str());
                ((one.run, one.resolution, key), one)
            })
            .collect();
        let mut runs: Vec<String> = rows.keys().map(|key| format!("run {}", key.0)).collect();
        runs.dedup();
        let subject = runs.join(" or ");
        let put = Statement::rows(query!("rollups/put"), rows.into_values().map(row));
        self.write(Script::of(&subject, put)).await?;
        Ok(())
    }

    async fn list(
        &self,
        run: RunId,
        resolution: Resolution,
        started: TimeRange,
        operations: &[u32],
        page: PageQuery<RollupKey>,
    ) -> Result<Vec<Rollup>> {
        let list = list(run, resolution, started, operations, &page);
        self.fetch(list).await?.into_iter().map(read).collect()
    }
}

/// The statement of a page.
pub(crate) fn list(
    run: RunId,
    resolution: Resolution,
    started: TimeRange,
    operations: &[u32],
    page: &PageQuery<RollupKey>,
) -> Statement {
    // No operation is numbered -1, so nothing comes before this.
    let first = started.from.map_or(i64::MIN, |from| from.0);
    let (start, operation, phase) = match page.after {
        Some((start, operation, phase)) if start.0 >= first => {
            (start.0, i64::from(operation), phase.as_str())
        }
        _ => (first, -1, ""),
    };
    let mut values = vec![
        id(run),
        resolution.us().into(),
        start.into(),
        operation.into(),
        phase.into(),
        page.limit.into(),
    ];
    let mut filters = Vec::new();
    if let Some(to) = started.to {
        values.push(to.into());
        filters.push(" AND start_us < $7".to_owned());
    }
    if !operations.is_empty() {
        let places: Vec<String> = operations
            .iter()
            .map(|operation| {
                values.push((*operation).into());
                format!("${}", values.len())
            })
            .collect();
        filters.push(format!(" AND operation IN ({})", places.join(", ")));
    }
    let text = query!("rollups/list").replace("{filters}", &filters.concat());
    Statement::composed(text, values)
}

fn row(rollup: &Rollup) -> [Value; 24] {
    let (succeeded, failed) = (&rollup.succeeded, &rollup.failed);
    let [
        timeout,
        connection,
        constraint,
        serialization,
        statement,
        other,
    ] = rollup.failures.counts();
    [
        id(rollup.run),
        rollup.resolution.us().into(),
        rollup.start.into(),
        rollup.operation.into(),
        rollup.phase.as_str().into(),
        succeeded.response.as_bytes().into(),
        succeeded.service.as_bytes().into(),
        succeeded.lag.as_bytes().into(),
        succeeded.rows.into(),
        failed.response.as_bytes().into(),
        failed.service.as_bytes().into(),
        failed.lag.as_bytes().into(),
        failed.rows.into(),
        timeout.into(),
        connection.into(),
        constraint.into(),
        serialization.into(),
        statement.into(),
        other.into(),
        rollup.cut.into(),
        rollup.dropped.into(),
        rollup.intervals.into(),
        rollup.in_flight_max.into(),
        rollup.backlog_max.into(),
    ]
}

fn read(row: Row) -> Result<Rollup> {
    let mut columns = Columns::new("rollups", row);
    Ok(Rollup {
        run: columns.id()?,
        resolution: columns.resolution()?,
        start: columns.time()?,
        operation: columns.number()?,
        phase: columns.word(Phase::parse)?,
        succeeded: read_latencies(&mut columns)?,
        failed: read_latencies(&mut columns)?,
        failures: read_failures(&mut columns)?,
        cut: columns.count()?,
        dropped: columns.count()?,
        intervals: columns.count()?,
        in_flight_max: columns.count()?,
        backlog_max: columns.count()?,
    })
}

fn read_failures(columns: &mut Columns) -> Result<Failures> {
    let mut counts = Failures::default().counts();
    for count in &mut counts {
        *count = columns.count()?;
    }
    Ok(Failures::from_counts(counts))
}
