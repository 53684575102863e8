//! Whose mistake it is that a protobuf message cannot be decoded.
//!
//! tonic answers `internal` to a request that is not its message. That is the caller's mistake, so it becomes
//! `invalid_argument` with the field, but only if the request is indeed at fault: a handler may use the same words.

use prost_reflect::{DynamicMessage, MessageDescriptor};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::observe::Fault;
use crate::ticket::Refused;

/// What prost says of every message that it cannot decode.
const UNDECODABLE: &str = "failed to decode Protobuf message: ";

/// Whether the status may come from decoding a request.
pub(crate) fn is_suspect(status: &Status) -> bool {
    status.code() == Code::Internal && status.message().starts_with(UNDECODABLE)
}

/// The refusal that the caller gets if `proto` is not the message, else the status as it is.
pub(crate) fn blame(
    status: Status,
    message: &MessageDescriptor,
    proto: &[u8],
) -> Result<Status, Refused> {
    let Some(found) = status.message().strip_prefix(UNDECODABLE) else {
        return Ok(status);
    };
    if status.code() != Code::Internal || DynamicMessage::decode(message.clone(), proto).is_ok() {
        return Ok(status);
    }
    let (path, reason) = field(found);
    let name = message.full_name();
    let status = if path.is_empty() {
        Status::invalid_argument(format!("the request is not a valid {name}: {reason}"))
    } else {
        let sentence = format!("{path}: {reason}, the request is not a valid {name}");
        let details = ErrorDetails::with_bad_request_violation(path, reason);
        Status::with_error_details(Code::InvalidArgument, sentence, details)
    };
    Err(Refused::new(Fault::Message, status))
}

/// Splits `Inner.amount: Outer.lines: reason`, as prost writes it, into `lines.amount` and the reason.
fn field(found: &str) -> (String, &str) {
    let mut names = Vec::new();
    let mut rest = found;
    while let Some((place, after)) = rest.split_once(": ") {
        let Some((_, name)) = place.split_once('.').filter(|_| !place.contains(' ')) else {
            break;
        };
        names.push(name);
        rest = after;
    }
    names.reverse();
    (names.join("."), rest)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::registry::tests::pool;

    fn check(proto: &[u8], said: &str, expected: (Code, &str)) {
        let message = pool().get_message_by_name("test.v1.Order").unwrap();
        let status =
            blame(Status::internal(said), &message, proto).unwrap_or_else(|refused| refused.status);
        assert_eq!((status.code(), status.message()), expected);
    }

    #[test]
    fn a_request_that_is_not_its_message_is_the_callers_mistake() {
        check(
            b"\x0a\x01\xff",
            "failed to decode Protobuf message: Order.id: invalid string value: data is not UTF-8 encoded",
            (
                Code::InvalidArgument,
                "id: invalid string value: data is not UTF-8 encoded, the request is not a valid test.v1.Order",
            ),
        );
        check(
            b"\x12\x03\x0a\x01\xff",
            "failed to decode Protobuf message: Line.sku: Order.order_lines: invalid string value",
            (
                Code::InvalidArgument,
                "order_lines.sku: invalid string value, the request is not a valid test.v1.Order",
            ),
        );
        check(
            b"\xff",
            "failed to decode Protobuf message: invalid varint",
            (
                Code::InvalidArgument,
                "the request is not a valid test.v1.Order: invalid varint",
            ),
        );
    }

    #[test]
    fn a_handler_that_fails_with_the_same_words_is_at_fault_itself() {
        let said = "failed to decode Protobuf message: invalid varint";
        check(b"\x0a\x01x", said, (Code::Internal, said));
    }

    #[test]
    fn the_words_are_those_of_prost() {
        let error = prost_types::Timestamp::decode(&b"\xff"[..]).unwrap_err();
        assert!(is_suspect(&Status::internal(error.to_string())), "{error}");
    }
}
