//! Connections by TLS. The transport knows nothing of it: it is given streams
//! that are encrypted already.

use std::{error::Error as _, io, sync::Arc};

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};
use tonic::transport::Uri;

/// Opens connections to who can show a certificate of some authorities.
#[derive(Clone)]
pub(crate) struct Dial(TlsConnector);

impl Dial {
    /// Reads the authorities' certificates, PEM; or why they cannot be used.
    pub(crate) fn new(authorities: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            let added = certificate
                .map_err(|error| error.to_string())
                .and_then(|one| roots.add(one).map_err(|error| error.to_string()));
            added.map_err(|error| format!("the authority cannot be used: {error}"))?;
        }
        if roots.is_empty() {
            return Err("the file of the authority has no CERTIFICATE section".to_owned());
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// One connection.
    pub(crate) async fn open(self, uri: Uri) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
        // An address of IPv6 stands in brackets.
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(self.0.connect(name, stream).await?))
    }
}

/// What TLS said, if that is why there is no connection.
pub(crate) fn refusal(error: &tonic::transport::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(one) = cause {
        let refused = one.downcast_ref::<io::Error>();
        // A handshake that fails is data that makes no sense.
        if refused.is_some_and(|error| error.kind() == io::ErrorKind::InvalidData) {
            return Some(one.to_string());
        }
        cause = one.source();
    }
    None
}
