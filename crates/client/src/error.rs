//! What can go wrong between a caller and a control plane.

use std::{error::Error as _, fmt};

use gauntlet_template_file::Violation;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::transport::Kept;

/// Why a call gave no answer, or not the one hoped for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be one of a control plane.
    #[error("\"{url}\" is not the address of a control plane; give one like http://127.0.0.1:8090")]
    BadAddress {
        /// The address as given.
        url: String,
    },
    /// The address has a path, and calls know none.
    #[error("the address {url} ends with {path}, and a control plane has no path; leave it out")]
    AddressWithPath {
        /// The address as given.
        url: String,
        /// The path and what follows it.
        path: String,
    },
    /// Nothing listens there, or it does not answer in time.
    #[error("no control plane answers at {url}; start one with: gauntlet up")]
    Unreachable {
        /// The address as given.
        url: String,
    },
    /// No host has the address's name.
    #[error(
        "no host has the name in {url}; check the address that --server or GAUNTLET_SERVER gives"
    )]
    UnknownHost {
        /// The address as given.
        url: String,
    },
    /// The host takes no connection and refuses none.
    #[error(
        "{url} does not answer; check the address, and whether a firewall lets this machine through"
    )]
    Silent {
        /// The address as given.
        url: String,
    },
    /// Something else answers there.
    #[error(
        "no control plane answers at {url} but something else, with {answer}; check the address that --server or GAUNTLET_SERVER gives"
    )]
    NotGauntlet {
        /// The address as given.
        url: String,
        /// What it answered.
        answer: String,
    },
    /// An address with `http` of a server with TLS.
    #[error(
        "{url} speaks TLS; give the address with https://, and the file of its certificate's authority with --tls-ca where this machine does not know it"
    )]
    SpeaksTls {
        /// The address as given.
        url: String,
    },
    /// An address with `https` of a server without TLS.
    #[error("{url} speaks no TLS; give the address with http://")]
    SpeaksNoTls {
        /// The address as given.
        url: String,
    },
    /// A token would be sent where others can read it.
    #[error(
        "the token is not sent to {url}, where others could read it; give an address with https://"
    )]
    TokenInTheClear {
        /// The address as given.
        url: String,
    },
    /// Something between here and the control plane answered in its place, or
    /// something that is none did.
    #[error(
        "what answered is not a control plane but a web server or a proxy, with HTTP status {status}; check the address that --server or GAUNTLET_SERVER gives"
    )]
    Foreign {
        /// The status of HTTP.
        status: u16,
    },
    /// The authorities cannot be used, or do not vouch for who answers.
    #[error("no TLS with {url}: {reason}")]
    Tls {
        /// The address as given.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The token that was sent says nothing to the control plane, or to a proxy
    /// before it.
    #[error(
        "the control plane, or a proxy before it, does not accept the token{said}: it is wrong or has expired; ask who runs it for a new one"
    )]
    TokenRefused {
        /// What was said of it, in brackets after a blank; or nothing.
        said: String,
    },
    /// The connection broke during a call; whether the call was carried out is
    /// not known.
    #[error("the connection to the control plane broke: {0}")]
    Lost(String),
    /// The control plane answered with an error.
    #[error("{0}")]
    Refused(Refusal),
}

impl Error {
    /// The control plane's code; `None` when it did not answer.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            Self::TokenRefused { .. } => Some(Code::Unauthenticated),
            _ => None,
        }
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::BadAddress { .. }
            | Self::AddressWithPath { .. }
            | Self::Tls { .. }
            | Self::UnknownHost { .. }
            | Self::NotGauntlet { .. }
            | Self::SpeaksTls { .. }
            | Self::SpeaksNoTls { .. }
            | Self::TokenInTheClear { .. }
            | Self::TokenRefused { .. } => false,
            Self::Unreachable { .. } | Self::Silent { .. } | Self::Lost(_) => true,
            // A proxy whose control plane is away, or that has too much to do.
            Self::Foreign { status } => matches!(status, 429 | 502..=504),
            Self::Refused(refusal) => matches!(
                refusal.code,
                Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded
            ),
        }
    }
}

impl Error {
    /// Of an answer that was kept from the caller.
    fn kept(kept: &Kept, status: &Status) -> Self {
        match *kept {
            Kept::Token => Self::TokenRefused {
                said: in_brackets(status.message()),
            },
            // What a proxy says of who calls needs the caller's attention, not the address.
            Kept::Foreign(_) if who_is_asked(status.code()) => {
                Self::Refused(Refusal::without_words(status.code()))
            }
            Kept::Foreign(status) => Self::Foreign { status },
        }
    }

    /// Whether the answer is about who calls.
    pub(crate) fn asks_who_calls(&self) -> bool {
        self.code().is_some_and(who_is_asked)
    }
}

fn who_is_asked(code: Code) -> bool {
    matches!(code, Code::Unauthenticated | Code::PermissionDenied)
}

