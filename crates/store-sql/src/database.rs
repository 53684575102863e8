//! One open database: how statements are sent, and how long that may take.

use std::{future::Future, time::Duration};

use gauntlet_model::{
    id::{Project, RunId},
    time::Timestamp,
};
use gauntlet_store::{ChangedRun, Error, Idempotency, Result};
use tokio::time::{Instant, timeout_at};

use crate::{
    columns::Columns,
    dialect::Dialect,
    script::{Done, Failed, Row, Script},
    statement::{Statement, id, query},
};

/// How long a call waits for a connection.
pub(crate) const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a call may take in all.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// How long it may take to bring the tables to another version: all rows may be
/// written anew.
pub(crate) const UPGRADE: Duration = Duration::from_hours(6);

/// One open database.
pub(crate) struct Sql {
    pub(crate) dialect: Box<dyn Dialect>,
    /// Where it is, without its password.
    pub(crate) location: String,
}

/// What a repeatable create call did.
pub(crate) enum Created {
    /// What was asked for is stored.
    New,
    /// The same request stored this before.
    Before(String),
}

impl Sql {
    /// The rows of a statement that changes nothing.
    pub(crate) async fn fetch(&self, statement: Statement) -> Result<Vec<Row>> {
        let deadline = Instant::now() + DEADLINE;
        let fetch = self.dialect.fetch(statement, deadline);
        within(DEADLINE, deadline, fetch).await?
    }

    /// The first row of a statement that changes nothing.
    pub(crate) async fn fetch_optional(&self, statement: Statement) -> Result<Option<Row>> {
        Ok(self.fetch(statement).await?.into_iter().next())
    }

    /// Does a script, all or nothing: the way of every write. Gives what each
    /// statement did.
    pub(crate) async fn write(&self, script: Script) -> std::result::Result<Vec<Done>, Failed> {
        self.write_within(DEADLINE, script).await
    }

    /// Does a script that may take this long.
    pub(crate) async fn write_within(
        &self,
        most: Duration,
        script: Script,
    ) -> std::result::Result<Vec<Done>, Failed> {
        let deadline = Instant::now() + most;
        let write = self.dialect.write(script, deadline);
        within(most, deadline, write).await.map_err(Failed::from)?
    }

    /// Does a script that creates something, once for each request. `made` is
    /// its id.
    ///
    /// The request id is taken first, in the same transaction. A request that
    /// comes twice at the same time waits there for the first one, is refused,
    /// and then finds what the first one made.
    pub(crate) async fn create(
        &self,
        request: Option<&Idempotency>,
        made: &str,
        at: Timestamp,
        script: Script,
    ) -> Result<Created> {
        let Some(request) = request else {
            self.write(script).await?;
            return Ok(Created::New);
        };
        let row = [
            request.key.as_str().into(),
            request.fingerprint.as_str().into(),
            made.into(),
            at.into(),
        ];
        let claim = Statement::rows(query!("idempotency/insert"), [row]);
        let mut claimed = Script::of(&request.subject(), claim);
        claimed.steps.extend(script.steps);
        claimed.only_inserts = script.only_inserts;
        match self.write(claimed).await {
            Ok(_) => Ok(Created::New),
            Err(Failed {
                at: Some(0),
                error: Error::AlreadyExists(_),
            }) => self.made_before(request).await.map(Created::Before),
            Err(failed) => Err(failed.error),
        }
    }

    /// The id of what the same request made before.
    async fn made_before(&self, request: &Idempotency) -> Result<String> {
        let get = Statement::new(query!("idempotency/get"), [request.key.as_str().into()]);
        let row = self.fetch_optional(get).await?;
        // It was forgotten in between.
        let row = row.ok_or_else(|| Error::Conflict(format!("request {:?}", request.key)))?;
        let mut columns = Columns::new("idempotency", row);
        if columns.text()? != request.fingerprint {
            return Err(Error::AlreadyExists(request.subject()));
        }
        columns.text()
    }

    /// Tells other control planes of a change that is stored.
    pub(crate) fn announce(&self, run: RunId, project: &Project, revision: Option<i64>) {
        self.dialect.announce(ChangedRun {
            run,
            project: project.clone(),
            revision,
        });
    }

    /// Whether a row with this id is there: why a write found none to change.
    pub(crate) async fn missing_or_changed(&self, exists: Statement, subject: String) -> Error {
        match self.fetch_optional(exists).await {
            Ok(None) => Error::Missing(subject),
            Ok(Some(_)) => Error::Conflict(subject),
            Err(error) => error,
        }
    }
}

/// The row of a run, to see whether it is there.
pub(crate) fn run_exists(run: RunId) -> Statement {
    Statement::new(query!("runs/exists"), [id(run)])
}

/// Waits for work until a deadline, which is so far away.
async fn within<T>(most: Duration, deadline: Instant, work: impl Future<Output = T>) -> Result<T> {
    timeout_at(deadline, work).await.map_err(|_| late(most))
}

/// The sentence for a call that was not done in time.
pub(crate) fn late(most: Duration) -> Error {
    Error::Unavailable(format!("no answer within {} s", most.as_secs()))
}
