//! What the drivers say of a target, in the words of the control plane.

use gauntlet_model::time::Timestamp;
use gauntlet_orchestrator::access::{
    Capabilities, CatalogColumn, CatalogIndex, CatalogTable, ColumnProfile, DatabaseKind, Feature,
    FeatureStatus, OperationFacts, PreflightFacts, SampleMethod, Setting, TableFacts, TableKind,
    TableProfile,
};
use gauntlet_targets::{self as driver, Dialect};

pub(super) fn capabilities(dialect: Dialect, found: driver::Capabilities) -> Capabilities {
    Capabilities {
        kind: match dialect {
            Dialect::Sqlite => DatabaseKind::Sqlite,
            Dialect::Postgres => DatabaseKind::Postgres,
        },
        version: found.version,
        features: found.features.into_iter().map(feature).collect(),
        settings: found.settings.into_iter().map(setting).collect(),
        max_connections: found.max_connections,
        connections_in_use: found.connections_in_use,
        read_only: found.read_only,
    }
}

fn feature(found: driver::Feature) -> Feature {
    Feature {
        name: found.name,
        status: match found.status {
            driver::FeatureStatus::Available => FeatureStatus::Available,
            driver::FeatureStatus::Missing => FeatureStatus::Missing,
            driver::FeatureStatus::NotPermitted => FeatureStatus::NotPermitted,
        },
        note: found.note,
    }
}

fn setting(found: driver::Setting) -> Setting {
    Setting {
        name: found.name,
        value: found.value,
        unit: found.unit,
    }
}

pub(super) fn table(found: driver::CatalogTable) -> CatalogTable {
    CatalogTable {
        path: found.path(),
        schema: found.schema,
        name: found.name,
        kind: kind(found.kind),
        rows_estimate: found.rows_estimate,
        bytes: found.bytes,
        columns: found.columns.into_iter().map(column).collect(),
        indexes: found.indexes.into_iter().map(index).collect(),
        analyzed: found.analyzed_us.map(Timestamp),
    }
}

fn kind(found: driver::TableKind) -> TableKind {
    match found {
        driver::TableKind::Table => TableKind::Table,
        driver::TableKind::View => TableKind::View,
        driver::TableKind::MaterializedView => TableKind::MaterializedView,
        driver::TableKind::Foreign => TableKind::Foreign,
        driver::TableKind::Partitioned => TableKind::Partitioned,
        driver::TableKind::Virtual => TableKind::Virtual,
    }
}

fn column(found: driver::CatalogColumn) -> CatalogColumn {
    CatalogColumn {
        name: found.name,
        type_name: found.type_name,
        nullable: found.nullable,
        primary_key_position: found.primary_key_position,
        indexed: found.indexed,
    }
}

fn index(found: driver::CatalogIndex) -> CatalogIndex {
    CatalogIndex {
        name: found.name,
        columns: found.columns,
        unique: found.unique,
        primary: found.primary,
        partial: found.partial,
    }
}

pub(super) fn profile(found: driver::TableProfile) -> TableProfile {
    TableProfile {
        table: table(found.table),
        rows: found.rows,
        rows_exact: found.rows_exact,
        columns: found.columns.into_iter().map(column_profile).collect(),
        sampled_rows: found.sampled_rows,
        sample: match found.sample {
            driver::SampleMethod::All => SampleMethod::All,
            driver::SampleMethod::Spread => SampleMethod::Spread,
            driver::SampleMethod::FirstRows => SampleMethod::FirstRows,
        },
        from_statistics: found.from_statistics,
    }
}

fn column_profile(found: driver::ColumnProfile) -> ColumnProfile {
    ColumnProfile {
        name: found.name,
        type_name: found.type_name,
        nulls_ratio: found.nulls_ratio,
        distinct_estimate: found.distinct_estimate,
        min: found.min,
        max: found.max,
        range_exact: found.range_exact,
        average_bytes: found.average_bytes,
        common: found.common,
    }
}

pub(super) fn preflight(found: driver::PreflightFacts) -> PreflightFacts {
    let operations = found.operations.into_iter().enumerate();
    PreflightFacts {
        version: found.version,
        read_only: found.read_only,
        connections_free: found.connections_free,
        tables: found.tables.into_iter().map(table_facts).collect(),
        operations: operations.map(operation_facts).collect(),
    }
}

fn table_facts(found: driver::TableFacts) -> TableFacts {
    TableFacts {
        table: found.table,
        kind: found.kind.map(kind),
        near: found.near,
        rows_estimate: found.rows_estimate,
        has_statistics: found.has_statistics,
        analyzed: found.analyzed_us.map(Timestamp),
        modified_since_analyze: found.modified_since_analyze,
    }
}

fn operation_facts((operation, found): (usize, driver::OperationFacts)) -> OperationFacts {
    OperationFacts {
        operation,
        problem: found.problem,
        plan: found.plan,
        uses_index: found.uses_index,
        scans: found.scans,
    }
}
