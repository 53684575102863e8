//! The one way to the services that all protocols share: uncompressed gRPC frames in and out.

use http::{Request, Response};
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service as _;

use crate::deadline::{Ending, Ends};
use crate::trailers::{Appended, Trailers};

/// The services, with the meaning of deadline, end of server and OK-trailers added.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    routes: Routes,
}

impl Raw {
    pub(crate) fn new(routes: Routes) -> Self {
        Self {
            routes: routes.prepare(),
        }
    }

    /// Calls the method that the path names. `ends` holds for the response and for its body.
    pub(crate) async fn call(&self, request: Request<Body>, ends: Ends) -> Response<Body> {
        // The router is always ready, its `poll_ready` need not be asked.
        let call = self.routes.clone().call(request);
        let answered = if ends.is_never() {
            call.await
        } else {
            tokio::select! {
                biased;
                answered = call => answered,
                status = ends.clone().reached() => return status.into_http(),
            }
        };
        let mut response = answered.unwrap_or_else(|never| match never {});
        if let Some(trailers) = response.extensions_mut().remove::<Trailers>() {
            response = response.map(|body| Body::new(Appended::new(body, trailers)));
        }
        if ends.is_never() || http_body::Body::is_end_stream(response.body()) {
            return response;
        }
        response.map(|body| Body::new(Ending::new(body, ends)))
    }
}
