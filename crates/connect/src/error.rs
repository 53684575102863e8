//! A gRPC status in Connect's words: a name, an HTTP status, JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde::Serialize;
use serde_json::Value;
use tonic::body::Body;
use tonic::{Code, Status};

/// The code as Connect spells it in an error.
pub(crate) fn name(code: Code) -> &'static str {
    match code {
        // An error never has this code; a peer that sends it anyway is unknown to us.
        Code::Ok | Code::Unknown => "unknown",
        Code::Cancelled => "canceled",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

/// The code as Connect spells it, and `ok`: for metrics.
#[must_use]
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        error => name(error),
    }
}

/// The HTTP status of a unary error with this code.
pub(crate) fn http_status(code: Code) -> StatusCode {
    let status = match code {
        Code::Cancelled => 499,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::DeadlineExceeded => 504,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::PermissionDenied => 403,
        Code::ResourceExhausted => 429,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::Unauthenticated => 401,
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => 500,
    };
    StatusCode::from_u16(status).expect("every status above is between 100 and 999")
}

/// The error object of a unary body or of the end of a stream. What a person looks for comes first.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorJson<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<DetailJson>,
}

#[derive(Debug, Serialize)]
struct DetailJson {
    #[serde(rename = "type")]
    kind: String,
    /// The same as `value`, readable; only where the type is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<Value>,
    value: String,
}

/// The error object of a status.
pub(crate) fn to_json<'a>(status: &'a Status, pool: &DescriptorPool) -> ErrorJson<'a> {
    let rich = tonic_types::pb::Status::decode(status.details()).unwrap_or_default();
    ErrorJson {
        code: name(status.code()),
        message: status.message(),
        details: rich
            .details
            .iter()
            .map(|detail| detail_to_json(detail, pool))
            .collect(),
    }
}

fn detail_to_json(detail: &prost_types::Any, pool: &DescriptorPool) -> DetailJson {
    let kind = detail.type_url.rsplit('/').next().unwrap_or_default();
    let debug = pool
        .get_message_by_name(kind)
        .and_then(|message| DynamicMessage::decode(message, detail.value.as_slice()).ok())
        .and_then(|message| serde_json::to_value(message).ok());
    let value = STANDARD_NO_PAD.encode(&detail.value);
    DetailJson {
        kind: kind.to_owned(),
        debug,
        value,
    }
}

/// A unary error: always JSON, whatever the codec of the call was.
pub(crate) fn response(status: &Status, pool: &DescriptorPool) -> Response<Body> {
    let body = serde_json::to_vec(&to_json(status, pool)).expect("text and numbers are valid JSON");
    let mut response = Response::new(Body::new(Full::from(body)));
    *response.status_mut() = http_status(status.code());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A refusal below the level of RPC: a header that says what would have been right, and a sentence for people.
pub(crate) fn refusal(
    status: StatusCode,
    header: HeaderName,
    right: &'static str,
) -> Response<Body> {
    let sentence = format!("{status}: use one of {right}\n");
    let mut response = Response::new(Body::new(Full::from(sentence)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header, HeaderValue::from_static(right));
    response
}

/// Takes the status out of gRPC headers or trailers and leaves the metadata.
/// `None` if there is no status.
pub(crate) fn take_status(headers: &mut HeaderMap) -> Option<Result<(), Status>> {
    let code = headers.get(Status::GRPC_STATUS)?;
    let status = if code == "0" {
        None
    } else {
        Status::from_header_map(headers)
    };
    for name in [
        Status::GRPC_STATUS,
        Status::GRPC_MESSAGE,
        Status::GRPC_STATUS_DETAILS,
    ] {
        headers.remove(name);
    }
    match status {
        Some(status) if status.code() != Code::Ok => Some(Err(status)),
        _ => Some(Ok(())),
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, StatusExt};

    use crate::registry::tests::pool;

    use super::*;

    #[test]
    fn every_code_has_its_name_and_http_status() {
        let expected = [
            (1, "canceled", 499),
            (2, "unknown", 500),
            (3, "invalid_argument", 400),
            (4, "deadline_exceeded", 504),
            (5, "not_found", 404),
            (6, "already_exists", 409),
            (7, "permission_denied", 403),
            (8, "resource_exhausted", 429),
            (9, "failed_precondition", 400),
            (10, "aborted", 409),
            (11, "out_of_range", 400),
            (12, "unimplemented", 501),
            (13, "internal", 500),
            (14, "unavailable", 503),
            (15, "data_loss", 500),
            (16, "unauthenticated", 401),
        ];
        for (number, spelled, status) in expected {
            let code = Code::from(number);
            assert_eq!((name(code), http_status(code).as_u16()), (spelled, status));
        }
    }

    fn check(status: &Status, expected: &str) {
        assert_eq!(
            serde_json::to_string(&to_json(status, &pool())).unwrap(),
            expected
        );
    }

    #[test]
    fn an_error_is_json_with_only_what_it_has() {
        check(&Status::unavailable(""), r#"{"code":"unavailable"}"#);
        check(
            &Status::not_found("no run \"x\""),
            r#"{"code":"not_found","message":"no run \"x\""}"#,
        );
    }

    #[test]
    fn details_carry_their_bytes_and_a_readable_form() {
        let details = ErrorDetails::with_bad_request_violation("load.rate", "must be above 0");
        check(
            &Status::with_error_details(Code::InvalidArgument, "bad", details),
            concat!(
                r#"{"code":"invalid_argument","message":"bad","details":[{"type":"google.rpc.BadRequest","#,
                r#""debug":{"fieldViolations":[{"description":"must be above 0","field":"load.rate"}]},"#,
                r#""value":"ChwKCWxvYWQucmF0ZRIPbXVzdCBiZSBhYm92ZSAw"}]}"#
            ),
        );
    }

    #[test]
    fn a_detail_of_unknown_type_has_no_readable_form() {
        let detail = prost_types::Any {
            type_url: "type.googleapis.com/a.B".into(),
            value: vec![1],
        };
        let rich = tonic_types::pb::Status {
            code: 13,
            message: String::new(),
            details: vec![detail],
        };
        check(
            &Status::with_details(Code::Internal, "", rich.encode_to_vec().into()),
            r#"{"code":"internal","details":[{"type":"a.B","value":"AQ"}]}"#,
        );
    }

    #[test]
    fn a_status_is_taken_and_metadata_stays() {
        let mut headers = HeaderMap::new();
        assert!(take_status(&mut headers).is_none());
        headers.insert("grpc-status", "5".parse().unwrap());
        headers.insert("grpc-message", "not%20here".parse().unwrap());
        headers.insert("x-custom", "kept".parse().unwrap());
        let status = take_status(&mut headers).unwrap().unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::NotFound, "not here")
        );
        assert_eq!(
            headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["x-custom"]
        );
    }
}
