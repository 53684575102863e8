//! What targets say, as the services answer it. These shapes are those of
//! [`TargetAccess`](gauntlet_orchestrator::access::TargetAccess), which `wire`
//! does not know.

use gauntlet_api::v1 as pb;
use gauntlet_orchestrator::access::{
    Capabilities, CatalogColumn, CatalogIndex, CatalogTable, ColumnProfile, Feature, FeatureStatus,
    Setting, TableKind, TableProfile,
};

pub(crate) fn capabilities(capabilities: Capabilities) -> pb::Capabilities {
    pb::Capabilities {
        kind: capabilities.kind.name().to_owned(),
        version: capabilities.version,
        features: capabilities.features.into_iter().map(feature).collect(),
        settings: capabilities.settings.into_iter().map(setting).collect(),
        max_connections: capabilities.max_connections,
        connections_in_use: capabilities.connections_in_use,
        read_only: capabilities.read_only,
    }
}

fn feature(feature: Feature) -> pb::Feature {
    let status = match feature.status {
        FeatureStatus::Available => pb::FeatureStatus::Available,
        FeatureStatus::Missing => pb::FeatureStatus::Missing,
        FeatureStatus::NotPermitted => pb::FeatureStatus::NotPermitted,
    };
    pb::Feature {
        name: feature.name,
        status: status.into(),
        note: feature.note,
    }
}

fn setting(setting: Setting) -> pb::Setting {
    pb::Setting {
        name: setting.name,
        value: setting.value,
        unit: setting.unit.unwrap_or_default(),
    }
}

pub(crate) fn table(table: CatalogTable) -> pb::CatalogTable {
    let kind = match table.kind {
        TableKind::Table => pb::CatalogTableKind::Table,
        TableKind::View => pb::CatalogTableKind::View,
        TableKind::MaterializedView => pb::CatalogTableKind::MaterializedView,
        TableKind::Foreign => pb::CatalogTableKind::Foreign,
        TableKind::Partitioned => pb::CatalogTableKind::Partitioned,
        TableKind::Virtual => pb::CatalogTableKind::Virtual,
    };
    pb::CatalogTable {
        schema: table.schema,
        name: table.name,
        kind: kind.into(),
        rows_estimate: table.rows_estimate,
        bytes: table.bytes,
        columns: table.columns.into_iter().map(column).collect(),
        indexes: table.indexes.into_iter().map(index).collect(),
        analyzed_us: table.analyzed.map_or(0, |at| at.0),
        path: table.path,
    }
}

fn column(column: CatalogColumn) -> pb::CatalogColumn {
    pb::CatalogColumn {
        name: column.name,
        r#type: column.type_name,
        nullable: column.nullable,
        primary_key_position: column.primary_key_position.unwrap_or(0),
        indexed: column.indexed,
    }
}

fn index(index: CatalogIndex) -> pb::CatalogIndex {
    pb::CatalogIndex {
        name: index.name,
        columns: index.columns,
        unique: index.unique,
        primary: index.primary,
        partial: index.partial,
    }
}

pub(crate) fn profile(profile: TableProfile) -> pb::TableProfile {
    pb::TableProfile {
        table: Some(table(profile.table)),
        rows: profile.rows,
        rows_exact: profile.rows_exact,
        columns: profile.columns.into_iter().map(column_profile).collect(),
        sampled_rows: profile.sampled_rows,
        from_statistics: profile.from_statistics,
    }
}

fn column_profile(column: ColumnProfile) -> pb::ColumnProfile {
    let common = column.common.into_iter();
    pb::ColumnProfile {
        name: column.name,
        r#type: column.type_name,
        null_ratio: column.nulls_ratio,
        distinct_estimate: column.distinct_estimate,
        min: column.min,
        max: column.max,
        average_bytes: column.average_bytes,
        common_values: common
            .map(|(value, ratio)| pb::CommonValue { value, ratio })
            .collect(),
        range_exact: column.range_exact,
    }
}
