//! gRPC callers: what tonic leaves open is made good here.
//!
//! Too large is `resource_exhausted`, a wrong number of messages `unimplemented`, a passed deadline
//! `deadline_exceeded`, and every service can be called compressed.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use crate::codec::Codec;
use crate::compress::{Encoding, SUPPORTED};
use crate::deadline;
use crate::front::Shared;
use crate::registry::Method;
use crate::request::{GRPC_ACCEPT_ENCODING, GRPC_ENCODING, RequestFrames, Rules};
use crate::response::{Form, ResponseFrames, Tail};

/// The services for gRPC callers, and behind tonic-web for gRPC-Web callers.
#[derive(Clone)]
pub(crate) struct Grpc {
    shared: Arc<Shared>,
}

impl Grpc {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Service<Request<Body>> for Grpc {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = self.shared.clone();
        Box::pin(async move {
            let called = call(&shared, request).await;
            Ok(called.unwrap_or_else(Status::into_http))
        })
    }
}

async fn call(shared: &Shared, request: Request<Body>) -> Result<Response<Body>, Status> {
    let timeout = deadline::grpc_timeout(request.headers())?;
    let method = shared.registry.method(request.uri().path()).cloned();
    let ends = shared
        .limits
        .ends(method.as_deref(), timeout, request.extensions());
    match method {
        Some(method) => {
            let (request, form) = guarded(shared, method, request)?;
            let response = shared.raw.call(request, ends).await;
            Ok(formed(response, form))
        }
        None => Ok(shared.raw.call(request, ends).await),
    }
}

fn guarded(
    shared: &Shared,
    method: Arc<Method>,
    mut request: Request<Body>,
) -> Result<(Request<Body>, Form), Status> {
    let headers = request.headers_mut();
    let used = Encoding::used(headers, &GRPC_ENCODING).map_err(with_supported)?;
    let accepted = Encoding::accepted(headers, &GRPC_ACCEPT_ENCODING);
    // From here on nothing is compressed, whatever the service was configured for.
    headers.remove(GRPC_ENCODING);
    headers.remove(GRPC_ACCEPT_ENCODING);
    let form = Form {
        codec: Codec::Proto,
        encoding: accepted,
        compress_from: shared.limits.compress_from,
        method: method.clone(),
    };
    let rules = Rules {
        codec: Codec::Proto,
        encoding: used,
        limit: shared.limits.max_message_bytes,
        wait: shared.limits.request_wait(&method),
        method,
    };
    Ok((
        request.map(|body| Body::new(RequestFrames::new(body, rules))),
        form,
    ))
}

fn formed(mut response: Response<Body>, form: Form) -> Response<Body> {
    if form.encoding == Encoding::Identity || response.headers().contains_key(Status::GRPC_STATUS) {
        return response;
    }
    let name = HeaderValue::from_static(form.encoding.name());
    response.headers_mut().insert(GRPC_ENCODING, name);
    response.map(|body| Body::new(ResponseFrames::new(body, form, Tail::Grpc)))
}

/// gRPC asks that a refused encoding is answered with the good ones.
fn with_supported(mut status: Status) -> Status {
    if let Ok(supported) = SUPPORTED.parse() {
        status
            .metadata_mut()
            .insert("grpc-accept-encoding", supported);
    }
    status
}
