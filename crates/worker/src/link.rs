//! The stream to the server: connected, lost, connected again.

use std::{error::Error, future::pending, pin::Pin, time::Duration};

use gauntlet_api::v1::{ControlMessage, WorkerMessage, worker_service_client::WorkerServiceClient};
use gauntlet_dial::{Tls, is_loopback};
use http::HeaderValue;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};
use tower::service_fn;
use tracing::debug;

use crate::backoff::Backoff;

mod answer;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// From the first packet to the answer's headers.
const ATTACH_WITHIN: Duration = Duration::from_secs(10);
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEP_ALIVE_WITHIN: Duration = Duration::from_secs(5);
/// How long the last words may take to leave.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// Messages that wait for the network. Unacknowledged intervals are bounded, so
/// this is only full when the server has not read for minutes: then the stream
/// is given up, never waited for.
const UP_QUEUE: usize = 1_024;
/// An assignment may hold a hundred statements of 64 KiB, and 16 MiB of pool
/// values, of which short ones are mostly framing.
const LARGEST_MESSAGE: usize = 64 * 1_024 * 1_024;

/// The stream to the server.
pub(crate) struct Link {
    endpoint: Endpoint,
    /// Of a server whose address begins with `https`.
    tls: Option<Tls>,
    /// Says who calls.
    authorization: Option<HeaderValue>,
    backoff: Backoff,
    state: State,
}

enum State {
    /// Waiting until it is time to dial.
    Waiting(Instant),
    Dialing(Dialing),
    Up(Box<Stream>),
}

type Dialing = Pin<Box<dyn Future<Output = Result<Box<Stream>, Status>> + Send>>;

struct Stream {
    up: mpsc::Sender<WorkerMessage>,
    down: Streaming<ControlMessage>,
}

/// What happens on the link.
pub(crate) enum Happened {
    /// It is time to [`Link::dial`].
    MayDial,
    /// The stream is open.
    Connected,
    /// The server says something.
    Message(Box<ControlMessage>),
    /// The stream could not be opened or has ended.
    Lost(Status),
}

impl Link {
    /// A link to the server at an address like `http://127.0.0.1:8090`, with
    /// `https` by TLS, or what is wrong with the address.
    pub(crate) fn new(
        server: &str,
        tls: Option<Tls>,
        authorization: Option<HeaderValue>,
    ) -> Result<Self, crate::Error> {
        let bad = |reason: String| crate::Error::BadServer {
            server: server.to_owned(),
            reason,
        };
        let endpoint =
            Endpoint::from_shared(server.to_owned()).map_err(|error| bad(reason(&error)))?;
        let tls = match endpoint.uri().scheme_str() {
            Some("http")
                if authorization.is_some()
                    && !is_loopback(endpoint.uri().host().unwrap_or_default()) =>
            {
                return Err(crate::Error::TokenInTheClear {
                    server: server.to_owned(),
                });
            }
            Some("http") => None,
            Some("https") if tls.is_none() => {
                return Err(crate::Error::NoAuthority {
                    server: server.to_owned(),
                });
            }
            Some("https") => tls,
            _ => {
                return Err(bad(
                    "it does not begin with \"http://\" or \"https://\"".to_owned()
                ));
            }
        };
        let endpoint = endpoint
            .connect_timeout(CONNECT_WITHIN)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE_EVERY)
            .keep_alive_timeout(KEEP_ALIVE_WITHIN)
            .keep_alive_while_idle(true);
        Ok(Self {
            endpoint,
            tls,
            authorization,
            backoff: Backoff::default(),
            state: State::Waiting(Instant::now()),
        })
    }

    /// What happens next. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Happened {
        match &mut self.state {
            State::Waiting(until) => {
                sleep_until(*until).await;
                Happened::MayDial
            }
            State::Dialing(dialing) => match dialing.await {
                Ok(stream) => {
                    self.state = State::Up(stream);
                    Happened::Connected
                }
                Err(status) => self.lost(status),
            },
            State::Up(stream) => match stream.down.message().await {
                Ok(Some(message)) => {
                    self.backoff = Backoff::default();
                    Happened::Message(Box::new(message))
                }
                Ok(None) => self.lost(Status::unavailable("the server ended the session")),
                Err(status) => self.lost(status),
            },
        }
    }

    /// Opens a stream that begins with a message.
    pub(crate) fn dial(&mut self, hello: WorkerMessage) {
        let (endpoint, tls) = (self.endpoint.clone(), self.tls.clone());
        let authorization = self.authorization.clone();
        self.state = State::Dialing(Box::pin(async move {
            timeout(ATTACH_WITHIN, attach(endpoint, tls, authorization, hello))
                .await
                .unwrap_or_else(|_| Err(Status::unavailable("the server does not answer")))
        }));
    }

    /// Puts a message into the queue. False when there is no stream or its
    /// queue is full.
    pub(crate) fn send(&self, message: WorkerMessage) -> bool {
        match &self.state {
            State::Up(stream) => stream.up.try_send(message).is_ok(),
            State::Waiting(_) | State::Dialing(_) => false,
        }
    }

    /// Gives the stream up; it is dialed again after a while.
    pub(crate) fn give_up(&mut self) {
        self.state = State::Waiting(Instant::now() + self.backoff.wait(chance()));
    }

    /// Lets what is queued leave, and ends the stream.
    pub(crate) async fn close(self) {
        let State::Up(stream) = self.state else {
            return;
        };
        let Stream { up, mut down } = *stream;
        drop(up);
        let ended = timeout(CLOSE_WITHIN, async {
            // What the server still says is for nobody.
            while let Ok(Some(_)) = down.message().await {}
        });
        if ended.await.is_err() {
            debug!("the server did not end the session in time");
        }
    }

    fn lost(&mut self, status: Status) -> Happened {
        self.give_up();
        Happened::Lost(status)
    }
}

