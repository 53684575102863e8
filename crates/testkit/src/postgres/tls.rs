//! Certificates of servers, and servers that have one.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};

/// Who signs certificates.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A server's certificate and its private key, both as PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// What a server does with a connection that is not encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainText {
    /// It takes it.
    Taken,
    /// It refuses it.
    Refused,
}

impl Authority {
    /// An authority of that name.
    ///
    /// # Panics
    /// When this machine has no randomness.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// Its own certificate, as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for hosts, by their names or addresses.
    ///
    /// # Panics
    /// When a name is none.
    #[must_use]
    pub fn sign(&self, hosts: &[&str]) -> Identity {
        self.signed(hosts, |_| ())
    }

    /// The same, and its time is over.
    ///
    /// # Panics
    /// When a name is none.
    #[must_use]
    pub fn sign_expired(&self, hosts: &[&str]) -> Identity {
        self.signed(hosts, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        })
    }

    fn signed(&self, hosts: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("names of hosts");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

/// Who may connect from where: the rules of `initdb` for everybody with a
/// password, over TLS alone.
pub(super) const ONLY_ENCRYPTED: &str = "\
local all all scram-sha-256
hostssl all all 127.0.0.1/32 scram-sha-256
";

/// What `postgresql.conf` says of TLS.
pub(super) const SETTINGS: &str = "
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
";
