//! The decoders of what strangers send, for a fuzzer. Not part of the API.
//!
//! Each function takes any bytes, and panics if a decoder breaks its word.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use prost_reflect::DynamicMessage;

use crate::codec::{JsonCodec as _, JsonError, ReflectCodec};
use crate::compress::{Bounds, Encoding};
use crate::envelope::{Envelope, Malformed, PREFIX, Splitter};
use crate::get;
use crate::registry::Registry;
use crate::ticket::Passing;

/// Short, so that a fuzzer finds what lies beyond it.
const LIMIT: usize = 64;

/// Envelopes: the first byte is the size of the chunks that the rest arrives in.
pub fn envelopes(data: &[u8]) {
    let Some((&size, wire)) = data.split_first() else {
        return;
    };
    let whole = split(wire, wire.len().max(1));
    assert_eq!(split(wire, usize::from(size).max(1)), whole);
    let (found, _) = whole;
    let passed: Vec<u8> = found
        .iter()
        .flat_map(|envelope| envelope.frame.to_vec())
        .collect();
    assert_eq!(wire[..passed.len()], passed);
    assert_eq!(Passing::default().count(&passed), found.len() as u64);
}

/// The envelopes in a wire that arrives in chunks, and how it ended.
fn split(wire: &[u8], chunk: usize) -> (Vec<Envelope>, Result<(), Malformed>) {
    let mut splitter = Splitter::new(LIMIT);
    let mut found = Vec::new();
    for chunk in wire.chunks(chunk) {
        splitter.push(Bytes::copy_from_slice(chunk));
        loop {
            match splitter.next() {
                Ok(Some(envelope)) => {
                    assert!(envelope.payload().len() <= LIMIT);
                    found.push(envelope);
                }
                Ok(None) => break,
                Err(malformed) => return (found, Err(malformed)),
            }
        }
        assert!(splitter.held() < PREFIX + LIMIT);
    }
    let finished = splitter.finish();
    (found, finished)
}

/// Messages of every kind of field, among them those that JSON writes in a way of its own. `DoubleValue` and `FloatValue`
/// are not among them: prost-reflect writes their NaN as null, which is no value of theirs.
static CODECS: LazyLock<Vec<ReflectCodec>> = LazyLock::new(|| {
    let registry = Registry::from_descriptor_sets(&[]).expect("the standard types are readable");
    [
        "google.rpc.Status",
        "google.rpc.ErrorInfo",
        "google.rpc.RetryInfo",
        "google.protobuf.Struct",
        "google.protobuf.FileDescriptorProto",
        "google.protobuf.Timestamp",
        "google.protobuf.BytesValue",
        "google.protobuf.UninterpretedOption",
    ]
    .map(|name| registry.pool().get_message_by_name(name))
    .into_iter()
    .map(|message| ReflectCodec::new(message.expect("every pool has the standard types")))
    .collect()
});

/// JSON: the first byte chooses the message, the rest is read as it.
pub fn json(data: &[u8]) {
    let Some((&choice, json)) = data.split_first() else {
        return;
    };
    let codec = &CODECS[usize::from(choice) % CODECS.len()];
    let Ok(message) = read(codec, json) else {
        return;
    };
    let mut text = Vec::new();
    // What is nested deeper than protobuf may be is not read back.
    if codec.proto_to_json(&message, &mut text).is_err() {
        return;
    }
    match read(codec, &text) {
        Ok(again) => same(codec, &message, &again),
        Err(error) => panic!("{} is refused: {error}", String::from_utf8_lossy(&text)),
    }
}

fn read(codec: &ReflectCodec, json: &[u8]) -> Result<Bytes, JsonError> {
    let mut proto = BytesMut::new();
    codec.json_to_proto(json, &mut proto)?;
    Ok(proto.freeze())
}

