//! The answer to a call: one of the control plane, or of something that stands in
//! its place. A web server's page must not be read as messages.

use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use tonic::{Code, Status, body::Body, codegen::StdError, transport::Channel};
use tower::ServiceExt as _;

/// The answer to a call, which says who calls.
pub(super) async fn of(
    channel: Channel,
    authorization: Option<HeaderValue>,
    mut call: Request<Body>,
) -> Result<Response<Body>, StdError> {
    let shows_token = authorization.is_some();
    if let Some(value) = authorization {
        call.headers_mut().insert(AUTHORIZATION, value);
    }
    let answer = channel.oneshot(call).await?;
    match refusal(&answer, shows_token) {
        Some(status) => Err(status.into()),
        None => Ok(answer),
    }
}

/// Why an answer is none of a control plane that takes this worker, as far as
/// its head says; `None` if it may be one.
fn refusal<B>(answer: &Response<B>, shows_token: bool) -> Option<Status> {
    let who = |code, said: &str| Status::new(code, words(code, said, shows_token));
    if let Some(status) = Status::from_header_map(answer.headers()) {
        return match (status.code(), status.message()) {
            (Code::Unauthenticated, said) => Some(who(status.code(), said)),
            (Code::Unimplemented, "") => Some(Status::unimplemented(
                "it does not know this call; it is older than this worker, or no control plane",
            )),
            _ => None,
        };
    }
    let content = answer.headers().get(CONTENT_TYPE);
    let is_grpc = content.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    let code = match answer.status() {
        StatusCode::OK if is_grpc => return None,
        StatusCode::UNAUTHORIZED => return Some(who(Code::Unauthenticated, "")),
        StatusCode::FORBIDDEN => return Some(who(Code::PermissionDenied, "")),
        // The control plane may be away for a while.
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Code::Unavailable,
        status if status.is_server_error() => Code::Unavailable,
        _ => Code::Unimplemented,
    };
    let status = answer.status().as_u16();
    Some(Status::new(
        code,
        format!("what answers there is a web server or a proxy, with HTTP status {status}"),
    ))
}

/// What is to be done about who calls; `said` is what the answer says of it.
fn words(code: Code, said: &str, shows_token: bool) -> String {
    let said = match said {
        "" => String::new(),
        said => format!(" ({said})"),
    };
    let whoever = "it, or a proxy before it,";
    match code {
        Code::PermissionDenied => {
            format!("{whoever} does not let this worker in{said}; ask who runs it")
        }
        _ if shows_token => format!(
            "{whoever} does not accept the token{said}: it is wrong or has expired; ask who runs it for a new one"
        ),
        _ => format!(
            "{whoever} wants to know who calls{said}; give a token with --token or GAUNTLET_TOKEN"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: (u16, &str, &str), shows_token: bool, expected: Option<(Code, &str)>) {
        let (status, name, value) = head;
        let answer = Response::builder().status(status).header(name, value);
        let found = refusal(&answer.body(()).unwrap(), shows_token);
        match (&found, expected) {
            (None, None) => {}
            (Some(status), Some((code, words))) => {
                assert_eq!(status.code(), code, "{head:?}");
                assert!(status.message().contains(words), "{head:?}: {status}");
            }
            _ => panic!("{head:?}: {found:?}"),
        }
    }

    #[test]
    fn a_page_is_no_session() {
        let page = |status| (status, "content-type", "text/html");
        check((200, "content-type", "application/grpc"), true, None);
        check((200, "grpc-status", "9"), true, None);
        let older = Some((Code::Unimplemented, "older than this worker"));
        check((200, "grpc-status", "12"), true, older);
        let asks = Some((Code::Unauthenticated, "give a token with --token"));
        let refuses = Some((Code::Unauthenticated, "is wrong or has expired"));
        for head in [page(401), (200, "grpc-status", "16")] {
            check(head, false, asks);
            check(head, true, refuses);
        }
        let forbids = Some((Code::PermissionDenied, "does not let this worker in"));
        check(page(403), true, forbids);
        check(page(200), false, Some((Code::Unimplemented, "status 200")));
        check(page(404), false, Some((Code::Unimplemented, "status 404")));
        check(page(429), false, Some((Code::Unavailable, "status 429")));
        check(page(502), false, Some((Code::Unavailable, "status 502")));
    }
}
