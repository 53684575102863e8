//! Where a store is.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use gauntlet_model::preflight::Place;
use gauntlet_postgres_tls::{BadParameters, Mode, Parameters};
use tokio_postgres::config::{Config, Host};

/// Where a store is. It is printed without its password.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database: a URL, with the password if there is one.
    Postgres(String),
}

/// Why a text is no [`Location`]. The text is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLocation {
    /// Neither of the two kinds.
    #[error("the store must be sqlite:PATH or postgres://USER@HOST:PORT/DATABASE")]
    Kind,
    /// No path, or one that is not a file's.
    #[error("the store sqlite: needs the path of a file, like sqlite:data/gauntlet.db")]
    Path,
    /// Not a URL that PostgreSQL's clients understand.
    #[error("the store's postgres URL cannot be read: {0}")]
    Url(String),
}

impl Location {
    /// Reads `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, which
    /// may end in `?sslmode=require`, `verify-ca` or `verify-full`, and in
    /// `&sslrootcert=FILE`, which `verify-ca` needs and `verify-full` may have; the
    /// file must be there.
    pub fn parse(text: &str) -> Result<Self, BadLocation> {
        match text.split_once(':') {
            Some(("sqlite", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                if path.is_empty() || path.starts_with(':') {
                    return Err(BadLocation::Path);
                }
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                let bad = |error: BadParameters| BadLocation::Url(error.to_string());
                let parameters = Parameters::of(text).map_err(bad)?;
                parameters.config().map_err(bad)?;
                parameters.proof().map_err(bad)?;
                Ok(Self::Postgres(text.to_owned()))
            }
            _ => Err(BadLocation::Kind),
        }
    }

    /// The kind of database, in one word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// The place, for those who hold it against a target's; `None` where it
    /// cannot be told.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Sqlite(path) => std::path::absolute(path).ok().map(Place::File),
            Self::Postgres(url) => {
                let (config, _) = read(url)?;
                Some(Place::Server {
                    host: config.get_hosts().first().map(host)?,
                    port: *config.get_ports().first().unwrap_or(&PORT),
                    database: config.get_dbname().unwrap_or_default().to_owned(),
                })
            }
        }
    }
}

impl FromStr for Location {
    type Err = BadLocation;
    fn from_str(text: &str) -> Result<Self, BadLocation> {
        Self::parse(text)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            // Put together from what is known to be no secret, so that a
            // password cannot slip through in a place that was not thought of.
            Self::Postgres(url) => {
                let Some((config, parameters)) = read(url) else {
                    return f.write_str("postgres:");
                };
                write!(
                    f,
                    "postgres://{}@{}:{}/{}",
                    config.get_user().unwrap_or_default(),
                    config.get_hosts().first().map(host).unwrap_or_default(),
                    config.get_ports().first().unwrap_or(&PORT),
                    config.get_dbname().unwrap_or_default(),
                )?;
                if parameters.mode != Mode::Disable {
                    write!(f, "?sslmode={}", parameters.mode.word())?;
                }
                if let Some(file) = &parameters.file {
                    f.write_str("&sslrootcert=")?;
                    encode(file, f)?;
                }
                Ok(())
            }
        }
    }
}

/// PostgreSQL's port where the URL names none.
const PORT: u16 = 5432;

/// What a URL says, as far as it can be read.
fn read(url: &str) -> Option<(Config, Parameters)> {
    let parameters = Parameters::of(url).ok()?;
    let config = parameters.config().ok()?;
    Some((config, parameters))
}

/// Writes a file's path as it stands in a URL.
fn encode(file: &Path, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in file.display().to_string().bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            write!(f, "{}", char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_read() {
        for (text, path) in [
            ("sqlite:gauntlet.db", "gauntlet.db"),
            ("sqlite:/var/lib/a b.db", "/var/lib/a b.db"),
            ("sqlite:///var/lib/g.db", "/var/lib/g.db"),
        ] {
            let expected = Location::Sqlite(PathBuf::from(path));
            assert_eq!(Location::parse(text), Ok(expected), "{text}");
        }
        for url in ["postgres://me@db:5433/bench", "postgresql://me:pw@db/bench"] {
            assert_eq!(Location::parse(url), Ok(Location::Postgres(url.to_owned())));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for (text, expected) in [
            ("", BadLocation::Kind),
            ("gauntlet.db", BadLocation::Kind),
            ("mysql://db/bench", BadLocation::Kind),
            ("postgres:db", BadLocation::Kind),
            ("sqlite:", BadLocation::Path),
            ("sqlite://", BadLocation::Path),
            ("sqlite::memory:", BadLocation::Path),
        ] {
            assert_eq!(Location::parse(text), Err(expected), "{text}");
        }
        for (parameters, words) in [
            ("sslmode=prefer", "leaves it to the server"),
            ("sslmode=require&sslrootcert=ca.pem", "sslrootcert needs"),
            (
                "sslmode=verify-ca&sslrootcert=/nowhere",
                "the file /nowhere",
            ),
            ("sslmode=verify-ca", "or use sslmode=verify-full"),
            (
                "sslmode=require&host=/run/postgresql",
                "there is no TLS over a unix socket",
            ),
        ] {
            refused(
                &format!("postgres://me:secret@db/bench?{parameters}"),
                words,
            );
        }
        for (url, words) in [
            (
                "postgres://me:p?secret@db/bench?sslmode=require",
                "? as %3F",
            ),
            (
                "postgres://me:secret@/bench?hostaddr=10.0.0.1&sslmode=require",
                "needs the server's name",
            ),
        ] {
            refused(url, words);
        }
        let bad_port = Location::parse("postgres://me:secret@db:port/bench");
        let Err(error @ BadLocation::Url(_)) = bad_port else {
            panic!("{bad_port:?}");
        };
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    fn refused(url: &str, words: &str) {
        let error = Location::parse(url).expect_err(url).to_string();
        assert!(
            error.contains(words) && !error.contains("secret"),
            "{error}"
        );
    }

    #[test]
    fn how_it_is_encrypted_is_printed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("our ca&more.pem");
        std::fs::write(&file, "").unwrap();
        let file = format!("{}/our%20ca%26more.pem", folder.path().display());
        for encryption in [
            "?sslmode=require".to_owned(),
            "?sslmode=verify-full".to_owned(),
            format!("?sslmode=verify-full&sslrootcert={file}"),
            format!("?sslmode=verify-ca&sslrootcert={file}"),
        ] {
            let url = format!("postgres://me:secret@db/bench{encryption}");
            let printed = Location::parse(&url).unwrap().to_string();
            assert_eq!(printed, format!("postgres://me@db:5432/bench{encryption}"));
            // As it is printed it can be given again.
            assert_eq!(Location::parse(&printed).unwrap().to_string(), printed);
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        for url in [
            "postgres://me:secret@db:5433/bench",
            "postgres://me@db:5433/bench?password=secret",
            "postgres://db:5433/bench?user=me&password=secret&application_name=secret",
        ] {
            let location = Location::parse(url).unwrap();
            assert_eq!(location.to_string(), "postgres://me@db:5433/bench");
            assert_eq!(
                format!("{location:?}"),
                "Location(postgres://me@db:5433/bench)"
            );
        }
    }
}