/// Maps have no order and NaN is not itself, so neither bytes nor values can be compared alone.
fn same(codec: &ReflectCodec, first: &Bytes, second: &Bytes) {
    let decode = |proto: &Bytes| DynamicMessage::decode(codec.message().clone(), proto.clone());
    let (Ok(left), Ok(right)) = (decode(first), decode(second)) else {
        panic!("one of the two is not protobuf: {first:?}, {second:?}");
    };
    let equal = first == second || left == right;
    assert!(equal, "{first:?} became {second:?}");
}

/// The query string of a GET.
pub fn get_query(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(call) = get::parse(query) {
        assert!(call.message.len() <= query.len());
    }
}

/// A compressed message: the first byte chooses the encoding, and whether the message is compressed or to be.
pub fn compressed(data: &[u8]) {
    let Some((&choice, message)) = data.split_first() else {
        return;
    };
    let encoding = [Encoding::Gzip, Encoding::Zstd][usize::from(choice & 1)];
    let bounds = Bounds {
        bytes: 64 * LIMIT,
        ratio: 200,
        ratio_from: LIMIT,
    };
    if choice & 2 == 0 {
        let inflated = encoding.decompress(Bytes::copy_from_slice(message), bounds);
        let most = (message.len() * bounds.ratio).max(bounds.ratio_from);
        assert!(inflated.map_or(0, |message| message.len()) <= most.min(bounds.bytes));
    } else {
        let packed = Bytes::from(encoding.compress(message));
        let unbounded = Bounds {
            bytes: message.len(),
            ratio: usize::MAX,
            ratio_from: 0,
        };
        let inflated = encoding.decompress(packed, unbounded);
        assert_eq!(inflated.expect("it was just compressed"), message);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Any bytes, and bytes in which a few were changed that were right.
    fn near(valid: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
        let valid = proptest::sample::select(valid);
        let mutated = (valid, vec((any::<usize>(), any::<u8>()), 0..4));
        let mutated = mutated.prop_map(|(valid, changes)| {
            let mut bytes = valid.to_vec();
            for (place, byte) in changes {
                let place = place % bytes.len();
                bytes[place] = byte;
            }
            bytes
        });
        prop_oneof![vec(any::<u8>(), 0..300), mutated]
    }

    #[test]
    fn a_double_is_read_as_it_was_written() {
        json(br#"{{"a":21e300}"#);
    }

    proptest! {
        #[test]
        fn any_bytes_are_envelopes_or_malformed(
            data in near(&[b"\x03\0\0\0\0\x05hello\x01\0\0\0\0\x02\0\0\0\x02{}"]),
        ) {
            envelopes(&data);
        }

        #[test]
        fn any_text_is_a_message_or_refused(
            data in near(&[
                br#"x{"code":3,"message":"bad","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}"#,
                br#"y{"reason":"r","metadata":{"a":"b"}}"#,
                br#"z{"retryDelay":"-0.000000001s"}"#,
                br#"{{"a":[1,"x",null,true,{"b":1e300}]}"#,
                br#"|{"name":"a.proto","messageType":[{"field":[{"number":1,"type":"TYPE_INT32"}]}]}"#,
                br#"}"2026-01-01T00:00:00.5Z""#,
                br#"~"_-8=""#,
                b"\x7f{\"doubleValue\":\"NaN\",\"stringValue\":\"_-8=\"}",
            ]),
        ) {
            json(&data);
        }

        #[test]
        fn any_query_is_a_call_or_refused(
            data in near(&[b"connect=v1&encoding=json&base64=1&compression=gzip&message=%7B%7D_-8="]),
        ) {
            get_query(&data);
        }

        #[test]
        fn any_bytes_inflate_within_their_bounds(
            data in near(&[
                b"\0\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH\xcd\xc9\xc9\x07\0\x86\xa6\x106\x05\0\0\0",
                b"\x01\x28\xb5\x2f\xfd\x00\x68\x29\0\0hello",
                b"\x02anything",
                b"\x03anything",
            ]),
        ) {
            compressed(&data);
        }
    }
}
