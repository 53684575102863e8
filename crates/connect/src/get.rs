//! Calls by GET: the message is in the query string.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use crate::codec::Codec;
use crate::compress::{self, Encoding};
use crate::observe::Fault;
use crate::ticket::Refused;

/// In a request's extensions when the call came by GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectGet {
    /// The query string as sent, still percent-encoded.
    pub query: String,
}

/// What the query string asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GetCall {
    pub(crate) codec: Codec,
    pub(crate) encoding: Encoding,
    /// The message as sent, still compressed.
    pub(crate) message: Bytes,
}

/// Why a query string is not a call.
#[derive(Debug)]
pub(crate) enum BadQuery {
    /// `encoding` is missing or names a codec that does not exist.
    UnknownCodec,
    /// Something else is wrong.
    Invalid(Refused),
}

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Reads the query string of a GET.
pub(crate) fn parse(query: &str) -> Result<GetCall, BadQuery> {
    let mut codec = None;
    let mut encoding = Encoding::Identity;
    let mut message = None;
    let mut base64 = false;
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode(value);
        match name {
            "connect" if value != b"v1" => {
                return invalid(format!("connect is {:?}, it must be \"v1\"", text(&value)));
            }
            "encoding" => {
                codec = match value.as_slice() {
                    b"json" => Some(Codec::Json),
                    b"proto" => Some(Codec::Proto),
                    _ => None,
                };
            }
            "compression" => {
                let name = text(&value);
                encoding = Encoding::named(&name)
                    .ok_or_else(|| BadQuery::Invalid(compress::unknown("compression", &name)))?;
            }
            "base64" => base64 = value == b"1",
            "message" => message = Some(value),
            _ => {}
        }
    }
    let codec = codec.ok_or(BadQuery::UnknownCodec)?;
    let Some(message) = message else {
        return invalid("the query has no message parameter".into());
    };
    let message = if base64 {
        base64_decode(&message)?
    } else {
        message
    };
    Ok(GetCall {
        codec,
        encoding,
        message: message.into(),
    })
}

fn invalid<T>(message: String) -> Result<T, BadQuery> {
    Err(BadQuery::Invalid(Refused::invalid(Fault::Header, message)))
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn base64_decode(value: &[u8]) -> Result<Vec<u8>, BadQuery> {
    GeneralPurpose::new(&URL_SAFE, LENIENT)
        .decode(value)
        .or_else(|_| GeneralPurpose::new(&STANDARD, LENIENT).decode(value))
        .or_else(|error| invalid(format!("the message parameter is not base64: {error}")))
}

/// The bytes of a query value. A message need not be text, so this does not ask for UTF-8.
fn percent_decode(value: &str) -> Vec<u8> {
    let mut rest = value.as_bytes();
    let mut out = Vec::with_capacity(rest.len());
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    out
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn a_query_is_a_call() {
        let check = |query: &str, codec, encoding, message: &'static [u8]| {
            let expected = GetCall {
                codec,
                encoding,
                message: Bytes::from_static(message),
            };
            assert_eq!(parse(query).unwrap(), expected, "{query}");
        };
        check(
            "connect=v1&encoding=json&message=%7B%22a%22%3A%22x+y%22%7D",
            Codec::Json,
            Encoding::Identity,
            br#"{"a":"x y"}"#,
        );
        check(
            "encoding=json&message={}",
            Codec::Json,
            Encoding::Identity,
            b"{}",
        );
        check(
            "encoding=proto&message=",
            Codec::Proto,
            Encoding::Identity,
            b"",
        );
        check(
            "encoding=proto&base64=1&message=_-8",
            Codec::Proto,
            Encoding::Identity,
            &[0xff, 0xef],
        );
        check(
            "encoding=proto&base64=1&message=_-8%3D",
            Codec::Proto,
            Encoding::Identity,
            &[0xff, 0xef],
        );
        check(
            "encoding=proto&base64=1&message=%2F%2B8=",
            Codec::Proto,
            Encoding::Identity,
            &[0xff, 0xef],
        );
        check(
            "encoding=proto&message=%ff%0",
            Codec::Proto,
            Encoding::Identity,
            &[0xff, b'%', b'0'],
        );
        check(
            "compression=gzip&encoding=json&message=x&other=1",
            Codec::Json,
            Encoding::Gzip,
            b"x",
        );
    }

    #[test]
    fn a_bad_query_is_the_callers_mistake() {
        let code = |query: &str| match parse(query).unwrap_err() {
            BadQuery::UnknownCodec => None,
            BadQuery::Invalid(refused) => Some(refused.status.code()),
        };
        assert_eq!(code("message={}"), None);
        assert_eq!(code("encoding=xml&message={}"), None);
        assert_eq!(code(""), None);
        assert_eq!(code("encoding=json"), Some(Code::InvalidArgument));
        assert_eq!(
            code("connect=v2&encoding=json&message={}"),
            Some(Code::InvalidArgument)
        );
        assert_eq!(
            code("encoding=json&base64=1&message=!"),
            Some(Code::InvalidArgument)
        );
        assert_eq!(
            code("encoding=json&compression=br&message=x"),
            Some(Code::Unimplemented)
        );
    }
}
