//! What a PostgreSQL server can do and how it is set.

use tokio_postgres::Row;

use super::admin::{Line, facts};
use crate::access::FACT_WITHIN;
use crate::config::Config;
use crate::error::TargetError;
use crate::facts::{Capabilities, Feature, FeatureStatus, Setting};

/// What makes a difference to a load.
const SETTINGS: [&str; 23] = [
    "shared_buffers",
    "work_mem",
    "maintenance_work_mem",
    "effective_cache_size",
    "max_connections",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "wal_buffers",
    "wal_compression",
    "max_wal_size",
    "checkpoint_timeout",
    "checkpoint_completion_target",
    "random_page_cost",
    "effective_io_concurrency",
    "jit",
    "max_parallel_workers_per_gather",
    "autovacuum",
    "huge_pages",
    "default_statistics_target",
    "track_io_timing",
    "default_transaction_isolation",
];

const READ_SETTINGS: &str = "SELECT name, setting, unit FROM pg_settings WHERE name = ANY($1) \
    ORDER BY array_position($1, name)";

/// The names of the features' columns are those that [`features`] reads.
const FEATURES: &str = "SELECT \
    EXISTS (SELECT FROM pg_settings WHERE name = 'pg_stat_statements.max') AS loaded, \
    EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') AS installed, \
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS reads_statistics, \
    current_setting('track_io_timing')::boolean AS times_io, \
    to_regclass('pg_catalog.pg_stat_io') IS NOT NULL AS stat_io, \
    to_regclass('pg_catalog.pg_stat_wal') IS NOT NULL AS stat_wal, \
    pg_jit_available() AS jit";

/// Asked before the session itself is set to read only.
const SERVER: &str = "SELECT current_setting('server_version') AS version, \
    pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS read_only, \
    current_setting('max_connections')::bigint AS allowed, \
    (SELECT sum(numbackends) FROM pg_stat_database)::bigint AS used, \
    current_setting('superuser_reserved_connections')::bigint \
        + coalesce(current_setting('reserved_connections', true), '0')::bigint AS reserved, \
    role.rolsuper AS superuser, role.rolconnlimit::bigint AS role_allowed, \
    (SELECT count(*) FROM pg_stat_activity WHERE usename = session_user) AS role_used, \
    db.datconnlimit::bigint AS database_allowed, \
    pg_stat_get_db_numbackends(db.oid)::bigint AS database_used \
    FROM pg_roles role, pg_database db \
    WHERE role.rolname = session_user AND db.datname = current_database()";

/// The server and the connections to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) version: String,
    pub(super) read_only: bool,
    whole: Room,
    /// Kept for superusers; zero for one.
    reserved: i64,
    role: Room,
    database: Room,
}

/// Connections allowed, without limit if negative, and used, the asking one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    allowed: i64,
    used: i64,
}

impl Room {
    /// As if the asking connection were closed, which it will be.
    fn used(self) -> i64 {
        (self.used - 1).max(0)
    }

    fn free(self) -> i64 {
        if self.allowed < 0 {
            return i64::MAX;
        }
        (self.allowed - self.used()).max(0)
    }
}

impl Server {
    /// Asks a line that has not been set to read only.
    pub(super) async fn ask(line: &Line<'_>) -> Result<Self, TargetError> {
        let row = line.bounded(line.client.query_one(SERVER, &[])).await?;
        let room = |allowed: &str, used: &str| Room {
            allowed: row.get(allowed),
            used: row.get(used),
        };
        let is_superuser: bool = row.get("superuser");
        Ok(Self {
            version: format!("PostgreSQL {}", row.get::<_, String>("version")),
            read_only: row.get("read_only"),
            whole: room("allowed", "used"),
            reserved: if is_superuser { 0 } else { row.get("reserved") },
            role: room("role_allowed", "role_used"),
            database: room("database_allowed", "database_used"),
        })
    }

    /// Connections that this login can still open.
    pub(super) fn free(&self) -> u32 {
        let whole = (self.whole.free() - self.reserved).max(0);
        count(whole.min(self.role.free()).min(self.database.free()))
    }
}

fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

pub(crate) async fn capabilities(config: &Config) -> Result<Capabilities, TargetError> {
    facts(config, async {
        let line = Line::open(config, FACT_WITHIN).await?;
        let server = Server::ask(&line).await?;
        line.only_read().await?;
        let settings = read_settings(&line).await?;
        let row = line.bounded(line.client.query_one(FEATURES, &[])).await?;
        Ok(Capabilities {
            max_connections: Some(count(server.whole.allowed)),
            connections_in_use: Some(count(server.whole.used())),
            read_only: server.read_only,
            version: server.version,
            features: features(&row),
            settings,
        })
    })
    .await
}

