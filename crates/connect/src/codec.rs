//! Messages as JSON and as protobuf, and the way between them.

use bytes::{Bytes, BytesMut};
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::observe::Fault;
use crate::ticket::Refused;

/// The two forms of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Canonical `ProtoJSON`; Connect only.
    Json,
    /// Binary protobuf.
    Proto,
}

impl Codec {
    /// The codec's name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Proto => "proto",
        }
    }

    /// The content type of a unary body.
    pub(crate) fn unary_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Proto => "application/proto",
        }
    }

    /// The content type of a stream of envelopes.
    pub(crate) fn stream_type(self) -> &'static str {
        match self {
            Self::Json => "application/connect+json",
            Self::Proto => "application/connect+proto",
        }
    }
}

/// Converts one message type between JSON and protobuf.
///
/// Every method has a reflective one; [`Registry::set_codecs`](crate::Registry::set_codecs) replaces it where a
/// method is hot. Requests with fields that the message does not have must be refused.
pub trait JsonCodec: Send + Sync {
    /// Appends the protobuf form of `json` to `out`.
    fn json_to_proto(&self, json: &[u8], out: &mut BytesMut) -> Result<(), JsonError>;

    /// Appends the JSON form of `proto` to `out`.
    fn proto_to_json(&self, proto: &[u8], out: &mut Vec<u8>) -> Result<(), JsonError>;
}

/// A message that cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The request is at fault in one field.
    #[error("{path}: {reason}")]
    Field {
        /// The field as the caller wrote it, for example `load.steps[2].rate`.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The request is not JSON, or not an object where the message is one.
    #[error("the request is not a valid JSON message: {0}")]
    Syntax(String),
    /// The response is not the message that the method declares.
    #[error("the response cannot be written as JSON: {0}")]
    Response(String),
}

impl From<JsonError> for Status {
    fn from(error: JsonError) -> Self {
        let message = error.to_string();
        match error {
            JsonError::Field { path, reason } => {
                let details = ErrorDetails::with_bad_request_violation(path, reason);
                Self::with_error_details(Code::InvalidArgument, message, details)
            }
            JsonError::Syntax(_) => Self::invalid_argument(message),
            JsonError::Response(_) => Self::internal(message),
        }
    }
}

/// Canonical `ProtoJSON` for any message, by its descriptor.
#[derive(Debug)]
pub(crate) struct ReflectCodec {
    message: MessageDescriptor,
}

impl ReflectCodec {
    pub(crate) fn new(message: MessageDescriptor) -> Self {
        Self { message }
    }

    /// The message type.
    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn message(&self) -> &MessageDescriptor {
        &self.message
    }

    /// Reads again, slower, to learn where the mistake is.
    fn locate(&self, json: &[u8]) -> JsonError {
        let mut track = serde_path_to_error::Track::new();
        let mut json = serde_json::Deserializer::from_slice(json);
        let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
        let read =
            DynamicMessage::deserialize_with_options(self.message.clone(), tracked, &strict());
        let error = match read {
            Err(error) => error,
            Ok(_) => match json.end() {
                Err(error) => error,
                Ok(()) => return JsonError::Syntax("it was read only in part".into()),
            },
        };
        describe(&track.path().to_string(), &error)
    }
}

