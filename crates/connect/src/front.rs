//! The one service of the port.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Extensions, Request, Response, StatusCode, Version};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer as _, Service};
use tower_http::cors::Cors;

use crate::classify::{Route, classify, essence};
use crate::codec::Codec;
use crate::compress::Bounds;
use crate::cors::CorsOrigins;
use crate::deadline::Ends;
use crate::drain::Draining;
use crate::error;
use crate::grpc::Grpc;
use crate::observe::{Fault, Observer, Protocol, Unobserved};
use crate::raw::Raw;
use crate::registry::{Method, Registry};
use crate::serve::Connection;
use crate::ticket::{Places, Tally, Ticket};
use crate::{stream, unary};

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// What a response is made of, in a box, since its kind depends on the request.
type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// What bounds a call.
pub(crate) struct Limits {
    pub(crate) bounds: Bounds,
    pub(crate) compress_from: usize,
    pub(crate) places: Places,
    unary_deadline: Option<Duration>,
}

impl Limits {
    /// When a call ends that does not end on its own. `timeout` is the caller's and wins over the default.
    pub(crate) fn ends(
        &self,
        method: Option<&Method>,
        timeout: Option<Duration>,
        extensions: &Extensions,
        tally: &Tally,
    ) -> Ends {
        let is_unary = method.is_some_and(Method::is_unary);
        let timeout = timeout.or(if is_unary { self.unary_deadline } else { None });
        // A timeout beyond what the clock can say is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let connection = extensions.get::<Connection>().filter(|_| !is_unary);
        Ends {
            deadline,
            cut: connection.map(|connection| connection.cut.clone()),
            tally: tally.clone(),
        }
    }

    /// How long the one request message may take to arrive, whatever timeout the caller stated.
    pub(crate) fn request_wait(&self, method: &Method) -> Option<Duration> {
        self.unary_deadline.filter(|_| !method.client_streaming)
    }
}

/// What every call needs.
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) raw: Raw,
    pub(crate) limits: Limits,
    pub(crate) observer: Arc<dyn Observer>,
}

impl Shared {
    /// Begins a call.
    pub(crate) fn ticket(
        &self,
        method: Option<&Arc<Method>>,
        protocol: Protocol,
        codec: Codec,
    ) -> Ticket {
        Ticket::begin(self.observer.clone(), method.cloned(), protocol, codec)
    }
}

/// gRPC, gRPC-Web, Connect and plain HTTP in one tower service.
#[derive(Clone)]
pub struct Front {
    service: Cors<Switch>,
    observer: Arc<dyn Observer>,
}

impl Front {
    /// Begins a front: `routes` are the gRPC services, `http` gets every path that is not an RPC.
    pub fn builder(registry: Registry, routes: Routes, http: axum::Router) -> FrontBuilder {
        FrontBuilder {
            registry,
            routes,
            http,
            bounds: Bounds {
                bytes: 4 * 1024 * 1024,
                ratio: 200,
                ratio_from: 1024 * 1024,
            },
            compress_from: 1024,
            unary_deadline: Some(Duration::from_mins(1)),
            max_unary_calls: 1024,
            max_streams: 50_000,
            origins: CorsOrigins::default(),
            observer: Arc::new(Unobserved),
        }
    }

    /// Who is told of calls and connections.
    pub(crate) fn observer(&self) -> &Arc<dyn Observer> {
        &self.observer
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

/// The settings of a [`Front`].
#[must_use = "call build"]
pub struct FrontBuilder {
    registry: Registry,
    routes: Routes,
    http: axum::Router,
    bounds: Bounds,
    compress_from: usize,
    unary_deadline: Option<Duration>,
    max_unary_calls: usize,
    max_streams: usize,
    origins: CorsOrigins,
    observer: Arc<dyn Observer>,
}

impl fmt::Debug for FrontBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontBuilder").finish_non_exhaustive()
    }
}

