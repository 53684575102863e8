//! The target: it executes everything, and knows exactly what it has executed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use gauntlet_model::{
    session::{AttemptRef, KeyRange},
    target::{Dataset, Sealed, Secret},
    template::Spec,
};
use gauntlet_orchestrator::access::{
    AccessError, BadSeal, Capabilities, CatalogTable, Loaded, Login, PreflightFacts, TableProfile,
    TargetAccess, TargetVersion, Vault,
};

/// Operations per second of one worker that the target executes at once.
const CAPACITY: f64 = 60.0;

/// Rows by the first key of the range that they were inserted with, and by
/// attempt what was executed in all.
#[derive(Clone, Debug, Default)]
pub struct Target {
    rows: Arc<Mutex<BTreeMap<i64, u64>>>,
    executed: Arc<Mutex<BTreeMap<AttemptRef, u64>>>,
}

impl Target {
    /// An attempt inserts a row.
    pub fn insert(&self, attempt: AttemptRef, keys: KeyRange) {
        *lock(&self.rows).entry(keys.first).or_default() += 1;
        *lock(&self.executed).entry(attempt).or_default() += 1;
    }

    /// How long an operation takes for a worker that sends so many per second,
    /// nanoseconds: beyond a capacity the queue grows.
    #[must_use]
    pub fn latency_ns(per_second: f64) -> u64 {
        (1e6 * (per_second / CAPACITY).max(1.0)) as u64
    }

    /// What each attempt has executed.
    #[must_use]
    pub fn executed(&self) -> BTreeMap<AttemptRef, u64> {
        lock(&self.executed).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait::async_trait]
impl TargetAccess for Target {
    async fn test(&self, _: &Login) -> Result<TargetVersion, AccessError> {
        Ok(TargetVersion {
            version: "simulated".to_owned(),
            connect_us: 1,
        })
    }

    async fn check(&self, login: &Login, _: &Spec) -> Result<TargetVersion, AccessError> {
        self.test(login).await
    }

    async fn next_free_key(&self, _: &Login, _: &str, _: &str) -> Result<i64, AccessError> {
        let rows = lock(&self.rows);
        let last = rows.iter().next_back();
        Ok(last.map_or(1, |(first, count)| first + *count as i64))
    }

    async fn count_keys(
        &self,
        _: &Login,
        _: &str,
        _: &str,
        range: KeyRange,
    ) -> Result<u64, AccessError> {
        Ok(lock(&self.rows).get(&range.first).copied().unwrap_or(0))
    }

    async fn load_dataset(
        &self,
        _: &Login,
        _: &Dataset,
        _: &(dyn Fn(Loaded) + Send + Sync),
    ) -> Result<Loaded, AccessError> {
        not_there()
    }

    async fn capabilities(&self, _: &Login) -> Result<Capabilities, AccessError> {
        not_there()
    }

    async fn catalog(
        &self,
        _: &Login,
        _: Option<&str>,
        _: Option<(String, String)>,
        _: u32,
    ) -> Result<Vec<CatalogTable>, AccessError> {
        not_there()
    }

    async fn profile(&self, _: &Login, _: &str, _: u32) -> Result<TableProfile, AccessError> {
        not_there()
    }

    async fn sample_column(
        &self,
        _: &Login,
        _: &str,
        _: &str,
        _: u32,
        _: u64,
    ) -> Result<Vec<Option<String>>, AccessError> {
        not_there()
    }

    async fn preflight(&self, _: &Login, _: &Spec) -> Result<PreflightFacts, AccessError> {
        not_there()
    }
}

/// A target that does not offer something says so.
fn not_there<T>() -> Result<T, AccessError> {
    Err(AccessError::Refused(
        "the simulated target does not offer this".to_owned(),
    ))
}

/// There are no secrets here.
pub struct OpenVault;

impl Vault for OpenVault {
    fn seal(&self, secret: &Secret) -> Sealed {
        Sealed(secret.expose().as_bytes().to_vec())
    }

    fn open(&self, sealed: &Sealed) -> Result<Secret, BadSeal> {
        String::from_utf8(sealed.0.clone())
            .map(Secret::new)
            .map_err(|error| BadSeal(error.to_string()))
    }
}
