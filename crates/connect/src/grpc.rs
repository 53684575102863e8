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
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;

use crate::codec::Codec;
use crate::compress::{Encoding, SUPPORTED};
use crate::deadline;
use crate::front::Shared;
use crate::observe::{Fault, Protocol};
use crate::registry::Method;
use crate::request::{GRPC_ACCEPT_ENCODING, GRPC_ENCODING, RequestFrames, Rules};
use crate::response::{Form, ResponseFrames, Tail, no_status};
use crate::ticket::{Tally, Ticket};

/// The services for gRPC callers, and behind tonic-web for gRPC-Web callers.
#[derive(Clone)]
pub(crate) struct Grpc {
    shared: Arc<Shared>,
    protocol: Protocol,
}

impl Grpc {
    pub(crate) fn new(shared: Arc<Shared>, protocol: Protocol) -> Self {
        Self { shared, protocol }
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
        let Self { shared, protocol } = self.clone();
        Box::pin(async move {
            let method = shared.registry.method(request.uri().path()).cloned();
            let mut ticket = shared.ticket(method.as_ref(), protocol, Codec::Proto);
            let called = call(&shared, method, request, &mut ticket).await;
            Ok(match called {
                Ok((response, form)) => formed(response, form, ticket),
                Err(status) => {
                    ticket.end(status.code());
                    status.into_http()
                }
            })
        })
    }
}

/// The service's response, and the form that it gets. There is no form for a method that nobody knows.
async fn call(
    shared: &Shared,
    method: Option<Arc<Method>>,
    request: Request<Body>,
    ticket: &mut Ticket,
) -> Result<(Response<Body>, Option<Form>), Status> {
    ticket.take_place(&shared.limits.places)?;
    let tally = ticket.tally();
    let timeout =
        deadline::grpc_timeout(request.headers()).map_err(|refused| tally.refuse(refused))?;
    let ends = shared
        .limits
        .ends(method.as_deref(), timeout, request.extensions(), tally);
    let Some(method) = method else {
        tally.fault(Fault::UnknownMethod);
        return Ok((shared.raw.call(request, ends).await, None));
    };
    let (request, form) = guarded(shared, method, request, tally)?;
    Ok((shared.raw.call(request, ends).await, Some(form)))
}

fn guarded(
    shared: &Shared,
    method: Arc<Method>,
    mut request: Request<Body>,
    tally: &Tally,
) -> Result<(Request<Body>, Form), Status> {
    let headers = request.headers_mut();
    let used = Encoding::used(headers, &GRPC_ENCODING)
        .map_err(|refused| with_supported(tally.refuse(refused)))?;
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
        bounds: shared.limits.bounds,
        wait: shared.limits.request_wait(&method),
        method,
    };
    let request = request.map(|body| Body::new(RequestFrames::new(body, rules, tally.clone())));
    Ok((request, form))
}

fn formed(mut response: Response<Body>, form: Option<Form>, mut ticket: Ticket) -> Response<Body> {
    if let Some(code) = response.headers().get(Status::GRPC_STATUS) {
        let mut code = Code::from_bytes(code.as_bytes());
        if code == Code::Internal {
            let headers = response.headers_mut();
            let status = Status::from_header_map(headers).unwrap_or_else(no_status);
            let status = ticket.tally().blame(status);
            code = status.code();
            headers.extend(status.into_http::<()>().into_parts().0.headers);
        }
        ticket.end(code);
        return response;
    }
    let Some(form) = form else {
        ticket.end(Code::Ok);
        return response;
    };
    if form.encoding != Encoding::Identity {
        let name = HeaderValue::from_static(form.encoding.name());
        response.headers_mut().insert(GRPC_ENCODING, name);
    }
    response.map(|body| Body::new(ResponseFrames::new(body, form, Tail::Grpc, ticket)))
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
