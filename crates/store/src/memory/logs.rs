//! Logs in memory.

use async_trait::async_trait;
use gauntlet_model::{id::RunId, logs::LogLine};

use super::{Memory, page};
use crate::{LogFilter, Logs, MOST_LOG_LINES, PageQuery, Result};

/// The lines of one run.
#[derive(Default)]
pub(super) struct Lines {
    kept: std::collections::VecDeque<LogLine>,
    dropped: i64,
}

impl Lines {
    fn append(&mut self, lines: &[LogLine]) -> Vec<LogLine> {
        let first = self.dropped + self.kept.len() as i64 + 1;
        let numbered: Vec<LogLine> = (first..)
            .zip(lines)
            .map(|(sequence, line)| LogLine {
                sequence,
                ..line.clone()
            })
            .collect();
        self.kept.extend(numbered.iter().cloned());
        while self.kept.len() as i64 > MOST_LOG_LINES {
            self.kept.pop_front();
            self.dropped += 1;
        }
        numbered
    }
}

#[async_trait]
impl Logs for Memory {
    async fn append(&self, run: RunId, lines: &[LogLine]) -> Result<Vec<LogLine>> {
        Ok(self.state().record(run)?.logs.append(lines))
    }

    async fn list(
        &self,
        run: RunId,
        filter: LogFilter,
        query: PageQuery<i64>,
    ) -> Result<Vec<LogLine>> {
        let state = self.state();
        Ok(state.of_run(run, |record| {
            let wanted = record
                .logs
                .kept
                .iter()
                .filter(|line| filter.least.is_none_or(|least| line.level >= least))
                .filter(|line| filter.shard.is_none_or(|shard| line.shard == Some(shard)))
                .map(|line| (line.sequence, line.clone()));
            page(wanted, &query, |key, last| key > last)
        }))
    }

    async fn dropped(&self, run: RunId) -> Result<i64> {
        let state = self.state();
        Ok(state.runs.get(&run).map_or(0, |record| record.logs.dropped))
    }
}
