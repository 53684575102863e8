//! The address of a database, as given on the command line and as shown.

mod encryption;

use gauntlet_client::pb;
use gauntlet_postgres_tls::percent_decoded;

/// What an address looks like, for messages.
const SHAPE: &str = "postgres://USER:PASSWORD@HOST:PORT/DATABASE";

/// How to write what would be read as a part of the address.
const ENCODE: &str = "in a password write % as %25, ? as %3F, / as %2F, @ as %40 and : as %3A";

/// A PostgreSQL address from a URL, and the root certificate from the file that
/// it names. The parts may be percent-encoded; a host that is the folder of a
/// unix socket must be.
pub fn postgres(url: &str) -> Result<pb::PostgresAddress, String> {
    // The URL may hold a password, so it is not repeated in a message.
    let rest = url
        .strip_prefix("postgres://")
        .or_else(|| url.strip_prefix("postgresql://"))
        .ok_or_else(|| {
            format!("the address of a PostgreSQL target begins with postgres://, like {SHAPE}")
        })?;
    let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (host, port) = host_and_port(place)?;
    let mut address = pb::PostgresAddress {
        host: decoded(host)?,
        port,
        database: decoded(database)?,
        user: decoded(user)?,
        password: decoded(password)?,
        ..pb::PostgresAddress::default()
    };
    for (part, value) in [
        ("user", &address.user),
        ("host", &address.host),
        ("database", &address.database),
    ] {
        if value.is_empty() {
            return Err(format!(
                "the address names no {part}; write {SHAPE}, and {ENCODE}"
            ));
        }
    }
    encryption::read(parameters, &mut address)?;
    Ok(address)
}

fn host_and_port(place: &str) -> Result<(&str, u32), String> {
    let (host, port) = if let Some(bracketed) = place.strip_prefix('[') {
        let (host, after) = bracketed
            .split_once(']')
            .ok_or_else(|| "the address has a [ without its ]".to_owned())?;
        (host, after.strip_prefix(':').unwrap_or(after))
    } else {
        place.rsplit_once(':').unwrap_or((place, ""))
    };
    if port.is_empty() {
        return Ok((host, 0));
    }
    match port.parse::<u16>() {
        Ok(number) if number > 0 => Ok((host, number.into())),
        // It may be the beginning of a password.
        _ => Err(format!(
            "the address has a port that is not a number from 1 to 65535; {ENCODE}"
        )),
    }
}

fn decoded(text: &str) -> Result<String, String> {
    percent_decoded(text).ok_or_else(|| {
        "the address has a % that is not followed by two hexadecimal digits (write %25 for a % itself)".to_owned()
    })
}

/// A target's address without its password.
pub fn of(target: &pb::Target) -> String {
    match &target.address {
        Some(pb::target::Address::Sqlite(sqlite)) => format!("sqlite {}", sqlite.path),
        Some(pb::target::Address::Postgres(postgres)) => {
            let port = match postgres.port {
                0 => 5432,
                port => port,
            };
            let host = if postgres.host.contains(':') {
                format!("[{}]", postgres.host)
            } else {
                postgres.host.clone()
            };
            format!(
                "postgres {}@{host}:{port}/{}{}",
                postgres.user,
                postgres.database,
                encryption::shown(postgres)
            )
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(
        host: &str,
        port: u32,
        database: &str,
        user: &str,
        password: &str,
    ) -> pb::PostgresAddress {
        pb::PostgresAddress {
            host: host.to_owned(),
            port,
            database: database.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            ..pb::PostgresAddress::default()
        }
    }

    #[test]
    fn good_addresses() {
        for (url, expected) in [
            ("postgres://u@h/d", parsed("h", 0, "d", "u", "")),
            (
                "postgresql://u:p@h:5433/d",
                parsed("h", 5433, "d", "u", "p"),
            ),
            (
                "postgres://u:p%40%3A%2f@h/d",
                parsed("h", 0, "d", "u", "p@:/"),
            ),
            ("postgres://u:p@x@h/d", parsed("h", 0, "d", "u", "p@x")),
            ("postgres://u:p:q@h/d", parsed("h", 0, "d", "u", "p:q")),
            (
                "postgres://u@[::1]:5433/d",
                parsed("::1", 5433, "d", "u", ""),
            ),
            ("postgres://u@[::1]/d", parsed("::1", 0, "d", "u", "")),
            (
                "postgres://u@%2Frun%2Fpostgresql/d",
                parsed("/run/postgresql", 0, "d", "u", ""),
            ),
        ] {
            assert_eq!(postgres(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn bad_addresses_are_refused_without_their_password() {
        for (url, words) in [
            ("localhost:5432/secret", "begins with postgres://"),
            ("mysql://u:secret@h/d", "begins with postgres://"),
            ("postgres://h/d", "names no user"),
            ("postgres://u:secret@/d", "names no host"),
            ("postgres://u:secret@h", "names no database"),
            ("postgres://u:secret@h/", "names no database"),
            ("postgres://u:secret@h:0/d", "a port that is not a number"),
            (
                "postgres://u:secret@h:99999/d",
                "from 1 to 65535; in a password",
            ),
            ("postgres://u:secret?x@h/d", "? as %3F"),
            ("postgres://u:secret/x@h/d", "/ as %2F"),
            ("postgres://u:s@x?secret@h/d", "? as %3F"),
            ("postgres://u:s@x/d?secret@h/d", "? as %3F"),
            ("postgres://u:s@x/d?Secret=@h/d", "? as %3F"),
            ("postgres://u:s@x/d?secret&1@h/d", "? as %3F"),
            ("postgres://u:1?secret@h/d?sslmode=require", "names no user"),
            ("postgres://u:secret@[::1/d", "a [ without its ]"),
            ("postgres://u:secret%@h/d", "write %25"),
            ("postgres://u:secret%+1@h/d", "write %25"),
        ] {
            let error = postgres(url).expect_err(url);
            assert!(
                error.contains(words) && !error.to_lowercase().contains("secret"),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        let target = pb::Target {
            address: Some(pb::target::Address::Postgres(parsed(
                "::1", 0, "d", "u", "secret",
            ))),
            ..Default::default()
        };
        assert_eq!(of(&target), "postgres u@[::1]:5432/d");
    }
}
