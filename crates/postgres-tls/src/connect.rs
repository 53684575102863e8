//! TLS as `tokio-postgres` takes it.

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::{
    TlsConnector, client,
    rustls::{ClientConnection, pki_types::ServerName},
};

use crate::{
    certificate,
    verify::{self, BadAuthorities, Proof},
};

/// How to speak TLS with one server. Clones share what is costly to make.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    negotiated: Arc<OnceLock<Negotiated>>,
}

/// What a server and this side agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Like `TLSv1.3`.
    pub version: String,
    /// Like `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
}

impl Tls {
    /// Asks a server for a proof; or why the authorities cannot be used. Those of
    /// the system are read at the first call.
    pub fn new(proof: &Proof) -> Result<Self, BadAuthorities> {
        let config = verify::client(proof)?;
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            negotiated: Arc::default(),
        })
    }

    /// What the first connection agreed on; `None` before there was one.
    #[must_use]
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.get()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl fmt::Display for Negotiated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {}", self.version, self.cipher)
    }
}

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        let host = ServerName::try_from(host.to_owned()).map_err(|_| {
            let message = format!("{host:?} is neither a host's name nor an address");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        Ok(Handshake {
            tls: self.clone(),
            host,
        })
    }
}

/// One connection that becomes encrypted.
pub struct Handshake {
    tls: Tls,
    host: ServerName<'static>,
}

impl<S> TlsConnect<S> for Handshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let stream = self.tls.connector.connect(self.host, stream).await?;
            if let Some(negotiated) = negotiated(stream.get_ref().1) {
                self.tls.negotiated.get_or_init(|| negotiated);
            }
            Ok(Stream(stream))
        })
    }
}

fn negotiated(session: &ClientConnection) -> Option<Negotiated> {
    let version = session.protocol_version()?;
    let suite = session.negotiated_cipher_suite()?.suite();
    // rustls writes TLSv1_3, and TLS13_ where the standard's names have TLS_.
    let version = version.as_str()?.replace('_', ".");
    let cipher = suite.as_str()?.replace("TLS13_", "TLS_");
    Some(Negotiated { version, cipher })
}

/// An encrypted connection.
pub struct Stream<S>(client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let chain = self.0.get_ref().1.peer_certificates().unwrap_or_default();
        let end_point = chain
            .first()
            .and_then(|certificate| certificate::end_point(certificate));
        end_point.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
