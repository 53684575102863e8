//! Gathers what the rules decide by: from the target, the store and the workers.

use gauntlet_model::{
    preflight::{Facts, OperationFacts, TableFacts, TableKind, TargetFacts, TargetProblem},
    run::Run,
};
use gauntlet_orchestrator::access::{self, AccessError};
use gauntlet_store::Result as StoreResult;
use gauntlet_wire::decode::Named;

use crate::{
    Backend,
    catalog::{self, LoginError},
};

pub(super) async fn gather(backend: &Backend, run: &Run) -> StoreResult<Facts> {
    let named = Named {
        project: run.project.clone(),
        name: run.spec.target.clone(),
    };
    let pools = catalog::missing_pools(&backend.stores, &run.project, &run.spec).await?;
    let mut missing_pools: Vec<_> = pools.into_iter().map(|missing| missing.pool).collect();
    missing_pools.sort();
    missing_pools.dedup();
    let registered = backend
        .stores
        .targets
        .get(&named.project, &named.name)
        .await?;
    let price_per_hour = registered
        .as_ref()
        .map_or(0.0, |target| target.price_per_hour);
    Ok(Facts {
        address: registered.map(|target| target.address),
        target: target(backend, &named, run).await?,
        missing_pools,
        workers: backend.orchestrator.workers(),
        store: backend.store_place.clone(),
        price_per_hour,
    })
}

async fn target(
    backend: &Backend,
    named: &Named,
    run: &Run,
) -> StoreResult<Result<TargetFacts, TargetProblem>> {
    let login = catalog::login(&backend.stores, backend.vault.as_ref(), named).await;
    let login = match login {
        Ok(login) => login,
        Err(LoginError::Store(error)) => return Err(error),
        Err(error @ LoginError::Missing(..)) => {
            return Ok(Err(TargetProblem::Missing(error.to_string())));
        }
        Err(error @ LoginError::Sealed(_)) => {
            return Ok(Err(TargetProblem::Refused(error.to_string())));
        }
    };
    Ok(match backend.access.preflight(&login, &run.spec).await {
        Ok(facts) => Ok(of_target(facts)),
        Err(AccessError::Unreachable(message)) => Err(TargetProblem::Unreachable(message)),
        Err(AccessError::Refused(message) | AccessError::AlreadyExists(message)) => {
            Err(TargetProblem::Refused(message))
        }
    })
}

fn of_target(facts: access::PreflightFacts) -> TargetFacts {
    TargetFacts {
        version: facts.version,
        read_only: facts.read_only,
        connections_free: facts.connections_free,
        tables: facts.tables.into_iter().map(of_table).collect(),
        operations: facts.operations.into_iter().map(of_operation).collect(),
    }
}

fn of_table(facts: access::TableFacts) -> TableFacts {
    let kind = facts.kind.map(|kind| match kind {
        access::TableKind::Table | access::TableKind::Partitioned => TableKind::Stored,
        access::TableKind::View | access::TableKind::MaterializedView => TableKind::View,
        access::TableKind::Foreign | access::TableKind::Virtual => TableKind::Foreign,
    });
    TableFacts {
        table: facts.table,
        kind,
        near: facts.near,
        rows_estimate: facts.rows_estimate,
        has_statistics: facts.has_statistics,
        analyzed: facts.analyzed,
        modified_since_analyze: facts.modified_since_analyze,
    }
}

fn of_operation(facts: access::OperationFacts) -> OperationFacts {
    OperationFacts {
        problem: facts.problem,
        scans: facts.scans,
    }
}