pub(super) async fn read_settings(line: &Line<'_>) -> Result<Vec<Setting>, TargetError> {
    let names: Vec<&str> = SETTINGS.to_vec();
    let settings = line
        .bounded(line.client.query(READ_SETTINGS, &[&names]))
        .await?;
    Ok(settings.iter().map(setting).collect())
}

fn setting(row: &Row) -> Setting {
    let (value, unit): (String, Option<String>) = (row.get(1), row.get(2));
    let (value, unit) = in_bytes(value, unit);
    Setting {
        name: row.get(0),
        value,
        unit,
    }
}

/// Sizes in bytes, whatever the server counts them in, like `8kB`. Zero and less have meanings of their own.
fn in_bytes(value: String, unit: Option<String>) -> (String, Option<String>) {
    let bytes = unit.as_deref().and_then(unit_bytes);
    match (value.parse::<i64>(), bytes) {
        (Ok(count), Some(bytes)) if count > 0 => (
            count.saturating_mul(bytes).to_string(),
            Some("bytes".to_owned()),
        ),
        _ => (value, unit),
    }
}

fn unit_bytes(unit: &str) -> Option<i64> {
    let digits = unit.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = unit.split_at(digits);
    let bytes = match unit {
        "B" => 1,
        "kB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        _ => return None,
    };
    let count = if count.is_empty() {
        1
    } else {
        count.parse().ok()?
    };
    Some(bytes * count)
}

fn features(row: &Row) -> Vec<Feature> {
    use FeatureStatus::{Available, Missing, NotPermitted};
    let has = |column: &str| row.get::<_, bool>(column);
    let switch = |column, use_of_it, remedy| {
        if has(column) {
            (Available, use_of_it)
        } else {
            (Missing, remedy)
        }
    };
    let statements = match (has("loaded"), has("installed"), has("reads_statistics")) {
        (false, _, _) => (
            Missing,
            "add it to shared_preload_libraries and restart the server",
        ),
        (true, false, _) => (
            Missing,
            "run CREATE EXTENSION pg_stat_statements in this database",
        ),
        (true, true, false) => (NotPermitted, "grant pg_read_all_stats to the role"),
        (true, true, true) => (
            Available,
            "what the server itself counts for each statement",
        ),
    };
    let others = if has("reads_statistics") {
        (Available, "the sessions of other roles are visible")
    } else {
        (
            NotPermitted,
            "grant pg_read_all_stats to the role, to see the sessions of others",
        )
    };
    let io = "the time that the server waits for its disks";
    let features = [
        ("pg_stat_statements", statements),
        ("pg_read_all_stats", others),
        (
            "track_io_timing",
            switch(
                "times_io",
                io,
                "set track_io_timing = on, to see the time that the server waits for its disks",
            ),
        ),
        (
            "pg_stat_io",
            switch(
                "stat_io",
                "reads and writes by kind of backend",
                "PostgreSQL has it from version 16 on",
            ),
        ),
        (
            "pg_stat_wal",
            switch(
                "stat_wal",
                "what is written to the log",
                "PostgreSQL has it from version 14 on",
            ),
        ),
        (
            "jit",
            switch(
                "jit",
                "expressions of expensive plans are compiled",
                "not installed, or switched off",
            ),
        ),
    ];
    let feature = |(name, (status, note)): (&str, (FeatureStatus, &str))| Feature {
        name: name.to_owned(),
        status,
        note: note.to_owned(),
    };
    features.map(feature).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_bytes() {
        for (value, unit, expected, expected_unit) in [
            ("16384", Some("8kB"), "134217728", Some("bytes")),
            ("4096", Some("kB"), "4194304", Some("bytes")),
            ("512", Some("MB"), "536870912", Some("bytes")),
            ("-1", Some("kB"), "-1", Some("kB")),
            ("300", Some("s"), "300", Some("s")),
            ("on", None, "on", None),
        ] {
            let got = in_bytes(value.to_owned(), unit.map(str::to_owned));
            assert_eq!(got, (expected.to_owned(), expected_unit.map(str::to_owned)));
        }
    }

    #[test]
    fn the_narrowest_limit_counts() {
        let free = |whole, reserved, role, database| {
            let room = |(allowed, used)| Room { allowed, used };
            let server = Server {
                version: String::new(),
                read_only: false,
                whole: room(whole),
                reserved,
                role: room(role),
                database: room(database),
            };
            server.free()
        };
        assert_eq!(free((100, 11), 3, (-1, 11), (-1, 11)), 87);
        assert_eq!(free((100, 11), 0, (-1, 11), (-1, 11)), 90);
        assert_eq!(free((100, 11), 3, (5, 2), (-1, 11)), 4);
        assert_eq!(free((100, 11), 3, (50, 2), (10, 11)), 0);
        assert_eq!(free((100, 100), 3, (-1, 1), (-1, 1)), 0);
    }
}