impl JsonCodec for ReflectCodec {
    fn json_to_proto(&self, json: &[u8], out: &mut BytesMut) -> Result<(), JsonError> {
        if json.is_empty() {
            return Err(JsonError::Syntax(
                "it is empty, send {} for a message without fields".into(),
            ));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let message = DynamicMessage::deserialize_with_options(
            self.message.clone(),
            &mut deserializer,
            &strict(),
        )
        .and_then(|message| deserializer.end().map(|()| message))
        .map_err(|_| self.locate(json))?;
        message
            .encode(out)
            .map_err(|error| JsonError::Syntax(error.to_string()))
    }

    fn proto_to_json(&self, proto: &[u8], out: &mut Vec<u8>) -> Result<(), JsonError> {
        let message = DynamicMessage::decode(self.message.clone(), proto)
            .map_err(|error| JsonError::Response(error.to_string()))?;
        serde_json::to_writer(out, &message).map_err(|error| JsonError::Response(error.to_string()))
    }
}

fn strict() -> DeserializeOptions {
    DeserializeOptions::new().deny_unknown_fields(true)
}

/// `path` is that of the value that was being read; an unknown field is reported on the message that lacks it.
fn describe(path: &str, error: &serde_json::Error) -> JsonError {
    if !error.is_data() {
        return JsonError::Syntax(error.to_string());
    }
    let text = error.to_string();
    let path = if path == "." { "" } else { path };
    let unknown = text
        .strip_prefix("unrecognized field name '")
        .and_then(|rest| rest.split_once('\''))
        .map(|(name, _)| name);
    match unknown {
        Some(name) => {
            let dot = if path.is_empty() { "" } else { "." };
            JsonError::Field {
                path: format!("{path}{dot}{name}"),
                reason: "unknown field".into(),
            }
        }
        None if path.is_empty() => JsonError::Syntax(text),
        None => JsonError::Field {
            path: path.to_owned(),
            reason: text,
        },
    }
}

/// A message in protobuf, from the form that the caller sent.
pub(crate) fn to_proto(
    codec: Codec,
    json: &dyn JsonCodec,
    message: Bytes,
) -> Result<Bytes, Refused> {
    match codec {
        Codec::Proto => Ok(message),
        Codec::Json => {
            let mut out = BytesMut::with_capacity(message.len());
            json.json_to_proto(&message, &mut out)
                .map_err(|error| Refused::new(Fault::Message, error.into()))?;
            Ok(out.freeze())
        }
    }
}

/// A message in the form that the caller reads, from protobuf.
pub(crate) fn from_proto(
    codec: Codec,
    json: &dyn JsonCodec,
    message: Bytes,
) -> Result<Bytes, Status> {
    match codec {
        Codec::Proto => Ok(message),
        Codec::Json => {
            let mut out = Vec::with_capacity(message.len() * 2 + 2);
            json.proto_to_json(&message, &mut out)?;
            Ok(out.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;

    use super::*;
    use crate::registry::tests::pool;

    fn codec(pool: &DescriptorPool) -> ReflectCodec {
        ReflectCodec::new(pool.get_message_by_name("test.v1.Order").unwrap())
    }

    fn refused(json: &str) -> JsonError {
        codec(&pool())
            .json_to_proto(json.as_bytes(), &mut BytesMut::new())
            .unwrap_err()
    }

    fn field(path: &str, reason: &str) -> JsonError {
        JsonError::Field {
            path: path.into(),
            reason: reason.into(),
        }
    }

    #[test]
    fn an_unknown_field_is_named_with_its_path() {
        assert_eq!(
            refused(r#"{"colour": 1}"#),
            field("colour", "unknown field")
        );
        assert_eq!(
            refused(r#"{"orderLines": [{"sku": "a"}, {"skew": "b"}]}"#),
            field("orderLines[1].skew", "unknown field")
        );
        assert_eq!(
            refused(r#"{"by_name": {"x": {"size": 1}}}"#),
            field("by_name.x.size", "unknown field")
        );
    }

    #[test]
    fn a_wrong_value_is_named_with_its_path() {
        assert_eq!(
            refused(r#"{"orderLines": [{"amount": "many"}]}"#),
            field(
                "orderLines[0].amount",
                "invalid digit found in string at line 1 column 33"
            )
        );
    }

    #[test]
    fn what_is_not_json_is_a_syntax_error() {
        for json in ["", "{", "[]", "{} {}", "null x"] {
            assert!(
                matches!(refused(json), JsonError::Syntax(_)),
                "{json:?}: {:?}",
                refused(json)
            );
        }
    }

    #[test]
    fn both_spellings_come_in_and_the_canonical_one_goes_out() {
        let pool = pool();
        let codec = codec(&pool);
        let mut forms = Vec::new();
        for json in [
            r#"{"orderLines":[{"sku":"a","amount":"5"}]}"#,
            r#"{"order_lines":[{"sku":"a","amount":5}]}"#,
        ] {
            let mut proto = BytesMut::new();
            codec.json_to_proto(json.as_bytes(), &mut proto).unwrap();
            let mut out = Vec::new();
            codec.proto_to_json(&proto, &mut out).unwrap();
            forms.push(String::from_utf8(out).unwrap());
        }
        // Default values are left out, 64-bit integers are strings.
        assert_eq!(
            forms,
            vec![r#"{"orderLines":[{"sku":"a","amount":"5"}]}"#; 2]
        );
    }

    #[test]
    fn a_field_error_carries_a_violation() {
        let status = Status::from(refused(r#"{"colour": 1}"#));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "colour: unknown field");
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "colour");
    }
}
