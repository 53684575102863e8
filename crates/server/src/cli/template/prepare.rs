//! `gauntlet template prepare`.

use clap::Args;
use gauntlet_client::pb;

use crate::cli::{
    Context, exit::Exit, failure::Failure, find, pool, print, target::look::profiled,
};

/// Look at a template's tables and make value pools from their columns
///
/// Looks at the template's tables and makes value pools from their columns.
/// Repeatable: a pool that is there with the same source and seed stays.
#[derive(Debug, Args)]
pub struct Prepare {
    /// The template's name
    name: String,
    /// The version [default: the newest]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    version: Option<i32>,
    /// A pool to make from a column; may be given several times
    #[arg(long = "pool", value_name = "NAME=COLUMN", value_parser = from_column)]
    pools: Vec<(String, String)>,
    /// The table of the pools' columns [default: the template's]
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        requires = "pools"
    )]
    table: String,
    /// How many values each pool gets
    #[arg(long, default_value_t = 1_000, requires = "pools")]
    size: u32,
    /// The seed of the draw
    #[arg(long, default_value_t = 1, requires = "pools")]
    seed: u64,
    /// The most rows of each table to look at
    #[arg(long, default_value_t = 10_000)]
    rows: u32,
}

/// `name=column`.
fn from_column(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, column)) if !name.is_empty() && !column.is_empty() => {
            Ok((name.to_owned(), column.to_owned()))
        }
        _ => Err("a pool is NAME=COLUMN".to_owned()),
    }
}

impl Prepare {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        find::template(
            &client,
            context,
            &self.name,
            self.version.unwrap_or_default(),
        )
        .await?;
        let (table, size, seed) = (self.table, self.size, self.seed);
        let pool = |(name, column)| pb::PoolFromColumn {
            name,
            table: table.clone(),
            column,
            size,
            seed,
        };
        let request = pb::PrepareTemplateRequest {
            project: context.project(),
            name: self.name,
            version: self.version.unwrap_or_default(),
            pools: self.pools.into_iter().map(pool).collect(),
            sample_rows: self.rows,
        };
        let prepared = client.templates().prepare_template(request).await?;
        let prepared = prepared.into_inner();
        if context.is_json() {
            print::document("PrepareTemplateResponse", &prepared)?;
            return Ok(Exit::Pass);
        }
        for table in &prepared.tables {
            print::text(&profiled(table))?;
        }
        if !prepared.pools.is_empty() {
            print::text(&pool::listed(&prepared.pools))?;
        }
        Ok(Exit::Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_a_name_and_a_column() {
        let pair = |name: &str, column: &str| Ok((name.to_owned(), column.to_owned()));
        assert_eq!(from_column("keys=id"), pair("keys", "id"));
        assert_eq!(from_column("keys=a=b"), pair("keys", "a=b"));
        for bad in ["keys", "=id", "keys="] {
            assert!(from_column(bad).is_err(), "{bad}");
        }
    }
}