/// Words that somebody said, to go after ours.
fn in_brackets(said: &str) -> String {
    match said {
        "" => String::new(),
        said => format!(" ({said})"),
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        // Only a status made on this side has a source: why there is no answer.
        if let Some(mut cause) = status.source() {
            if let Some(kept) = cause.downcast_ref::<Kept>() {
                return Self::kept(kept, &status);
            }
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            return Self::Lost(cause.to_string());
        }
        let violations = status
            .get_details_bad_request()
            .map(|details| details.field_violations)
            .unwrap_or_default()
            .into_iter()
            .map(|violation| Violation {
                field: violation.field,
                message: violation.description,
            })
            .collect();
        Self::Refused(Refusal {
            code: status.code(),
            message: status.message().to_owned(),
            violations,
        })
    }
}

/// An error that the control plane answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of error.
    pub code: Code,
    /// In words.
    pub message: String,
    /// The fields that are wrong, for `InvalidArgument`.
    pub violations: Vec<Violation>,
}

impl Refusal {
    /// One that says nothing but its code.
    pub(crate) fn without_words(code: Code) -> Self {
        Self {
            code,
            message: String::new(),
            violations: Vec::new(),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.violations.len() > 1 {
            write!(f, "{} fields are wrong:", self.violations.len())?;
            for violation in &self.violations {
                write!(f, "\n  {violation}")?;
            }
            return Ok(());
        }
        let said = in_brackets(&self.message);
        match self.code {
            Code::Unauthenticated => {
                return write!(
                    f,
                    "the control plane, or a proxy before it, wants to know who calls{said}; give a token with --token or GAUNTLET_TOKEN"
                );
            }
            Code::PermissionDenied => {
                return write!(
                    f,
                    "the control plane, or a proxy before it, does not allow this to who calls{said}; ask who runs it, or give another token with --token or GAUNTLET_TOKEN"
                );
            }
            Code::Unimplemented => {
                return write!(
                    f,
                    "the control plane does not know this call{said}; upgrade it to {} or later",
                    env!("CARGO_PKG_VERSION")
                );
            }
            _ => {}
        }
        if self.message.is_empty() {
            return write!(f, "the control plane answered: {}", self.code.description());
        }
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    fn refused(fields: &[(&str, &str)]) -> String {
        let violations: Vec<_> = fields
            .iter()
            .map(|(field, message)| FieldViolation::new(*field, *message))
            .collect();
        let status = Status::with_error_details(
            Code::InvalidArgument,
            "first: is wrong; and more",
            ErrorDetails::with_bad_request(violations),
        );
        Error::from(status).to_string()
    }

    #[test]
    fn one_violation_is_the_message_and_more_are_a_list() {
        assert_eq!(refused(&[]), "first: is wrong; and more");
        assert_eq!(
            refused(&[("first", "is wrong")]),
            "first: is wrong; and more"
        );
        assert_eq!(
            refused(&[("first", "is wrong"), ("", "too much")]),
            "2 fields are wrong:\n  first: is wrong\n  too much"
        );
    }

    #[test]
    fn a_status_without_words_still_says_something() {
        let error = Error::from(Status::new(Code::NotFound, ""));
        assert_eq!(
            error.to_string(),
            "the control plane answered: Some requested entity was not found"
        );
        assert_eq!(error.code(), Some(Code::NotFound));
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        let passing = |code| Error::from(Status::new(code, "words")).is_passing();
        assert!(passing(Code::Unavailable));
        assert!(!passing(Code::NotFound));
        assert!(!passing(Code::InvalidArgument));
        assert!(Error::Lost(String::new()).is_passing());
    }

    #[test]
    fn what_answers_in_place_of_a_control_plane_is_told_apart() {
        let of = |kept, code, words| {
            let mut status = Status::new(code, words);
            status.set_source(Arc::new(kept));
            Error::from(status)
        };
        let foreign = |http, code| of(Kept::Foreign(http), code, "words");
        let missing = foreign(404, Code::Unimplemented);
        assert!(
            matches!(missing, Error::Foreign { status: 404 }),
            "{missing}"
        );
        assert!(!missing.is_passing());
        assert!(foreign(502, Code::Unavailable).is_passing());
        let who = foreign(401, Code::Unauthenticated);
        assert!(who.to_string().contains("give a token with --token"));
        assert_eq!(who.code(), Some(Code::Unauthenticated));
        let wrong = of(Kept::Token, Code::Unauthenticated, "no such account");
        assert_eq!(
            wrong.to_string(),
            "the control plane, or a proxy before it, does not accept the token (no such account): it is wrong or has expired; ask who runs it for a new one"
        );
        assert!(wrong.asks_who_calls() && !wrong.is_passing());
    }

    #[test]
    fn who_calls_and_what_is_not_known_have_a_way_out() {
        let said = |code, words| Error::from(Status::new(code, words)).to_string();
        assert_eq!(
            said(Code::Unauthenticated, "no account"),
            "the control plane, or a proxy before it, wants to know who calls (no account); give a token with --token or GAUNTLET_TOKEN"
        );
        assert!(said(Code::PermissionDenied, "").contains("another token"));
        assert!(said(Code::Unimplemented, "").contains("upgrade it"));
    }
}
