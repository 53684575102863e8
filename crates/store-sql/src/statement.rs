//! Statements and the values that go with them.

use gauntlet_model::time::Timestamp;
use gauntlet_store::{Error, Result};
use serde::Serialize;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

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

/// The most values of a statement that writes many rows. SQLite looks for each
/// placeholder among all before it, so the cost of a statement grows with the
/// square of their number, and beyond some hundreds more rows at once are slower.
const MOST_VALUES: usize = 500;

/// A statement with its values, ready to be sent.
pub(crate) struct Statement {
    pub(crate) text: SqlStr,
    pub(crate) values: Vec<Value>,
    /// Whether the text comes again and again, so that it is worth keeping prepared.
    pub(crate) kept: bool,
}

impl Statement {
    /// A statement whose text is a file.
    pub(crate) fn new<const N: usize>(text: &'static str, values: [Value; N]) -> Self {
        Self {
            text: text.into_sql_str(),
            values: values.into(),
            kept: true,
        }
    }

    /// A statement that was put together from texts of ours alone.
    pub(crate) fn composed(text: String, values: Vec<Value>) -> Self {
        Self {
            text: AssertSqlSafe(text).into_sql_str(),
            values,
            kept: true,
        }
    }

    /// Statements that write many rows in the place of `{rows}`, each with no
    /// more than [`MOST_VALUES`].
    pub(crate) fn multi_row<const N: usize>(
        text: &'static str,
        rows: Vec<[Value; N]>,
    ) -> Vec<Self> {
        let mut rows = rows.into_iter().peekable();
        let mut statements = Vec::new();
        while rows.peek().is_some() {
            let values: Vec<Value> = rows.by_ref().take(MOST_VALUES / N).flatten().collect();
            let text = text.replace("{rows}", &row_places(values.len() / N, N));
            statements.push(Self {
                text: AssertSqlSafe(text).into_sql_str(),
                values,
                kept: false,
            });
        }
        statements
    }
}

/// `($1, $2), ($3, $4)` for two rows of two values.
fn row_places(rows: usize, width: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> = (1..=width)
            .map(|column| format!("${}", row * width + column))
            .collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
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
        Self::Text(Some(value.replace('\0', "\u{fffd}")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_numbered_through_and_split() {
        let texts = |rows: i64| {
            let rows: Vec<[Value; 200]> = (0..rows).map(row_of).collect();
            let statements = Statement::multi_row("VALUES {rows};", rows);
            statements
                .into_iter()
                .map(|one| (one.text.as_str().to_owned(), one.values))
                .collect::<Vec<_>>()
        };
        let two: Vec<Value> = [row_of(0), row_of(1)].concat();
        assert_eq!(texts(0), []);
        assert_eq!(
            texts(3),
            [
                (format!("VALUES {};", row_places(2, 200)), two),
                (
                    format!("VALUES {};", row_places(1, 200)),
                    row_of(2).to_vec()
                ),
            ]
        );
        assert_eq!(row_places(2, 3), "($1, $2, $3), ($4, $5, $6)");
    }

    fn row_of(row: i64) -> [Value; 200] {
        std::array::from_fn(|column| Value::from(row * 1_000 + column as i64))
    }
}
