//! What moves the messages of a connection, encrypted or not.

use std::task::{Context, Poll};

use gauntlet_postgres_tls::{Stream, Tls};
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, Error, NoTls, Socket, tls::NoTlsStream,
};

/// One connection's.
pub(super) enum Carrier {
    Plain(Box<Connection<Socket, NoTlsStream>>),
    Encrypted(Box<Connection<Socket, Stream<Socket>>>),
}

impl Carrier {
    /// A new connection; encrypted where there is a `tls`.
    pub(super) async fn connect(
        config: &Config,
        tls: Option<&Tls>,
    ) -> Result<(Client, Self), Error> {
        if let Some(tls) = tls {
            let (client, connection) = Box::pin(config.connect(tls.clone())).await?;
            return Ok((client, Self::Encrypted(Box::new(connection))));
        }
        let (client, connection) = config.connect(NoTls).await?;
        Ok((client, Self::Plain(Box::new(connection))))
    }

    /// Carries until the connection ends.
    pub(super) async fn carry(self) -> Result<(), Error> {
        match self {
            Self::Plain(connection) => connection.await,
            Self::Encrypted(connection) => connection.await,
        }
    }

    /// Carries until the server says something that nobody asked for; `None` at
    /// the end.
    pub(super) fn poll_message(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<AsyncMessage, Error>>> {
        match self {
            Self::Plain(connection) => connection.poll_message(context),
            Self::Encrypted(connection) => connection.poll_message(context),
        }
    }
}
