//! How workers and programs reach a control plane by TLS. The transport knows
//! nothing of it: it is given streams that are encrypted already.

use std::{fmt, io, net::IpAddr, sync::Arc};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, CertificateError, ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer, ServerName,
            pem::{self, PemObject as _},
        },
    },
};

/// Who a control plane must be, and who the caller says it is.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    /// What to say of a certificate of another authority.
    unknown: &'static str,
}

/// Of an authority that nobody named.
const UNKNOWN_HERE: &str = "this machine does not know the authority of its certificate; name the authority's file with --tls-ca";
/// Of an authority other than the named one.
const NOT_THE_NAMED: &str =
    "its certificate is not from the authority that --tls-ca or GAUNTLET_TLS_CA names";

impl Tls {
    /// Reads PEM: the authorities that the control plane's certificate must come
    /// from, and the caller's own certificate with its private key, for a control
    /// plane that asks for one. Or what is wrong with them.
    pub fn from_pem(authorities: &[u8], own: Option<(&[u8], &[u8])>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for authority in chain(authorities, "the authority")? {
            let added = roots.add(authority);
            added.map_err(|error| format!("the authority cannot be used: {error}"))?;
        }
        Self::new(roots, own, NOT_THE_NAMED)
    }

    /// Takes the authorities that this machine trusts; `own` as in
    /// [`Self::from_pem`]. What of them cannot be read is left out.
    pub fn of_system(own: Option<(&[u8], &[u8])>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(
                "this machine trusts no authority; name the file of the certificate's authority with --tls-ca".to_owned(),
            );
        }
        Self::new(roots, own, UNKNOWN_HERE)
    }

    fn new(
        roots: RootCertStore,
        own: Option<(&[u8], &[u8])>,
        unknown: &'static str,
    ) -> Result<Self, String> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let mut config = match own {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = chain(certificate, "the client certificate")?;
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
                    format!("the key of the client certificate cannot be read: {error}")
                })?;
                let config = config.with_client_auth_cert(chain, key);
                config.map_err(|error| {
                    format!("the client certificate and its key cannot be used: {error}")
                })?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            unknown,
        })
    }

    /// One stream to a control plane; `InvalidData` with what TLS said when there
    /// is none by TLS.
    pub async fn open(self, uri: Uri) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
        // An address of IPv6 stands in brackets.
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
        stream.set_nodelay(true)?;
        let opened = self.connector.connect(name, stream).await;
        let opened = opened.map_err(|error| {
            if is_unknown_authority(&error) {
                io::Error::new(error.kind(), self.unknown)
            } else {
                error
            }
        })?;
        Ok(TokioIo::new(opened))
    }
}

/// Whether what is sent to a host stays on this machine; an address of IPv6 may
/// stand in brackets.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether a certificate was refused for who signed it; itself, perhaps.
fn is_unknown_authority(error: &io::Error) -> bool {
    let refused = error.get_ref().and_then(|inner| inner.downcast_ref());
    match refused {
        // Another authority of the same name has another key.
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => true,
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) => {
            other.to_string() == "CaUsedAsEndEntity"
        }
        _ => false,
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
            "the file of the client certificate has no CERTIFICATE",
        );
        check(
            &authority,
            Some((&authority, "")),
            "the key of the client certificate cannot be read",
        );
        check(
            &authority,
            Some((&authority, &other.signing_key.serialize_pem())),
            "the client certificate and its key cannot be used",
        );
    }

    #[test]
    fn loopback_is_this_machine() {
        for (host, expected) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("10.0.0.1", false),
            ("localhost.example.com", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
