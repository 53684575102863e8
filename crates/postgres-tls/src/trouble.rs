//! What went wrong between us and a server, in terms on which a caller can act.

use std::{error::Error as _, io};

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
        "the server's certificate is for {}, not for {asked}; use a name that it is for, or check only its authority (sslmode=verify-ca)", names(.presented)
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
        "the server's certificate is of version 1 of X.509, which cannot be checked; make one with a subjectAltName, or check nothing (sslmode=require)"
    )]
    Version1,
    /// The connection ended in the middle of it.
    #[error("the server ended the connection instead of speaking TLS; is it a PostgreSQL server?")]
    HungUp,
    /// Anything else that TLS said.
    #[error("TLS failed: {0}")]
    Other(String),
}

impl Trouble {
    /// Of a connection that failed; `None` when it was not for TLS.
    #[must_use]
    pub fn of(error: &tokio_postgres::Error) -> Option<Self> {
        if let Some(said) = error.as_db_error() {
            return is_about_plain_text(said.message())
                .then(|| Self::Demanded(said.message().to_owned()));
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
        Some(match inner {
            Some(Error::InvalidCertificate(error)) => of_certificate(error),
            Some(error) => Self::Other(error.to_string()),
            None if failed.kind() == io::ErrorKind::UnexpectedEof => Self::HungUp,
            None => Self::Other(failed.to_string()),
        })
    }
}

/// What PostgreSQL and those in front of it say to who speaks in plain text:
/// `no pg_hba.conf entry for host …, no encryption` (`SSL off` before version 14).
fn is_about_plain_text(message: &str) -> bool {
    [
        "no encryption",
        "SSL off",
        "sslmode=require",
        "SSL required",
    ]
    .iter()
    .any(|words| message.contains(words))
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
            said.contains("is for localhost, 10.0.0.1, not for db.example.com;"),
            "{said}"
        );
    }

    #[test]
    fn servers_that_insist_are_understood() {
        for (message, expected) in [
            (
                "no pg_hba.conf entry for host \"10.0.0.1\", user \"u\", database \"d\", no encryption",
                true,
            ),
            (
                "no pg_hba.conf entry for host \"10.0.0.1\", user \"u\", database \"d\", SSL off",
                true,
            ),
            ("connection is insecure (try using `sslmode=require`)", true),
            (
                "no pg_hba.conf entry for host \"10.0.0.1\", user \"u\", database \"d\", SSL encryption",
                false,
            ),
            ("password authentication failed for user \"u\"", false),
        ] {
            assert_eq!(is_about_plain_text(message), expected, "{message}");
        }
    }
}
