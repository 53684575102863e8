//! Databases under test.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    id::{Name, Project, TargetId},
    time::Timestamp,
};

/// A database under test. Its password is not here: see [`Secret`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The target's id.
    pub id: TargetId,
    /// The project it belongs to.
    pub project: Project,
    /// Unique in its project.
    pub name: Name,
    /// Where it is and who logs in.
    pub address: Address,
    /// When it was registered.
    pub created: Timestamp,
    /// Counts from 1; grows by one with every change.
    pub revision: i64,
    /// What it costs per hour, in a currency of the user's choice; 0 when not known.
    pub price_per_hour: f64,
}

/// Where a target is and who logs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// An embedded SQLite database file.
    Sqlite {
        /// An absolute path on the machine of the workers.
        path: PathBuf,
    },
    /// A PostgreSQL database.
    Postgres {
        /// A host name, an address, or the folder of a unix socket.
        host: String,
        /// The port.
        port: u16,
        /// The database's name.
        database: String,
        /// The role that logs in.
        user: String,
        /// Whether connections are encrypted. Addresses of before there was a
        /// choice are without.
        #[serde(default)]
        encryption: Encryption,
    },
}

/// Whether connections to a PostgreSQL server are encrypted, and what the server
/// must prove. Nothing is left to negotiation: encryption is part of what is measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// They are not.
    #[default]
    None,
    /// They are, to whichever server answers.
    Required,
    /// They are, and the server's certificate comes from one of these.
    VerifyAuthority(Authorities),
    /// The same, and the certificate is for the host that was asked for.
    VerifyHost(Authorities),
}

/// Whom to believe when they say who a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authorities {
    /// Those that the machine trusts which connects.
    System,
    /// These certificates, as PEM.
    Pem(String),
}

impl Encryption {
    /// The `sslmode` of libpq that means the same.
    #[must_use]
    pub fn sslmode(&self) -> &'static str {
        match self {
            Self::None => "disable",
            Self::Required => "require",
            Self::VerifyAuthority(_) => "verify-ca",
            Self::VerifyHost(_) => "verify-full",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "sqlite:{}", path.display()),
            Self::Postgres {
                host,
                port,
                database,
                user,
                encryption,
            } => {
                write!(f, "postgres://{user}@{host}:{port}/{database}")?;
                match encryption {
                    Encryption::None => Ok(()),
                    encrypted => write!(f, "?sslmode={}", encrypted.sslmode()),
                }
            }
        }
    }
}

/// A password. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a password.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The password itself; for the login only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A password as it is stored: sealed by the control plane's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// A table to make on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The table, with or without its schema.
    pub table: String,
    /// How many rows.
    pub rows: i64,
    /// The seed of the contents.
    pub seed: u64,
    /// Whether a table with another content is dropped first.
    pub replace: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(encryption: Encryption) -> Address {
        Address::Postgres {
            host: "db".to_owned(),
            port: 5432,
            database: "shop".to_owned(),
            user: "app".to_owned(),
            encryption,
        }
    }

    #[test]
    fn an_address_of_before_there_was_a_choice_is_read() {
        let stored = r#"{"postgres":{"host":"db","port":5432,"database":"shop","user":"app"}}"#;
        let read: Address = serde_json::from_str(stored).unwrap();
        assert_eq!(read, address(Encryption::None));
    }

    #[test]
    fn every_encryption_is_stored_and_shown() {
        let pem = || Authorities::Pem("-----BEGIN CERTIFICATE-----".to_owned());
        for (encryption, shown) in [
            (Encryption::None, "postgres://app@db:5432/shop"),
            (
                Encryption::Required,
                "postgres://app@db:5432/shop?sslmode=require",
            ),
            (
                Encryption::VerifyAuthority(pem()),
                "postgres://app@db:5432/shop?sslmode=verify-ca",
            ),
            (
                Encryption::VerifyHost(Authorities::System),
                "postgres://app@db:5432/shop?sslmode=verify-full",
            ),
        ] {
            let address = address(encryption);
            assert_eq!(address.to_string(), shown);
            let stored = serde_json::to_string(&address).unwrap();
            assert_eq!(serde_json::from_str::<Address>(&stored).unwrap(), address);
        }
    }
}
