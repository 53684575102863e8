//! Calls to the store.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::seconds;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    call: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    call: &'static str,
    error: &'static str,
}

/// See the module.
#[derive(Debug)]
pub(super) struct StoreCalls {
    durations: Family<Call, Histogram, fn() -> Histogram>,
    errors: Family<Failed, Counter>,
}

impl StoreCalls {
    pub(super) fn new() -> Self {
        Self {
            durations: Family::new_with_constructor(seconds),
            errors: Family::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "store_duration",
            "How long calls to the store took, whatever came of them",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "store_errors",
            "Calls to the store that failed",
            self.errors.clone(),
        );
    }

    pub(super) fn answered(&self, call: &'static str, took: Duration, error: Option<&'static str>) {
        self.durations
            .get_or_create(&Call { call })
            .observe(took.as_secs_f64());
        if let Some(error) = error {
            self.errors.get_or_create(&Failed { call, error }).inc();
        }
    }
}
