//! The five-byte envelope that gRPC and Connect streams share: flags, then the length in big endian.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tonic::Status;

use crate::observe::Fault;
use crate::ticket::Refused;

/// Bytes before each message.
pub(crate) const PREFIX: usize = 5;
/// The message is compressed with the encoding that the headers name.
pub(crate) const COMPRESSED: u8 = 0b0000_0001;
/// Connect only: this is the end of the response stream, not a message.
pub(crate) const END_STREAM: u8 = 0b0000_0010;

/// One message as it was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// Prefix and payload together, so that an unchanged message is passed on without a copy.
    pub(crate) frame: Bytes,
}

impl Envelope {
    pub(crate) fn flags(&self) -> u8 {
        self.frame[0]
    }

    pub(crate) fn payload(&self) -> Bytes {
        self.frame.slice(PREFIX..)
    }
}

/// Why bytes are not a sequence of envelopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("a message of {length} bytes is over the limit of {limit} bytes")]
    TooLarge { length: usize, limit: usize },
    #[error("the stream ended in the middle of a message, after {have} of its bytes")]
    Truncated { have: usize },
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        let fault = match malformed {
            Malformed::TooLarge { .. } => Fault::TooLarge,
            Malformed::Truncated { .. } => Fault::Truncated,
        };
        Self::new(fault, malformed.into())
    }
}

impl From<Malformed> for Status {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::TooLarge { .. } => Self::resource_exhausted(malformed.to_string()),
            Malformed::Truncated { .. } => Self::invalid_argument(malformed.to_string()),
        }
    }
}

/// Cuts chunks of any size into envelopes. A message that lies within one chunk is not copied.
#[derive(Debug)]
pub(crate) struct Splitter {
    chunk: Bytes,
    /// A message that spans chunks. While it holds bytes, `chunk` is empty.
    partial: BytesMut,
    limit: usize,
}

impl Splitter {
    /// `limit` is the longest payload in bytes, as sent.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            chunk: Bytes::new(),
            partial: BytesMut::new(),
            limit,
        }
    }

    /// Adds bytes from the wire. Call [`Self::next`] until it yields `None` before the next push.
    pub(crate) fn push(&mut self, data: Bytes) {
        if self.partial.is_empty() && self.chunk.is_empty() {
            self.chunk = data;
            return;
        }
        self.spill();
        self.partial.put(data);
    }

    /// The next whole envelope, or `None` until more bytes come.
    pub(crate) fn next(&mut self) -> Result<Option<Envelope>, Malformed> {
        let have = if self.partial.is_empty() {
            &self.chunk[..]
        } else {
            &self.partial[..]
        };
        let Some(mut prefix) = have.get(1..PREFIX) else {
            self.spill();
            return Ok(None);
        };
        let length = prefix.get_u32() as usize;
        if length > self.limit {
            return Err(Malformed::TooLarge {
                length,
                limit: self.limit,
            });
        }
        let whole = PREFIX + length;
        if have.len() < whole {
            self.spill();
            return Ok(None);
        }
        let frame = if self.partial.is_empty() {
            self.chunk.split_to(whole)
        } else {
            self.partial.split_to(whole).freeze()
        };
        Ok(Some(Envelope { frame }))
    }

    /// Bytes of a message whose rest has not come.
    pub(crate) fn held(&self) -> usize {
        self.chunk.len() + self.partial.len()
    }

    /// The wire has ended: bytes left over are half a message.
    pub(crate) fn finish(&self) -> Result<(), Malformed> {
        let have = self.held();
        if have == 0 {
            Ok(())
        } else {
            Err(Malformed::Truncated { have })
        }
    }

    fn spill(&mut self) {
        if !self.chunk.is_empty() {
            self.partial.put(std::mem::take(&mut self.chunk));
        }
    }
}

/// Appends one envelope to `out`.
pub(crate) fn write(out: &mut BytesMut, flags: u8, payload: &[u8]) {
    out.reserve(PREFIX + payload.len());
    out.put_u8(flags);
    out.put_u32(payload.len() as u32);
    out.put_slice(payload);
}

/// One envelope on its own.
pub(crate) fn single(flags: u8, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(PREFIX + payload.len());
    write(&mut out, flags, payload);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]], limit: usize) -> Result<Vec<(u8, Vec<u8>)>, Malformed> {
        let mut splitter = Splitter::new(limit);
        let mut found = Vec::new();
        for chunk in chunks {
            splitter.push(Bytes::copy_from_slice(chunk));
            while let Some(envelope) = splitter.next()? {
                found.push((envelope.flags(), envelope.payload().to_vec()));
            }
        }
        splitter.finish()?;
        Ok(found)
    }

    #[test]
    fn messages_survive_every_fragmentation() {
        let mut wire = BytesMut::new();
        write(&mut wire, 0, b"first");
        write(&mut wire, COMPRESSED, b"");
        write(&mut wire, END_STREAM, b"{}");
        let expected = vec![
            (0, b"first".to_vec()),
            (COMPRESSED, Vec::new()),
            (END_STREAM, b"{}".to_vec()),
        ];
        for size in 1..=wire.len() {
            let chunks: Vec<&[u8]> = wire.chunks(size).collect();
            assert_eq!(
                split(&chunks, 100),
                Ok(expected.clone()),
                "chunks of {size}"
            );
        }
    }

    #[test]
    fn a_message_within_one_chunk_is_not_copied() {
        let wire = single(0, b"payload");
        let mut splitter = Splitter::new(100);
        splitter.push(wire.clone());
        let envelope = splitter.next().unwrap().unwrap();
        assert_eq!(envelope.frame.as_ptr(), wire.as_ptr());
    }

    #[test]
    fn half_a_message_is_malformed() {
        let wire = single(0, b"payload");
        assert_eq!(
            split(&[&wire[..3]], 100),
            Err(Malformed::Truncated { have: 3 })
        );
        assert_eq!(
            split(&[&wire[..8]], 100),
            Err(Malformed::Truncated { have: 8 })
        );
        assert_eq!(split(&[], 100), Ok(vec![]));
    }

    #[test]
    fn the_limit_holds_before_the_payload_arrives() {
        let wire = single(0, b"payload");
        assert_eq!(split(&[&wire], 7).map(|found| found.len()), Ok(1));
        assert_eq!(
            split(&[&wire[..5]], 6),
            Err(Malformed::TooLarge {
                length: 7,
                limit: 6
            })
        );
        let status = Status::from(Malformed::TooLarge {
            length: 7,
            limit: 6,
        });
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    }
}
