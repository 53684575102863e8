//! The connections of one control plane.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gauntlet_postgres_tls::{BadParameters, Parameters, Tls, Trouble};
use gauntlet_store::{Error, Result};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};
use tokio_postgres::{Config, config::SslMode};

use super::{
    carrier::Carrier,
    connection::{Connection, outcome},
};
use crate::database::{ACQUIRE, DEADLINE};

/// The most connections of one control plane.
const CONNECTIONS: usize = 16;
/// A connection that was not used for so long is asked before it is trusted: a
/// network may have forgotten it without telling.
const TRUSTED: Duration = Duration::from_secs(30);

/// A bounded pool. Who finds all connections in use waits for [`ACQUIRE`] and
/// is refused then.
#[derive(Clone)]
pub(super) struct Pool {
    config: Arc<Config>,
    tls: Option<Tls>,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<(Connection, Instant)>>>,
}

impl Pool {
    /// An empty pool for a URL.
    pub(super) fn new(url: &str) -> Result<Self> {
        let unusable = |error: BadParameters| Error::Unavailable(error.to_string());
        let parameters = Parameters::of(url).map_err(unusable)?;
        let mut config = parameters.config().map_err(unusable)?;
        let proof = parameters.proof().map_err(unusable)?;
        let tls = proof.as_ref().map(Tls::new).transpose();
        let tls = tls.map_err(|error| Error::Unavailable(error.to_string()))?;
        let options = config.get_options().unwrap_or_default().to_owned();
        config
            .application_name("gauntlet")
            .ssl_mode(match tls {
                None => SslMode::Disable,
                Some(_) => SslMode::Require,
            })
            .keepalives_idle(TRUSTED)
            // The server gives up when we do, so nothing is written behind our back.
            .options(format!(
                "{options} -c statement_timeout={}",
                DEADLINE.as_millis()
            ));
        Ok(Self {
            config: Arc::new(config),
            tls,
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
            idle: Arc::default(),
        })
    }

    /// A connection, old or new.
    pub(super) async fn acquire(&self) -> Result<Lease> {
        let deadline = Instant::now() + ACQUIRE;
        let permit = timeout_at(deadline, self.permits.clone().acquire_owned()).await;
        let permit = permit
            .ok()
            .and_then(std::result::Result::ok)
            .ok_or_else(|| {
                Error::Unavailable(format!("no connection within {} s", ACQUIRE.as_secs()))
            })?;
        let idle = self.one_that_is_idle().await;
        let connection = if let Some(connection) = idle {
            connection
        } else {
            let (client, carrier) = self.connect().await?;
            Connection::new(client, carrier)
        };
        Ok(Lease {
            connection: Some(connection),
            pool: self.clone(),
            _permit: permit,
        })
    }

    /// Closes what is idle.
    pub(super) fn forget_idle(&self) {
        self.idle().clear();
    }

    async fn one_that_is_idle(&self) -> Option<Connection> {
        loop {
            // The last one used: the others may rest.
            let (connection, used) = self.idle().pop()?;
            if used.elapsed() < TRUSTED && !connection.is_closed() {
                return Some(connection);
            }
            let alive = timeout(ACQUIRE / 2, connection.check()).await;
            if matches!(alive, Ok(Ok(()))) {
                return Some(connection);
            }
        }
    }

    /// A new connection and what carries its messages.
    pub(super) async fn connect(&self) -> Result<(tokio_postgres::Client, Carrier)> {
        let connecting = Carrier::connect(&self.config, self.tls.as_ref());
        match timeout(ACQUIRE, connecting).await {
            Err(_) => {
                let seconds = ACQUIRE.as_secs();
                Err(Error::Unavailable(format!("no answer within {seconds} s")))
            }
            Ok(Err(error)) => Err(match Trouble::of(&error) {
                Some(trouble) => Error::Unavailable(trouble.to_string()),
                None => outcome("", &error),
            }),
            Ok(Ok(connected)) => Ok(connected),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use. Dropped without [`Lease::release`], as when the caller
/// gave up half way, it is closed: nobody knows what it is in the middle of.
pub(super) struct Lease {
    connection: Option<Connection>,
    pool: Pool,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Gives the connection back, if it can be used again.
    pub(super) fn release(mut self) {
        let connection = self.connection.take().filter(|one| !one.is_closed());
        let used = Instant::now();
        self.pool
            .idle()
            .extend(connection.map(|connection| (connection, used)));
    }
}

impl Deref for Lease {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("only release takes it")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("only release takes it")
    }
}
