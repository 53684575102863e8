//! One connection, from its first byte to its last.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpConnectInfo;
use tower::Service as _;

use super::first_bytes::FirstBytes;
use super::{Connection, Executor, ServeOptions, Tls};
use crate::front::Front;
use crate::observe::{Fault, Observer};

/// What a connection needs from its server.
pub(super) struct Conversation {
    pub(super) builder: auto::Builder<Executor>,
    pub(super) front: Front,
    pub(super) stop: CancellationToken,
    pub(super) connection: Connection,
    /// Fires when the connection is cut.
    pub(super) dead: CancellationToken,
    pub(super) first_bytes: Duration,
    pub(super) handshake: Duration,
    pub(super) tls: Option<Tls>,
    pub(super) peer: SocketAddr,
}

impl Conversation {
    /// Talks until either side ends the connection.
    pub(super) async fn hold(self, stream: TcpStream) {
        let _open = Open::new(self.front.observer().clone(), self.dead.clone());
        let info = TcpConnectInfo {
            local_addr: stream.local_addr().ok(),
            remote_addr: Some(self.peer),
        };
        let Some(tls) = &self.tls else {
            return self.speak(stream, info).await;
        };
        // A handshake that the server's end interrupts has no call to finish.
        let shaken = tokio::select! {
            biased;
            () = self.stop.cancelled() => return,
            shaken = tokio::time::timeout(self.handshake, tls.acceptor.accept(stream)) => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => self.speak(stream, info).await,
            Ok(Err(error)) => self.broken(Fault::Handshake, &error),
            Err(elapsed) => self.broken(Fault::HandshakeTimeout, &elapsed),
        }
    }

    async fn speak<S>(&self, stream: S, info: TcpConnectInfo)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = hyper::service::service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(self.connection.clone());
            request.extensions_mut().insert(info.clone());
            self.front.clone().call(request)
        });
        let io = TokioIo::new(FirstBytes::new(stream, self.first_bytes));
        let mut conversation = std::pin::pin!(self.builder.serve_connection(io, service));
        let ended = tokio::select! {
            ended = conversation.as_mut() => ended,
            () = self.stop.cancelled() => {
                conversation.as_mut().graceful_shutdown();
                conversation.await
            }
        };
        if let Err(error) = ended {
            self.broken(fault(&*error), &*error);
        }
    }

    fn broken(&self, fault: Fault, error: &(dyn Error + 'static)) {
        self.front.observer().fault(fault);
        tracing::debug!(peer = %self.peer, error, fault = fault.name(), "connection ended early");
    }
}

/// What became of a connection, from hyper's words.
fn fault(error: &(dyn Error + 'static)) -> Fault {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return match error.kind() {
            io::ErrorKind::TimedOut => Fault::SilentConnection,
            _ => Fault::BrokenConnection,
        };
    }
    match error.downcast_ref::<hyper::Error>() {
        Some(error) if error.is_timeout() => Fault::IdleConnection,
        _ => Fault::BrokenConnection,
    }
}

/// Lets the kernel find out that a peer is gone, which HTTP/1 cannot ask.
///
/// A peer that takes nothing is not cut: a stream into a pager may pause. What it makes us hold is bounded.
pub(super) fn keep_alive(stream: &TcpStream, options: &ServeOptions) -> io::Result<()> {
    use rustix::net::sockopt;
    /// Questions before the peer counts as gone.
    const PROBES: u32 = 3;
    let whole_seconds = |time: Duration| time.max(Duration::from_secs(1));
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, whole_seconds(options.keep_alive_interval))?;
    let pause = options.keep_alive_timeout / PROBES;
    sockopt::set_tcp_keepintvl(stream, whole_seconds(pause))?;
    sockopt::set_tcp_keepcnt(stream, PROBES)?;
    Ok(())
}

/// Tells of a connection's beginning and end, also if it is cut.
struct Open {
    observer: Arc<dyn Observer>,
    dead: CancellationToken,
}

impl Open {
    fn new(observer: Arc<dyn Observer>, dead: CancellationToken) -> Self {
        observer.connection_opened();
        Self { observer, dead }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.dead.is_cancelled() {
            self.observer.fault(Fault::CutConnection);
        }
        self.observer.connection_closed();
    }
}
