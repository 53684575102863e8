//! One connection to a control plane.

use std::time::Duration;

use gauntlet_api::v1::{
    self as pb, run_service_client::RunServiceClient, server_service_client::ServerServiceClient,
    target_service_client::TargetServiceClient, template_service_client::TemplateServiceClient,
    worker_service_client::WorkerServiceClient,
};
use gauntlet_dial::{Tls, is_loopback};
use tokio::time::timeout;
use tonic::{
    Code,
    transport::{Endpoint, Uri},
};

use crate::{
    Access, Error, Refusal, Token,
    peer::{self, Peer},
    tls,
    transport::Transport,
};

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a silent connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long the answer to that may take.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long who answers may take to say who it is.
const GREETED_WITHIN: Duration = Duration::from_secs(5);

/// What a web server answers.
const A_PAGE: &str = "a web page";

/// The longest answer about templates, bytes: a page of a thousand, or a value
/// pool with all its values.
const LARGEST_ANSWER: usize = 64 << 20;

/// The longest answer about targets, bytes: a page of a thousand, each with the
/// certificates of a cloud's authorities, which are 256 KiB at most.
const LARGEST_PAGE_OF_TARGETS: usize = 320 << 20;

/// One connection to a control plane, shared by all clones; it opens again by
/// itself after it broke.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Transport,
    server: Option<pb::Server>,
}

