//! `gauntlet pool`: named lists of parameter values.

use std::{
    io::{Read as _, stdin},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use gauntlet_client::pb;
use uuid::Uuid;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print,
    text::{
        number::{count, counted, instant},
        table::{Align, Table},
    },
};

/// Names lists of parameter values that templates draw from.
#[derive(Debug, Subcommand)]
pub enum Pool {
    Create(Create),
    /// List the pools of a project
    List,
    /// Print a pool's values, one per line
    Show(Named),
    /// Remove a pool that no template draws from
    Delete(Named),
}

/// Store a pool, one value per line
///
/// Stores a pool. It cannot be changed; see also: template prepare.
#[derive(Debug, Args)]
pub struct Create {
    /// The pool's name: lower-case letters, digits and dashes
    name: String,
    /// The file of the values, one per line; "-" reads the standard input
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Lines that read so are SQL NULL
    #[arg(long, value_name = "TEXT")]
    null: Option<String>,
}

/// Which pool.
#[derive(Debug, Args)]
pub struct Named {
    /// The pool's name
    name: String,
}

impl Pool {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Create(create) => create.run(context).await,
            Self::List => list(context).await,
            Self::Show(named) => named.show(context).await,
            Self::Delete(named) => named.delete(context).await,
        }
    }
}

impl Create {
    async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let text = read(&self.file).map_err(Failure::Asked)?;
        let client = context.client().await?;
        let request = pb::CreateValuePoolRequest {
            request_id: Uuid::new_v4().to_string(),
            pool: Some(pb::ValuePool {
                project: context.project(),
                name: self.name,
                values: values(&text, self.null.as_deref()),
                ..Default::default()
            }),
        };
        let made = client.templates().create_value_pool(request).await?;
        let pool = made.into_inner().pool.unwrap_or_default();
        if context.is_json() {
            print::document("ValuePool", &pool)?;
        } else {
            let values = counted(u64::from(pool.count), "value");
            print::line(&format!("pool {} made: {values}", pool.name))?;
        }
        Ok(Exit::Pass)
    }
}

fn read(file: &Path) -> Result<String, String> {
    let told = |error| format!("{} cannot be read: {error}", file.display());
    if file == Path::new("-") {
        let mut text = String::new();
        stdin().read_to_string(&mut text).map_err(told)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(told)
}

/// The values of lines; the last line end ends the last value.
fn values(text: &str, null: Option<&str>) -> Vec<pb::PoolValue> {
    text.lines()
        .map(|line| pb::PoolValue {
            text: (Some(line) != null).then(|| line.to_owned()),
        })
        .collect()
}

async fn list(context: &Context) -> Result<Exit, Failure> {
    let client = context.client().await?;
    let mut found = pb::ListValuePoolsResponse::default();
    let mut page_token = String::new();
    loop {
        let request = pb::ListValuePoolsRequest {
            project: context.project(),
            page: Some(pb::PageRequest {
                page_size: 1000,
                page_token,
            }),
        };
        let page = client.templates().list_value_pools(request).await?;
        let page = page.into_inner();
        found.pools.extend(page.pools);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    if context.is_json() {
        print::document("ListValuePoolsResponse", &found)?;
    } else if found.pools.is_empty() {
        print::aside("no pools; make one with: gauntlet pool create NAME --file FILE");
    } else {
        print::text(&listed(&found.pools))?;
    }
    Ok(Exit::Pass)
}

/// Pools in lines.
pub fn listed(pools: &[pb::ValuePool]) -> String {
    let mut table = Table::with_header([
        ("pool", Align::Left),
        ("values", Align::Right),
        ("from", Align::Left),
        ("made", Align::Left),
    ]);
    for pool in pools {
        let source = pool.source.as_ref().map_or_else(String::new, |source| {
            format!(
                "{} of {} on {}, seed {}",
                source.column, source.table, source.target, source.seed
            )
        });
        table.row([
            pool.name.clone(),
            count(u64::from(pool.count)),
            source,
            instant(pool.created_us),
        ]);
    }
    table.to_string()
}

impl Named {
    async fn show(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let request = pb::GetValuePoolRequest {
            project: context.project(),
            name: self.name.clone(),
        };
        let found = match client.templates().get_value_pool(request).await {
            Ok(found) => found,
            Err(status) => {
                return Err(find::pool_failure(&client, context, &self.name, status).await);
            }
        };
        let pool = found.into_inner().pool.unwrap_or_default();
        if context.is_json() {
            print::document("ValuePool", &pool)?;
            return Ok(Exit::Pass);
        }
        let mut text = String::new();
        for value in pool.values {
            // NULL and an empty text look alike here; --output json tells them apart.
            text.push_str(&value.text.unwrap_or_default());
            text.push('\n');
        }
        print::text(&text)?;
        Ok(Exit::Pass)
    }

    async fn delete(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let request = pb::DeleteValuePoolRequest {
            project: context.project(),
            name: self.name.clone(),
        };
        let deleted = match client.templates().delete_value_pool(request).await {
            Ok(deleted) => deleted,
            Err(status) => {
                return Err(find::pool_failure(&client, context, &self.name, status).await);
            }
        };
        if context.is_json() {
            print::document("DeleteValuePoolResponse", &deleted.into_inner())?;
        } else {
            print::line(&format!("pool {} is deleted", self.name))?;
        }
        Ok(Exit::Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_value() {
        let read = |text: &str, null: Option<&str>| -> Vec<Option<String>> {
            values(text, null)
                .into_iter()
                .map(|value| value.text)
                .collect()
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(read("a\n\nb\n", None), [text("a"), text(""), text("b")]);
        assert_eq!(read("a\r\n\\N", Some("\\N")), [text("a"), None]);
        assert_eq!(read("", None), []);
    }
}
