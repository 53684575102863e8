//! What the engine needs of a target: connect, execute, say whether the session survived.

use std::sync::Arc;

/// What kind of failure an operation had, in the terms on which a reader of results acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorClass {
    /// It took longer than the operation timeout.
    Timeout,
    /// The connection could not be opened or was lost.
    Connection,
    /// A constraint of the target's schema refused it.
    Constraint,
    /// It lost against concurrent work: serialization failure, deadlock, busy. Trying again may succeed.
    Serialization,
    /// The statement itself is wrong: bad SQL, missing table, parameter of the wrong type.
    Statement,
    /// Anything else.
    Other,
}

/// Why an operation or a connect failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure.
    pub class: ErrorClass,
    /// The target's own code (SQLSTATE, SQLite's extended code), or a short word of the driver.
    pub code: String,
    /// One sentence for a reader; must not contain secrets.
    pub message: String,
}

/// An operation that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Rows returned or changed.
    pub rows: u64,
}

/// A database that is called without blocking a thread.
pub trait AsyncTarget: Send + Sync + 'static {
    /// One open connection.
    type Session: AsyncSession + 'static;

    /// Opens connection `connection` (its number in the whole run) and prepares its statements.
    /// The engine gives it ten seconds.
    fn connect(&self, connection: u32) -> impl Future<Output = Result<Self::Session, Failure>>;
}

/// An open connection of an [`AsyncTarget`]. It stays on one thread, so it need not be `Send`.
pub trait AsyncSession {
    /// Executes operation number `operation` of the plan and reads its whole result.
    /// The future is dropped when the operation times out or the run is cut; the session is not used again after that.
    fn execute(
        &mut self,
        operation: usize,
        parameters: &[crate::Value],
    ) -> impl Future<Output = Result<Done, Failure>>;

    /// Whether the session can no longer be used; asked after each failure.
    fn is_broken(&self) -> bool;

    /// Tells the target to give up the operation that was cut. Bounded by the engine to one second.
    fn cancel(&mut self) -> impl Future<Output = ()> {
        async {}
    }

    /// Ends the session in good order. Bounded by the engine to one second.
    fn close(self) -> impl Future<Output = ()>
    where
        Self: Sized,
    {
        async {}
    }
}

/// Stops the operation that a blocking session is executing; called from another thread, never between operations.
pub type Interrupt = Arc<dyn Fn() + Send + Sync>;

/// A database whose driver blocks; each connection gets a thread of its own.
pub trait BlockingTarget: Send + Sync + 'static {
    /// One open connection.
    type Session: BlockingSession;

    /// Opens connection `connection` (its number in the whole run) and prepares its statements. Must end by itself.
    fn connect(&self, connection: u32) -> Result<Self::Session, Failure>;
}

/// An open connection of a [`BlockingTarget`].
pub trait BlockingSession {
    /// Executes operation number `operation` of the plan and reads its whole result.
    fn execute(&mut self, operation: usize, parameters: &[crate::Value]) -> Result<Done, Failure>;

    /// Whether the session can no longer be used; asked after each failure.
    fn is_broken(&self) -> bool;

    /// How to stop an operation that takes too long. Without one, an operation that is stuck when the run is cut is counted
    /// as cut and its thread is left behind.
    fn interrupt(&self) -> Option<Interrupt> {
        None
    }
}