impl Client {
    /// Connects to a control plane at an address like `http://127.0.0.1:8090`.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(url, &Access::default()).await
    }

    /// Connects to a control plane, with `https` by TLS. Who answers is asked who
    /// it is, so that an address of something else is refused here.
    pub async fn connect_with(url: &str, access: &Access) -> Result<Self, Error> {
        let endpoint = endpoint(url)?;
        let uri = endpoint.uri().clone();
        let is_tls = is_tls(&uri);
        if access.token.is_some() && !is_tls && !is_loopback(uri.host().unwrap_or_default()) {
            return Err(Error::TokenInTheClear {
                url: url.to_owned(),
            });
        }
        // The look at who answers is in the clear, whatever the address says.
        let plain = access.token.as_ref().filter(|_| !is_tls);
        let tls = is_tls.then(|| tls::of(access)).transpose();
        let tls = tls.map_err(|reason| Error::Tls {
            url: url.to_owned(),
            reason,
        })?;
        let opened = if let Some(tls) = tls.clone() {
            let dial = tower::service_fn(move |uri| tls.clone().open(uri));
            endpoint.connect_with_connector(dial).await
        } else {
            endpoint.connect().await
        };
        let channel = match opened {
            Ok(channel) => channel,
            Err(error) => {
                let told = tls::refusal(&error);
                return Err(no_connection(
                    url,
                    is_tls,
                    peer::look(&uri, plain).await,
                    told,
                ));
            }
        };
        let mut client = Self {
            transport: Transport::new(channel, access.token.clone()),
            server: None,
        };
        client.server = client.greeting(url, &uri, plain, tls).await?;
        Ok(client)
    }

    /// Who answers says who it is; `None` from a control plane that does not know
    /// the question or cannot answer now.
    async fn greeting(
        &self,
        url: &str,
        uri: &Uri,
        plain: Option<&Token>,
        tls: Option<Tls>,
    ) -> Result<Option<pb::Server>, Error> {
        let asked = ServerServiceClient::new(self.transport.clone());
        let answer = timeout(GREETED_WITHIN, async move {
            let mut asked = asked;
            asked.get_server(pb::GetServerRequest {}).await
        });
        let Ok(answer) = answer.await else {
            return Ok(None);
        };
        let (error, told) = match answer {
            Ok(answer) => return Ok(answer.into_inner().server),
            // With TLS 1.3 a certificate is missed only after the handshake.
            Err(status) => {
                let told = tls::refusal(&status);
                (Error::from(status), told)
            }
        };
        match error {
            Error::Lost(_) => {
                let peer = peer::look(uri, plain).await;
                let told = match (told, tls) {
                    (None, Some(tls)) => tls::afterthought(tls, uri).await,
                    (told, _) => told,
                };
                Err(no_connection(url, is_tls(uri), peer, told))
            }
            Error::Foreign { status } if !error.is_passing() => Err(Error::NotGauntlet {
                url: url.to_owned(),
                answer: match status {
                    200 => A_PAGE.to_owned(),
                    _ => format!("HTTP status {status}"),
                },
            }),
            error if error.asks_who_calls() => Err(error),
            _ => Ok(None),
        }
    }

    /// The control plane as it introduced itself when the connection was made;
    /// `None` for one that is older than this question.
    #[must_use]
    pub fn server(&self) -> Option<&pb::Server> {
        self.server.as_ref()
    }

    /// The control plane itself.
    #[must_use]
    pub fn control_plane(&self) -> ServerServiceClient<Transport> {
        ServerServiceClient::new(self.transport.clone())
    }

    /// The runs: create, start, watch, end, read.
    #[must_use]
    pub fn runs(&self) -> RunServiceClient<Transport> {
        RunServiceClient::new(self.transport.clone())
    }

    /// The benchmark descriptions.
    #[must_use]
    pub fn templates(&self) -> TemplateServiceClient<Transport> {
        TemplateServiceClient::new(self.transport.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    /// The databases under test.
    #[must_use]
    pub fn targets(&self) -> TargetServiceClient<Transport> {
        TargetServiceClient::new(self.transport.clone())
            .max_decoding_message_size(LARGEST_PAGE_OF_TARGETS)
    }

    /// The processes that send the load.
    #[must_use]
    pub fn workers(&self) -> WorkerServiceClient<Transport> {
        WorkerServiceClient::new(self.transport.clone())
    }
}

fn is_tls(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

/// Why there is no connection, after a look at who answers; `told` is what TLS
/// said, if that was the reason.
fn no_connection(url: &str, is_tls: bool, peer: Peer, told: Option<String>) -> Error {
    let url = url.to_owned();
    match (peer, told) {
        (peer, _) if is_tls && peer.is_plain() => Error::SpeaksNoTls { url },
        (_, Some(reason)) => Error::Tls { url, reason },
        (Peer::Tls, None) if !is_tls => Error::SpeaksTls { url },
        (Peer::Http, None) => Error::NotGauntlet {
            url,
            answer: A_PAGE.to_owned(),
        },
        (Peer::AsksWho, None) => Refusal::without_words(Code::Unauthenticated).into(),
        (Peer::Forbids, None) => Refusal::without_words(Code::PermissionDenied).into(),
        (Peer::RefusesToken, None) => Error::TokenRefused {
            said: String::new(),
        },
        (Peer::UnknownHost, None) => Error::UnknownHost { url },
        (Peer::Silent, None) => Error::Silent { url },
        (Peer::Nobody, None) => Error::Unreachable { url },
        (Peer::Tls | Peer::Unknown, None) => Error::NotGauntlet {
            url,
            answer: "nothing that is known".to_owned(),
        },
    }
}

fn endpoint(url: &str) -> Result<Endpoint, Error> {
    let bad = || Error::BadAddress {
        url: url.to_owned(),
    };
    let uri: Uri = url.parse().map_err(|_| bad())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(bad());
    }
    if let Some(path) = uri.path_and_query().filter(|path| *path != "/") {
        return Err(Error::AddressWithPath {
            url: url.to_owned(),
            path: path.to_string(),
        });
    }
    Ok(Endpoint::from(uri)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .tcp_nodelay(true)
        .user_agent(concat!("gauntlet/", env!("CARGO_PKG_VERSION")))
        .expect("the user agent is plain text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Token;

    #[test]
    fn an_address_without_http_is_refused_with_an_example() {
        for url in [
            "",
            "127.0.0.1:8090",
            "localhost",
            "ftp://host",
            "http://",
            "https://",
        ] {
            let error = endpoint(url).expect_err(url).to_string();
            assert_eq!(
                error,
                format!(
                    "\"{url}\" is not the address of a control plane; give one like http://127.0.0.1:8090"
                )
            );
        }
        assert!(endpoint("http://127.0.0.1:8090").is_ok());
        assert!(endpoint("http://localhost:8090/").is_ok());
        // It would not be looked at: calls go to the root.
        let error = endpoint("http://localhost:8090/abc?d").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the address http://localhost:8090/abc?d ends with /abc?d, and a control plane has no path; leave it out"
        );
    }

    #[tokio::test]
    async fn a_named_authority_must_be_readable() {
        let access = Access {
            authorities: Some(b"no certificate".to_vec()),
            ..Access::default()
        };
        let bad = Client::connect_with("https://127.0.0.1:1", &access).await;
        let bad = bad.unwrap_err().to_string();
        assert!(bad.contains("no CERTIFICATE section"), "{bad}");
    }

    #[tokio::test]
    async fn an_address_where_nothing_listens_says_what_to_start() {
        // The port was free a moment ago and nothing of ours listens on it now.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let error = Client::connect(&format!("http://{address}"))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("no control plane answers at http://{address}; start one with: gauntlet up")
        );
    }

    #[tokio::test]
    async fn a_token_does_not_travel_in_the_clear() {
        let refused = Client::connect_with("http://192.0.2.1:1", &showing(Some("s3cret"))).await;
        let said = refused.unwrap_err().to_string();
        assert!(
            said.contains("https://") && !said.contains("s3cret"),
            "{said}"
        );
    }

    /// What is said of a server that gives this answer to everything.
    async fn said_of(answer: &'static [u8], token: Option<&str>) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let access = showing(token);
        let server = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                // It reads a little first: closed unread, the answer would be lost.
                let mut question = [0; 24];
                let _ = stream.read_exact(&mut question).await;
                let _ = stream.write_all(answer).await;
            }
        };
        let error = tokio::select! {
            () = server => unreachable!("the server goes on"),
            connected = Client::connect_with(&url, &access) => connected.unwrap_err(),
        };
        error.to_string().replace(&url, "URL")
    }

    fn showing(token: Option<&str>) -> Access {
        Access {
            token: token.map(|token| Token::new(token).unwrap()),
            ..Access::default()
        }
    }

    #[tokio::test]
    async fn who_is_no_control_plane_is_named_for_what_it_is() {
        let web = said_of(b"HTTP/1.0 400 Bad request syntax\r\n\r\n", None).await;
        assert_eq!(
            web,
            "no control plane answers at URL but something else, with a web page; check the address that --server or GAUNTLET_SERVER gives"
        );
        let tls = said_of(b"\x15\x03\x03\x00\x02\x02\x46", None).await;
        assert_eq!(
            tls,
            "URL speaks TLS; give the address with https://, and the file of its certificate's authority with --tls-ca where this machine does not know it"
        );
    }

    #[tokio::test]
    async fn a_gate_that_speaks_the_first_http_wants_a_token() {
        let gate = b"HTTP/1.1 401 Unauthorized\r\n\r\n";
        assert!(said_of(gate, None).await.contains("give a token with"));
        assert!(said_of(gate, Some("old")).await.contains("has expired"));
        let forbids = said_of(b"HTTP/1.1 403 Forbidden\r\n\r\n", None).await;
        assert!(forbids.contains("does not allow this"), "{forbids}");
    }

    /// What is said of a server that speaks HTTP/2 and has nothing but pages.
    async fn said_of_pages(status: u16, page: &'static str, token: Option<&str>) -> String {
        use http::{HeaderValue, Request, Response};
        use http_body_util::Full;
        use hyper::body::Incoming;
        use hyper_util::rt::{TokioExecutor, TokioIo};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let access = showing(token);
        let token = token.map(|token| format!("Bearer {token}"));
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let service = hyper::service::service_fn(|request: Request<Incoming>| {
                let shown = request.headers().get("authorization");
                assert_eq!(
                    shown.map(HeaderValue::as_bytes),
                    token.as_ref().map(String::as_bytes)
                );
                let answer = Response::builder().status(status);
                let answer = answer.header("content-type", "text/html");
                std::future::ready(answer.body(Full::new(page.as_bytes())))
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            // It serves until the caller goes.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
            std::future::pending::<()>().await;
        };
        let error = tokio::select! {
            () = server => unreachable!("the server goes on"),
            connected = Client::connect_with(&url, &access) => connected.unwrap_err(),
        };
        error.to_string().replace(&url, "URL")
    }

    #[tokio::test]
    async fn pages_by_http_2_are_not_read_as_answers() {
        for (status, page, token, expected) in [
            (
                200,
                "<html>",
                None,
                "no control plane answers at URL but something else, with a web page; check the address that --server or GAUNTLET_SERVER gives",
            ),
            (
                404,
                "<html>",
                None,
                "no control plane answers at URL but something else, with HTTP status 404; check the address that --server or GAUNTLET_SERVER gives",
            ),
            (
                404,
                "",
                None,
                "no control plane answers at URL but something else, with HTTP status 404; check the address that --server or GAUNTLET_SERVER gives",
            ),
            (
                401,
                "who are you",
                None,
                "the control plane, or a proxy before it, wants to know who calls; give a token with --token or GAUNTLET_TOKEN",
            ),
            (
                401,
                "",
                Some("old"),
                "the control plane, or a proxy before it, does not accept the token: it is wrong or has expired; ask who runs it for a new one",
            ),
            (
                403,
                "no",
                Some("other"),
                "the control plane, or a proxy before it, does not allow this to who calls; ask who runs it, or give another token with --token or GAUNTLET_TOKEN",
            ),
        ] {
            assert_eq!(said_of_pages(status, page, token).await, expected);
        }
    }
}
