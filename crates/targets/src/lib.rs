//! Databases as targets: drivers for the load engine, and the questions that a control plane asks a target.
//!
//! Load goes through [`start`]: it picks the driver, renders one SQL text per [`Statement`] and hands both to the engine.
//! Everything else ([`test`], [`describe_table`], [`check_statements`], [`load_dataset`], …) opens one connection, asks,
//! and is bounded in time. Each database is a module and a feature of its own.

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("gauntlet-targets needs at least one of the features sqlite and postgres");

mod access;
mod config;
mod dataset;
mod error;
mod evidence;
mod facts;
mod name;
mod near;
#[cfg(feature = "postgres")]
mod postgres;
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod start;
mod statement;
mod tally;

pub use access::{
    Column, SessionWatch, TableDescription, Tested, capabilities, catalog, check_statements,
    count_keys, describe_table, load_dataset, max_key, near_tables, preflight, profile,
    sample_column, statistics, test,
};
pub use config::{Authorities, Config, Encryption, Secret};
pub use dataset::{Dataset, Loaded};
pub use error::TargetError;
pub use evidence::{
    Counters, RelationSize, SessionWait, Sessions, StatementCounts, StatementFigures, Statistics,
};
pub use facts::{
    Capabilities, CatalogColumn, CatalogIndex, CatalogTable, ColumnProfile, Feature, FeatureStatus,
    OperationFacts, PreflightFacts, SampleMethod, Setting, TableFacts, TableKind, TableProfile,
};
pub use sql::{Dialect, placeholders, sql_text};
pub use start::start;
pub use statement::{Class, Statement, StatementKind};
