//! Loading a dataset into PostgreSQL: COPY within one transaction, so all of it or nothing.

use std::fmt::Write as _;
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::SinkExt;

use super::admin::{self, Line};
use crate::access::Progress;
use crate::config::Config;
use crate::dataset::{self, DEFINITION, Dataset, Load, Loaded, PROGRESS_ROWS, Row};
use crate::error::TargetError;
use crate::sql::quoted_path;

/// One statement of a load: copying and indexing a large table take long.
const STATEMENT_WITHIN: Duration = Duration::from_hours(1);

/// How long the server may take to accept the next piece of data.
const PIECE_WITHIN: Duration = Duration::from_mins(1);

const PIECE_BYTES: usize = 64 * 1024;

pub(crate) async fn load_dataset(
    config: &Config,
    dataset: &Dataset,
    progress: Progress,
) -> Result<Loaded, TargetError> {
    let line = Line::open(config, STATEMENT_WITHIN).await?;
    let load = decide(&line, dataset).await?;
    if load == Load::Nothing {
        return Ok(Loaded {
            rows: dataset.rows,
            created: false,
        });
    }
    let table = quoted_path(&dataset.table);
    let drop_table = if load == Load::Replace {
        format!("DROP TABLE {table};")
    } else {
        String::new()
    };
    // Dropping the line on any error, or with the future, rolls the transaction back.
    line.bounded(line.client.batch_execute(&format!(
        "BEGIN; {drop_table} CREATE TABLE {table} ({DEFINITION})"
    )))
    .await?;
    copy(&line, dataset, &table, &progress).await?;
    line.bounded(
        line.client
            .batch_execute(&format!("CREATE INDEX ON {table} (k); COMMIT")),
    )
    .await?;
    analyze(&line, &table).await?;
    Ok(Loaded {
        rows: dataset.rows,
        created: true,
    })
}

async fn decide(line: &Line<'_>, dataset: &Dataset) -> Result<Load, TargetError> {
    let Some(description) = admin::describe(line, &dataset.table).await? else {
        return dataset::decide(dataset, "", None);
    };
    let count = format!("SELECT count(*) FROM {}", quoted_path(&dataset.table));
    let rows: i64 = line
        .bounded(line.client.query_one(&count, &[]))
        .await?
        .get(0);
    dataset::decide(
        dataset,
        &line.config.address(),
        Some((&description, rows.unsigned_abs())),
    )
}

/// A server counts the rows that a session wrote some time after the session's statement. It must have done so before
/// ANALYZE sets the count of changed rows back, or the new statistics would look outdated. Servers before version 15 cannot
/// be asked to.
async fn analyze(line: &Line<'_>, table: &str) -> Result<(), TargetError> {
    const CAN_FLUSH: &str = "SELECT to_regproc('pg_catalog.pg_stat_force_next_flush') IS NOT NULL";
    let can_flush = line.bounded(line.client.query_one(CAN_FLUSH, &[])).await?;
    if can_flush.get(0) {
        let flush = "SELECT pg_stat_force_next_flush()";
        line.bounded(line.client.batch_execute(flush)).await?;
    }
    line.bounded(line.client.batch_execute(&format!("ANALYZE {table}")))
        .await
}

async fn copy(
    line: &Line<'_>,
    dataset: &Dataset,
    table: &str,
    progress: &Progress,
) -> Result<(), TargetError> {
    let statement = format!("COPY {table} (id, k, c, pad) FROM STDIN");
    let mut sink = pin!(
        line.bounded(line.client.copy_in::<_, Bytes>(&statement))
            .await?
    );
    let mut row = Row::default();
    let mut piece = BytesMut::with_capacity(PIECE_BYTES + 1024);
    for id in 1..=dataset.rows {
        row.fill(dataset, id);
        // Letters need no escapes in COPY's text format.
        writeln!(piece, "{}\t{}\t{}\t{}", row.id, row.k, row.c, row.pad)
            .expect("writing to a buffer cannot fail");
        if piece.len() >= PIECE_BYTES || id == dataset.rows {
            let sending =
                tokio::time::timeout(PIECE_WITHIN, sink.send(piece.split().freeze())).await;
            let timed_out = |_| TargetError::Timeout {
                address: line.config.address(),
                within: PIECE_WITHIN,
            };
            sending
                .map_err(timed_out)?
                .map_err(|error| line.failed(&error))?;
        }
        if id % PROGRESS_ROWS == 0 || id == dataset.rows {
            progress(id);
        }
    }
    line.bounded(sink.as_mut().finish()).await?;
    Ok(())
}
