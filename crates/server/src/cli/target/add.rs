//! `gauntlet target add`.

use std::{env, path::Path};

use clap::{ArgGroup, Args};
use gauntlet_client::pb;
use uuid::Uuid;

use crate::cli::{Context, exit::Exit, failure::Failure, print, text::address};

/// Register a database
///
/// Registers a database under test. Nothing is connected: see target test.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("address").required(true).args(["sqlite", "postgres"])))]
pub struct Add {
    /// The target's name: lower-case letters, digits and dashes
    name: String,
    /// An embedded SQLite database file, on the machine of the workers
    #[arg(long, value_name = "PATH")]
    sqlite: Option<String>,
    /// A PostgreSQL database: postgres://USER:PASSWORD@HOST:PORT/DATABASE, with TLS
    /// by ?sslmode=require, verify-ca or verify-full, and &sslrootcert=FILE
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Take the password from this environment variable, not from the address
    #[arg(long, value_name = "VARIABLE", requires = "postgres")]
    password_env: Option<String>,
    /// What the target costs per hour, in a currency of your choice
    #[arg(
        long,
        value_name = "PRICE",
        default_value_t = 0.0,
        hide_default_value = true,
        value_parser = price
    )]
    price_per_hour: f64,
}

/// What an hour costs.
pub(super) fn price(text: &str) -> Result<f64, String> {
    let price = text.parse().ok();
    let price = price.filter(|price: &f64| price.is_finite() && *price >= 0.0);
    price.ok_or_else(|| "a price is a number, 0 or above".to_owned())
}

impl Add {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let address = self.address().map_err(Failure::Asked)?;
        let client = context.client().await?;
        let request = pb::CreateTargetRequest {
            request_id: Uuid::new_v4().to_string(),
            target: Some(pb::Target {
                project: context.project(),
                name: self.name.clone(),
                address: Some(address),
                price_per_hour: self.price_per_hour,
                ..Default::default()
            }),
        };
        let way_out = format!(
            "change it with gauntlet target update {}, or choose another name",
            self.name
        );
        let created = client.targets().create_target(request).await;
        let response = created
            .map_err(|status| Failure::from(status).already(&way_out))?
            .into_inner();
        let target = response.target.unwrap_or_default();
        if context.is_json() {
            print::document("Target", &target)?;
        } else {
            print::line(&format!(
                "target {} added: {}",
                target.name,
                address::of(&target)
            ))?;
            print::aside(&format!(
                "try it with: gauntlet target test {}",
                target.name
            ));
        }
        Ok(Exit::Pass)
    }

    fn address(&self) -> Result<pb::target::Address, String> {
        if let Some(path) = &self.sqlite {
            return Ok(pb::target::Address::Sqlite(sqlite(path)?));
        }
        let url = self.postgres.as_deref().unwrap_or_default();
        let mut parsed = address::postgres(url)?;
        if let Some(variable) = &self.password_env {
            if !parsed.password.is_empty() {
                return Err(
                    "the address holds a password already; leave --password-env out".to_owned(),
                );
            }
            parsed.password = env::var(variable)
                .map_err(|_| format!("the environment variable {variable} is not set"))?;
        }
        Ok(pb::target::Address::Postgres(parsed))
    }
}

/// The address of a file; a relative path is taken from here.
pub fn sqlite(path: &str) -> Result<pb::SqliteAddress, String> {
    if let Some((scheme, _)) = path.split_once("://") {
        return Err(format!(
            "--sqlite takes the path of a file, not a {scheme} address"
        ));
    }
    let absolute = std::path::absolute(Path::new(path))
        .map_err(|error| format!("--sqlite {path:?} is not the path of a file: {error}"))?;
    // It came in as a string, and the folder it is put behind may be no text.
    let path = absolute
        .into_os_string()
        .into_string()
        .map_err(|path| format!("the path {} is not UTF-8", path.display()))?;
    Ok(pb::SqliteAddress { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_absolute() {
        assert_eq!(sqlite("/data/x.db").unwrap().path, "/data/x.db");
        assert!(sqlite("x.db").unwrap().path.ends_with("/x.db"));
        assert!(sqlite("").is_err());
        assert!(sqlite("sqlite:///x.db").is_err());
    }
}
