//! What carries the calls: it says who calls, and tells an answer of a control
//! plane from one that something else gave in its place.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Service, StdError},
    transport::Channel,
};

use crate::Token;

/// What carries the calls: a connection that says who calls.
#[derive(Clone, Debug)]
pub struct Transport {
    channel: Channel,
    token: Option<Token>,
}

/// Why an answer was kept from the caller; the source of the status that the
/// caller gets instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Kept {
    /// It is none of gRPC: a web server gave it, or a proxy.
    #[error("HTTP status {0}")]
    Foreign(u16),
    /// It says of the token that was sent that nobody goes by it.
    #[error("the token is not accepted")]
    Token,
}

impl Transport {
    pub(crate) fn new(channel: Channel, token: Option<Token>) -> Self {
        Self { channel, token }
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, StdError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        self.channel.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let shows_token = self.token.is_some();
        if let Some(token) = &self.token {
            let value = token.authorization().clone();
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let answer = self.channel.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            match kept(&answer, shows_token) {
                Some(status) => Err(status.into()),
                None => Ok(answer),
            }
        })
    }
}

/// What the caller gets in place of an answer that is not to be read as one of
/// gRPC; `None` if it is to be.
fn kept<B>(answer: &Response<B>, shows_token: bool) -> Option<Status> {
    let refused = |message: &str| with_source(Code::Unauthenticated, message, Kept::Token);
    if let Some(status) = Status::from_header_map(answer.headers()) {
        let is_token = shows_token && status.code() == Code::Unauthenticated;
        return is_token.then(|| refused(status.message()));
    }
    let content = answer.headers().get(CONTENT_TYPE);
    let is_grpc = content.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    if is_grpc && answer.status() == StatusCode::OK {
        return None;
    }
    let code = match answer.status() {
        StatusCode::UNAUTHORIZED if shows_token => return Some(refused("")),
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    };
    let foreign = Kept::Foreign(answer.status().as_u16());
    let said = format!("no answer of a control plane, but {foreign}");
    Some(with_source(code, &said, foreign))
}

fn with_source(code: Code, message: &str, source: Kept) -> Status {
    let mut status = Status::new(code, message);
    status.set_source(Arc::new(source));
    status
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");
    const PAGE: (&str, &str) = ("content-type", "text/html");
    const UNKNOWN_CALLER: (&str, &str) = ("grpc-status", "16");

    /// What the caller gets, without a token and with one.
    fn check(
        status: u16,
        header: Option<(&str, &str)>,
        without: Option<(Code, Kept)>,
        with: Option<(Code, Kept)>,
    ) {
        let mut answer = Response::builder().status(status);
        if let Some((name, value)) = header {
            answer = answer.header(name, value);
        }
        let answer = answer.body(()).unwrap();
        for (shows_token, expected) in [(false, without), (true, with)] {
            let found = kept(&answer, shows_token).map(|status| {
                let source = status.source().unwrap().downcast_ref::<Kept>();
                (status.code(), source.unwrap().clone())
            });
            assert_eq!(found, expected, "{answer:?}, token: {shows_token}");
        }
    }

    #[test]
    fn an_answer_that_is_not_of_grpc_is_kept() {
        let foreign = |code, status| Some((code, Kept::Foreign(status)));
        let token = || Some((Code::Unauthenticated, Kept::Token));
        check(200, Some(GRPC), None, None);
        // An error of gRPC stands in the headers alone, whatever HTTP says.
        check(200, Some(("grpc-status", "5")), None, None);
        check(503, Some(("grpc-status", "14")), None, None);
        check(200, Some(UNKNOWN_CALLER), None, token());
        for header in [None, Some(PAGE), Some(GRPC)] {
            let unknown = foreign(Code::Unauthenticated, 401);
            check(401, header, unknown, token());
            for (status, code) in [
                (400, Code::Unknown),
                (403, Code::PermissionDenied),
                (404, Code::Unimplemented),
                (502, Code::Unavailable),
            ] {
                check(status, header, foreign(code, status), foreign(code, status));
            }
        }
        for header in [None, Some(PAGE)] {
            let page = || foreign(Code::Unknown, 200);
            check(200, header, page(), page());
        }
    }
}
