//! One connection to a control plane.

use std::time::Duration;

use gauntlet_api::v1::{
    run_service_client::RunServiceClient, target_service_client::TargetServiceClient,
    template_service_client::TemplateServiceClient, worker_service_client::WorkerServiceClient,
};
use tonic::transport::{Channel, Endpoint, Uri};

use crate::{
    Error,
    tls::{self, Dial},
};

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a silent connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long the answer to that may take.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest answer about templates, bytes: a page of a thousand, or a value
/// pool with all its values.
const LARGEST_ANSWER: usize = 64 << 20;

/// One connection to a control plane, shared by all clones; it opens again by
/// itself after it broke.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
}

impl Client {
    /// Connects to a control plane at an address like `http://127.0.0.1:8090`.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(url, None).await
    }

    /// Connects to a control plane, with `https` by TLS: `authorities` (PEM) are
    /// those that its certificate must come from.
    pub async fn connect_with(url: &str, authorities: Option<&[u8]>) -> Result<Self, Error> {
        let endpoint = endpoint(url)?;
        let is_tls = endpoint.uri().scheme_str() == Some("https");
        let opened = match authorities {
            _ if !is_tls => endpoint.connect().await,
            None => {
                return Err(Error::NoAuthority {
                    url: url.to_owned(),
                });
            }
            Some(authorities) => {
                let dial = Dial::new(authorities).map_err(|reason| Error::Tls {
                    url: url.to_owned(),
                    reason,
                })?;
                let dial = tower::service_fn(move |uri| dial.clone().open(uri));
                endpoint.connect_with_connector(dial).await
            }
        };
        let channel = opened.map_err(|error| match tls::refusal(&error) {
            Some(reason) => Error::Tls {
                url: url.to_owned(),
                reason,
            },
            None => Error::Unreachable {
                url: url.to_owned(),
            },
        })?;
        Ok(Self { channel })
    }

    /// The runs: create, start, watch, end, read.
    #[must_use]
    pub fn runs(&self) -> RunServiceClient<Channel> {
        RunServiceClient::new(self.channel.clone())
    }

    /// The benchmark descriptions.
    #[must_use]
    pub fn templates(&self) -> TemplateServiceClient<Channel> {
        TemplateServiceClient::new(self.channel.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    /// The databases under test.
    #[must_use]
    pub fn targets(&self) -> TargetServiceClient<Channel> {
        TargetServiceClient::new(self.channel.clone())
    }

    /// The processes that send the load.
    #[must_use]
    pub fn workers(&self) -> WorkerServiceClient<Channel> {
        WorkerServiceClient::new(self.channel.clone())
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
    }

    #[tokio::test]
    async fn https_needs_an_authority_that_can_be_read() {
        let url = "https://127.0.0.1:1";
        let message = |error: Error| error.to_string();
        let without = Client::connect(url).await.map_err(message).unwrap_err();
        assert!(without.contains("--tls-ca"), "{without}");
        let bad = Client::connect_with(url, Some(b"no certificate")).await;
        let bad = bad.map_err(message).unwrap_err();
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
}
