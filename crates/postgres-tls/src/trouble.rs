//! What went wrong between us and a server, in terms on which a caller can act.

use std::{error::Error as _, io};

use tokio_postgres::error::SqlState;
use tokio_rustls::rustls::{CertificateError, Error, pki_types::UnixTime};

/// Why there is no connection with the encryption that was asked for. Sentences
/// are about "the server", in libpq's words for what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It speaks in plain text only.
    #[error(
        "the server does not offer TLS; turn it on there (ssl = on), or go without (sslmode=disable)"
    )]
    NotOffered,
    /// It speaks encrypted only.
    #[error(
        "the server takes no connection without TLS: {0}; ask for it with sslmode=require, or better with sslmode=verify-full"
    )]
    Demanded(String),
    /// It may speak encrypted only: its `pg_hba.conf` has nothing for this connection.
    #[error(
        "the server has no rule that lets this connection in without TLS: {0}; if it wants TLS, ask for it with sslmode=require, or better with sslmode=verify-full; otherwise add a rule to its pg_hba.conf"
    )]
    NoRule(String),
    /// Nobody whom we believe vouches for it.
    #[error(
        "the server's certificate is not from an authority that is trusted here; give the certificate of its authority (sslrootcert), or check nothing (sslmode=require)"
    )]
    UnknownAuthority,
    /// It uses an authority's certificate as its own.
    #[error(
        "the server's certificate is that of an authority (CA:TRUE), and no server's; let the authority sign one for the server, or check nothing (sslmode=require)"
    )]
    AuthorityItself,
    /// It is another one.
    #[error(
        "the server's certificate is for {}, not for {asked}; use a name that it is for, or check only its authority (sslmode=verify-ca with its sslrootcert)", names(.presented)
    )]
    OtherHost {
        /// The host that was asked for.
        asked: String,
        /// Those that the certificate is for.
        presented: Vec<String>,
    },
    /// Its time is over.
    #[error("the server's certificate expired {0} days ago; renew it there")]
    Expired(u64),
    /// Its time has not come.
    #[error(
        "the server's certificate is valid only in {0} days; is the clock of this machine right?"
    )]
    NotYetValid(u64),
    /// It is older than names in certificates.
    #[error(
        "the server's certificate is of version 1 of X.509, which cannot be checked; make one with a subjectAltName, or check nothing (sslmode=require) and let the server offer TLS 1.3"
    )]
    Version1,
    /// The connection ended in the middle of it.
    #[error("the server ended the connection instead of speaking TLS; is it a PostgreSQL server?")]
    HungUp,
    /// The connection broke in the middle of it.
    #[error("TLS failed: {0}")]
    Broken(String),
    /// Anything else that TLS said.
    #[error("TLS failed: {0}")]
    Other(String),
}

impl Trouble {
    /// Of a connection that could not be opened; `None` when it was not for TLS.
    /// Errors of statements are none of this: they hold words of their authors.
    #[must_use]
    pub fn of(error: &tokio_postgres::Error) -> Option<Self> {
        if let Some(said) = error.as_db_error() {
            return of_plain_text(said.code(), said.message());
        }
        // The driver has no code for it, only words.
        if !error.to_string().contains("TLS handshake") {
            return None;
        }
        let cause = error.source()?;
        if cause.to_string() == "server does not support TLS" {
            return Some(Self::NotOffered);
        }
        let Some(failed) = cause.downcast_ref::<io::Error>() else {
            return Some(Self::Other(cause.to_string()));
        };
        let inner = failed.get_ref().and_then(|inner| inner.downcast_ref());
        Some(match (inner, failed.kind()) {
            (Some(Error::InvalidCertificate(error)), _) => of_certificate(error),
            (Some(error), _) => Self::Other(error.to_string()),
            (None, io::ErrorKind::UnexpectedEof) => Self::HungUp,
            // What was asked for is no name of a host; nobody was spoken to.
            (None, io::ErrorKind::InvalidInput) => Self::Other(failed.to_string()),
            (None, _) => Self::Broken(failed.to_string()),
        })
    }

    /// Whether the server went away rather than said no: another time it may do.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::HungUp | Self::Broken(_))
    }
}

/// What PostgreSQL and those in front of it say to who connects in plain text.
/// PostgreSQL's is `no pg_hba.conf entry for host …, no encryption` (`SSL off`
/// before version 14), whether or not TLS would help.
fn of_plain_text(state: &SqlState, message: &str) -> Option<Trouble> {
    let is_plain = [", no encryption", ", SSL off"]
        .iter()
        .any(|end| message.ends_with(end));
    if *state == SqlState::INVALID_AUTHORIZATION_SPECIFICATION && is_plain {
        // There is no TLS over a socket.
        let is_socket = message.contains("\"[local]\"");
        return (!is_socket).then(|| Trouble::NoRule(message.to_owned()));
    }
    // PgBouncer, the proxies of clouds, CockroachDB; each with a code of its own.
    [
        "SSL required",
        "connection is insecure",
        "SSL connection is required",
        "node is running secure mode, SSL connection required",
    ]
    .iter()
    .any(|words| message.starts_with(words))
    .then(|| Trouble::Demanded(message.to_owned()))
}

