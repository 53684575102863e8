//! What the server says it received.

use std::collections::BTreeMap;

use gauntlet_connect::ConnectGet;
use http::HeaderMap;
use prost::Message;
use prost_types::Any;
use tonic::{Extensions, Request};

use crate::proto::Header;
use crate::proto::conformance_payload::{ConnectGetInfo, RequestInfo};

/// Headers, timeout and query string of a call. The messages are added as they come.
pub fn request_info<T>(request: &Request<T>) -> RequestInfo {
    let headers = request.metadata().clone().into_headers();
    RequestInfo {
        timeout_ms: headers
            .get("grpc-timeout")
            .and_then(|value| timeout_ms(value.as_bytes())),
        request_headers: to_proto(&headers),
        requests: Vec::new(),
        connect_get_info: get_info(request.extensions()),
    }
}

/// A message as `Any`.
pub fn any(name: &str, message: &impl Message) -> Any {
    Any {
        type_url: format!("type.googleapis.com/connectrpc.conformance.v1.{name}"),
        value: message.encode_to_vec(),
    }
}

/// Adds what the runner wants to see in the response.
pub fn add(headers: &mut HeaderMap, wanted: &[Header]) {
    for header in wanted {
        let Ok(name) = http::HeaderName::try_from(&header.name) else {
            continue;
        };
        for value in &header.value {
            if let Ok(value) = http::HeaderValue::try_from(value) {
                headers.append(name.clone(), value);
            }
        }
    }
}

fn to_proto(headers: &HeaderMap) -> Vec<Header> {
    let text = |name| {
        let values = headers.get_all(name).iter();
        values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect()
    };
    headers
        .keys()
        .map(|name| Header {
            name: name.to_string(),
            value: text(name),
        })
        .collect()
}

fn timeout_ms(value: &[u8]) -> Option<i64> {
    let (unit, number) = value.split_last()?;
    let number: i64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(number * 3_600_000),
        b'M' => Some(number * 60_000),
        b'S' => Some(number * 1000),
        b'm' => Some(number),
        b'u' => Some(number / 1000),
        b'n' => Some(number / 1_000_000),
        _ => None,
    }
}

fn get_info(extensions: &Extensions) -> Option<ConnectGetInfo> {
    let get = extensions.get::<ConnectGet>()?;
    let mut grouped: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(get.query.as_bytes()) {
        grouped
            .entry(name.into_owned())
            .or_default()
            .push(value.into_owned());
    }
    let query_params = grouped
        .into_iter()
        .map(|(name, value)| Header { name, value })
        .collect();
    Some(ConnectGetInfo { query_params })
}
