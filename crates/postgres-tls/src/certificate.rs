//! The two parts of a certificate that are needed beside what rustls reads, by
//! their place in X.509 (RFC 5280, section 4.1).

use sha2::{Digest as _, Sha256, Sha384, Sha512};

const CONTEXT_0: u8 = 0xa0;
/// What the names of signatures by ECDSA begin with (RFC 5758).
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
/// What the names of signatures by RSA begin with (RFC 8017).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];

/// One element of DER.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    /// With its tag and length.
    whole: &'a [u8],
}

/// The certificate's public key, as a whole element. Certificates of version 1
/// have one too.
pub(crate) fn public_key(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(certificate)?;
    let (signed, _) = element(certificate.content)?;
    let (first, mut rest) = element(signed.content)?;
    // The version comes first, or else the serial number.
    if first.tag == CONTEXT_0 {
        (_, rest) = element(rest)?;
    }
    for _of in ["signature", "issuer", "validity", "subject"] {
        (_, rest) = element(rest)?;
    }
    Some(element(rest)?.0.whole)
}

/// What a login is bound to: the certificate's hash, by the hash that it is
/// signed with, SHA-256 at least (RFC 5929, section 4.1). `None` where its
/// signature names no hash.
pub(crate) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (outer, _) = element(certificate)?;
    let (_, rest) = element(outer.content)?;
    let (algorithm, _) = element(rest)?;
    let (name, _) = element(algorithm.content)?;
    let sha256 = || Sha256::digest(certificate).to_vec();
    let sha384 = || Sha384::digest(certificate).to_vec();
    let sha512 = || Sha512::digest(certificate).to_vec();
    if let Some(rsa) = name.content.strip_prefix(RSA) {
        return match rsa {
            [0x04 | 0x05 | 0x0b] => Some(sha256()),
            [0x0c] => Some(sha384()),
            [0x0d] => Some(sha512()),
            _ => None,
        };
    }
    match name.content.strip_prefix(ECDSA)? {
        [0x01] | [0x03, 0x02] => Some(sha256()),
        [0x03, 0x03] => Some(sha384()),
        [0x03, 0x04] => Some(sha512()),
        _ => None,
    }
}

/// The first element and what is behind it.
fn element(der: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&short, mut rest) = rest.split_first()?;
    let mut length = usize::from(short);
    if short >= 0x80 {
        let bytes = usize::from(short & 0x7f);
        if !(1..=4).contains(&bytes) {
            return None;
        }
        let (long, after) = rest.split_at_checked(bytes)?;
        length = long
            .iter()
            .fold(0, |length, byte| (length << 8) | usize::from(*byte));
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    let whole = &der[..der.len() - rest.len()];
    Some((
        Element {
            tag,
            content,
            whole,
        },
        rest,
    ))
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
        PublicKeyData as _, SignatureAlgorithm,
    };

    use super::*;

    fn made(algorithm: &'static SignatureAlgorithm) -> (Vec<u8>, Vec<u8>) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let params = CertificateParams::new(vec!["db.example.com".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate.der().to_vec(), key.subject_public_key_info())
    }

    #[test]
    fn the_key_is_found_and_the_hash_is_that_of_the_signature() {
        for (algorithm, length) in [
            (&PKCS_ECDSA_P256_SHA256, Some(32)),
            (&PKCS_ECDSA_P384_SHA384, Some(48)),
            (&PKCS_ED25519, None),
        ] {
            let (certificate, key) = made(algorithm);
            assert_eq!(public_key(&certificate), Some(key.as_slice()));
            let bound = end_point(&certificate);
            assert_eq!(bound.map(|hash| hash.len()), length, "{algorithm:?}");
        }
    }

    #[test]
    fn what_is_cut_off_is_no_certificate() {
        let (certificate, _) = made(&PKCS_ECDSA_P256_SHA256);
        for length in 0..certificate.len() {
            assert_eq!(public_key(&certificate[..length]), None);
            assert_eq!(end_point(&certificate[..length]), None);
        }
        assert_eq!(public_key(&[0x30, 0x85, 1, 1, 1, 1, 1]), None);
    }
}
