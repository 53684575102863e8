//! Ids, names and projects.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

uuid_id! {
    /// A run; a UUIDv7, so that ids sort by creation.
    RunId,
    /// A target.
    TargetId,
    /// A template, whatever its version.
    TemplateId,
    /// A worker process; made by the worker at its start, kept over reconnects.
    WorkerId,
}

/// Why a text is not a [`Name`] or a [`Project`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Not a DNS label.
    #[error(
        "{0:?} is not a name: use 1 to 63 of a-z, 0-9 and \"-\", beginning with a letter and not ending with \"-\""
    )]
    Label(String),
    /// Not one to three labels.
    #[error(
        "{0:?} is not a project: use one to three names joined by \"/\", like \"acme/checkout\""
    )]
    Project(String),
}

/// A DNS label: 1 to 63 of `a-z`, `0-9` and `-`, beginning with a letter and
/// not ending with `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The name, or why it is none.
    pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
        let text = text.into();
        if is_label(&text) {
            Ok(Self(text))
        } else {
            Err(BadName::Label(text))
        }
    }

    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes[bytes.len() - 1] != b'-'
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
}

/// A path of one to three [`Name`]s joined by `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Project(String);

impl Project {
    /// The project, or why it is none.
    pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
        let text = text.into();
        if text.split('/').count() <= 3 && text.split('/').all(is_label) {
            Ok(Self(text))
        } else {
            Err(BadName::Project(text))
        }
    }

    /// The text of the path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this project or below it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other
            .0
            .strip_prefix(&self.0)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

macro_rules! text_type {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    )*};
}
text_type!(Name, Project);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "point-lookup", "a9", &"a".repeat(63)] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "9a",
            "A",
            "a_b",
            "a.b",
            "é",
            &"a".repeat(64),
        ] {
            assert_eq!(Name::new(bad), Err(BadName::Label(bad.to_owned())));
        }
    }

    #[test]
    fn a_project_covers_itself_and_what_is_below() {
        let acme = Project::new("acme").unwrap();
        assert!(acme.covers(&acme));
        assert!(acme.covers(&Project::new("acme/web/prod").unwrap()));
        assert!(!acme.covers(&Project::new("acmeweb").unwrap()));
        for bad in ["", "/", "a/", "a//b", "a/b/c/d"] {
            assert!(Project::new(bad).is_err(), "{bad}");
        }
    }
}
