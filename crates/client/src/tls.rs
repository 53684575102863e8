//! What TLS has to do with a connection to a control plane.

use std::{error::Error, io};

use gauntlet_dial::Tls;

use crate::access::Access;

/// What to say where a certificate is asked for and none was shown.
const ASKED_FOR_ONE: &str = "it asks callers for a certificate; name the files of yours with --client-cert and --client-key";

/// Whom a caller believes and what it shows, or why that cannot be used.
pub(crate) fn of(access: &Access) -> Result<Tls, String> {
    let own = access.identity.as_ref();
    let own = own.map(|own| (own.certificate.as_slice(), own.key.as_slice()));
    match &access.authorities {
        Some(authorities) => Tls::from_pem(authorities, own),
        None => Tls::of_system(own),
    }
}

/// What TLS said, if that is why there is no connection.
pub(crate) fn refusal(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = error.source();
    while let Some(one) = cause {
        let refused = one.downcast_ref::<io::Error>();
        // A handshake that fails is data that makes no sense.
        if refused.is_some_and(|error| error.kind() == io::ErrorKind::InvalidData) {
            let said = one.to_string();
            if said.contains("CertificateRequired") {
                return Some(ASKED_FOR_ONE.to_owned());
            }
            return Some(said);
        }
        cause = one.source();
    }
    None
}
