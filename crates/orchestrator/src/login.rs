//! How a run's target is logged in to.

use gauntlet_model::run::Run;

use crate::{access::Login, orchestrator::Services};

/// The address and the opened password of a run's target, or why there are none.
pub(crate) async fn login(services: &Services, run: &Run) -> Result<Login, String> {
    let targets = &services.stores.targets;
    let (project, name) = (&run.project, &run.spec.target);
    let found = targets.get(project, name).await;
    let target = found.map_err(|error| error.to_string())?.ok_or_else(|| {
        format!(
            "target {name} does not exist in project {project}; add it with \"gauntlet target add\""
        )
    })?;
    let sealed = targets.password(project, name).await;
    let opened = sealed
        .map_err(|error| error.to_string())?
        .map(|sealed| services.vault.open(&sealed));
    Ok(Login {
        address: target.address,
        password: opened.transpose().map_err(|error| error.to_string())?,
    })
}

/// What a run's target costs per hour; 0 when that is not known.
pub(crate) async fn price(services: &Services, run: &Run) -> f64 {
    let targets = &services.stores.targets;
    match targets.get(&run.project, &run.spec.target).await {
        Ok(Some(target)) => target.price_per_hour,
        _ => 0.0,
    }
}
