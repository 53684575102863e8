//! What a connection shows of its caller, and whom it believes.

use std::fmt;

use http::HeaderValue;

/// What a connection shows of its caller, and whom it believes.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The authorities, PEM, that the certificate of a control plane with TLS
    /// must come from.
    pub authorities: Option<Vec<u8>>,
    /// What says who calls; sent with every call.
    pub token: Option<Token>,
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

/// Whether what is sent to a host stays on this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    host.parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback())
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
