//! What is written together: statements as data, so that a dialect can send
//! them in one go, put several scripts into one transaction, or do one again.

use std::fmt;

use gauntlet_store::{Error, Result};

use crate::statement::{Statement, Value};

/// Steps of one transaction: all of them or none.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    /// Whether all it does is insert rows that nobody has inserted before, and
    /// nobody asks what a statement did: the rows of several such scripts can go
    /// into the same statements.
    pub(crate) only_inserts: bool,
}

/// One step of a script.
pub(crate) enum Step {
    /// Sends a statement. `subject` names what it is about: what exists
    /// already, or what it needs and is not there.
    Send {
        /// For errors.
        subject: String,
        /// What is sent.
        statement: Statement,
    },
    /// Goes on by what the step before did; an error undoes all.
    Then(Continuation),
}

/// It may be called more than once: a script is done again when another one
/// spoilt the transaction that both were in.
pub(crate) type Continuation = Box<dyn Fn(&Done) -> Result<Vec<Step>> + Send + Sync>;

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { statement, .. } => f.write_str(&statement.text),
            Self::Then(_) => f.write_str("then …"),
        }
    }
}

/// What a statement did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// The rows it gave.
    pub(crate) rows: Vec<Row>,
    /// How many rows it changed.
    pub(crate) changed: u64,
}

/// The columns of a row, from left to right.
pub(crate) type Row = Vec<Value>;

/// Why a script changed nothing.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    /// Which of the statements, counted as they were sent; `None` when it was
    /// none of them.
    pub(crate) at: Option<usize>,
    /// Why.
    pub(crate) error: Error,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { at: None, error }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl Script {
    /// A script of one statement.
    pub(crate) fn of(subject: &str, statement: Statement) -> Self {
        Self::default().send(subject, statement)
    }

    /// Adds a statement.
    pub(crate) fn send(mut self, subject: &str, statement: Statement) -> Self {
        self.steps.push(send(subject, statement));
        self
    }

    /// Says that all it does is insert new rows.
    pub(crate) fn only_inserts(mut self) -> Self {
        self.only_inserts = true;
        self
    }

    /// Goes on by what the last statement did.
    pub(crate) fn then(
        mut self,
        next: impl Fn(&Done) -> Result<Vec<Step>> + Send + Sync + 'static,
    ) -> Self {
        self.steps.push(Step::Then(Box::new(next)));
        self
    }

    /// Goes on only if the last statement changed a row or gave one.
    pub(crate) fn expect_one(self, otherwise: Error) -> Self {
        self.then(move |done| {
            if done.changed == 0 && done.rows.is_empty() {
                Err(otherwise.clone())
            } else {
                Ok(Vec::new())
            }
        })
    }

    /// About how many bytes it carries.
    pub(crate) fn size(&self) -> usize {
        let size = |step: &Step| match step {
            Step::Send { statement, .. } => statement.size(),
            Step::Then(_) => 0,
        };
        self.steps.iter().map(size).sum()
    }
}

/// A statement as a step.
pub(crate) fn send(subject: &str, statement: Statement) -> Step {
    let subject = subject.to_owned();
    Step::Send { subject, statement }
}
