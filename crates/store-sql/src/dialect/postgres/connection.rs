//! One connection: scripts in, rows out, errors with a meaning.
//!
//! Statements are sent one after the other without waiting for answers
//! (pipelining), so a transaction costs one round trip, and one more for each
//! step that depends on what the ones before it did.

use std::{borrow::Cow, collections::HashMap, error::Error as _};

use bytes::BytesMut;
use futures_util::future::join_all;
use gauntlet_store::{Error, Result};
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Statement as Prepared,
    error::SqlState,
    types::{IsNull, ToSql, Type, WrongType},
};

use super::carrier::Carrier;
use crate::{
    script::{Done, Failed, Row, Script, Step},
    statement::{Statement, Value, Values, query},
};

/// Statements kept prepared; more than we have texts. When they are more, those
/// that are put together differently each time have filled it: it starts anew.
const PREPARED: usize = 512;

/// A connection with its prepared statements.
pub(super) struct Connection {
    client: Client,
    prepared: HashMap<Cow<'static, str>, Prepared>,
    carrier: JoinHandle<()>,
}

/// A statement on its way.
enum Sent {
    /// No rows to write: nothing to send.
    Nothing,
    /// `BEGIN`, `COMMIT`, `ROLLBACK`, or DDL.
    Plain(Cow<'static, str>),
    Prepared(Prepared, Vec<Column>),
}

/// What goes with a placeholder.
enum Column {
    One(Value),
    Integers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Connection {
    /// Wraps a connection; `carrier` moves its messages.
    pub(super) fn new(client: Client, carrier: Carrier) -> Self {
        let carry = async move {
            // Why it ended is told to those who wait for an answer.
            let _ = carrier.carry().await;
        };
        Self {
            client,
            prepared: HashMap::new(),
            carrier: tokio::spawn(carry),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether the server still answers.
    pub(super) async fn check(&self) -> Result<()> {
        let checked = self.client.check_connection().await;
        checked.map_err(|error| outcome("", &error))
    }

    /// The rows of a statement that changes nothing.
    pub(super) async fn fetch(
        &mut self,
        statement: &Statement,
    ) -> std::result::Result<Done, tokio_postgres::Error> {
        let sent = self.prepare(statement.clone()).await?;
        self.send(&sent).await
    }

    /// Does a script in one transaction.
    pub(super) async fn write(&mut self, script: Script) -> std::result::Result<Vec<Done>, Failed> {
        let mut done = Vec::new();
        let mut steps = script.steps.into_iter().collect::<Vec<Step>>();
        // One statement is a transaction by itself.
        if let [Step::Send { .. }] = steps.as_slice() {
            self.send_all(&mut steps, false, false, &mut done).await?;
            return Ok(done);
        }
        let mut begun = false;
        loop {
            let mut now = steps;
            let depends = now.iter().position(|step| matches!(step, Step::Then(_)));
            let later = depends.map(|at| now.split_off(at)).unwrap_or_default();
            let is_last = later.is_empty();
            self.send_all(&mut now, !begun, is_last, &mut done).await?;
            begun = true;
            if is_last {
                return Ok(done);
            }
            steps = match continued(later, &done) {
                Ok(steps) => steps,
                Err(error) => {
                    self.roll_back().await;
                    return Err(error.into());
                }
            };
        }
    }

    /// Sends statements in one go and waits for all answers.
    async fn send_all(
        &mut self,
        steps: &mut Vec<Step>,
        begin: bool,
        commit: bool,
        done: &mut Vec<Done>,
    ) -> std::result::Result<(), Failed> {
        let (mut sent, mut subjects) = (Vec::new(), Vec::new());
        for (place, step) in steps.drain(..).enumerate() {
            let Step::Send { subject, statement } = step else {
                continue;
            };
            match self.prepare(statement).await {
                Ok(prepared) => sent.push(prepared),
                Err(error) => {
                    if !begin {
                        self.roll_back().await;
                    }
                    return Err(Failed {
                        at: Some(done.len() + place),
                        error: outcome(&subject, &error),
                    });
                }
            }
            subjects.push(subject);
        }
        if begin {
            sent.insert(0, Sent::Plain("BEGIN".into()));
        }
        if commit {
            sent.push(Sent::Plain("COMMIT".into()));
        }
        let first = done.len();
        let answers = join_all(sent.iter().map(|one| self.send(one))).await;
        for (place, answer) in answers.into_iter().enumerate() {
            // The one that begins the transaction is none of the caller's.
            let place = place.checked_sub(usize::from(begin));
            let subject = place.and_then(|place| subjects.get(place));
            match (answer, subject) {
                (Ok(one), Some(_)) => done.push(one),
                (Ok(_), None) => {}
                (Err(error), subject) => {
                    if !commit {
                        self.roll_back().await;
                    }
                    return Err(Failed {
                        at: subject.and(place).map(|place| first + place),
                        error: outcome(subject.map_or("", String::as_str), &error),
                    });
                }
            }
        }
        Ok(())
    }

    /// Ends a transaction that must not be. Without a connection the server
    /// ends it by itself.
    async fn roll_back(&mut self) {
        if self.client.batch_execute("ROLLBACK").await.is_err() {
            self.carrier.abort();
        }
    }

    async fn prepare(
        &mut self,
        statement: Statement,
    ) -> std::result::Result<Sent, tokio_postgres::Error> {
        let (text, columns) = match statement.values {
            Values::Definition => return Ok(Sent::Plain(statement.text)),
            Values::One(values) => {
                let columns = values.into_iter().map(Column::One).collect();
                (statement.text, columns)
            }
            Values::Many(rows) if rows.is_empty() => return Ok(Sent::Nothing),
            Values::Many(rows) => {
                let columns = transposed(rows);
                let text = statement.text.replace("{rows}", &unnest(&columns));
                (text.into(), columns)
            }
        };
        if let Some(prepared) = self.prepared.get(&text) {
            return Ok(Sent::Prepared(prepared.clone(), columns));
        }
        let types: Vec<Type> = columns.iter().map(Column::kind).collect();
        let prepared = self.client.prepare_typed(&text, &types).await?;
        if self.prepared.len() >= PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(text, prepared.clone());
        Ok(Sent::Prepared(prepared, columns))
    }

    async fn send(&self, sent: &Sent) -> std::result::Result<Done, tokio_postgres::Error> {
        match sent {
            Sent::Nothing => Ok(Done::default()),
            Sent::Plain(text) => {
                self.client.batch_execute(text).await?;
                Ok(Done::default())
            }
            Sent::Prepared(prepared, columns) => {
                let values: Vec<&(dyn ToSql + Sync)> =
                    columns.iter().map(|column| column as _).collect();
                if prepared.columns().is_empty() {
                    let changed = self.client.execute(prepared, &values).await?;
                    let rows = Vec::new();
                    return Ok(Done { rows, changed });
                }
                let rows = self.client.query(prepared, &values).await?;
                let rows: std::result::Result<Vec<Row>, _> = rows.iter().map(read).collect();
                let rows = rows?;
                let changed = rows.len() as u64;
                Ok(Done { rows, changed })
            }
        }
    }
}

/// The steps from the first one that depends on what was done.
fn continued(later: Vec<Step>, done: &[Done]) -> Result<Vec<Step>> {
    let mut later = later.into_iter();
    let mut steps = Vec::new();
    if let Some(Step::Then(next)) = later.next() {
        let nothing = Done::default();
        steps = next(done.last().unwrap_or(&nothing))?;
    }
    steps.extend(later);
    Ok(steps)
}

/// The columns of rows; none when there are none.
fn transposed(rows: Vec<Vec<Value>>) -> Vec<Column> {
    let empty = |value: &Value| match value {
        Value::Integer(_) => Column::Integers(Vec::new()),
        Value::Text(_) => Column::Texts(Vec::new()),
        Value::Bytes(_) => Column::Bytes(Vec::new()),
    };
    let mut columns: Vec<Column> = rows
        .first()
        .map(|row| row.iter().map(empty).collect())
        .unwrap_or_default();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            match (column, value) {
                (Column::Integers(all), Value::Integer(value)) => all.push(value),
                (Column::Texts(all), Value::Text(value)) => all.push(value),
                (Column::Bytes(all), Value::Bytes(value)) => all.push(value),
                _ => unreachable!("the rows of a statement have the same types"),
            }
        }
    }
    columns
}

/// A select that gives the rows of these columns: one text for any number of rows.
fn unnest(columns: &[Column]) -> String {
    let place = |(place, column): (usize, &Column)| {
        let kind = match column {
            Column::Integers(_) => "bigint",
            Column::Texts(_) => "text",
            Column::One(_) | Column::Bytes(_) => "bytea",
        };
        format!("${}::{kind}[]", place + 1)
    };
    let places: Vec<String> = columns.iter().enumerate().map(place).collect();
    query!("rows/unnest_postgres").replace("{columns}", &places.join(", "))
}

impl Column {
    fn kind(&self) -> Type {
        match self {
            Self::One(Value::Integer(_)) => Type::INT8,
            Self::One(Value::Text(_)) => Type::TEXT,
            Self::One(Value::Bytes(_)) => Type::BYTEA,
            Self::Integers(_) => Type::INT8_ARRAY,
            Self::Texts(_) => Type::TEXT_ARRAY,
            Self::Bytes(_) => Type::BYTEA_ARRAY,
        }
    }
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.kind())
    }
}

