//! The listener's loop: connections in, bounded; all of them ended soon after stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::rt::Executor as _;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::front::Front;

mod conversation;
mod first_bytes;
mod tls;

use conversation::Conversation;
pub use tls::{Tls, TlsError};

/// Flow control for HTTP/2. A receive window below this lets a burst of small messages
/// on some thousand streams end the connection: h2 charges each unread small frame to it.
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
const STREAM_WINDOW: u32 = 1024 * 1024;
/// What a caller that does not read can make us hold, per stream.
const SEND_BUFFER: usize = 64 * 1024;
/// The least that hyper can be told for the headers of HTTP/1.
const LEAST_HEADER_BYTES: usize = 8 * 1024;
/// The pause after the system refused a connection for want of resources.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// The bounds of [`serve`].
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The longest that anything lasts after stop; then connections are cut. Default 2 s.
    pub grace: Duration,
    /// How long after stop a stream may end by itself; then it ends with `unavailable`. Default 500 ms.
    pub stream_grace: Duration,
    /// How long a new connection may take to show which HTTP version it speaks. Default 10 s.
    pub first_bytes: Duration,
    /// How long a TLS handshake may take. Default 10 s.
    pub handshake: Duration,
    /// How long an HTTP/1 caller may take for its headers, and stay idle between requests. Default 30 s.
    pub header_read: Duration,
    /// Open connections; further ones wait in the system's backlog. Default 10,000.
    pub max_connections: usize,
    /// Open streams per HTTP/2 connection; `None` is without bound. Default 10,000.
    pub max_concurrent_streams: Option<u32>,
    /// All headers of a request in bytes, and the path with them: a call by GET carries its message there.
    /// HTTP/1 paths end at 64 KiB in any case. Default 64 KiB.
    pub max_header_bytes: u32,
    /// After so much silence a peer is asked whether it is still there. Default 20 s.
    pub keep_alive_interval: Duration,
    /// How long it may take to answer; then the connection ends. Default 20 s.
    pub keep_alive_timeout: Duration,
    /// TLS on every connection; `None` is plain text. Default `None`.
    pub tls: Option<Tls>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(2),
            stream_grace: Duration::from_millis(500),
            first_bytes: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            header_read: Duration::from_secs(30),
            max_connections: 10_000,
            max_concurrent_streams: Some(10_000),
            max_header_bytes: 64 * 1024,
            keep_alive_interval: Duration::from_secs(20),
            keep_alive_timeout: Duration::from_secs(20),
            tls: None,
        }
    }
}

/// What a request knows of the connection that it came on. It travels in the request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// Fires when streams must end.
    pub(crate) cut: CancellationToken,
    /// Owns what outlives a request.
    pub(crate) tasks: TaskTracker,
}

/// Serves `front` on `listener` until `stop` fires, then ends every call and returns within `options.grace`.
///
/// On stop the listener closes at once and callers are told to open nothing new on their connections.
/// Streams that watch the same token can say a last word until `options.stream_grace` has passed; the others end with
/// `unavailable`. Unary calls have until `options.grace`. Nothing of the server runs after the return.
///
/// An error is the listener's, and of the kind that does not pass.
pub async fn serve(
    listener: TcpListener,
    front: Front,
    stop: CancellationToken,
    options: ServeOptions,
) -> io::Result<()> {
    let executor = Executor {
        tasks: TaskTracker::new(),
        dead: CancellationToken::new(),
    };
    let server = Server {
        builder: builder(executor.clone(), &options),
        connection: Connection {
            cut: CancellationToken::new(),
            tasks: executor.tasks.clone(),
        },
        executor,
        front,
        stop,
        options,
    };
    let accepted = server.accept(listener).await;
    // A listener that failed ends its connections too.
    server.stop.cancel();
    server.wind_down().await;
    accepted
}

struct Server {
    builder: auto::Builder<Executor>,
    front: Front,
    stop: CancellationToken,
    executor: Executor,
    connection: Connection,
    options: ServeOptions,
}

impl Server {
    async fn accept(&self, listener: TcpListener) -> io::Result<()> {
        let places = Arc::new(Semaphore::new(self.options.max_connections));
        loop {
            let next = async {
                let place = places.clone().acquire_owned().await;
                (
                    place.expect("the semaphore is never closed"),
                    listener.accept().await,
                )
            };
            let (place, accepted) = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                next = next => next,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Err(error) = conversation::keep_alive(&stream, &self.options) {
                        tracing::debug!(%peer, %error, "cannot set the socket's options");
                    }
                    let conversation = self.conversation(peer);
                    self.executor.execute(async move {
                        conversation.hold(stream).await;
                        drop(place);
                    });
                }
                Err(error) if is_callers(&error) => {}
                Err(error) if is_exhaustion(&error) => {
                    tracing::warn!(%error, "cannot accept a connection, waiting for resources");
                    tokio::time::sleep(EXHAUSTED).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn conversation(&self, peer: SocketAddr) -> Conversation {
        Conversation {
            builder: self.builder.clone(),
            front: self.front.clone(),
            stop: self.stop.clone(),
            connection: self.connection.clone(),
            dead: self.executor.dead.clone(),
            first_bytes: self.options.first_bytes,
            handshake: self.options.handshake,
            tls: self.options.tls.clone(),
            peer,
        }
    }

    async fn wind_down(&self) {
        let tasks = &self.connection.tasks;
        tasks.close();
        let first = self.options.stream_grace.min(self.options.grace);
        if tokio::time::timeout(first, tasks.wait()).await.is_ok() {
            return;
        }
        self.connection.cut.cancel();
        let rest = self.options.grace.saturating_sub(first);
        if tokio::time::timeout(rest, tasks.wait()).await.is_err() {
            tracing::info!(
                tasks = tasks.len(),
                "cutting connections that did not end in time"
            );
            self.executor.dead.cancel();
            tasks.wait().await;
        }
    }
}

fn builder(executor: Executor, options: &ServeOptions) -> auto::Builder<Executor> {
    let mut builder = auto::Builder::new(executor);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_read)
        .max_buf_size((options.max_header_bytes as usize).max(LEAST_HEADER_BYTES));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(options.keep_alive_interval)
        .keep_alive_timeout(options.keep_alive_timeout)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .initial_stream_window_size(STREAM_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(options.max_header_bytes)
        .max_concurrent_streams(options.max_concurrent_streams);
    builder
}

/// The caller hung up before it was accepted.
fn is_callers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Out of descriptors or memory: `ENOMEM`, `ENFILE`, `EMFILE`, `ENOBUFS`.
fn is_exhaustion(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(12 | 23 | 24 | 105))
}

/// Runs tasks so that none of them outlives the server.
#[derive(Debug, Clone)]
struct Executor {
    tasks: TaskTracker,
    /// Fires when the grace has passed: every task ends where it is.
    dead: CancellationToken,
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, work: F) {
        let dead = self.dead.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = dead.cancelled() => {}
                _ = work => {}
            }
        });
    }
}
