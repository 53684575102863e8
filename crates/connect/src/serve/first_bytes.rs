//! A connection that must show soon which HTTP version it speaks.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What every HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Fails reads after a timeout until either the HTTP/2 preface is complete or the bytes cannot become one.
/// From then on the timeouts of the HTTP version hold.
pub(super) struct FirstBytes<S> {
    stream: S,
    waiting: Option<Waiting>,
}

struct Waiting {
    timeout: Pin<Box<Sleep>>,
    /// How much of the preface has come.
    seen: usize,
}

impl<S> FirstBytes<S> {
    pub(super) fn new(stream: S, timeout: Duration) -> Self {
        let timeout = Box::pin(tokio::time::sleep(timeout));
        Self {
            stream,
            waiting: Some(Waiting { timeout, seen: 0 }),
        }
    }

    fn look(&mut self, new: &[u8]) {
        let Some(waiting) = &mut self.waiting else {
            return;
        };
        let rest = &PREFACE[waiting.seen..];
        let is_preface = !new.is_empty() && rest.starts_with(&new[..new.len().min(rest.len())]);
        waiting.seen += new.len();
        if !is_preface || waiting.seen >= PREFACE.len() {
            self.waiting = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstBytes<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match (&polled, &mut self.waiting) {
            (_, None) => {}
            (Poll::Ready(_), Some(_)) => self.look(&buffer.filled()[before..]),
            (Poll::Pending, Some(waiting)) => {
                if waiting.timeout.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FirstBytes<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// Reads what `sent` leaves to read, and says how reading on ends within an hour.
    async fn read_on(sent: &[u8]) -> Result<usize, Option<io::ErrorKind>> {
        let (mut peer, stream) = tokio::io::duplex(1024);
        peer.write_all(sent).await.unwrap();
        let mut stream = FirstBytes::new(stream, TIMEOUT);
        let mut buffer = [0; 64];
        if !sent.is_empty() {
            stream.read_exact(&mut buffer[..sent.len()]).await.unwrap();
        }
        let read = stream.read(&mut buffer);
        match tokio::time::timeout(Duration::from_hours(1), read).await {
            Ok(read) => read.map_err(|error| Some(error.kind())),
            Err(_) => Err(None),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_half_a_preface_time_out() {
        for sent in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n"] {
            assert_eq!(
                read_on(sent).await,
                Err(Some(io::ErrorKind::TimedOut)),
                "{sent:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_known_version_may_pause() {
        for sent in [PREFACE, b"GET ", b"POST /a", b"PRX"] {
            assert_eq!(read_on(sent).await, Err(None), "{sent:?}");
        }
    }
}
