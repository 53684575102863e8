//! A call while it lasts: its place among the bounded, what it moves, and how it ends.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::blame;
use crate::codec::Codec;
use crate::envelope::PREFIX;
use crate::observe::{CallEnd, CallStart, Fault, Observer, Protocol};
use crate::registry::Method;

/// When a caller that was turned away should try again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Why a caller is refused: for the metrics, and for the caller.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) fault: Fault,
    pub(crate) status: Status,
}

impl Refused {
    pub(crate) fn new(fault: Fault, status: Status) -> Self {
        Self { fault, status }
    }

    /// The caller's mistake, in words.
    pub(crate) fn invalid(fault: Fault, message: impl Into<String>) -> Self {
        Self::new(fault, Status::invalid_argument(message))
    }
}

/// How many calls may run at once, unary and streaming apart, so that neither kind can lock the other out.
#[derive(Debug)]
pub(crate) struct Places {
    unary: Kind,
    streams: Kind,
}

#[derive(Debug)]
struct Kind {
    free: Arc<Semaphore>,
    most: usize,
}

impl Places {
    /// The most unary and streaming calls.
    pub(crate) fn new(unary: usize, streams: usize) -> Self {
        let kind = |most: usize| {
            let most = most.min(Semaphore::MAX_PERMITS);
            Kind {
                free: Arc::new(Semaphore::new(most)),
                most,
            }
        };
        Self {
            unary: kind(unary),
            streams: kind(streams),
        }
    }

    fn take(&self, method: &Method) -> Result<OwnedSemaphorePermit, Refused> {
        let (kind, noun) = if method.is_unary() {
            (&self.unary, "calls")
        } else {
            (&self.streams, "streams")
        };
        kind.free.clone().try_acquire_owned().map_err(|_| {
            let message = format!(
                "the server is busy with {} {noun}, try again in {} s",
                kind.most,
                RETRY_DELAY.as_secs()
            );
            let mut metadata = MetadataMap::new();
            metadata.insert("retry-after", MetadataValue::from(RETRY_DELAY.as_secs()));
            let details = ErrorDetails::with_retry_info(Some(RETRY_DELAY));
            let status = Status::with_error_details_and_metadata(
                Code::Unavailable,
                message,
                details,
                metadata,
            );
            Refused::new(Fault::Shed, status)
        })
    }
}

/// What the two directions of a call share.
struct Record {
    observer: Arc<dyn Observer>,
    method: Option<Arc<Method>>,
    protocol: Protocol,
    codec: Codec,
    began: Instant,
    bytes_in: AtomicU64,
    messages_in: AtomicU64,
    /// The protobuf message that the service got last and has not asked beyond, so may not have decoded yet.
    undecided: Mutex<Option<Bytes>>,
}

impl Record {
    fn start(&self) -> CallStart<'_> {
        CallStart {
            method: self.method.as_ref().map(|method| method.path.as_str()),
            streaming: self
                .method
                .as_ref()
                .is_some_and(|method| !method.is_unary()),
            protocol: self.protocol,
            codec: self.codec,
        }
    }
}

/// Counts what comes in, and reports faults.
#[derive(Clone)]
pub(crate) struct Tally(Arc<Record>);

impl Tally {
    pub(crate) fn fault(&self, fault: Fault) {
        self.0.observer.fault(fault);
    }

    /// Reports why the caller is refused; what is left is for the caller.
    pub(crate) fn refuse(&self, refused: Refused) -> Status {
        self.fault(refused.fault);
        refused.status
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.0.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn accepted(&self) {
        self.0.messages_in.fetch_add(1, Ordering::Relaxed);
    }

    /// The service gets `message` next, a protobuf message in its envelope.
    pub(crate) fn hand_over(&self, message: Option<Bytes>) {
        *self
            .0
            .undecided
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = message;
    }

    /// Puts the blame for a message that cannot be decoded where it belongs.
    pub(crate) fn blame(&self, status: Status) -> Status {
        let Some(method) = self
            .0
            .method
            .as_ref()
            .filter(|_| blame::is_suspect(&status))
        else {
            return status;
        };
        let undecided = self
            .0
            .undecided
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &*undecided {
            Some(frame) => {
                let message = frame.get(PREFIX..).unwrap_or_default();
                blame::blame(status, &method.request, message)
                    .unwrap_or_else(|refused| self.refuse(refused))
            }
            None => status,
        }
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").finish_non_exhaustive()
    }
}

/// Goes with a call from its headers to the last message of its response.
///
/// Dropped before that, it reports that the caller went away.
pub(crate) struct Ticket {
    tally: Tally,
    place: Option<OwnedSemaphorePermit>,
    bytes_out: u64,
    messages_out: u64,
    ended: bool,
}

impl Ticket {
    pub(crate) fn begin(
        observer: Arc<dyn Observer>,
        method: Option<Arc<Method>>,
        protocol: Protocol,
        codec: Codec,
    ) -> Self {
        let record = Record {
            observer,
            method,
            protocol,
            codec,
            began: Instant::now(),
            bytes_in: AtomicU64::new(0),
            messages_in: AtomicU64::new(0),
            undecided: Mutex::new(None),
        };
        record.observer.call_started(&record.start());
        Self {
            tally: Tally(Arc::new(record)),
            place: None,
            bytes_out: 0,
            messages_out: 0,
            ended: false,
        }
    }

