//! Statements and the values that go with them.

use std::borrow::Cow;

use gauntlet_model::time::Timestamp;
use gauntlet_store::{Error, Result};
use serde::Serialize;

/// The text of `sql/queries/<path>.sql`.
macro_rules! query {
    ($path:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../sql/queries/",
            $path,
            ".sql"
        ))
    };
}
pub(crate) use query;

/// A statement with its values, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) text: Cow<'static, str>,
    pub(crate) values: Values,
}

/// What goes with a statement.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    /// The values of its placeholders `$1`, `$2`, …
    One(Vec<Value>),
    /// Rows, all of one width and of the same types by column, that are written
    /// in the place of the text's `{rows}`. Each dialect has its fastest way.
    Many(Vec<Vec<Value>>),
    /// None: it is DDL of many statements.
    Definition,
}

impl Statement {
    /// A statement whose text is a file.
    pub(crate) fn new<const N: usize>(text: &'static str, values: [Value; N]) -> Self {
        Self {
            text: text.into(),
            values: Values::One(values.into()),
        }
    }

    /// A statement that was put together from texts of ours alone.
    pub(crate) fn composed(text: String, values: Vec<Value>) -> Self {
        Self {
            text: text.into(),
            values: Values::One(values),
        }
    }

    /// A statement that writes rows in the place of its `{rows}`.
    pub(crate) fn rows<R: Into<Vec<Value>>>(
        text: &'static str,
        rows: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            text: text.into(),
            values: Values::Many(rows.into_iter().map(R::into).collect()),
        }
    }

    /// DDL.
    pub(crate) fn definition(text: &'static str) -> Self {
        Self {
            text: text.into(),
            values: Values::Definition,
        }
    }

    /// Adds the value of one more placeholder.
    pub(crate) fn push(&mut self, value: Value) {
        if let Values::One(values) = &mut self.values {
            values.push(value);
        }
    }

    /// Adds rows.
    pub(crate) fn extend(&mut self, more: &[Vec<Value>]) {
        if let Values::Many(rows) = &mut self.values {
            rows.extend_from_slice(more);
        }
    }

    /// About how many bytes it carries.
    pub(crate) fn size(&self) -> usize {
        let values = match &self.values {
            Values::One(values) => values.iter().map(Value::size).sum(),
            Values::Many(rows) => rows.iter().flatten().map(Value::size).sum(),
            Values::Definition => 0,
        };
        self.text.len() + values
    }
}

/// A value in one of the three types that both databases store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// 64 bits.
    Integer(Option<i64>),
    /// UTF-8 without NUL.
    Text(Option<String>),
    /// Any bytes.
    Bytes(Option<Vec<u8>>),
}

impl Value {
    /// Whether there is nothing.
    pub(crate) fn is_null(&self) -> bool {
        matches!(
            self,
            Self::Integer(None) | Self::Text(None) | Self::Bytes(None)
        )
    }

    /// The type, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "an integer",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
        }
    }

    fn size(&self) -> usize {
        let bytes = match self {
            Self::Integer(_) | Self::Text(None) | Self::Bytes(None) => 0,
            Self::Text(Some(text)) => text.len(),
            Self::Bytes(Some(bytes)) => bytes.len(),
        };
        bytes + size_of::<Self>()
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(Some(value))
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        i64::from(value).into()
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        i64::from(value).into()
    }
}

/// A count keeps its bits; above the largest `i64` the column looks negative.
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        value.cast_signed().into()
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        value.0.into()
    }
}

impl From<Option<u32>> for Value {
    fn from(value: Option<u32>) -> Self {
        Self::Integer(value.map(i64::from))
    }
}

impl From<Option<Timestamp>> for Value {
    fn from(value: Option<Timestamp>) -> Self {
        Self::Integer(value.map(|time| time.0))
    }
}

/// Free text may hold a NUL, which PostgreSQL cannot store: an error message
/// with one must not keep a run from ending.
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        let clean = if value.contains('\0') {
            value.replace('\0', "\u{fffd}")
        } else {
            value.to_owned()
        };
        Self::Text(Some(clean))
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(Some(value.to_vec()))
    }
}

/// An id as text.
pub(crate) fn id(id: impl ToString + Copy) -> Value {
    Value::Text(Some(id.to_string()))
}

/// A duration, nanoseconds; 292 years when it is longer.
pub(crate) fn nanos(duration: Option<std::time::Duration>) -> Value {
    Value::Integer(duration.map(|one| i64::try_from(one.as_nanos()).unwrap_or(i64::MAX)))
}

/// A value as JSON.
pub(crate) fn json<T: Serialize>(what: &str, value: &T) -> Result<Value> {
    match serde_json::to_string(value) {
        Ok(text) => Ok(Value::Text(Some(text))),
        Err(error) => Err(Error::Corrupt(format!("{what} cannot be written: {error}"))),
    }
}