impl FrontBuilder {
    /// The longest request message in bytes, as sent and when decompressed. Default 4 MiB.
    /// Services have a limit of their own, also 4 MiB unless configured.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.bounds.bytes = bytes;
        self
    }

    /// How many unary calls may run at once; further ones end with `unavailable` and when to try again. Default 1,024.
    pub fn max_unary_calls(mut self, calls: usize) -> Self {
        self.max_unary_calls = calls;
        self
    }

    /// How many streaming calls may run at once; further ones end with `unavailable` and when to try again.
    /// Default 50,000.
    pub fn max_streams(mut self, streams: usize) -> Self {
        self.max_streams = streams;
        self
    }

    /// Who is told of calls and connections. Default nobody.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// How long a unary call may take whose caller states no timeout, and how long the one request message of a call
    /// may take to arrive, whatever its caller states. `None` is for ever. Default one minute.
    pub fn unary_deadline(mut self, deadline: Option<Duration>) -> Self {
        self.unary_deadline = deadline;
        self
    }

    /// The shortest response message in bytes that is compressed for a caller that accepts it. Default 1 KiB.
    pub fn compress_from(mut self, bytes: usize) -> Self {
        self.compress_from = bytes;
        self
    }

    /// The web pages that may call. Default any.
    pub fn cors_origins(mut self, origins: CorsOrigins) -> Self {
        self.origins = origins;
        self
    }

    /// The service.
    #[must_use]
    pub fn build(self) -> Front {
        let limits = Limits {
            bounds: self.bounds,
            compress_from: self.compress_from,
            places: Places::new(self.max_unary_calls, self.max_streams),
            unary_deadline: self.unary_deadline,
        };
        let raw = Raw::new(self.routes);
        let shared = Arc::new(Shared {
            registry: self.registry,
            raw,
            limits,
            observer: self.observer.clone(),
        });
        let grpc = Grpc::new(shared.clone(), Protocol::Grpc);
        let web = GrpcWebLayer::new().layer(Grpc::new(shared.clone(), Protocol::GrpcWeb));
        let switch = Switch {
            shared,
            grpc,
            web,
            http: self.http.with_state(()),
        };
        Front {
            service: self.origins.layer().layer(switch),
            observer: self.observer,
        }
    }
}

impl<B> Service<Request<B>> for Front
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        let mut request = request.map(Body::new);
        let connection = request.extensions().get::<Connection>().cloned();
        // HTTP/2 can end a request early by itself.
        if let Some(connection) = connection.filter(|_| request.version() < Version::HTTP_2) {
            request = request.map(|body| Body::new(Draining::new(body, connection.tasks)));
        }
        Box::pin(self.service.call(request))
    }
}

/// Sends each request to who speaks its protocol.
#[derive(Clone)]
struct Switch {
    shared: Arc<Shared>,
    grpc: Grpc,
    web: GrpcWebService<Grpc>,
    http: axum::Router,
}

impl Service<Request<Body>> for Switch {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Answer {
        let path = request.uri().path();
        let content_type = request.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let route = classify(
            request.method(),
            content_type,
            self.shared.registry.known(path),
        );
        match route {
            Route::Grpc => self.grpc.call(request),
            Route::GrpcWeb => {
                without_parameters(&mut request);
                Box::pin(self.web.call(request))
            }
            Route::Http => {
                let answer = self.http.call(request);
                Box::pin(async move { answer.await.map(|response| response.map(Body::new)) })
            }
            Route::WrongVerb(allowed) => {
                self.shared.observer.fault(Fault::Verb);
                now(error::refusal(
                    StatusCode::METHOD_NOT_ALLOWED,
                    ALLOW,
                    allowed,
                ))
            }
            Route::WrongContentType(accepted) => {
                self.shared.observer.fault(Fault::ContentType);
                now(error::refusal(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    ACCEPT_POST,
                    accepted,
                ))
            }
            Route::UnknownMethod => {
                self.shared.observer.fault(Fault::UnknownMethod);
                let status = Status::unimplemented(format!("there is no method {path}"));
                // A newer client calls an older server: a stream's error is the
                // end of a stream, or the client does not understand it.
                let codec = [Codec::Json, Codec::Proto]
                    .into_iter()
                    .find(|codec| essence(content_type.unwrap_or_default()) == codec.stream_type());
                now(match codec {
                    Some(codec) => stream::refused(&self.shared, codec, status),
                    None => error::response(&status, self.shared.registry.pool()),
                })
            }
            Route::ConnectUnary(_) | Route::ConnectGet | Route::ConnectStream(_) => {
                self.connect(route, request)
            }
        }
    }
}

impl Switch {
    fn connect(&self, route: Route, request: Request<Body>) -> Answer {
        let shared = self.shared.clone();
        let method = shared.registry.method(request.uri().path()).cloned();
        let method = method.expect("the path was classified as a known method");
        Box::pin(async move {
            Ok(match route {
                Route::ConnectUnary(codec) => unary::post(&shared, method, codec, request).await,
                Route::ConnectStream(codec) => stream::call(&shared, method, codec, request).await,
                _ => unary::get(&shared, method, request).await,
            })
        })
    }
}

fn now(response: Response<Body>) -> Answer {
    Box::pin(std::future::ready(Ok(response)))
}

/// tonic-web knows its content types only without parameters.
fn without_parameters(request: &mut Request<Body>) {
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let plain = content_type
        .map(essence)
        .and_then(|plain| HeaderValue::try_from(plain).ok());
    if let Some(plain) = plain {
        request.headers_mut().insert(CONTENT_TYPE, plain);
    }
}
