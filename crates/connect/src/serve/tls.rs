//! TLS in front of the connections: who we are, and who may connect.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

/// What we speak, by preference, in the words of TLS.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why TLS cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate chain is not PEM.
    #[error("the certificate cannot be read as PEM: {0}")]
    Certificate(pem::Error),
    /// The PEM of the certificate chain has no certificate.
    #[error("the certificate file has no CERTIFICATE section")]
    NoCertificate,
    /// The private key is not PEM, or of a kind that is not known.
    #[error("the private key cannot be read as PEM, it must be PKCS#8, PKCS#1 or SEC1: {0}")]
    Key(pem::Error),
    /// The key cannot be used, or is not that of the certificate.
    #[error("the certificate and its private key cannot be used: {0}")]
    Unusable(rustls::Error),
    /// The client authorities are not PEM certificates.
    #[error("the client authorities cannot be read as PEM: {0}")]
    Authorities(pem::Error),
    /// A client authority is no certificate that can sign.
    #[error("a client authority cannot be used: {0}")]
    Authority(rustls::Error),
    /// There are client authorities, but none of them is usable.
    #[error("callers cannot be checked against the client authorities: {0}")]
    Verifier(VerifierBuilderError),
}

/// A certificate with its key, and the authorities that callers' certificates must come from, if any.
///
/// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.
#[derive(Clone)]
pub struct Tls {
    pub(super) acceptor: TlsAcceptor,
}

impl Tls {
    /// Reads PEM: our certificate with the chain up to its authority, and its private key.
    ///
    /// With `client_authorities` (PEM certificates) only callers connect that show a certificate which one of these signed.
    pub fn from_pem(
        certificates: &[u8],
        private_key: &[u8],
        client_authorities: Option<&[u8]>,
    ) -> Result<Self, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(TlsError::Certificate)?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(private_key).map_err(TlsError::Key)?;
        let verifier = match client_authorities {
            Some(authorities) => verifier(authorities)?,
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(TlsError::Unusable)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key stays out of every log.
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

fn verifier(authorities: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities) {
        let authority = authority.map_err(TlsError::Authorities)?;
        roots.add(authority).map_err(TlsError::Authority)?;
    }
    let provider = Arc::new(ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(TlsError::Verifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(certificates: &str, key: &str, authorities: Option<&str>, expected: &str) {
        let found = Tls::from_pem(
            certificates.as_bytes(),
            key.as_bytes(),
            authorities.map(str::as_bytes),
        );
        let found = found.map_or_else(|error| error.to_string(), |_| "usable".into());
        assert!(found.starts_with(expected), "{found}, not {expected}");
    }

    #[test]
    fn every_wrong_file_is_named() {
        let ours = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
        let (certificate, key) = (ours.cert.pem(), ours.signing_key.serialize_pem());
        check(&certificate, &key, None, "usable");
        check(&certificate, &key, Some(&other.cert.pem()), "usable");
        check("", &key, None, "the certificate file has no CERTIFICATE");
        check(
            "-----BEGIN CERTIFICATE-----\n",
            &key,
            None,
            "the certificate cannot be read as PEM",
        );
        check(&certificate, "", None, "the private key cannot be read");
        check(
            &certificate,
            &other.signing_key.serialize_pem(),
            None,
            "the certificate and its private key cannot be used",
        );
        check(
            &certificate,
            &key,
            Some(""),
            "callers cannot be checked against the client authorities",
        );
    }
}
