//! What TLS has to do with a connection to a control plane.

use std::{error::Error, io, time::Duration};

use gauntlet_dial::Tls;
use tokio::{io::AsyncReadExt as _, time::timeout};
use tonic::transport::Uri;

use crate::access::Access;

/// How long who answers may take to say something after the handshake.
const SAID_WITHIN: Duration = Duration::from_secs(2);

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
        if let Some(said) = refused.and_then(said) {
            return Some(said);
        }
        cause = one.source();
    }
    None
}

/// What TLS says after the handshake to a caller that sends nothing. A call may
/// break on what it writes before what was said of it is read.
pub(crate) async fn afterthought(tls: Tls, uri: &Uri) -> Option<String> {
    let heard = async {
        let mut stream = tls.open(uri.clone()).await?.into_inner();
        stream.read(&mut [0]).await
    };
    match timeout(SAID_WITHIN, heard).await {
        Ok(Err(error)) => said(&error),
        Ok(Ok(_)) | Err(_) => None,
    }
}

/// What TLS said, where that is the error.
fn said(error: &io::Error) -> Option<String> {
    if error.kind() != io::ErrorKind::InvalidData {
        return None;
    }
    let said = error.to_string();
    if said.contains("CertificateRequired") {
        return Some(ASKED_FOR_ONE.to_owned());
    }
    Some(said)
}
