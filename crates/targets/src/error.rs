//! What can go wrong between us and a target, in terms on which a caller can act.

use std::time::Duration;

use gauntlet_engine::PlanError;

/// Why a target did not do what was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TargetError {
    /// Nobody answers there.
    #[error(
        "cannot reach the target at {address}: {reason}; check the address and that the database is running"
    )]
    Unreachable {
        /// Where.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// The server refuses the user.
    #[error(
        "the target at {address} refuses user {user}: {reason}; check the user name and the password"
    )]
    AuthenticationFailed {
        /// Where.
        address: String,
        /// Who.
        user: String,
        /// What the server said.
        reason: String,
    },
    /// No connection with the encryption that was asked for.
    #[error("cannot connect to the target at {address} as asked: {reason}")]
    Encryption {
        /// Where.
        address: String,
        /// What is wrong, and the way out.
        reason: String,
    },
    /// There is no such database, or no such file.
    #[error("there is no database at {address}; create it or correct the name")]
    NoSuchDatabase {
        /// Where.
        address: String,
    },
    /// There is no such table.
    #[error(
        "the target at {address} has no table {table}; create it, load a dataset into it, or correct the name{}", like(.near)
    )]
    NoSuchTable {
        /// Where.
        address: String,
        /// Which one.
        table: String,
        /// Tables with a name like it.
        near: Vec<String>,
    },
    /// The table has no such column.
    #[error(
        "table {table} at {address} has no column {column}; correct the name (there are: {})", .columns.join(", ")
    )]
    NoSuchColumn {
        /// Where.
        address: String,
        /// Of which table.
        table: String,
        /// Which one.
        column: String,
        /// Those that there are.
        columns: Vec<String>,
    },
    /// The values asked for are too many bytes.
    #[error(
        "the values of column {column} of table {table} at {address} come to more than {} MiB; ask for fewer", .at_most >> 20
    )]
    ValuesTooLarge {
        /// Where.
        address: String,
        /// Of which table.
        table: String,
        /// Of which column.
        column: String,
        /// Bytes that are allowed.
        at_most: usize,
    },
    /// The target does not accept a statement.
    #[error(
        "operation {operation}: the target at {address} does not accept its statement: {message}; correct the statement or the table"
    )]
    BadStatement {
        /// Where.
        address: String,
        /// Name of the operation.
        operation: String,
        /// What the target said.
        message: String,
    },
    /// The plan and the statements do not belong together.
    #[error(
        "operation {operation}: its statement takes {expected} parameters, the plan gives {given}"
    )]
    Parameters {
        /// Name of the operation.
        operation: String,
        /// What the statement takes.
        expected: usize,
        /// What the plan has generators for.
        given: usize,
    },
    /// There is a table of that name which is not a dataset.
    #[error(
        "table {table} at {address} exists with other columns ({found}); choose another name, or ask for it to be replaced"
    )]
    TableDiffers {
        /// Where.
        address: String,
        /// Which one.
        table: String,
        /// The columns that it has.
        found: String,
    },
    /// There is a dataset of another size.
    #[error(
        "table {table} at {address} already has {found} rows, not {asked}; ask for {found}, or for it to be replaced"
    )]
    RowsDiffer {
        /// Where.
        address: String,
        /// Which one.
        table: String,
        /// Rows that it has.
        found: u64,
        /// Rows that were asked for.
        asked: u64,
    },
    /// No answer in time.
    #[error("the target at {address} did not answer within {} s; it is overloaded, or a lock is held", .within.as_secs())]
    Timeout {
        /// Where.
        address: String,
        /// How long we waited.
        within: Duration,
    },
    /// The program was built without the driver.
    #[error(
        "this program was built without support for {kind} targets; build it with the feature {kind}"
    )]
    NotBuilt {
        /// Name of the kind and of the feature.
        kind: &'static str,
    },
    /// The engine refuses the plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Anything else that the target said.
    #[error("the target at {address} failed: {message}")]
    Failed {
        /// Where.
        address: String,
        /// What it said.
        message: String,
    },
}

/// What ends the sentence about a name that is not there.
fn like(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!(" (there is: {})", names.join(", "))
}
