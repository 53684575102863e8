//! What can go wrong between a caller and a control plane.

use std::{error::Error as _, fmt};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Why a call gave no answer, or not the one hoped for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be one of a control plane.
    #[error("\"{url}\" is not the address of a control plane; give one like http://127.0.0.1:8090")]
    BadAddress {
        /// The address as given.
        url: String,
    },
    /// Nothing listens there, or it does not answer in time.
    #[error("no control plane answers at {url}; start one with: gauntlet up")]
    Unreachable {
        /// The address as given.
        url: String,
    },
    /// An address with `https` and nobody to vouch for who answers there.
    #[error("{url} speaks TLS; name the file of its certificate's authority with --tls-ca")]
    NoAuthority {
        /// The address as given.
        url: String,
    },
    /// The authorities cannot be used, or do not vouch for who answers.
    #[error("no TLS with {url}: {reason}")]
    Tls {
        /// The address as given.
        url: String,
        /// What is wrong.
        reason: String,
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
            Self::BadAddress { .. }
            | Self::Unreachable { .. }
            | Self::NoAuthority { .. }
            | Self::Tls { .. }
            | Self::Lost(_) => None,
        }
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::BadAddress { .. } | Self::NoAuthority { .. } | Self::Tls { .. } => false,
            Self::Unreachable { .. } | Self::Lost(_) => true,
            Self::Refused(refusal) => matches!(
                refusal.code,
                Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded
            ),
        }
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        // Only a status made on this side has a source: the transport's error.
        if let Some(mut cause) = status.source() {
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

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.violations.len() > 1 {
            write!(f, "{} fields are wrong:", self.violations.len())?;
            for violation in &self.violations {
                write!(f, "\n  {violation}")?;
            }
            return Ok(());
        }
        if self.message.is_empty() {
            return write!(f, "the control plane answered: {}", self.code.description());
        }
        f.write_str(&self.message)
    }
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field's path in the request, like `spec.operations[1].weight`.
    pub field: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.field, self.message)
    }
}

#[cfg(test)]
mod tests {
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
}
