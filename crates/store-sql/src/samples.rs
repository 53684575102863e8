//! Samples in SQL.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use gauntlet_model::{
    id::RunId,
    sample::{OperationSample, SampleKind},
};
use gauntlet_store::{PageQuery, Result, SampleFilter, SampleKey, Sampled, Samples};

use crate::{
    columns::Columns,
    database::Sql,
    script::{Row, Script},
    statement::{Statement, Value, id, json, query},
};

#[async_trait]
impl Samples for Sql {
    async fn put(&self, samples: &[OperationSample]) -> Result<()> {
        let runs: BTreeSet<RunId> = samples.iter().map(|one| one.attempt.run).collect();
        let runs: Vec<String> = runs.iter().map(|run| format!("run {run}")).collect();
        let subject = runs.join(" or ");
        // By set, so that two who store the same sets wait in the same order.
        let mut sets: BTreeMap<(RunId, u32, &str, u32, u32), Vec<&OperationSample>> =
            BTreeMap::new();
        for sample in samples {
            let (of, kind) = (&sample.attempt, sample.kind.as_str());
            let set = (of.run, sample.operation, kind, of.shard, of.attempt);
            sets.entry(set).or_default().push(sample);
        }
        let mut script = Script::default();
        for (run, operation, kind, shard, attempt) in sets.keys() {
            let values = [
                id(*run),
                (*operation).into(),
                (*kind).into(),
                (*shard).into(),
                (*attempt).into(),
            ];
            let delete = Statement::new(query!("operation_samples/delete"), values);
            script = script.send(&subject, delete);
        }
        let mut rows = Vec::new();
        for set in sets.values() {
            for (rank, sample) in (0..).zip(set) {
                rows.push(row(rank, sample)?);
            }
        }
        let insert = Statement::rows(query!("operation_samples/insert"), rows);
        self.write(script.send(&subject, insert)).await?;
        Ok(())
    }

    async fn list(
        &self,
        run: RunId,
        filter: SampleFilter,
        page: PageQuery<SampleKey>,
    ) -> Result<Vec<Sampled>> {
        // No operation is numbered -1, so nothing comes before this.
        let (operation, kind, shard, attempt, rank) = match page.after {
            Some(key) => {
                let (operation, kind, shard, attempt, rank) = key.order();
                let [operation, shard, attempt, rank] =
                    [operation, shard, attempt, rank].map(i64::from);
                (operation, kind, shard, attempt, rank)
            }
            None => (-1, "", -1, -1, -1),
        };
        let mut values = vec![
            id(run),
            operation.into(),
            kind.into(),
            shard.into(),
            attempt.into(),
            rank.into(),
            page.limit.into(),
        ];
        let mut filters = Vec::new();
        let mut and = |column: &str, value: Value| {
            values.push(value);
            filters.push(format!(" AND {column} = ${}", values.len()));
        };
        if let Some(operation) = filter.operation {
            and("operation", operation.into());
        }
        if let Some(kind) = filter.kind {
            and("kind", kind.as_str().into());
        }
        if let Some(phase) = filter.phase {
            and("phase", phase.as_str().into());
        }
        let text = query!("operation_samples/list").replace("{filters}", &filters.concat());
        let rows = self.fetch(Statement::composed(text, values)).await?;
        rows.into_iter().map(read).collect()
    }
}

fn row(rank: i64, sample: &OperationSample) -> Result<[Value; 8]> {
    Ok([
        id(sample.attempt.run),
        sample.operation.into(),
        sample.kind.as_str().into(),
        sample.attempt.shard.into(),
        sample.attempt.attempt.into(),
        rank.into(),
        sample.phase.as_str().into(),
        json("a sample", sample)?,
    ])
}

fn read(row: Row) -> Result<Sampled> {
    let mut columns = Columns::new("operation_samples", row);
    Ok(Sampled {
        key: SampleKey {
            operation: columns.number()?,
            kind: columns.word(SampleKind::parse)?,
            shard: columns.number()?,
            attempt: columns.number()?,
            rank: columns.number()?,
        },
        sample: columns.json()?,
    })
}