    /// Takes a place until the call is over, or refuses the call. Calls of unknown methods end at once and need none.
    pub(crate) fn take_place(&mut self, places: &Places) -> Result<(), Status> {
        if let Some(method) = &self.tally.0.method {
            let place = places.take(method);
            self.place = Some(place.map_err(|refused| self.tally.refuse(refused))?);
        }
        Ok(())
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Counts what leaves for the caller.
    pub(crate) fn sent(&mut self, bytes: usize, messages: u64) {
        self.bytes_out += bytes as u64;
        self.messages_out += messages;
    }

    /// Reports the end and gives the place back. Only the first code counts.
    pub(crate) fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.place = None;
        let record = &self.tally.0;
        let end = CallEnd {
            code,
            duration: record.began.elapsed(),
            bytes_in: record.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out,
            messages_in: record.messages_in.load(Ordering::Relaxed),
            messages_out: self.messages_out,
        };
        record.observer.call_ended(&record.start(), &end);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// Counts the messages in bytes that pass by in chunks of any size.
#[derive(Debug, Default)]
pub(crate) struct Passing {
    prefix: [u8; PREFIX],
    /// How much of the prefix is there.
    have: usize,
    /// Bytes left of the message.
    rest: usize,
}

impl Passing {
    /// How many messages begin in `chunk`, or would, were their prefix complete.
    pub(crate) fn count(&mut self, mut chunk: &[u8]) -> u64 {
        let mut messages = 0;
        while !chunk.is_empty() {
            let skipped = self.rest.min(chunk.len());
            chunk.advance(skipped);
            self.rest -= skipped;
            let taken = (PREFIX - self.have).min(chunk.len());
            chunk.copy_to_slice(&mut self.prefix[self.have..self.have + taken]);
            self.have += taken;
            if self.have == PREFIX {
                let [_, length @ ..] = self.prefix;
                self.rest = u32::from_be_bytes(length) as usize;
                self.have = 0;
                messages += 1;
            }
        }
        messages
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::envelope;
    use crate::observe::Unobserved;

    /// A tally that tells nobody.
    pub(crate) fn silent(method: Option<Arc<Method>>) -> Tally {
        ticket(method, Arc::new(Unobserved)).tally().clone()
    }

    pub(crate) fn ticket(method: Option<Arc<Method>>, observer: Arc<dyn Observer>) -> Ticket {
        Ticket::begin(observer, method, Protocol::Connect, Codec::Proto)
    }

    fn method(name: &str) -> Option<Arc<Method>> {
        let registry = crate::registry::tests::registry();
        registry.method(&format!("/test.v1.Orders/{name}")).cloned()
    }

    #[test]
    fn messages_are_counted_in_every_fragmentation() {
        let mut wire = BytesMut::new();
        for payload in [&b"first"[..], b"", b"the third"] {
            envelope::write(&mut wire, 0, payload);
        }
        for size in 1..=wire.len() {
            let mut passing = Passing::default();
            let counted: u64 = wire.chunks(size).map(|chunk| passing.count(chunk)).sum();
            assert_eq!(counted, 3, "chunks of {size}");
        }
    }

    #[test]
    fn a_place_is_taken_until_the_end() {
        let places = Places::new(1, 1);
        let begin = |name| {
            let mut ticket = ticket(method(name), Arc::new(Unobserved));
            let code = ticket.take_place(&places).err().map(|status| status.code());
            (ticket, code)
        };
        let (first, code) = begin("Get");
        assert_eq!(code, None);
        assert_eq!(begin("Put").1, Some(Code::Unavailable));
        // A stream has places of its own.
        assert_eq!(begin("Watch").1, None);
        drop(first);
        assert_eq!(begin("Put").1, None);
    }

    #[derive(Default)]
    struct Codes(Mutex<Vec<Code>>);

    impl Observer for Codes {
        fn call_ended(&self, _: &CallStart<'_>, end: &CallEnd) {
            self.0.lock().unwrap().push(end.code);
        }
    }

    #[test]
    fn a_call_ends_once_and_if_nothing_ends_it_the_caller_did() {
        let codes = Arc::new(Codes::default());
        let mut answered = ticket(None, codes.clone());
        answered.end(Code::NotFound);
        drop(answered);
        drop(ticket(None, codes.clone()));
        assert_eq!(*codes.0.lock().unwrap(), [Code::NotFound, Code::Cancelled]);
    }
}
