//! `gauntlet target capabilities`, `tables` and `profile`.

use clap::Args;
use gauntlet_client::pb;

use crate::cli::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print,
    text::{
        number::{bytes, count, counted, percent},
        table::{Align, Table},
        word,
    },
};

/// Ask a database what it can do and how it is set
#[derive(Debug, Args)]
pub struct Capabilities {
    /// The target's name
    name: String,
}

/// List the tables and views of a database
#[derive(Debug, Args)]
pub struct Tables {
    /// The target's name
    name: String,
    /// Only of this schema
    #[arg(long, default_value = "", hide_default_value = true)]
    schema: String,
}

/// Look at what a table holds
#[derive(Debug, Args)]
pub struct Profile {
    /// The target's name
    name: String,
    /// The table, with or without its schema
    table: String,
    /// The most rows to look at
    #[arg(long, default_value_t = 10_000)]
    rows: u32,
}

impl Capabilities {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        find::target(&client, context, &self.name).await?;
        let request = pb::GetCapabilitiesRequest {
            project: context.project(),
            name: self.name,
        };
        let answer = client.targets().get_capabilities(request).await?;
        let found = answer.into_inner().capabilities.unwrap_or_default();
        if context.is_json() {
            print::document("Capabilities", &found)?;
        } else {
            print::text(&described(&found))?;
        }
        Ok(Exit::Pass)
    }
}

fn described(found: &pb::Capabilities) -> String {
    let connections = match (found.max_connections, found.connections_in_use) {
        (Some(most), Some(used)) => format!("{used} of {most} connections in use"),
        (Some(most), None) => counted(u64::from(most), "connection"),
        (None, _) => "no limit of connections".to_owned(),
    };
    let writes = if found.read_only {
        "takes no writes"
    } else {
        "takes writes"
    };
    let mut features = Table::plain([Align::Left, Align::Left, Align::Left]);
    for feature in &found.features {
        let status = word::lower(feature.status().as_str_name(), "FEATURE_STATUS_");
        let name = format!("  {}", feature.name);
        features.row([name, status, feature.note.clone()]);
    }
    let mut settings = Table::plain([Align::Left, Align::Left]);
    for setting in &found.settings {
        let value = format!("{} {}", setting.value, setting.unit);
        settings.row([format!("  {}", setting.name), value]);
    }
    format!(
        "{}; {writes}; {connections}\nfeatures\n{features}settings\n{settings}",
        found.version
    )
}

impl Tables {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        find::target(&client, context, &self.name).await?;
        let mut found = pb::ListCatalogResponse::default();
        let mut page_token = String::new();
        loop {
            let request = pb::ListCatalogRequest {
                project: context.project(),
                name: self.name.clone(),
                schema: self.schema.clone(),
                page: Some(pb::PageRequest {
                    page_size: 1000,
                    page_token,
                }),
            };
            let page = client.targets().list_catalog(request).await?.into_inner();
            found.tables.extend(page.tables);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        if context.is_json() {
            print::document("ListCatalogResponse", &found)?;
        } else if found.tables.is_empty() {
            print::aside(&format!(
                "no tables; make one to try things on with: gauntlet target load {}",
                self.name
            ));
        } else {
            print::text(&listed(&found.tables))?;
        }
        Ok(Exit::Pass)
    }
}

fn listed(tables: &[pb::CatalogTable]) -> String {
    let mut lines = Table::with_header([
        ("table", Align::Left),
        ("kind", Align::Left),
        ("rows", Align::Right),
        ("size", Align::Right),
        ("key", Align::Left),
        ("columns", Align::Left),
    ]);
    for table in tables {
        let mut key: Vec<&pb::CatalogColumn> = table
            .columns
            .iter()
            .filter(|column| column.primary_key_position > 0)
            .collect();
        key.sort_by_key(|column| column.primary_key_position);
        lines.row([
            table.path.clone(),
            word::lower(table.kind().as_str_name(), "CATALOG_TABLE_KIND_"),
            table.rows_estimate.map_or_else(String::new, count),
            table.bytes.map_or_else(String::new, bytes),
            names(key),
            names(table.columns.iter()),
        ]);
    }
    lines.to_string()
}

fn names<'a>(columns: impl IntoIterator<Item = &'a pb::CatalogColumn>) -> String {
    let names: Vec<&str> = columns.into_iter().map(|one| one.name.as_str()).collect();
    names.join(", ")
}

impl Profile {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        find::target(&client, context, &self.name).await?;
        let request = pb::ProfileTableRequest {
            project: context.project(),
            name: self.name,
            table: self.table,
            sample_rows: self.rows,
        };
        let answer = client.targets().profile_table(request).await?;
        let profile = answer.into_inner().profile.unwrap_or_default();
        if context.is_json() {
            print::document("TableProfile", &profile)?;
        } else {
            print::text(&profiled(&profile))?;
        }
        Ok(Exit::Pass)
    }
}

/// A table's profile in lines.
pub fn profiled(profile: &pb::TableProfile) -> String {
    let table = profile.table.clone().unwrap_or_default();
    let about = if profile.rows_exact { "" } else { "about " };
    let mut lines = Table::with_header([
        ("  column", Align::Left),
        ("type", Align::Left),
        ("null", Align::Right),
        ("distinct", Align::Right),
        ("smallest", Align::Left),
        ("largest", Align::Left),
    ]);
    for column in &profile.columns {
        lines.row([
            format!("  {}", column.name),
            column.r#type.clone(),
            percent(column.null_ratio),
            column.distinct_estimate.map_or_else(String::new, count),
            shown(column.min.as_deref()),
            shown(column.max.as_deref()),
        ]);
    }
    format!(
        "{}: {about}{} rows, {} looked at\n{lines}",
        table.path,
        count(profile.rows),
        count(profile.sampled_rows)
    )
}

/// A value in a column of its own width.
fn shown(value: Option<&str>) -> String {
    const WIDTH: usize = 30;
    let value = value.unwrap_or_default().replace(['\n', '\r', '\t'], " ");
    if value.chars().count() <= WIDTH {
        return value;
    }
    value.chars().take(WIDTH - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_listed_by_the_name_that_a_template_takes() {
        let column = |name: &str, primary_key_position| pb::CatalogColumn {
            name: name.to_owned(),
            primary_key_position,
            ..Default::default()
        };
        let table = pb::CatalogTable {
            path: "public.\"Items\"".to_owned(),
            kind: pb::CatalogTableKind::Table.into(),
            rows_estimate: Some(100_000),
            columns: vec![column("b", 2), column("a", 1), column("c", 0)],
            ..Default::default()
        };
        let shown = listed(&[table]);
        assert!(shown.contains("public.\"Items\"  table"), "{shown}");
        assert!(shown.contains("a, b  b, a, c"), "{shown}");
    }

    #[test]
    fn long_values_are_cut() {
        assert_eq!(shown(Some("a\nb")), "a b");
        assert_eq!(shown(None), "");
        let cut = shown(Some(&"é".repeat(31)));
        assert_eq!(cut.chars().count(), 30);
        assert!(cut.ends_with('…'));
    }
}
