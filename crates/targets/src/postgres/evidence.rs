//! What a PostgreSQL server counts, from version 13 on.

mod statements;
mod waits;

use serde_json::Value;
use tokio_postgres::Row;

use super::admin::{Line, bounded};
use super::capabilities::read_settings;
use crate::access::EVIDENCE_WITHIN;
use crate::config::Config;
use crate::error::TargetError;
use crate::evidence::{Counters, RelationSize, Statistics};
use crate::name::TableName;
use crate::statement::{Statement, StatementKind};

pub(crate) use waits::WaitLine;

/// One of the server's views with one row of counters: the view, the filter of its row, and for each column the name under
/// which it is reported. Columns and views that a version lacks are passed over.
struct View {
    name: &'static str,
    filter: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

const VIEWS: [View; 4] = [
    View {
        name: "pg_stat_database",
        filter: "WHERE datname = current_database()",
        columns: &[
            ("xact_commit", "xact_commit"),
            ("xact_rollback", "xact_rollback"),
            ("blks_read", "blks_read"),
            ("blks_hit", "blks_hit"),
            ("tup_returned", "tup_returned"),
            ("tup_fetched", "tup_fetched"),
            ("tup_inserted", "tup_inserted"),
            ("tup_updated", "tup_updated"),
            ("tup_deleted", "tup_deleted"),
            ("conflicts", "conflicts"),
            ("temp_files", "temp_files"),
            ("temp_bytes", "temp_bytes"),
            ("deadlocks", "deadlocks"),
            ("blk_read_time", "blk_read_ms"),
            ("blk_write_time", "blk_write_ms"),
        ],
    },
    View {
        name: "pg_stat_bgwriter",
        filter: "",
        columns: &[
            ("checkpoints_timed", "checkpoints_timed"),
            ("checkpoints_req", "checkpoints_requested"),
            ("checkpoint_write_time", "checkpoint_write_ms"),
            ("checkpoint_sync_time", "checkpoint_sync_ms"),
            ("buffers_checkpoint", "checkpoint_buffers"),
            ("buffers_clean", "bgwriter_buffers"),
            ("maxwritten_clean", "bgwriter_halts"),
            ("buffers_backend", "backend_buffers"),
            ("buffers_alloc", "allocated_buffers"),
        ],
    },
    // From version 17 on, in the place of the checkpoints of the view before.
    View {
        name: "pg_stat_checkpointer",
        filter: "",
        columns: &[
            ("num_timed", "checkpoints_timed"),
            ("num_requested", "checkpoints_requested"),
            ("write_time", "checkpoint_write_ms"),
            ("sync_time", "checkpoint_sync_ms"),
            ("buffers_written", "checkpoint_buffers"),
        ],
    },
    // From version 14 on.
    View {
        name: "pg_stat_wal",
        filter: "",
        columns: &[
            ("wal_records", "wal_records"),
            ("wal_fpi", "wal_full_page_images"),
            ("wal_bytes", "wal_bytes"),
            ("wal_buffers_full", "wal_buffers_full"),
            ("wal_write", "wal_writes"),
            ("wal_sync", "wal_syncs"),
            ("wal_write_time", "wal_write_ms"),
            ("wal_sync_time", "wal_sync_ms"),
        ],
    },
];

const SERVER: &str = "SELECT current_setting('server_version'), \
    current_setting('track_io_timing')::boolean, \
    coalesce(current_setting('track_wal_io_timing', true), 'off')::boolean, \
    current_setting('track_counts')::boolean";

/// Partitions count as their table; their indexes are of their own.
const SIZES: &str = "\
    WITH named AS (SELECT to_regclass($1::text)::oid AS relid), \
    tree AS (SELECT relid FROM named UNION SELECT p.relid::oid FROM named, pg_partition_tree(named.relid::regclass) AS p) \
    SELECT NULL::text, sum(pg_table_size(relid::regclass))::bigint FROM tree \
    UNION ALL (SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index JOIN tree ON indrelid = relid \
    ORDER BY 2 DESC, 1 LIMIT 100)";

/// What the server says of itself and of these statements.
pub(crate) async fn statistics(
    config: &Config,
    statements: &[Statement],
) -> Result<Statistics, TargetError> {
    bounded(config, EVIDENCE_WITHIN, async {
        let line = Line::open(config, EVIDENCE_WITHIN).await?;
        line.only_read().await?;
        let mut read = Reading {
            line: &line,
            found: Statistics::default(),
        };
        // What is exact at once is read first: the views of the server are late by up to a second anyway.
        let counted = statements::counts(&line, statements).await;
        read.found.statements = read.part("pg_stat_statements", counted)?.flatten();
        let server = line.bounded(line.client.query_one(SERVER, &[])).await?;
        read.counters(&server).await?;
        read.relations(statements).await?;
        read.found.version = format!("PostgreSQL {}", server.get::<_, String>(0));
        read.found.settings = read_settings(&line).await?;
        Ok(read.found)
    })
    .await
}

/// Why a part of the statistics is not there.
enum Lack {
    /// In one sentence, with what to do.
    Known(String),
    /// The server cannot be asked any more.
    Lost(TargetError),
}

impl From<TargetError> for Lack {
    /// A question that the server refuses leaves the others.
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Failed { message, .. } => Self::Known(message),
            other => Self::Lost(other),
        }
    }
}

struct Reading<'a> {
    line: &'a Line<'a>,
    found: Statistics,
}

