//! Who answers at an address where no call went through: asked once, after the
//! failure, so that the error can say what to do.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tonic::transport::Uri;

use crate::Token;

/// How long the name may take to be found and the connection to open.
const OPENED_WITHIN: Duration = Duration::from_secs(5);
/// How long who listens may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// No beginning of an answer that tells one from another is longer.
const BEGINNING: usize = 1024;
/// The first byte of an alert of TLS: what a TLS server says to plain text.
const TLS_ALERT: u8 = 0x15;

/// Who answers at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// No host has that name.
    UnknownHost,
    /// Nothing listens there.
    Nobody,
    /// The connection does not open in time.
    Silent,
    /// A server that speaks TLS.
    Tls,
    /// A server that answers plain HTTP.
    Http,
    /// One that answers it with the question who calls.
    AsksWho,
    /// One that does not take the token that was sent.
    RefusesToken,
    /// One that does not let this caller in.
    Forbids,
    /// Somebody who accepts connections and says nothing that is known.
    Unknown,
}

impl Peer {
    /// Whether it speaks HTTP in the clear.
    pub(crate) fn is_plain(self) -> bool {
        matches!(
            self,
            Self::Http | Self::AsksWho | Self::RefusesToken | Self::Forbids
        )
    }
}

/// Looks who answers at an address. The token is sent as it is, in the clear.
pub(crate) async fn look(uri: &Uri, token: Option<&Token>) -> Peer {
    // An address of IPv6 stands in brackets.
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let usual = if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    let port = uri.port_u16().unwrap_or(usual);
    let addresses = match timeout(OPENED_WITHIN, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.collect::<Vec<_>>(),
        Ok(Err(_)) | Err(_) => return Peer::UnknownHost,
    };
    match timeout(OPENED_WITHIN, TcpStream::connect(addresses.as_slice())).await {
        Err(_) => Peer::Silent,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::TimedOut => Peer::Silent,
        Ok(Err(_)) => Peer::Nobody,
        Ok(Ok(stream)) => {
            let question = question(host, token);
            match timeout(ANSWERED_WITHIN, beginning(stream, &question)).await {
                Ok(answer) => told_by(&answer, token.is_some()),
                Err(_) => Peer::Unknown,
            }
        }
    }
}

/// A plain question that every control plane and every web server answers.
fn question(host: &str, token: Option<&Token>) -> Vec<u8> {
    let mut question = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
    if let Some(token) = token {
        question.extend_from_slice(b"Authorization: ");
        question.extend_from_slice(token.authorization().as_bytes());
        question.extend_from_slice(b"\r\n");
    }
    question.extend_from_slice(b"Connection: close\r\n\r\n");
    question
}

/// The beginning of the answer to a plain question.
async fn beginning(mut stream: TcpStream, question: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    if stream.write_all(question).await.is_ok() {
        // A connection that breaks has said all that it will say.
        let _ = stream.take(BEGINNING as u64).read_to_end(&mut answer).await;
    }
    answer
}

/// Who gives such an answer to a plain question of HTTP, with a token or without.
fn told_by(answer: &[u8], shows_token: bool) -> Peer {
    if answer.first() == Some(&TLS_ALERT) {
        return Peer::Tls;
    }
    if !answer.starts_with(b"HTTP/") {
        return Peer::Unknown;
    }
    // Many servers with TLS answer a plain question in plain words.
    let words = String::from_utf8_lossy(answer).to_lowercase();
    match words.split_whitespace().nth(1) {
        Some("400") if words.contains("https server") || words.contains("https port") => Peer::Tls,
        Some("401") if shows_token => Peer::RefusesToken,
        Some("401") => Peer::AsksWho,
        Some("403") => Peer::Forbids,
        _ => Peer::Http,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_who_gave_it() {
        for (answer, expected) in [
            (&b"\x15\x03\x03\x00\x02\x02\x32"[..], Peer::Tls),
            (b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n", Peer::Tls),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n<center>The plain HTTP request was sent to HTTPS port</center>", Peer::Tls),
            (b"HTTP/1.0 404 File not found\r\n", Peer::Http),
            (b"HTTP/1.1 200 OK\r\n", Peer::Http),
            (b"HTTP/1.1 401 Unauthorized\r\n", Peer::AsksWho),
            (b"HTTP/1.0 403 Forbidden\r\n", Peer::Forbids),
            (b"220 mail.example.com ESMTP\r\n", Peer::Unknown),
            (b"", Peer::Unknown),
        ] {
            assert_eq!(told_by(answer, false), expected, "{answer:?}");
        }
        assert_eq!(told_by(b"HTTP/1.1 401\r\n", true), Peer::RefusesToken);
    }

    #[test]
    fn the_question_says_who_asks() {
        let token = Token::new("s3cret").unwrap();
        let asked = |token| String::from_utf8(question("localhost", token)).unwrap();
        let without = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        assert_eq!(asked(None), without);
        let with = "Host: localhost\r\nAuthorization: Bearer s3cret\r\nConnection: close\r\n\r\n";
        assert!(asked(Some(&token)).ends_with(with));
    }

    #[tokio::test]
    async fn a_port_where_nothing_listens_is_nobody() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let uri: Uri = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        drop(listener);
        assert_eq!(look(&uri, None).await, Peer::Nobody);
    }
}
