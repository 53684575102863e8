//! Logs in SQL.

use async_trait::async_trait;
use gauntlet_model::{
    id::RunId,
    logs::{Level, LogLine},
};
use gauntlet_store::{Error, LogFilter, Logs, MOST_LOG_LINES, PageQuery, Result};

use crate::{
    columns::Columns,
    database::Sql,
    script::{Done, Row, Script, send},
    statement::{Statement, Value, id, query},
};

/// Lines that go at once when there are too many: not one by one, which would
/// cost each write as much as the write itself.
const SLACK: i64 = 1_000;

#[async_trait]
impl Logs for Sql {
    async fn append(&self, run: RunId, lines: &[LogLine]) -> Result<Vec<LogLine>> {
        let subject = format!("run {run}");
        let count = [id(run), (lines.len() as i64).into()];
        let count = Statement::new(query!("runs/count_logs"), count);
        let given = lines.to_vec();
        let missing = Error::Missing(subject.clone());
        let script = Script::of(&subject, count).then(move |counted| {
            let last = last_number(counted)?.ok_or_else(|| missing.clone())?;
            let subject = format!("run {run}");
            let numbered = numbered(last, &given);
            let rows = numbered.iter().map(|line| row(run, line));
            let insert = Statement::rows(query!("logs/insert"), rows);
            let mut steps = vec![send(&subject, insert)];
            // Whenever the count passes a multiple of the slack, so that a crowd
            // of writers does not do it each.
            let first = last - given.len() as i64;
            if last > MOST_LOG_LINES && first / SLACK != last / SLACK {
                let values = [id(run), (last - MOST_LOG_LINES).into()];
                let trim = Statement::new(query!("logs/trim"), values);
                steps.push(send(&subject, trim));
            }
            Ok(steps)
        });
        let done = self.write(script).await?;
        let last = last_number(&done[0])?.unwrap_or_default();
        Ok(numbered(last, lines))
    }

    async fn list(
        &self,
        run: RunId,
        filter: LogFilter,
        page: PageQuery<i64>,
    ) -> Result<Vec<LogLine>> {
        // What is to go and has not gone yet is not there.
        let after = page.after.unwrap_or(0).max(self.dropped(run).await?);
        let mut values = vec![id(run), after.into(), page.limit.into()];
        let mut filters = Vec::new();
        if let Some(least) = filter.least {
            let words: Vec<String> = Level::ALL
                .into_iter()
                .filter(|level| *level >= least)
                .map(|level| format!("'{}'", level.as_str()))
                .collect();
            filters.push(format!(" AND level IN ({})", words.join(", ")));
        }
        if let Some(shard) = filter.shard {
            values.push(shard.into());
            filters.push(format!(" AND shard = ${}", values.len()));
        }
        let text = query!("logs/list").replace("{filters}", &filters.concat());
        let rows = self.fetch(Statement::composed(text, values)).await?;
        rows.into_iter().map(read).collect()
    }

    async fn dropped(&self, run: RunId) -> Result<i64> {
        let count = Statement::new(query!("runs/get_log_count"), [id(run)]);
        let rows = self.fetch(count).await?;
        let done = Done { rows, changed: 0 };
        let last = last_number(&done)?.unwrap_or_default();
        Ok((last - MOST_LOG_LINES).max(0))
    }
}

fn last_number(counted: &Done) -> Result<Option<i64>> {
    let count = |row: &Row| Columns::new("runs", row.clone()).integer();
    counted.rows.first().map(count).transpose()
}

/// Lines with their numbers, the last of which is given.
fn numbered(last: i64, lines: &[LogLine]) -> Vec<LogLine> {
    let first = last - lines.len() as i64 + 1;
    let numbered = |(sequence, line): (i64, &LogLine)| LogLine {
        sequence,
        ..line.clone()
    };
    (first..).zip(lines).map(numbered).collect()
}

fn row(run: RunId, line: &LogLine) -> [Value; 7] {
    [
        id(run),
        line.sequence.into(),
        line.time.into(),
        line.worker.map(|worker| worker.to_string()).into(),
        line.shard.into(),
        line.level.as_str().into(),
        line.message.as_str().into(),
    ]
}

fn read(row: Row) -> Result<LogLine> {
    let mut columns = Columns::new("logs", row);
    Ok(LogLine {
        sequence: columns.integer()?,
        time: columns.time()?,
        worker: columns.optional_id()?,
        shard: columns.optional_number()?,
        level: columns.word(Level::parse)?,
        message: columns.text()?,
    })
}