impl Reading<'_> {
    /// A part that may be lacking; then the statistics say why.
    fn part<A>(&mut self, what: &str, part: Result<A, Lack>) -> Result<Option<A>, TargetError> {
        match part {
            Ok(part) => Ok(Some(part)),
            Err(Lack::Known(why)) => {
                self.found.skipped.push(format!("{what}: {why}"));
                Ok(None)
            }
            Err(Lack::Lost(error)) => Err(error),
        }
    }

    async fn counters(&mut self, server: &Row) -> Result<(), TargetError> {
        let (times_io, times_wal, counts): (bool, bool, bool) =
            (server.get(1), server.get(2), server.get(3));
        if !counts {
            let why = "track_counts is off; set it on";
            self.found.skipped.push(format!("pg_stat_database: {why}"));
        }
        for (is_on, source, setting) in [
            (times_io, "pg_stat_database", "track_io_timing"),
            (times_wal, "pg_stat_wal", "track_wal_io_timing"),
        ] {
            if !is_on {
                self.found.skipped.push(format!(
                    "{source}: {setting} is off, so times of reads and writes are not known; set it on"
                ));
            }
        }
        // Zeros that nobody counted would be taken for figures.
        let is_counted = |name: &str| match name {
            "blk_read_ms" | "blk_write_ms" => times_io,
            "wal_write_ms" | "wal_sync_ms" => times_wal,
            _ => true,
        };
        for view in &VIEWS {
            if view.name == "pg_stat_database" && !counts {
                continue;
            }
            let read = read_view(self.line, view).await.map_err(Lack::from);
            if let Some(Some(mut counters)) = self.part(view.name, read)? {
                counters.values.retain(|(name, _)| is_counted(name));
                self.found.counters.push(counters);
            }
        }
        Ok(())
    }

    async fn relations(&mut self, statements: &[Statement]) -> Result<(), TargetError> {
        let mut named: Vec<&str> = Vec::new();
        for statement in statements {
            if statement.kind != StatementKind::Sql && !named.contains(&statement.table.as_str()) {
                named.push(&statement.table);
            }
        }
        for table in named {
            let sizes = sizes(self.line, table).await.map_err(Lack::from);
            let what = format!("size of table {table}");
            let sizes = self.part(&what, sizes)?.unwrap_or_default();
            self.found.relations.extend(sizes);
        }
        Ok(())
    }
}

/// `None` when this version has no such view.
async fn read_view(line: &Line<'_>, view: &View) -> Result<Option<Counters>, TargetError> {
    let there = "SELECT to_regclass('pg_catalog.' || $1::text) IS NOT NULL";
    let there = line
        .bounded(line.client.query_one(there, &[&view.name]))
        .await?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    let query = format!(
        "SELECT to_json(v)::text, (extract(epoch FROM v.stats_reset) * 1000000)::bigint FROM pg_catalog.{} AS v {}",
        view.name, view.filter
    );
    let row = line.bounded(line.client.query_opt(&query, &[])).await?;
    Ok(row.map(|row| counters(view, &row.get::<_, String>(0), row.get(1))))
}

fn counters(view: &View, json: &str, reset_us: Option<i64>) -> Counters {
    // A server that does not keep to its own format says nothing that can be used.
    let json: Value = serde_json::from_str(json).unwrap_or_default();
    let value = |(column, name): &(&str, &str)| {
        let value = json.get(*column)?.as_f64()?;
        Some(((*name).to_owned(), value))
    };
    Counters {
        source: view.name.to_owned(),
        reset_us,
        values: view.columns.iter().filter_map(value).collect(),
    }
}

/// The table and its indexes; nothing if it is not there.
async fn sizes(line: &Line<'_>, table: &str) -> Result<Vec<RelationSize>, TargetError> {
    let path = TableName::parse(table).sql();
    let rows = line.bounded(line.client.query(SIZES, &[&path])).await?;
    let size = |row: &Row| {
        let (index, bytes): (Option<String>, Option<i64>) = (row.get(0), row.get(1));
        Some(RelationSize {
            index: index.is_some(),
            name: index.unwrap_or_else(|| table.to_owned()),
            bytes: u64::try_from(bytes?).unwrap_or(0),
        })
    };
    Ok(rows.iter().filter_map(size).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(view: &View, json: &str) -> Vec<String> {
        let counters = counters(view, json, None);
        counters.values.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn checkpoints_have_the_same_names_in_every_version() {
        let before_17 = r#"{"checkpoints_timed":1,"checkpoints_req":2,"checkpoint_write_time":3,
            "checkpoint_sync_time":4,"buffers_checkpoint":5,"buffers_clean":6,"maxwritten_clean":7,
            "buffers_backend":8,"buffers_backend_fsync":9,"buffers_alloc":10,"stats_reset":"2024-01-01"}"#;
        let from_17 = r#"{"num_timed":1,"num_requested":2,"restartpoints_timed":0,"write_time":3,
            "sync_time":4,"buffers_written":5,"stats_reset":"2024-01-01"}"#;
        let bgwriter_17 = r#"{"buffers_clean":6,"maxwritten_clean":7,"buffers_alloc":10}"#;
        let checkpoints = names(&VIEWS[1], before_17);
        assert_eq!(checkpoints[..5], names(&VIEWS[2], from_17));
        assert_eq!(
            names(&VIEWS[1], bgwriter_17),
            ["bgwriter_buffers", "bgwriter_halts", "allocated_buffers"]
        );
        assert_eq!(names(&VIEWS[1], "[]"), [""; 0]);
    }
}
