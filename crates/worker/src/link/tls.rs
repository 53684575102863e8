//! Streams by TLS. The transport knows nothing of it: it is given streams that are encrypted already.

use std::{fmt, io, sync::Arc};

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer, ServerName,
            pem::{self, PemObject as _},
        },
    },
};
use tonic::transport::Uri;

/// Who a control plane must be, and who the worker says it is.
#[derive(Clone)]
pub struct Tls(TlsConnector);

impl Tls {
    /// Reads PEM: the authorities that the control plane's certificate must come from, and the worker's own certificate
    /// with its private key, for a control plane that asks for one. Or what is wrong with them.
    pub fn from_pem(authorities: &[u8], own: Option<(&[u8], &[u8])>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for authority in chain(authorities, "the authority")? {
            let added = roots.add(authority);
            added.map_err(|error| format!("the authority cannot be used: {error}"))?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let mut config = match own {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = chain(certificate, "the worker's certificate")?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|error| format!("the worker's key cannot be read: {error}"))?;
                let config = config.with_client_auth_cert(chain, key);
                config.map_err(|error| {
                    format!("the worker's certificate and its key cannot be used: {error}")
                })?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// One stream to a control plane.
    pub(super) async fn open(self, uri: Uri) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
        // An address of IPv6 stands in brackets.
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(self.0.connect(name, stream).await?))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key stays out of every log.
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// The certificates of a file, at least one.
fn chain(file: &[u8], of: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(file).collect();
    let chain = chain.map_err(|error| format!("{of} cannot be read: {error}"))?;
    if chain.is_empty() {
        return Err(format!("the file of {of} has no CERTIFICATE section"));
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(authority: &str, own: Option<(&str, &str)>, expected: &str) {
        let own = own.map(|(certificate, key)| (certificate.as_bytes(), key.as_bytes()));
        let found = Tls::from_pem(authority.as_bytes(), own);
        let found = found.map_or_else(|error| error, |_| "usable".to_owned());
        assert!(found.starts_with(expected), "{found}, not {expected}");
    }

    #[test]
    fn every_wrong_file_is_named() {
        let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (ours, other) = (made(), made());
        let (authority, key) = (ours.cert.pem(), ours.signing_key.serialize_pem());
        check(&authority, None, "usable");
        check(&authority, Some((&authority, &key)), "usable");
        check("", None, "the file of the authority has no CERTIFICATE");
        check(
            "-----BEGIN CERTIFICATE-----\n",
            None,
            "the authority cannot be read",
        );
        check(
            &authority,
            Some(("", &key)),
            "the file of the worker's certificate has no CERTIFICATE",
        );
        check(
            &authority,
            Some((&authority, "")),
            "the worker's key cannot be read",
        );
        check(
            &authority,
            Some((&authority, &other.signing_key.serialize_pem())),
            "the worker's certificate and its key cannot be used",
        );
    }
}
