//! Reading what an HTTP/1 caller still sends after its call was answered.
//!
//! When a handler answers without reading the request to its end, hyper closes the connection,
//! and the caller's next write fails before it has seen the answer. So the rest is read and thrown away, up to a bound.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::body::Body;

/// The most that is read for nothing, in bytes.
const MOST: usize = 1024 * 1024;
/// The longest that is waited for it.
const LONGEST: Duration = Duration::from_secs(2);

/// A request body that is read to its end even if its reader drops it.
pub(crate) struct Draining {
    body: Option<Body>,
    tasks: TaskTracker,
}

impl Draining {
    /// `tasks` owns the reading that outlives the call.
    pub(crate) fn new(body: Body, tasks: TaskTracker) -> Self {
        Self {
            body: Some(body),
            tasks,
        }
    }
}

impl http_body::Body for Draining {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        // Outside a runtime there is no connection left to save.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            self.tasks.spawn_on(drain(body), &runtime);
        }
    }
}

async fn drain(mut body: Body) {
    let read = async {
        let mut rest = MOST;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Buf::remaining);
            let Some(left) = rest.checked_sub(size) else {
                return;
            };
            rest = left;
        }
    };
    if tokio::time::timeout(LONGEST, read).await.is_err() {
        tracing::debug!("gave up reading a request body that nobody wants");
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use http_body_util::channel::Channel;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_dropped_body_is_read_up_to_a_bound() {
        let tasks = TaskTracker::new();
        let (mut sender, body) = Channel::<Bytes, Status>::new(1);
        drop(Draining::new(Body::new(body), tasks.clone()));
        let megabyte = Bytes::from(vec![0; MOST]);
        sender.send_data(megabyte.clone()).await.unwrap();
        // One byte over the bound ends the reading, and so the channel.
        sender.send_data(Bytes::from_static(b"x")).await.unwrap();
        tasks.close();
        tasks.wait().await;
        assert!(sender.send_data(megabyte).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_body_is_given_up() {
        let tasks = TaskTracker::new();
        let (sender, body) = Channel::<Bytes, Status>::new(1);
        drop(Draining::new(Body::new(body), tasks.clone()));
        tasks.close();
        tasks.wait().await;
        drop(sender);
    }

    #[tokio::test]
    async fn a_body_that_was_read_leaves_no_task() {
        let tasks = TaskTracker::new();
        let body = Draining::new(Body::new(Full::from("all")), tasks.clone());
        body.collect().await.unwrap();
        assert!(tasks.is_empty());
    }
}
