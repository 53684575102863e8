//! Trailers of a successful call, which tonic's traits have no place for.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;

/// Metadata to send after the messages of a successful call.
///
/// A handler puts it into its response: `response.extensions_mut().insert(Trailers(map))`.
#[derive(Debug, Clone, Default)]
pub struct Trailers(
    /// The metadata; names that begin with `grpc-` are the protocol's and must not be used.
    pub HeaderMap,
);

/// A gRPC response body with more metadata in its trailers.
pub(crate) struct Appended {
    body: Body,
    trailers: HeaderMap,
}

impl Appended {
    pub(crate) fn new(body: Body, Trailers(trailers): Trailers) -> Self {
        Self { body, trailers }
    }
}

impl http_body::Body for Appended {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let Poll::Ready(Some(Ok(mut frame))) = polled else {
            return polled;
        };
        if let Some(trailers) = frame.trailers_mut() {
            trailers.extend(std::mem::take(&mut self.trailers));
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[tokio::test]
    async fn trailers_join_those_of_the_call() {
        let own = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
        let body = Full::from("message").with_trailers(async { Some(Ok(own)) });
        let added = HeaderMap::from_iter([("x-cost".parse().unwrap(), "7".parse().unwrap())]);
        let collected = Appended::new(Body::new(body), Trailers(added))
            .collect()
            .await
            .unwrap();
        let trailers = collected.trailers().unwrap();
        assert_eq!(
            (&trailers["grpc-status"], &trailers["x-cost"]),
            (&"0".parse().unwrap(), &"7".parse().unwrap())
        );
    }
}