impl ToSql for Column {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::One(Value::Integer(value)) => value.to_sql(kind, out),
            Self::One(Value::Text(value)) => value.to_sql(kind, out),
            Self::One(Value::Bytes(value)) => value.to_sql(kind, out),
            Self::Integers(values) => values.to_sql(kind, out),
            Self::Texts(values) => values.to_sql(kind, out),
            Self::Bytes(values) => values.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Statements are prepared with the types of their values.
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

fn read(row: &tokio_postgres::Row) -> std::result::Result<Row, tokio_postgres::Error> {
    let value = |(place, column): (usize, &tokio_postgres::Column)| {
        Ok(match *column.type_() {
            Type::INT8 => Value::Integer(row.try_get(place)?),
            Type::INT4 => Value::Integer(row.try_get::<_, Option<i32>>(place)?.map(i64::from)),
            Type::BYTEA => Value::Bytes(row.try_get(place)?),
            Type::VOID => Value::Integer(None),
            // Anything else is refused here unless it is text.
            _ => Value::Text(row.try_get(place)?),
        })
    };
    row.columns().iter().enumerate().map(value).collect()
}

/// Whether the connection ended before it gave an answer.
pub(super) fn was_lost(error: &tokio_postgres::Error) -> bool {
    let shutdowns = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
    ];
    let shut_down = error.code().is_some_and(|code| shutdowns.contains(code));
    shut_down || error.is_closed() || is_caused_by::<std::io::Error>(error)
}

fn is_caused_by<E: std::error::Error + 'static>(error: &tokio_postgres::Error) -> bool {
    error.source().is_some_and(<dyn std::error::Error>::is::<E>)
}

/// What an error means to a caller.
pub(super) fn outcome(subject: &str, error: &tokio_postgres::Error) -> Error {
    let Some(cause) = error.as_db_error() else {
        if is_caused_by::<WrongType>(error) {
            return Error::Corrupt(with_causes(error));
        }
        return Error::Unavailable(with_causes(error));
    };
    let message = cause.message().to_owned();
    // https://www.postgresql.org/docs/current/errcodes-appendix.html
    match *cause.code() {
        SqlState::UNIQUE_VIOLATION => Error::AlreadyExists(subject.to_owned()),
        SqlState::FOREIGN_KEY_VIOLATION => Error::Missing(subject.to_owned()),
        SqlState::DISK_FULL => Error::Full(message),
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Error::Corrupt(message),
        _ => Error::Unavailable(message),
    }
}

/// An error's sentence with what caused it.
fn with_causes(error: &tokio_postgres::Error) -> String {
    let mut sentence = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        sentence = format!("{sentence}: {one}");
        cause = one.source();
    }
    sentence
}
