//! Every difference between the databases.

use std::future::Future;

use gauntlet_store::{Error, Result};
use sqlx::{
    Arguments, ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Row, SqlStr, Type,
    database::HasStatementCache, error::DatabaseError,
};

use crate::statement::{Statement, Value};

pub(crate) mod postgres;
pub(crate) mod sqlite;

/// A database that this crate can speak to.
pub(crate) trait Dialect: Speak {
    /// DDL: the first makes version 1, the next version 2, and so on.
    const SCHEMA: &'static [&'static str];
    /// Has a row when the table `schema_version` is there.
    const SCHEMA_EXISTS: &'static str;
    /// Keeps others from applying the schema until the transaction ends;
    /// `None` where a writing transaction does that anyway.
    const SCHEMA_LOCK: Option<&'static str>;
    /// Begins a transaction that will write.
    const BEGIN: &'static str;
    /// What says that an open store is still the one that was opened.
    type Witness: Send + Sync;

    /// [`Error::Unavailable`] when the store was taken away under our feet and
    /// the database would not notice.
    fn still_there(witness: &Self::Witness) -> Result<()>;

    /// What an error of the database, other than a violated constraint, means.
    fn outcome(error: &dyn DatabaseError) -> Error;

    /// How many rows a statement changed.
    fn changed(result: &Self::QueryResult) -> u64;
}

/// What sqlx asks for to send our statements and to read our columns, said once.
pub(crate) trait Speak: Database {
    /// Sends a statement and gives its rows.
    fn fetch(
        connection: &mut Self::Connection,
        statement: Statement,
    ) -> impl Future<Output = sqlx::Result<Vec<Self::Row>>> + Send;

    /// Sends a statement that gives no rows.
    fn execute(
        connection: &mut Self::Connection,
        statement: Statement,
    ) -> impl Future<Output = sqlx::Result<Self::QueryResult>> + Send;

    /// Sends a text of several statements without values.
    fn execute_all(
        connection: &mut Self::Connection,
        text: SqlStr,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// A column that holds 64 bits or null.
    fn read_integer(row: &Self::Row, column: usize) -> sqlx::Result<Option<i64>>;
    /// A column that holds text or null.
    fn read_text(row: &Self::Row, column: usize) -> sqlx::Result<Option<String>>;
    /// A column that holds bytes or null.
    fn read_bytes(row: &Self::Row, column: usize) -> sqlx::Result<Option<Vec<u8>>>;
}

impl<D> Speak for D
where
    D: Database + HasStatementCache,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    D::Arguments: IntoArguments<D>,
    usize: ColumnIndex<D::Row>,
    for<'v> Option<i64>: Encode<'v, D> + Decode<'v, D> + Type<D>,
    for<'v> Option<String>: Encode<'v, D> + Decode<'v, D> + Type<D>,
    for<'v> Option<Vec<u8>>: Encode<'v, D> + Decode<'v, D> + Type<D>,
{
    async fn fetch(
        connection: &mut D::Connection,
        statement: Statement,
    ) -> sqlx::Result<Vec<D::Row>> {
        let arguments = arguments::<D>(statement.values)?;
        let query = sqlx::query_with(statement.text, arguments).persistent(statement.kept);
        query.fetch_all(connection).await
    }

    async fn execute(
        connection: &mut D::Connection,
        statement: Statement,
    ) -> sqlx::Result<D::QueryResult> {
        let arguments = arguments::<D>(statement.values)?;
        let query = sqlx::query_with(statement.text, arguments).persistent(statement.kept);
        query.execute(connection).await
    }

    async fn execute_all(connection: &mut D::Connection, text: SqlStr) -> sqlx::Result<()> {
        sqlx::raw_sql(text).execute(connection).await?;
        Ok(())
    }

    fn read_integer(row: &D::Row, column: usize) -> sqlx::Result<Option<i64>> {
        row.try_get(column)
    }

    fn read_text(row: &D::Row, column: usize) -> sqlx::Result<Option<String>> {
        row.try_get(column)
    }

    fn read_bytes(row: &D::Row, column: usize) -> sqlx::Result<Option<Vec<u8>>> {
        row.try_get(column)
    }
}

fn arguments<D>(values: Vec<Value>) -> sqlx::Result<D::Arguments>
where
    D: Database,
    for<'v> Option<i64>: Encode<'v, D> + Type<D>,
    for<'v> Option<String>: Encode<'v, D> + Type<D>,
    for<'v> Option<Vec<u8>>: Encode<'v, D> + Type<D>,
{
    let mut arguments = D::Arguments::default();
    for value in values {
        match value {
            Value::Integer(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
