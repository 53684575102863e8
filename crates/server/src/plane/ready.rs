//! Whether calls can be answered, and what is missing if not.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use gauntlet_orchestrator::Orchestrator;
use gauntlet_rpc::Parts;
use gauntlet_store::Stores;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use super::routes::SERVICES;
use crate::telemetry::Telemetry;

/// How long a part may take to show that it works.
const DEADLINE: Duration = Duration::from_secs(2);
/// How often the health service looks.
const LOOK: Duration = Duration::from_secs(2);

/// A part that does not work, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failing {
    part: &'static str,
    why: String,
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.why)
    }
}

/// Knows all parts. Cheap to clone.
#[derive(Clone)]
pub(super) struct Readiness {
    pub(super) stores: Stores,
    pub(super) orchestrator: Orchestrator,
    pub(super) telemetry: Arc<Telemetry>,
    /// How many connections the listener takes.
    pub(super) max_connections: usize,
    pub(super) stop: CancellationToken,
}

impl Readiness {
    /// The parts that do not work; none when calls can be answered.
    pub(super) async fn failing(&self) -> Vec<Failing> {
        let (store, hub) = tokio::join!(self.store(), self.hub());
        [
            ("listener", self.listener()),
            ("store", store),
            ("hub", hub),
        ]
        .into_iter()
        .filter_map(|(part, checked)| {
            Some(Failing {
                part,
                why: checked.err()?,
            })
        })
        .collect()
    }

    /// The store answers, its schema fits, and changes by others are heard.
    async fn store(&self) -> Result<(), String> {
        match timeout(DEADLINE, self.stores.health.check()).await {
            Ok(checked) => checked.map_err(|error| error.to_string()),
            Err(_) => Err(late()),
        }
    }

    /// A watcher of the hub has what was last published.
    async fn hub(&self) -> Result<(), String> {
        let newest = *self.orchestrator.hub().runs().newest().borrow();
        let mut followed = self.telemetry.followed();
        let caught_up = followed.wait_for(|followed| *followed >= newest);
        match timeout(DEADLINE, caught_up).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err("nobody reads it".to_owned()),
            Err(_) => Err("watchers do not get what is published".to_owned()),
        }
    }

    fn listener(&self) -> Result<(), String> {
        if self.stop.is_cancelled() {
            return Err("the control plane is shutting down".to_owned());
        }
        let open = usize::try_from(self.telemetry.connections()).unwrap_or(0);
        if open >= self.max_connections {
            return Err(format!("all {open} places for connections are taken"));
        }
        Ok(())
    }

    /// Tells the health service, which says that all is well, what it finds until
    /// the control plane ends.
    pub(super) async fn tell(self, reporter: HealthReporter) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = Vec::new();
        while self.stop.run_until_cancelled(look.tick()).await.is_some() {
            let failing = self.failing().await;
            if failing == known {
                continue;
            }
            log(&failing);
            // Who watches the health service is told of changes only.
            if failing.is_empty() != known.is_empty() {
                set(&reporter, failing.is_empty()).await;
            }
            known = failing;
        }
        set(&reporter, false).await;
    }
}

#[async_trait]
impl Parts for Readiness {
    async fn failing(&self) -> Vec<String> {
        let failing = Self::failing(self).await;
        failing.iter().map(ToString::to_string).collect()
    }
}

fn log(failing: &[Failing]) {
    if failing.is_empty() {
        return tracing::info!("ready again");
    }
    for one in failing {
        tracing::warn!(part = one.part, why = one.why, "not ready");
    }
}

fn late() -> String {
    format!("no answer within {} s", DEADLINE.as_secs())
}

async fn set(reporter: &HealthReporter, serving: bool) {
    let status = if serving {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    };
    // The empty name is the server as a whole.
    for service in SERVICES.into_iter().chain([""]) {
        reporter.set_service_status(service, status).await;
    }
}
