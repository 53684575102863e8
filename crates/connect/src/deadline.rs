//! Deadlines: how callers state them, and the body that keeps them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;

use crate::observe::Fault;
use crate::ticket::{Refused, Tally};

pub(crate) const CONNECT_TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");
pub(crate) const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The caller's timeout in Connect's header: up to ten digits of milliseconds.
pub(crate) fn connect_timeout(headers: &HeaderMap) -> Result<Option<Duration>, Refused> {
    let Some(value) = headers.get(CONNECT_TIMEOUT) else {
        return Ok(None);
    };
    digits(value.as_bytes(), 10)
        .map(|milliseconds| Some(Duration::from_millis(milliseconds)))
        .ok_or_else(|| bad(&CONNECT_TIMEOUT, value, "one to ten digits"))
}

/// The caller's timeout in gRPC's header: up to eight digits and a unit.
pub(crate) fn grpc_timeout(headers: &HeaderMap) -> Result<Option<Duration>, Refused> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else {
        return Ok(None);
    };
    parse_grpc(value.as_bytes()).map(Some).ok_or_else(|| {
        bad(
            &GRPC_TIMEOUT,
            value,
            "one to eight digits and one of H, M, S, m, u, n",
        )
    })
}

fn parse_grpc(value: &[u8]) -> Option<Duration> {
    let (unit, number) = value.split_last()?;
    let number = digits(number, 8)?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

fn digits(text: &[u8], most: usize) -> Option<u64> {
    let valid = !text.is_empty() && text.len() <= most && text.iter().all(u8::is_ascii_digit);
    if valid {
        std::str::from_utf8(text).ok()?.parse().ok()
    } else {
        None
    }
}

fn bad(header: &HeaderName, value: &HeaderValue, wanted: &str) -> Refused {
    let message = format!("{header} is {value:?}, it must be {wanted}");
    Refused::invalid(Fault::Header, message)
}

/// A timeout as the gRPC header, rounded up where eight digits do not suffice.
pub(crate) fn to_grpc(timeout: Duration) -> HeaderValue {
    const MOST: u128 = 99_999_999;
    let milliseconds = timeout.as_millis();
    let text = if milliseconds <= MOST {
        format!("{milliseconds}m")
    } else {
        format!("{}S", milliseconds.div_ceil(1000).min(MOST))
    };
    HeaderValue::try_from(text).expect("digits and a letter are a valid header")
}

/// When a call ends that does not end on its own.
#[derive(Debug, Clone)]
pub(crate) struct Ends {
    /// The instant at which the caller, or the default for unary calls, gives up.
    pub(crate) deadline: Option<Instant>,
    /// Fires for streams when the server stops.
    pub(crate) cut: Option<CancellationToken>,
    /// Is told what ended the call.
    pub(crate) tally: Tally,
}

impl Ends {
    /// Resolves with the status to end the call with, or never.
    pub(crate) async fn reached(self) -> Status {
        let Self {
            deadline,
            cut,
            tally,
        } = self;
        let expired = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let stopped = async {
            match cut {
                Some(cut) => cut.cancelled_owned().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = expired => {
                tally.fault(Fault::Deadline);
                Status::deadline_exceeded("the deadline passed before the call ended")
            }
            () = stopped => {
                tally.fault(Fault::Stopping);
                Status::unavailable("the server is stopping, try again")
            }
        }
    }

    /// Nothing but the handler ends this call.
    pub(crate) fn is_never(&self) -> bool {
        self.deadline.is_none() && self.cut.is_none()
    }
}

/// A gRPC response body that ends with a status of its own when the call must end.
pub(crate) struct Ending {
    body: Body,
    reached: Option<Pin<Box<dyn Future<Output = Status> + Send>>>,
}

impl Ending {
    pub(crate) fn new(body: Body, ends: Ends) -> Self {
        Self {
            body,
            reached: Some(Box::pin(ends.reached())),
        }
    }
}

impl http_body::Body for Ending {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // The end is looked at first: a handler that always has a message ready must not outrun it.
        let Some(reached) = &mut self.reached else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(status) = reached.as_mut().poll(cx) {
            self.reached = None;
            // Dropping the body tells the handler.
            self.body = Body::empty();
            let trailers = status.into_http::<()>().into_parts().0.headers;
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let is_over = match &polled {
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers(),
            Poll::Ready(_) => true,
            Poll::Pending => false,
        };
        if is_over {
            self.reached = None;
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tonic::Code;

    use super::*;
    use crate::ticket::tests::silent;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn connect_timeouts_are_milliseconds() {
        let read = |value: &str| connect_timeout(&headers(CONNECT_TIMEOUT, value));
        assert_eq!(read("0").unwrap(), Some(Duration::ZERO));
        assert_eq!(read("1500").unwrap(), Some(Duration::from_millis(1500)));
        assert_eq!(
            read("9999999999").unwrap(),
            Some(Duration::from_millis(9_999_999_999))
        );
        for wrong in ["", "-1", "1.5", "1s", "10000000000", " 1"] {
            assert_eq!(
                read(wrong).unwrap_err().status.code(),
                Code::InvalidArgument,
                "{wrong:?}"
            );
        }
        assert_eq!(connect_timeout(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn grpc_timeouts_have_a_unit() {
        let read = |value: &str| grpc_timeout(&headers(GRPC_TIMEOUT, value));
        assert_eq!(read("2H").unwrap(), Some(Duration::from_hours(2)));
        assert_eq!(read("3M").unwrap(), Some(Duration::from_mins(3)));
        assert_eq!(read("4S").unwrap(), Some(Duration::from_secs(4)));
        assert_eq!(read("5m").unwrap(), Some(Duration::from_millis(5)));
        assert_eq!(read("6u").unwrap(), Some(Duration::from_micros(6)));
        assert_eq!(
            read("99999999n").unwrap(),
            Some(Duration::from_nanos(99_999_999))
        );
        for wrong in ["", "m", "1", "1x", "123456789m", "-1m"] {
            assert_eq!(
                read(wrong).unwrap_err().status.code(),
                Code::InvalidArgument,
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_long_timeout_changes_its_unit() {
        assert_eq!(to_grpc(Duration::from_millis(1500)), "1500m");
        assert_eq!(to_grpc(Duration::from_millis(99_999_999)), "99999999m");
        assert_eq!(to_grpc(Duration::from_millis(100_000_001)), "100001S");
    }

    async fn ended(ends: Ends, body: Body) -> HeaderMap {
        let collected = Ending::new(body, ends).collect().await.unwrap();
        collected.trailers().cloned().unwrap_or_default()
    }

    struct Silent;

    impl http_body::Body for Silent {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_body_ends_at_its_deadline() {
        let deadline = Instant::now() + Duration::from_hours(1);
        let trailers = ended(
            Ends {
                deadline: Some(deadline),
                cut: None,
                tally: silent(None),
            },
            Body::new(Silent),
        )
        .await;
        assert_eq!(trailers["grpc-status"], "4");
        assert_eq!(Instant::now(), deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_body_ends_when_the_server_stops() {
        let cut = CancellationToken::new();
        cut.cancel();
        let trailers = ended(
            Ends {
                deadline: None,
                cut: Some(cut),
                tally: silent(None),
            },
            Body::new(Silent),
        )
        .await;
        assert_eq!(trailers["grpc-status"], "14");
    }
}
