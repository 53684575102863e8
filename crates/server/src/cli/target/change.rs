//! `gauntlet target update` and `gauntlet target delete`.

use std::env;

use clap::{ArgGroup, Args};
use gauntlet_client::pb;

use super::add::{price, sqlite};
use crate::cli::{Context, exit::Exit, failure::Failure, find, print, text::address};

/// Changes where a database is or who logs in. What is not given stays.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("change").required(true).multiple(true)
    .args(["sqlite", "postgres", "password_env", "remove_password", "price_per_hour"])))]
pub struct Update {
    /// The target's name
    name: String,
    /// An embedded SQLite database file, on the machine of the workers
    #[arg(long, value_name = "PATH", conflicts_with_all = ["postgres", "password_env", "remove_password"])]
    sqlite: Option<String>,
    /// A PostgreSQL database: postgres://USER:PASSWORD@HOST:PORT/DATABASE, with TLS
    /// by ?sslmode=require, verify-ca or verify-full, and &sslrootcert=FILE; without
    /// sslmode it stays as it is, sslmode=disable turns it off
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Take the new password from this environment variable
    #[arg(long, value_name = "VARIABLE", conflicts_with = "remove_password")]
    password_env: Option<String>,
    /// Forget the password that is stored
    #[arg(long)]
    remove_password: bool,
    /// What the target costs per hour, in a currency of your choice; 0 for not known
    #[arg(long, value_name = "PRICE", value_parser = price)]
    price_per_hour: Option<f64>,
}

/// Forget a database; the database itself is not touched
#[derive(Debug, Args)]
pub struct Delete {
    /// The target's name
    name: String,
}

impl Update {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let known = find::target(&client, context, &self.name).await?;
        let price_per_hour = self.price_per_hour.unwrap_or(known.price_per_hour);
        let address = self.address(known.address).map_err(Failure::Asked)?;
        let request = pb::UpdateTargetRequest {
            target: Some(pb::Target {
                project: context.project(),
                name: self.name,
                address: Some(address),
                price_per_hour,
                ..Default::default()
            }),
            etag: known.etag,
            remove_password: self.remove_password,
        };
        let changed = client.targets().update_target(request).await?.into_inner();
        let target = changed.target.unwrap_or_default();
        if context.is_json() {
            print::document("Target", &target)?;
        } else {
            print::line(&format!(
                "target {} changed: {}",
                target.name,
                address::of(&target)
            ))?;
        }
        Ok(Exit::Pass)
    }

    fn address(&self, known: Option<pb::target::Address>) -> Result<pb::target::Address, String> {
        if let Some(path) = &self.sqlite {
            return Ok(pb::target::Address::Sqlite(sqlite(path)?));
        }
        let mut postgres = match (&self.postgres, known) {
            (Some(url), _) => address::postgres(url)?,
            (None, Some(pb::target::Address::Postgres(known))) => known,
            (None, Some(known)) if self.password_env.is_none() && !self.remove_password => {
                return Ok(known);
            }
            (None, _) => {
                return Err("the target is a file, which has no password".to_owned());
            }
        };
        if let Some(variable) = &self.password_env {
            if !postgres.password.is_empty() {
                return Err(
                    "the address holds a password already; leave --password-env out".to_owned(),
                );
            }
            postgres.password = env::var(variable)
                .map_err(|_| format!("the environment variable {variable} is not set"))?;
        }
        Ok(pb::target::Address::Postgres(postgres))
    }
}

impl Delete {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let known = find::target(&client, context, &self.name).await?;
        let request = pb::DeleteTargetRequest {
            project: context.project(),
            name: self.name,
            etag: known.etag,
        };
        let deleted = client.targets().delete_target(request).await?.into_inner();
        if context.is_json() {
            print::document("DeleteTargetResponse", &deleted)?;
        } else {
            print::line(&format!("target {} is deleted", known.name))?;
        }
        Ok(Exit::Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update() -> Update {
        Update {
            name: "db".to_owned(),
            sqlite: None,
            postgres: None,
            password_env: None,
            remove_password: true,
            price_per_hour: None,
        }
    }

    #[test]
    fn encryption_is_turned_off_only_by_saying_so() {
        for (parameters, expected) in [
            ("", pb::SslMode::Unspecified),
            ("?sslmode=disable", pb::SslMode::Disable),
            ("?sslmode=require", pb::SslMode::Require),
        ] {
            let moved = Update {
                postgres: Some(format!("postgres://u@h/d{parameters}")),
                ..update()
            };
            let Ok(pb::target::Address::Postgres(address)) = moved.address(None) else {
                panic!("{parameters} is an address");
            };
            assert_eq!(address.ssl_mode(), expected, "{parameters}");
        }
    }

    #[test]
    fn what_is_not_given_stays() {
        let known = address::postgres("postgres://u@h:5433/d").unwrap();
        let known = pb::target::Address::Postgres(known);
        assert_eq!(update().address(Some(known.clone())), Ok(known.clone()));
        let other = Update {
            sqlite: Some("/data/x.db".to_owned()),
            ..update()
        };
        assert!(
            matches!(other.address(Some(known)), Ok(pb::target::Address::Sqlite(file)) if file.path == "/data/x.db")
        );
        let file = pb::target::Address::Sqlite(sqlite("/data/x.db").unwrap());
        let priced = Update {
            remove_password: false,
            price_per_hour: Some(2.5),
            ..update()
        };
        assert_eq!(priced.address(Some(file.clone())), Ok(file.clone()));
        assert!(
            update()
                .address(Some(file))
                .unwrap_err()
                .contains("no password")
        );
    }
}
