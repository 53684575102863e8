//! Where a target is and how to get in.

use std::fmt;
use std::path::PathBuf;

use crate::sql::Dialect;

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for whoever has to send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// One target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Config {
    /// An embedded SQLite database.
    Sqlite {
        /// Its file. It must exist, except for [`load_dataset`](crate::load_dataset).
        path: PathBuf,
    },
    /// A PostgreSQL server.
    Postgres {
        /// Host name, address, or the folder of a Unix socket.
        host: String,
        /// TCP port.
        port: u16,
        /// Database on that server.
        database: String,
        /// User to log in as.
        user: String,
        /// The user's password, if one is needed.
        password: Option<Secret>,
        /// What the server shows for our sessions.
        application_name: String,
        /// Whether connections are encrypted.
        encryption: Encryption,
    },
}

/// Whether connections are encrypted, and what the server must prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// They are not.
    None,
    /// They are, to whichever server answers.
    Required,
    /// They are, and the server's certificate comes from one of these.
    VerifyAuthority(Authorities),
    /// The same, and the certificate is for the host that was asked for.
    VerifyHost(Authorities),
}

/// Whom to believe when they say who a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorities {
    /// Those that this machine trusts.
    System,
    /// These certificates, as PEM.
    Pem(String),
}

impl Config {
    /// The SQL that this target speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres { .. } => Dialect::Postgres,
        }
    }

    /// Where the target is, for messages; without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Sqlite { path } => path.display().to_string(),
            Self::Postgres {
                host,
                port,
                database,
                ..
            } => format!("{host}:{port}/{database}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let config = Config::Postgres {
            host: "db".into(),
            port: 5432,
            database: "shop".into(),
            user: "app".into(),
            password: Some(Secret::new("hunter2")),
            application_name: "gauntlet".into(),
            encryption: Encryption::None,
        };
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(config.address(), "db:5432/shop");
    }
}
