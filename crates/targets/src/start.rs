//! From a target and its statements to a running load.

use gauntlet_engine::{Handle, Plan};

use crate::config::Config;
use crate::error::TargetError;
use crate::statement::Statement;

/// Starts the load of a plan against a target: operation `n` of the plan executes statement `n`. Connections are opened
/// in the background; [`Handle::ready`] says when they are.
pub fn start(config: &Config, statements: &[Statement], plan: Plan) -> Result<Handle, TargetError> {
    check_parameters(statements, &plan)?;
    match config {
        Config::Sqlite { .. } => {
            #[cfg(feature = "sqlite")]
            return crate::sqlite::start(config, statements, plan);
            #[cfg(not(feature = "sqlite"))]
            Err(TargetError::NotBuilt { kind: "sqlite" })
        }
        Config::Postgres { .. } => {
            #[cfg(feature = "postgres")]
            return crate::postgres::start(config, statements, plan);
            #[cfg(not(feature = "postgres"))]
            Err(TargetError::NotBuilt { kind: "postgres" })
        }
    }
}

/// A plan's generators must be as many as the statements' parameters, or every operation would fail.
fn check_parameters(statements: &[Statement], plan: &Plan) -> Result<(), TargetError> {
    for (position, operation) in plan.operations.iter().enumerate() {
        let expected = statements.get(position).map_or(0, Statement::parameters);
        let given = operation.parameters.len();
        if expected != given || position >= statements.len() {
            return Err(TargetError::Parameters {
                operation: operation.name.clone(),
                expected,
                given,
            });
        }
    }
    Ok(())
}
