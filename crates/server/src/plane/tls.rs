//! The files that TLS is made of.

use std::{io, path::PathBuf};

use gauntlet_connect::{Tls, TlsError};

/// Where our certificate and its key are.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Our certificate with the chain up to its authority, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Authorities that callers' certificates must come from, PEM; `None` asks
    /// callers for none.
    pub client_authorities: Option<PathBuf>,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("the TLS file {} cannot be read: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// What the files hold cannot be used.
    #[error("TLS with the certificate {}: {error}", path.display())]
    Content {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong.
        error: TlsError,
    },
}

impl TlsFiles {
    /// Reads them.
    pub(super) fn read(&self) -> Result<Tls, Error> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| Error::File {
                path: path.clone(),
                error,
            })
        };
        let (certificate, key) = (read(&self.certificate)?, read(&self.key)?);
        let authorities = self.client_authorities.as_ref().map(read).transpose()?;
        Tls::from_pem(&certificate, &key, authorities.as_deref()).map_err(|error| Error::Content {
            path: self.certificate.clone(),
            error,
        })
    }
}
