//! All that is wrong with a message, and the status that says so.

use std::fmt;

use gauntlet_model::template::Violation;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// All that is wrong with a message; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    /// The only thing that is wrong.
    pub fn one(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self(vec![Violation::new(field, message)])
    }
}

impl std::error::Error for Violations {}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else {
            return f.write_str("the message is not valid");
        };
        if first.field.is_empty() {
            write!(f, "{}", first.message)?;
        } else {
            write!(f, "{}: {}", first.field, first.message)?;
        }
        match self.0.len() - 1 {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// `INVALID_ARGUMENT` with one `google.rpc.BadRequest` field violation each.
impl From<Violations> for Status {
    fn from(violations: Violations) -> Self {
        let message = violations.to_string();
        let fields: Vec<FieldViolation> = violations
            .0
            .into_iter()
            .map(|violation| FieldViolation::new(violation.field, violation.message))
            .collect();
        let details = ErrorDetails::with_bad_request(fields);
        Self::with_error_details(Code::InvalidArgument, message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_names_the_first_and_carries_all() {
        let violations = Violations(vec![
            Violation::new("load.rate.per_second", "must be greater than 0, it is -1"),
            Violation::new("operations[1].weight", "must be greater than 0"),
            Violation::new("target", "is required"),
        ]);
        let status = Status::from(violations.clone());
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(
            status.message(),
            "load.rate.per_second: must be greater than 0, it is -1; and 2 more"
        );
        let carried: Vec<Violation> = status
            .get_details_bad_request()
            .unwrap()
            .field_violations
            .into_iter()
            .map(|field| Violation::new(field.field, field.description))
            .collect();
        assert_eq!(carried, violations.0);
    }

    #[test]
    fn one_violation_reads_as_a_sentence() {
        let one = |field: &str| Violations::one(field, "is required").to_string();
        assert_eq!(one("name"), "name: is required");
        assert_eq!(one(""), "is required");
    }
}
