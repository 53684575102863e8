//! Whether connections to a PostgreSQL target are encrypted.

use gauntlet_api::v1 as pb;
use gauntlet_model::target::{Authorities, Encryption};
use rustls_pki_types::{
    CertificateDer,
    pem::{self, PemObject as _},
};

use crate::fields::Fields;

/// Longer than the certificates of all authorities of a cloud: those of RDS are
/// about 160 kB.
const LONGEST_CERTIFICATE: usize = 262_144;

/// Reads `ssl_mode` and `root_certificate` of the address of a host. A mode that is
/// not said is none.
pub(super) fn encryption(
    fields: &mut Fields<'_>,
    host: &str,
    mode: i32,
    root: String,
) -> Option<Encryption> {
    use pb::SslMode as Mode;
    let mode = fields.choice("ssl_mode", mode, |mode: Mode| Some(mode));
    let root = fields.text("root_certificate", root, LONGEST_CERTIFICATE);
    let (mode, root) = (mode?, root?);
    let is_checked = matches!(mode, Mode::VerifyCa | Mode::VerifyFull);
    if !is_checked && !root.is_empty() {
        fields.add(
            "root_certificate",
            "needs ssl_mode VERIFY_CA or VERIFY_FULL: nothing is held against it otherwise",
        );
        return None;
    }
    let is_encrypted = !matches!(mode, Mode::Unspecified | Mode::Disable);
    if is_encrypted && host.starts_with('/') {
        fields.add(
            "ssl_mode",
            "must be DISABLE over a unix socket, which has no TLS and stays on the machine",
        );
        return None;
    }
    if mode == Mode::VerifyCa && root.is_empty() {
        fields.add(
            "root_certificate",
            "is required with ssl_mode VERIFY_CA, since the authorities that a system trusts sign for anybody: give the certificate of the server's authority, or use VERIFY_FULL",
        );
        return None;
    }
    // Blanks are no certificate: who gave them meant one.
    let authorities = if root.is_empty() {
        Authorities::System
    } else if let Err(why) = certificates(&root) {
        fields.add("root_certificate", why);
        return None;
    } else {
        Authorities::Pem(root)
    };
    Some(match mode {
        Mode::Unspecified | Mode::Disable => Encryption::None,
        Mode::Require => Encryption::Required,
        Mode::VerifyCa => Encryption::VerifyAuthority(authorities),
        Mode::VerifyFull => Encryption::VerifyHost(authorities),
    })
}

/// Whether a text holds certificates and no key; or what is wrong with it.
fn certificates(text: &str) -> Result<(), String> {
    if text.contains("PRIVATE KEY-----") {
        return Err(
            "holds a private key, which must not leave its server: give the authority's certificate alone".to_owned(),
        );
    }
    let found: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err("must hold a certificate as PEM: -----BEGIN CERTIFICATE----- and so on".to_owned())
        }
        Ok(_) => Ok(()),
        Err(error) => Err(format!("cannot be read as PEM: {error}")),
    }
}
