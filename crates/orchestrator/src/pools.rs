//! The values that a run's operations draw from.

use gauntlet_model::{
    id::Name,
    run::Run,
    session::MOST_POOL_BYTES,
    template::{Parameter, Spec},
};
use gauntlet_store::Stores;

/// Values by the name of their pool, as an assignment has them.
pub(crate) type Pools = Vec<(Name, Vec<Option<String>>)>;

/// Reads every pool that a run needs, or says in one sentence what is wrong.
pub(crate) async fn read(stores: &Stores, run: &Run) -> Result<Pools, String> {
    let mut pools = Pools::new();
    let mut bytes = 0;
    for name in needed(&run.spec) {
        let project = &run.project;
        let found = stores.pools.get(project, name).await;
        let pool = found.map_err(|error| error.to_string())?.ok_or_else(|| {
            format!("value pool {name} does not exist in project {project}; make it with CreateValuePool or PrepareTemplate")
        })?;
        if pool.values.is_empty() {
            return Err(format!("value pool {name} has no values; make it anew"));
        }
        bytes += pool.values.iter().flatten().map(String::len).sum::<usize>();
        if bytes > MOST_POOL_BYTES {
            return Err(format!(
                "the value pools of the run have more than {} MiB together at pool {name}; use smaller ones",
                MOST_POOL_BYTES >> 20
            ));
        }
        pools.push((name.clone(), pool.values));
    }
    Ok(pools)
}

/// The pools that a template names, each once.
fn needed(spec: &Spec) -> Vec<&Name> {
    let parameters = spec.operations.iter().flat_map(|one| &one.parameters);
    let mut names: Vec<&Name> = parameters
        .filter_map(|parameter| match parameter {
            Parameter::Pool { pool, .. } => Some(pool),
            _ => None,
        })
        .collect();
    names.sort();
    names.dedup();
    names
}
