//! The encodings of message bodies: none, gzip, zstd.

use std::io::{Read, Write};

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use tonic::Status;

use crate::observe::Fault;
use crate::ticket::Refused;

/// The names that a peer may use, for headers and messages.
pub(crate) const SUPPORTED: &str = "gzip, zstd, identity";

/// The most memory that a zstd message may ask for while it is inflated: 8 MiB, as HTTP's `zstd` allows.
/// Without it a few bytes can ask for 128 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How far a message may inflate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The longest message in bytes.
    pub(crate) bytes: usize,
    /// How many times longer than it was sent a message may become.
    pub(crate) ratio: usize,
    /// Up to so many bytes the ratio does not matter: short repetitive messages are common.
    pub(crate) ratio_from: usize,
}

/// The bound of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Most {
    bytes: usize,
    /// The ratio, if it is what sets the bound.
    ratio: Option<usize>,
}

impl Bounds {
    fn most(self, sent: usize) -> Most {
        let by_ratio = sent.saturating_mul(self.ratio).max(self.ratio_from);
        if by_ratio < self.bytes {
            Most {
                bytes: by_ratio,
                ratio: Some(self.ratio),
            }
        } else {
            Most {
                bytes: self.bytes,
                ratio: None,
            }
        }
    }
}

/// How a message is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// The encoding of that name, if it is supported.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.trim() {
            "" | "identity" => Some(Self::Identity),
            "gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The name for headers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The encoding that the peer says it used in `header`.
    pub(crate) fn used(headers: &HeaderMap, header: &HeaderName) -> Result<Self, Refused> {
        let Some(value) = headers.get(header) else {
            return Ok(Self::Identity);
        };
        let name = value.to_str().unwrap_or("not text");
        Self::named(name).ok_or_else(|| unknown(header.as_str(), name))
    }

    /// The first encoding in `header` that is supported: the peer's order is its preference.
    pub(crate) fn accepted(headers: &HeaderMap, header: &HeaderName) -> Self {
        let lists = headers
            .get_all(header)
            .iter()
            .filter_map(|value| value.to_str().ok());
        for item in lists.flat_map(|list| list.split(',')) {
            let (name, parameter) = item.split_once(';').unwrap_or((item, ""));
            let refused = matches!(parameter.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
            match Self::named(name) {
                Some(encoding) if !refused && !name.trim().is_empty() => return encoding,
                _ => {}
            }
        }
        Self::Identity
    }

    /// Inflates a message within `bounds`. An empty message stays empty in every encoding.
    pub(crate) fn decompress(self, data: Bytes, bounds: Bounds) -> Result<Bytes, Refused> {
        if data.is_empty() {
            return Ok(data);
        }
        match self {
            Self::Identity => Ok(data),
            Self::Gzip => {
                let decoder = flate2::read::MultiGzDecoder::new(&data[..]);
                inflate(decoder, bounds.most(data.len()), self)
            }
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(&data[..])
                    .map_err(|error| broken(self, &error))?;
                decoder
                    .window_log_max(ZSTD_WINDOW_LOG)
                    .map_err(|error| broken(self, &error))?;
                inflate(decoder, bounds.most(data.len()), self)
            }
        }
    }

    /// Deflates a message, fast rather than small.
    pub(crate) fn compress(self, data: &[u8]) -> Vec<u8> {
        const IN_MEMORY: &str = "writing to memory does not fail";
        match self {
            Self::Identity => data.to_vec(),
            Self::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(data).expect(IN_MEMORY);
                encoder.finish().expect(IN_MEMORY)
            }
            Self::Zstd => zstd::stream::encode_all(data, 1).expect(IN_MEMORY),
        }
    }
}

fn inflate(decoder: impl Read, most: Most, encoding: Encoding) -> Result<Bytes, Refused> {
    let mut out = Vec::new();
    let past_limit = (most.bytes as u64).saturating_add(1);
    decoder
        .take(past_limit)
        .read_to_end(&mut out)
        .map_err(|error| broken(encoding, &error))?;
    if out.len() > most.bytes {
        let status = Status::resource_exhausted(match most.ratio {
            None => format!(
                "a message is over the limit of {} bytes when decompressed",
                most.bytes
            ),
            Some(ratio) => format!(
                "a message is over {} bytes when decompressed, {ratio} times as long as it was sent",
                most.bytes
            ),
        });
        return Err(Refused::new(Fault::Bomb, status));
    }
    Ok(out.into())
}

