//! How connections to a server are opened.

use std::path::Path;
use std::time::Duration;

use gauntlet_postgres_tls::{Authorities, Negotiated, Proof, Tls};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{Client, Connection, Error, NoTls, Socket};

use super::CONNECT_WITHIN;
use crate::config::{self, Config, Encryption};
use crate::error::TargetError;

/// What all connections to a target have in common. What TLS needs is made once.
pub(super) struct Driver {
    config: tokio_postgres::Config,
    tls: Option<Tls>,
}

impl Driver {
    /// With a limit on each statement that the server enforces.
    pub(super) fn new(config: &Config, statement_timeout: Duration) -> Result<Self, TargetError> {
        let Config::Postgres {
            host,
            port,
            database,
            user,
            password,
            application_name,
            encryption,
        } = config
        else {
            return Err(TargetError::NotBuilt { kind: "postgres" });
        };
        let mut driver = tokio_postgres::Config::new();
        driver
            .host(host)
            .port(*port)
            .dbname(database)
            .user(user)
            .application_name(application_name);
        driver.connect_timeout(CONNECT_WITHIN);
        driver.options(format!(
            "-c statement_timeout={}",
            statement_timeout.as_millis().max(1)
        ));
        if let Some(password) = password {
            driver.password(password.expose());
        }
        let refused = |reason: String| TargetError::Encryption {
            address: config.address(),
            reason,
        };
        let tls = match proof(encryption) {
            None => None,
            Some(_) if Path::new(host).is_absolute() => {
                return Err(refused(
                    "there is no TLS over a unix socket, which stays on this machine; use sslmode=disable".to_owned(),
                ));
            }
            Some(proof) => Some(Tls::new(&proof).map_err(|error| refused(error.to_string()))?),
        };
        driver.ssl_mode(match tls {
            None => SslMode::Disable,
            Some(_) => SslMode::Require,
        });
        Ok(Self {
            config: driver,
            tls,
        })
    }

    /// A connection and what moves its bytes, which ends when the client is dropped.
    pub(super) async fn connect(&self) -> Result<(Client, JoinHandle<()>), Error> {
        match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                Ok((client, tokio::spawn(carry(connection))))
            }
            Some(tls) => {
                let connected = Box::pin(self.config.connect(tls.clone())).await;
                let (client, connection) = connected?;
                Ok((client, tokio::spawn(carry(connection))))
            }
        }
    }

    /// The same on this thread.
    pub(super) async fn connect_here(&self) -> Result<(Client, JoinHandle<()>), Error> {
        match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                Ok((client, tokio::task::spawn_local(carry(connection))))
            }
            Some(tls) => {
                let connected = Box::pin(self.config.connect(tls.clone())).await;
                let (client, connection) = connected?;
                Ok((client, tokio::task::spawn_local(carry(connection))))
            }
        }
    }

    /// Asks the server to break off what a client waits for.
    pub(super) async fn cancel(&self, client: &Client) -> Result<(), Error> {
        let token = client.cancel_token();
        match &self.tls {
            None => token.cancel_query(NoTls).await,
            Some(tls) => Box::pin(token.cancel_query(tls.clone())).await,
        }
    }

    /// What the first connection agreed on with the server; `None` without TLS.
    pub(super) fn negotiated(&self) -> Option<&Negotiated> {
        self.tls.as_ref()?.negotiated()
    }
}

/// Each kind of connection is a type of its own: one without TLS pays nothing for there being others.
async fn carry<T: TlsStream + Unpin>(connection: Connection<Socket, T>) {
    if let Err(error) = connection.await {
        // Who waits for an answer gets the same error, and counts it.
        tracing::debug!(%error, "a connection was lost");
    }
}

fn proof(encryption: &Encryption) -> Option<Proof> {
    let authorities = |authorities: &config::Authorities| match authorities {
        config::Authorities::System => Authorities::System,
        config::Authorities::Pem(pem) => Authorities::Pem(pem.clone()),
    };
    match encryption {
        Encryption::None => None,
        Encryption::Required => Some(Proof::Nothing),
        Encryption::VerifyAuthority(from) => Some(Proof::Authority(authorities(from))),
        Encryption::VerifyHost(from) => Some(Proof::Host(authorities(from))),
    }
}
