//! PostgreSQL as a target of the engine.

use std::sync::Arc;

use gauntlet_engine::{
    AsyncSession, AsyncTarget, Done, ErrorClass, Failure, Handle, Plan, Value, start_async,
};
use gauntlet_postgres_tls::Trouble;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::driver::Driver;
use super::message;
use super::parameter::Parameter;
use crate::config::Config;
use crate::error::TargetError;
use crate::sql::{Dialect, sql_text};
use crate::statement::Statement;

pub(crate) fn start(
    config: &Config,
    statements: &[Statement],
    plan: Plan,
) -> Result<Handle, TargetError> {
    // The server ends a statement at the same time as the engine would, and then the connection survives.
    let driver = Arc::new(Driver::new(config, plan.operation_timeout)?);
    let texts = statements
        .iter()
        .map(|statement| {
            (
                statement.name.clone(),
                sql_text(Dialect::Postgres, statement),
            )
        })
        .collect();
    Ok(start_async(
        plan,
        PostgresTarget {
            config: config.clone(),
            driver,
            texts,
        },
    )?)
}

struct PostgresTarget {
    config: Config,
    driver: Arc<Driver>,
    /// Operation names and SQL texts.
    texts: Arc<[(String, String)]>,
}

struct Session {
    client: Client,
    driver: Arc<Driver>,
    statements: Vec<tokio_postgres::Statement>,
    /// Moves the bytes; it ends when the client is dropped.
    connection: JoinHandle<()>,
}

impl AsyncTarget for PostgresTarget {
    type Session = Session;

    async fn connect(&self, _connection: u32) -> Result<Session, Failure> {
        let (client, connection) = self
            .driver
            .connect_here()
            .await
            .map_err(|error| self.not_connected(&error))?;
        let mut statements = Vec::with_capacity(self.texts.len());
        for (name, text) in &*self.texts {
            let statement = client.prepare(text).await.map_err(|error| {
                let failure = failure(&error);
                Failure {
                    message: format!("operation {name}: {}", failure.message),
                    ..failure
                }
            })?;
            statements.push(statement);
        }
        Ok(Session {
            client,
            driver: self.driver.clone(),
            statements,
            connection,
        })
    }
}

impl PostgresTarget {
    fn not_connected(&self, error: &Error) -> Failure {
        let message = super::not_connected(&self.config, error).to_string();
        Failure {
            class: ErrorClass::Connection,
            message,
            ..failure(error)
        }
    }
}

impl AsyncSession for Session {
    async fn execute(&mut self, operation: usize, parameters: &[Value]) -> Result<Done, Failure> {
        // This reads all rows and takes their number from the server's own count, without looking into them.
        let done = self
            .client
            .execute_raw(
                &self.statements[operation],
                parameters.iter().map(Parameter),
            )
            .await;
        match done {
            Ok(rows) => Ok(Done { rows }),
            Err(error) => Err(failure(&error)),
        }
    }

    fn is_broken(&self) -> bool {
        self.client.is_closed()
    }

    async fn cancel(&mut self) {
        // If the server does not hear it, its statement timeout ends the statement.
        let _ = self.driver.cancel(&self.client).await;
    }

    async fn close(self) {
        drop(self.client);
        // A connection task has nothing to report but its end.
        let _ = self.connection.await;
    }
}

/// Classes by SQLSTATE (PostgreSQL documentation, appendix A).
fn failure(error: &Error) -> Failure {
    let message = message(error);
    let Some(state) = error.code() else {
        if Trouble::of(error).is_some() {
            return Failure {
                class: ErrorClass::Connection,
                code: "TLS".to_owned(),
                message,
            };
        }
        let closed = error.is_closed()
            || std::error::Error::source(error)
                .is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
        let (class, code) = if closed {
            (ErrorClass::Connection, "CONNECTION")
        } else {
            (ErrorClass::Statement, "PARAMETER")
        };
        return Failure {
            class,
            code: code.to_owned(),
            message,
        };
    };
    Failure {
        class: class(state),
        code: state.code().to_owned(),
        message,
    }
}

fn class(state: &SqlState) -> ErrorClass {
    let code = state.code();
    match &code[..code.len().min(2)] {
        _ if *state == SqlState::QUERY_CANCELED => ErrorClass::Timeout,
        _ if *state == SqlState::LOCK_NOT_AVAILABLE => ErrorClass::Serialization,
        "08" | "28" | "3D" | "57" => ErrorClass::Connection,
        _ if *state == SqlState::TOO_MANY_CONNECTIONS => ErrorClass::Connection,
        "23" => ErrorClass::Constraint,
        "40" => ErrorClass::Serialization,
        "22" | "42" | "26" => ErrorClass::Statement,
        _ => ErrorClass::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_their_classes() {
        for (code, expected) in [
            ("57014", ErrorClass::Timeout),
            ("55P03", ErrorClass::Serialization),
            ("40001", ErrorClass::Serialization),
            ("40P01", ErrorClass::Serialization),
            ("57P01", ErrorClass::Connection),
            ("08006", ErrorClass::Connection),
            ("53300", ErrorClass::Connection),
            ("23505", ErrorClass::Constraint),
            ("42P01", ErrorClass::Statement),
            ("22P02", ErrorClass::Statement),
            ("53100", ErrorClass::Other),
        ] {
            assert_eq!(class(&SqlState::from_code(code)), expected, "{code}");
        }
    }
}