fn broken(encoding: Encoding, error: &std::io::Error) -> Refused {
    let message = format!("a message is not valid {}: {error}", encoding.name());
    Refused::invalid(Fault::Compression, message)
}

/// The refusal of an encoding that `place` names.
pub(crate) fn unknown(place: &str, name: &str) -> Refused {
    let message = format!("unknown {place} {name:?}, use one of {SUPPORTED}");
    Refused::new(Fault::UnknownEncoding, Status::unimplemented(message))
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
    use tonic::Code;

    use super::*;

    const REAL: [Encoding; 2] = [Encoding::Gzip, Encoding::Zstd];

    fn up_to(bytes: usize) -> Bounds {
        Bounds {
            bytes,
            ratio: usize::MAX,
            ratio_from: 0,
        }
    }

    fn refused(encoding: Encoding, packed: &[u8], bounds: Bounds) -> (Fault, Code) {
        let packed = Bytes::copy_from_slice(packed);
        let refused = encoding.decompress(packed, bounds).unwrap_err();
        (refused.fault, refused.status.code())
    }

    #[test]
    fn what_goes_in_comes_out() {
        let message = Bytes::from(vec![7; 10_000]);
        for encoding in REAL {
            let packed = Bytes::from(encoding.compress(&message));
            assert!(packed.len() < 200, "{encoding:?} gives {}", packed.len());
            assert_eq!(encoding.decompress(packed, up_to(10_000)).unwrap(), message);
            let empty = encoding.decompress(Bytes::new(), up_to(0)).unwrap();
            assert_eq!(empty, Bytes::new());
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        for encoding in REAL {
            let packed = encoding.compress(&[0; 10_000]);
            assert_eq!(
                refused(encoding, &packed, up_to(9_999)),
                (Fault::Bomb, Code::ResourceExhausted),
                "{encoding:?}"
            );
        }
    }

    #[test]
    fn a_long_message_may_not_inflate_too_far() {
        let message = vec![0; 100_000];
        for encoding in REAL {
            let packed = Bytes::from(encoding.compress(&message));
            let bounds = |ratio_from| Bounds {
                bytes: 1_000_000,
                ratio: 100,
                ratio_from,
            };
            assert!(encoding.decompress(packed.clone(), bounds(100_000)).is_ok());
            assert_eq!(
                refused(encoding, &packed, bounds(99_999)),
                (Fault::Bomb, Code::ResourceExhausted),
                "{encoding:?}"
            );
        }
    }

    #[test]
    fn a_zstd_message_cannot_ask_for_much_memory() {
        // A frame of one empty block whose header asks for a window of 64 MiB.
        let greedy = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x80, 0x01, 0x00, 0x00];
        assert_eq!(
            refused(Encoding::Zstd, &greedy, up_to(1000)),
            (Fault::Compression, Code::InvalidArgument)
        );
        let modest = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68, 0x01, 0x00, 0x00];
        let inflated = Encoding::Zstd.decompress(Bytes::copy_from_slice(&modest), up_to(1000));
        assert_eq!(inflated.unwrap(), Bytes::new());
    }

    #[test]
    fn garbage_is_the_callers_mistake() {
        for encoding in REAL {
            assert_eq!(
                refused(encoding, b"garbage", up_to(100)),
                (Fault::Compression, Code::InvalidArgument),
                "{encoding:?}"
            );
        }
    }

    #[test]
    fn the_peers_order_decides() {
        let check = |header: &str, expected: Encoding| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, header.parse().unwrap());
            assert_eq!(
                Encoding::accepted(&headers, &ACCEPT_ENCODING),
                expected,
                "{header:?}"
            );
        };
        check("gzip, deflate, br, zstd", Encoding::Gzip);
        check("br,zstd;q=0.9,gzip", Encoding::Zstd);
        check("gzip;q=0, zstd", Encoding::Zstd);
        check("identity, gzip", Encoding::Identity);
        check("br", Encoding::Identity);
        check("", Encoding::Identity);
        assert_eq!(
            Encoding::accepted(&HeaderMap::new(), &ACCEPT_ENCODING),
            Encoding::Identity
        );
    }

    #[test]
    fn an_unknown_encoding_is_refused_with_the_known_ones() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "br".parse().unwrap());
        let Refused { fault, status } = Encoding::used(&headers, &CONTENT_ENCODING).unwrap_err();
        assert_eq!(fault, Fault::UnknownEncoding);
        assert_eq!(status.code(), Code::Unimplemented);
        assert_eq!(
            status.message(),
            "unknown content-encoding \"br\", use one of gzip, zstd, identity"
        );
    }
}
