//! What a connection shows of its caller, and whom it believes.

use std::fmt;

use http::HeaderValue;

/// What a connection shows of its caller, and whom it believes.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The authorities, PEM, that the certificate of a control plane with TLS
    /// must come from; `None` for those that the system trusts.
    pub authorities: Option<Vec<u8>>,
    /// The caller's own certificate, for a control plane that asks for one.
    pub identity: Option<Identity>,
    /// What says who calls; sent with every call.
    pub token: Option<Token>,
}

/// A certificate with its private key, both PEM; the key is never printed.
#[derive(Clone)]
pub struct Identity {
    /// The certificate with its chain.
    pub certificate: Vec<u8>,
    /// The private key.
    pub key: Vec<u8>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// A secret that says who calls: `authorization: Bearer …` of every call. It is
/// never printed.
#[derive(Clone)]
pub struct Token(HeaderValue);

/// Why a text cannot be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is one line of letters, digits and signs, without spaces around it")]
pub struct BadToken;

impl Token {
    /// A token from its text.
    pub fn new(secret: &str) -> Result<Self, BadToken> {
        if secret.is_empty() || secret.trim() != secret {
            return Err(BadToken);
        }
        let mut value: HeaderValue = format!("Bearer {secret}").parse().map_err(|_| BadToken)?;
        // HTTP/2 does not keep it in the tables by which it compresses headers.
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// What stands behind `authorization`: it is the secret, and prints as none.
    #[must_use]
    pub fn authorization(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_printed() {
        let token = Token::new("s3cret").unwrap();
        assert_eq!(format!("{token:?}"), "Token");
        let access = Access {
            token: Some(token.clone()),
            ..Access::default()
        };
        assert!(!format!("{access:?}").contains("s3cret"));
        assert_eq!(token.authorization(), "Bearer s3cret");
        assert!(!format!("{:?}", token.authorization()).contains("s3cret"));
    }

    #[test]
    fn a_text_that_is_no_header_is_no_token() {
        for bad in ["", " a", "a\n", "a\nb", "\u{e9}\u{0}"] {
            assert!(Token::new(bad).is_err(), "{bad:?}");
        }
    }
}
