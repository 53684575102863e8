//! What a server must prove.

use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature,
        verify_tls13_signature, verify_tls13_signature_with_raw_key,
    },
    pki_types::{
        CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
        pem::{self, PemObject as _},
    },
    server::ParsedCertificate,
};

use crate::certificate;

/// What a server must prove before it is told anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing: what is said is encrypted, to whichever server answers.
    Nothing,
    /// Its certificate comes from one of these.
    Authority(Authorities),
    /// The same, and the certificate is for the host that was asked for.
    Host(Authorities),
}

/// Whom to believe when they say who a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Those that this machine trusts; they are read once.
    System,
    /// These certificates, as PEM.
    Pem(String),
}

/// Why authorities cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAuthorities {
    /// None came with the machine.
    #[error(
        "this machine trusts no authority; give the certificate of the server's authority (sslrootcert)"
    )]
    NoneOnThisMachine,
    /// There is none in the PEM.
    #[error("the root certificate has no section CERTIFICATE")]
    NoneGiven,
    /// They cannot be read.
    #[error("the root certificate cannot be read: {0}")]
    Unreadable(String),
    /// They are read and no certificates.
    #[error("the root certificate cannot be used: {0}")]
    Unusable(String),
}

/// The configuration of all connections to one server.
pub(crate) fn client(proof: &Proof) -> Result<ClientConfig, BadAuthorities> {
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let config = with_versions(provider);
    let config = match proof {
        Proof::Host(authorities) => config.with_root_certificates(roots(authorities)?),
        Proof::Authority(authorities) => {
            let roots = roots(authorities)?;
            let any_host = Arc::new(AnyHost { roots, algorithms });
            let config = config.dangerous();
            config.with_custom_certificate_verifier(any_host)
        }
        Proof::Nothing => {
            let config = config.dangerous();
            config.with_custom_certificate_verifier(Arc::new(Anybody { algorithms }))
        }
    };
    Ok(config.with_no_client_auth())
}

fn with_versions(
    provider: Arc<CryptoProvider>,
) -> tokio_rustls::rustls::ConfigBuilder<ClientConfig, tokio_rustls::rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3")
}

fn roots(authorities: &Authorities) -> Result<Arc<RootCertStore>, BadAuthorities> {
    static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let pem = match authorities {
        Authorities::Pem(pem) => pem,
        Authorities::System => {
            let system = SYSTEM.get_or_init(|| {
                let mut roots = RootCertStore::empty();
                // What of them cannot be read vouches for nobody.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                Arc::new(roots)
            });
            if system.is_empty() {
                return Err(BadAuthorities::NoneOnThisMachine);
            }
            return Ok(system.clone());
        }
    };
    let chain: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = chain.map_err(|error| BadAuthorities::Unreadable(error.to_string()))?;
    if chain.is_empty() {
        return Err(BadAuthorities::NoneGiven);
    }
    let mut roots = RootCertStore::empty();
    for certificate in chain {
        let added = roots.add(certificate);
        added.map_err(|error| BadAuthorities::Unusable(error.to_string()))?;
    }
    Ok(Arc::new(roots))
}

/// Takes every certificate, but only from who has its key, so that who merely
/// listens learns nothing. It proves nobody: a login is bound to the certificate
/// where the server offers that, and who pretends to be the server need not.
#[derive(Debug)]
struct Anybody {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // By the bare key, since those who follow PostgreSQL's manual have
        // certificates of version 1, which are not parsed.
        let key = certificate::public_key(certificate).ok_or(CertificateError::BadEncoding)?;
        let key = SubjectPublicKeyInfoDer::from(key);
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Takes a certificate for any host from an authority that is trusted.
#[derive(Debug)]
struct AnyHost {
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(certificate)?,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pem: &str, expected: &str) {
        let found = client(&Proof::Host(Authorities::Pem(pem.to_owned())));
        let found = found.map_or_else(|error| error.to_string(), |_| "usable".to_owned());
        assert!(found.starts_with(expected), "{found}, not {expected}");
    }

    #[test]
    fn every_wrong_root_certificate_is_named() {
        let made = rcgen::generate_simple_self_signed(["db".to_owned()]).unwrap();
        check(&made.cert.pem(), "usable");
        check("", "the root certificate has no section CERTIFICATE");
        check(
            &made.signing_key.serialize_pem(),
            "the root certificate has no section CERTIFICATE",
        );
        check(
            "-----BEGIN CERTIFICATE-----\n",
            "the root certificate cannot be read",
        );
        check(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "the root certificate cannot be used",
        );
    }

    #[test]
    fn who_proves_nothing_needs_no_authority() {
        assert!(client(&Proof::Nothing).is_ok());
    }
}
