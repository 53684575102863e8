//! Samples in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use gauntlet_model::{id::RunId, sample::OperationSample};

use super::{Memory, page};
use crate::{PageQuery, Result, SampleFilter, SampleKey, Sampled, Samples};

#[async_trait]
impl Samples for Memory {
    async fn put(&self, samples: &[OperationSample]) -> Result<()> {
        let mut state = self.state();
        for sample in samples {
            state.record(sample.attempt.run)?;
        }
        for sample in samples {
            let record = state.record(sample.attempt.run)?;
            record.samples.retain(|_, (key, _)| !is_of_set(key, sample));
        }
        let mut ranks = BTreeMap::new();
        for sample in samples {
            let mut key = SampleKey {
                operation: sample.operation,
                kind: sample.kind,
                shard: sample.attempt.shard,
                attempt: sample.attempt.attempt,
                rank: 0,
            };
            let next = ranks.entry((sample.attempt.run, key.order())).or_insert(0);
            key.rank = *next;
            *next += 1;
            let record = state.record(sample.attempt.run)?;
            record.samples.insert(key.order(), (key, sample.clone()));
        }
        Ok(())
    }

    async fn list(
        &self,
        run: RunId,
        filter: SampleFilter,
        query: PageQuery<SampleKey>,
    ) -> Result<Vec<Sampled>> {
        let query = PageQuery {
            after: query.after.map(|key| key.order()),
            limit: query.limit,
        };
        let state = self.state();
        Ok(state.of_run(run, |record| {
            let wanted = record
                .samples
                .iter()
                .filter(|(_, (_, sample))| is_wanted(filter, sample))
                .map(|(order, (key, sample))| {
                    let (key, sample) = (*key, sample.clone());
                    (*order, Sampled { key, sample })
                });
            page(wanted, &query, |key, last| key > last)
        }))
    }
}

fn is_of_set(key: &SampleKey, sample: &OperationSample) -> bool {
    key.operation == sample.operation
        && key.kind == sample.kind
        && key.shard == sample.attempt.shard
        && key.attempt == sample.attempt.attempt
}

fn is_wanted(filter: SampleFilter, sample: &OperationSample) -> bool {
    filter
        .operation
        .is_none_or(|operation| operation == sample.operation)
        && filter.kind.is_none_or(|kind| kind == sample.kind)
        && filter.phase.is_none_or(|phase| phase == sample.phase)
}
