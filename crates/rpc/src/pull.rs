//! Streams that their reader drives.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _, stream};
use tonic::{Response, Status};

/// What a streaming call answers with.
pub(crate) type Down<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// One stream. Nothing of it runs between two calls of [`Pull::next`].
pub(crate) trait Pull: Send + Sized + 'static {
    /// One message.
    type Message: Send + 'static;

    /// The next message; `None` at the end. Not called again after an error.
    fn next(&mut self) -> impl Future<Output = Option<Result<Self::Message, Status>>> + Send;
}

/// The answer that gives what `pull` gives.
pub(crate) fn answer<P: Pull>(pull: P) -> Response<Down<P::Message>> {
    let messages = stream::unfold(Some(pull), |pull| async {
        let mut pull = pull?;
        let message = pull.next().await?;
        let rest = message.is_ok().then_some(pull);
        Some((message, rest))
    });
    Response::new(messages.boxed())
}

/// What ends a stream when the control plane stops.
pub(crate) fn stopping() -> Status {
    Status::unavailable("the control plane is shutting down")
}

/// What ends a watch on a run that was deleted.
pub(crate) fn deleted() -> Status {
    Status::not_found("the run was deleted")
}