fn of_certificate(error: &CertificateError) -> Trouble {
    match error {
        // Another authority of the same name has another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Trouble::UnknownAuthority
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => Trouble::OtherHost {
            asked: expected.to_str().into_owned(),
            presented: presented.iter().map(|name| plain(name)).collect(),
        },
        CertificateError::ExpiredContext { time, not_after } => {
            Trouble::Expired(days(*not_after, *time))
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            Trouble::NotYetValid(days(*time, *not_before).max(1))
        }
        CertificateError::Other(other) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => Trouble::AuthorityItself,
            "UnsupportedCertVersion" => Trouble::Version1,
            other => Trouble::Other(other.to_owned()),
        },
        error => Trouble::Other(error.to_string()),
    }
}

/// Whole days from one instant to a later one.
fn days(from: UnixTime, to: UnixTime) -> u64 {
    to.as_secs().saturating_sub(from.as_secs()) / 86_400
}

/// `DnsName("db")` is `db`: names come as rustls prints them.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"').to_owned()
}

fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "no host (it has no subjectAltName)".to_owned();
    }
    presented.join(", ")
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn names_are_both_said() {
        let error = CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("db.example.com").unwrap(),
            presented: vec!["DnsName(\"localhost\")".to_owned(), "10.0.0.1".to_owned()],
        };
        let said = of_certificate(&error).to_string();
        assert!(
            said.contains("is for localhost, 10.0.0.1, not for db.example.com;")
                && said.ends_with("(sslmode=verify-ca with its sslrootcert)"),
            "{said}"
        );
    }

    #[test]
    fn servers_that_insist_are_understood() {
        let hba = SqlState::INVALID_AUTHORIZATION_SPECIFICATION;
        let no_rule = |end: &str| {
            format!("no pg_hba.conf entry for host \"10.0.0.1\", user \"u\", database \"d\", {end}")
        };
        let rejected = "pg_hba.conf rejects connection for host \"h\", user \"u\", database \"d\", no encryption";
        for (state, message, expected) in [
            (&hba, no_rule("no encryption"), "has no rule that lets"),
            (&hba, no_rule("SSL off"), "has no rule that lets"),
            (&hba, rejected.to_owned(), "has no rule that lets"),
            (
                &SqlState::INTERNAL_ERROR,
                "connection is insecure (try using `sslmode=require`)".to_owned(),
                "takes no connection without TLS",
            ),
            (
                &SqlState::PROTOCOL_VIOLATION,
                "SSL required".to_owned(),
                "takes no connection without TLS",
            ),
            (
                &hba,
                "SSL connection is required. Please specify SSL options and retry.".to_owned(),
                "takes no connection without TLS",
            ),
            (&hba, no_rule("SSL encryption"), "nothing of TLS"),
            (
                &hba,
                "no pg_hba.conf entry for host \"[local]\", user \"u\", database \"d\", no encryption"
                    .to_owned(),
                "nothing of TLS",
            ),
            (
                &SqlState::INVALID_CATALOG_NAME,
                "database \"SSL required\" does not exist".to_owned(),
                "nothing of TLS",
            ),
            (
                &SqlState::RAISE_EXCEPTION,
                no_rule("no encryption"),
                "nothing of TLS",
            ),
            (
                &SqlState::INVALID_PASSWORD,
                "password authentication failed for user \"no encryption\"".to_owned(),
                "nothing of TLS",
            ),
        ] {
            let said = of_plain_text(state, &message);
            let said = said.map_or("nothing of TLS".to_owned(), |trouble| trouble.to_string());
            assert!(said.contains(expected), "{message}: {said}");
        }
    }

    #[test]
    fn a_missing_rule_is_one_possibility_and_tls_the_other() {
        let said = Trouble::NoRule("no entry".to_owned()).to_string();
        for words in [
            "without TLS: no entry; if it wants TLS, ask for it with sslmode=require",
            "otherwise add a rule to its pg_hba.conf",
        ] {
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn a_certificate_of_version_1_does_where_nothing_is_checked_with_tls_1_3() {
        let said = Trouble::Version1.to_string();
        let words = "(sslmode=require) and let the server offer TLS 1.3";
        assert!(said.contains(words), "{said}");
    }
}