async fn attach(
    endpoint: Endpoint,
    tls: Option<Tls>,
    authorization: Option<HeaderValue>,
    hello: WorkerMessage,
) -> Result<Box<Stream>, Status> {
    let channel = match tls {
        None => endpoint.connect().await,
        Some(tls) => {
            let dial = service_fn(move |uri| tls.clone().open(uri));
            endpoint.connect_with_connector(dial).await
        }
    };
    let channel: Channel = channel.map_err(|error| Status::unavailable(reason(&error)))?;
    let (up, queue) = mpsc::channel(UP_QUEUE);
    if up.try_send(hello).is_err() {
        return pending().await;
    }
    let calls = service_fn(move |call| answer::of(channel.clone(), authorization.clone(), call));
    let mut client = WorkerServiceClient::new(calls).max_decoding_message_size(LARGEST_MESSAGE);
    let down = client
        .attach(ReceiverStream::new(queue))
        .await
        .map_err(|status| caused(&status))?
        .into_inner();
    Ok(Box::new(Stream { up, down }))
}

/// A status that the transport made says why, like a server that asks for a certificate.
fn caused(status: &Status) -> Status {
    match status.source() {
        Some(cause) => Status::new(status.code(), reason(cause)),
        None => status.clone(),
    }
}

/// The innermost cause, which is the one that says something.
fn reason(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// A number between 0 and 1; uuids bring their own randomness.
fn chance() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_u64_pair().1 as u32) / f64::from(u32::MAX)
}

/// Whether asking again cannot help: the server understood and said no.
pub(crate) fn is_refusal(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::Unimplemented
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_travel_in_the_clear() {
        let token = HeaderValue::from_static("Bearer s3cret");
        for (server, expected) in [
            ("http://127.0.0.1:8090", None),
            ("http://[::1]:8090", None),
            ("http://localhost", None),
            ("http://192.0.2.1:8090", Some("others could read it")),
            ("http://localhost.example.com", Some("others could read it")),
            ("https://192.0.2.1:8090", Some("--tls-ca")),
        ] {
            let refused = Link::new(server, None, Some(token.clone())).err();
            let refused = refused.map(|error| error.to_string());
            let as_expected = match (&refused, expected) {
                (None, None) => true,
                (Some(said), Some(words)) => said.contains(words) && !said.contains("s3cret"),
                _ => false,
            };
            assert!(as_expected, "{server}: {refused:?}");
            let without = Link::new(server, None, None).err();
            assert_eq!(without.is_some(), server.starts_with("https"), "{server}");
        }
    }
}
