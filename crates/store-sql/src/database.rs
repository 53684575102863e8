//! One open database: how statements are sent, and what their errors mean.

use std::{future::Future, time::Duration};

use gauntlet_store::{Error, Result};
use sqlx::Pool;
use tokio::time::{Instant, timeout_at};

use crate::{
    dialect::Dialect,
    statement::{Statement, Value},
};

/// How long a call waits for a connection.
pub(crate) const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a call may take in all.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// One open database.
pub(crate) struct Sql<D: Dialect> {
    reader: Pool<D>,
    writer: Pool<D>,
    witness: D::Witness,
    /// Where it is, without its password.
    pub(crate) location: String,
}

impl<D: Dialect> Sql<D> {
    pub(crate) fn new(
        reader: Pool<D>,
        writer: Pool<D>,
        witness: D::Witness,
        location: String,
    ) -> Self {
        Self {
            reader,
            writer,
            witness,
            location,
        }
    }

    /// The rows of a statement that changes nothing.
    pub(crate) async fn fetch(&self, statement: Statement) -> Result<Vec<D::Row>> {
        D::still_there(&self.witness)?;
        let work = async {
            let mut connection = self.reader.acquire().await?;
            D::fetch(&mut connection, statement).await
        };
        within::<D, _>("", Instant::now() + DEADLINE, work).await
    }

    /// The first row of a statement that changes nothing.
    pub(crate) async fn fetch_optional(&self, statement: Statement) -> Result<Option<D::Row>> {
        Ok(self.fetch(statement).await?.into_iter().next())
    }

    /// Begins a transaction: the way of every write.
    pub(crate) async fn begin(&self) -> Result<Transaction<D>> {
        D::still_there(&self.witness)?;
        let deadline = Instant::now() + DEADLINE;
        Ok(Transaction {
            inner: within::<D, _>("", deadline, Box::pin(self.begin_anew())).await?,
            deadline,
        })
    }

    /// SQLite ends a transaction by itself when its disk is full. sqlx goes on
    /// counting it and refuses to begin the next one on that connection, for
    /// good; a new connection knows nothing of it.
    async fn begin_anew(&self) -> sqlx::Result<sqlx::Transaction<'static, D>> {
        match self.writer.begin_with(D::BEGIN).await {
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.writer.acquire().await?.close().await?;
                self.writer.begin_with(D::BEGIN).await
            }
            begun => begun,
        }
    }
}

/// What is written together. Dropped without [`Transaction::commit`] it changes
/// nothing.
pub(crate) struct Transaction<D: Dialect> {
    inner: sqlx::Transaction<'static, D>,
    deadline: Instant,
}

impl<D: Dialect> Transaction<D> {
    /// The rows of a statement. `subject` names what it is about: what exists
    /// already, or what it needs and is not there.
    pub(crate) async fn fetch(
        &mut self,
        subject: &str,
        statement: Statement,
    ) -> Result<Vec<D::Row>> {
        let work = D::fetch(&mut self.inner, statement);
        within::<D, _>(subject, self.deadline, work).await
    }

    /// How many rows a statement changed.
    pub(crate) async fn execute(&mut self, subject: &str, statement: Statement) -> Result<u64> {
        let work = D::execute(&mut self.inner, statement);
        let result = within::<D, _>(subject, self.deadline, work).await?;
        Ok(D::changed(&result))
    }

    /// Writes many rows in the place of a text's `{rows}`; none when there are none.
    pub(crate) async fn insert_rows<const N: usize>(
        &mut self,
        subject: &str,
        text: &'static str,
        rows: Vec<[Value; N]>,
    ) -> Result<()> {
        for statement in Statement::multi_row(text, rows) {
            self.execute(subject, statement).await?;
        }
        Ok(())
    }

    /// Runs DDL.
    pub(crate) async fn define(&mut self, text: &'static str) -> Result<()> {
        let work = D::execute_all(&mut self.inner, sqlx::SqlSafeStr::into_sql_str(text));
        within::<D, _>("", self.deadline, work).await
    }

    /// Makes it last.
    pub(crate) async fn commit(self) -> Result<()> {
        within::<D, _>("", self.deadline, self.inner.commit()).await
    }
}

async fn within<D: Dialect, T>(
    subject: &str,
    deadline: Instant,
    work: impl Future<Output = sqlx::Result<T>>,
) -> Result<T> {
    match timeout_at(deadline, work).await {
        Ok(result) => result.map_err(|error| outcome::<D>(subject, error)),
        Err(_) => Err(Error::Unavailable(format!(
            "no answer within {} s",
            DEADLINE.as_secs()
        ))),
    }
}

/// What an error means to a caller.
pub(crate) fn outcome<D: Dialect>(subject: &str, error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(error) if error.is_unique_violation() => {
            Error::AlreadyExists(subject.to_owned())
        }
        sqlx::Error::Database(error) if error.is_foreign_key_violation() => {
            Error::Missing(subject.to_owned())
        }
        sqlx::Error::Database(error) => D::outcome(error.as_ref()),
        sqlx::Error::PoolTimedOut => {
            Error::Unavailable(format!("no connection within {} s", ACQUIRE.as_secs()))
        }
        error @ (sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::RowNotFound
        | sqlx::Error::TypeNotFound { .. }) => Error::Corrupt(error.to_string()),
        error => Error::Unavailable(error.to_string()),
    }
}
