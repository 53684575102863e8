//! The encodings of message bodies: none, gzip, zstd.

use std::io::{Read, Write};

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use tonic::Status;

/// The names that a peer may use, for headers and messages.
pub(crate) const SUPPORTED: &str = "gzip, zstd, identity";

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
    pub(crate) fn used(headers: &HeaderMap, header: &HeaderName) -> Result<Self, Status> {
        let Some(value) = headers.get(header) else {
            return Ok(Self::Identity);
        };
        let name = value.to_str().unwrap_or("not text");
        Self::named(name).ok_or_else(|| {
            Status::unimplemented(format!(
                "unknown {header} \"{name}\", use one of {SUPPORTED}"
            ))
        })
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

    /// Inflates a message to at most `limit` bytes. An empty message stays empty in every encoding.
    pub(crate) fn decompress(self, data: Bytes, limit: usize) -> Result<Bytes, Status> {
        if data.is_empty() {
            return Ok(data);
        }
        match self {
            Self::Identity => Ok(data),
            Self::Gzip => inflate(flate2::read::GzDecoder::new(&data[..]), limit, self),
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::new(&data[..])
                    .map_err(|error| broken(self, &error))?;
                inflate(decoder, limit, self)
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

fn inflate(decoder: impl Read, limit: usize, encoding: Encoding) -> Result<Bytes, Status> {
    let mut out = Vec::new();
    let past_limit = (limit as u64).saturating_add(1);
    decoder
        .take(past_limit)
        .read_to_end(&mut out)
        .map_err(|error| broken(encoding, &error))?;
    if out.len() > limit {
        let message = format!("a message is over the limit of {limit} bytes when decompressed");
        return Err(Status::resource_exhausted(message));
    }
    Ok(out.into())
}

fn broken(encoding: Encoding, error: &std::io::Error) -> Status {
    Status::invalid_argument(format!(
        "a message is not valid {}: {error}",
        encoding.name()
    ))
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
    use tonic::Code;

    use super::*;

    const REAL: [Encoding; 2] = [Encoding::Gzip, Encoding::Zstd];

    #[test]
    fn what_goes_in_comes_out() {
        let message = Bytes::from(vec![7; 10_000]);
        for encoding in REAL {
            let packed = Bytes::from(encoding.compress(&message));
            assert!(packed.len() < 200, "{encoding:?} gives {}", packed.len());
            assert_eq!(encoding.decompress(packed, 10_000).unwrap(), message);
            assert_eq!(encoding.decompress(Bytes::new(), 0).unwrap(), Bytes::new());
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        for encoding in REAL {
            let packed = Bytes::from(encoding.compress(&[0; 10_000]));
            let status = encoding.decompress(packed, 9_999).unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted, "{encoding:?}");
        }
    }

    #[test]
    fn garbage_is_the_callers_mistake() {
        for encoding in REAL {
            let status = encoding
                .decompress(Bytes::from_static(b"garbage"), 100)
                .unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{encoding:?}");
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
        let status = Encoding::used(&headers, &CONTENT_ENCODING).unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert_eq!(
            status.message(),
            "unknown content-encoding \"br\", use one of gzip, zstd, identity"
        );
    }
}
