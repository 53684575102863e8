//! Spans: one of each call, and one of each phase of a run. A run is a trace of
//! its own, whose id is the run's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use gauntlet_model::{
    id::RunId,
    lifecycle::Phase,
    run::{PhaseTransition, Run},
    time::Timestamp,
};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::SpanKind, status::StatusCode};
use prometheus_client::{metrics::counter::Counter, registry::Registry};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{attribute, now_ns};

/// Runs whose phase is remembered; those of further ones have no spans.
const MOST_RUNS: usize = 1_000;

/// The way to the exporter, once there is one. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Spans(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    queue: OnceLock<mpsc::Sender<Span>>,
    /// The phase that each active run is in.
    phases: Mutex<HashMap<RunId, PhaseTransition>>,
    sent: Counter,
    dropped: Counter,
    failed: Counter,
}

/// The span that a call belongs to: the header `traceparent` of W3C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

impl Caller {
    /// Reads `00-<trace>-<span>-<flags>`; `None` for anything else.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let version = parts.next()?;
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        // Later versions may add parts, this one has four.
        if version == "ff" || version.len() != 2 || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let caller = Self {
            trace: bytes(trace)?,
            span: bytes(span)?,
            sampled: bytes::<1>(flags)?[0] & 1 == 1,
        };
        (caller.trace != [0; 16] && caller.span != [0; 8]).then_some(caller)
    }
}

fn bytes<const N: usize>(hexadecimal: &str) -> Option<[u8; N]> {
    let digits = hexadecimal.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(bytes)
}

/// A call that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// Like `gauntlet.v1.RunService/GetRun`.
    pub method: &'a str,
    /// Whose call it is; `None` when nobody says so.
    pub caller: Option<Caller>,
    /// From the request to the response's beginning.
    pub took: Duration,
    /// The code, if it is known and none of success.
    pub failed: Option<&'a str>,
}

impl Spans {
    pub(super) fn send_to(&self, queue: mpsc::Sender<Span>) {
        // The first exporter stays the only one.
        let _ = self.0.queue.set(queue);
    }

    pub(in crate::telemetry) fn register(&self, registry: &mut Registry) {
        let sent = "Spans that the OTLP collector took";
        registry.register("otlp_spans_sent", sent, self.0.sent.clone());
        let dropped = "Spans that were dropped: the queue was full, or the collector away";
        registry.register("otlp_spans_dropped", dropped, self.0.dropped.clone());
        let failed = "Messages that the OTLP collector did not take";
        registry.register("otlp_failures", failed, self.0.failed.clone());
    }

    /// A call was answered. One that its caller does not sample has no span.
    pub fn served(&self, call: &Served<'_>) {
        if self.0.queue.get().is_none() || call.caller.is_some_and(|caller| !caller.sampled) {
            return;
        }
        let fresh = Uuid::new_v4().into_bytes();
        let ended = now_ns();
        let took = u64::try_from(call.took.as_nanos()).unwrap_or(u64::MAX);
        self.send(Span {
            trace_id: call.caller.map_or(fresh, |caller| caller.trace).to_vec(),
            span_id: fresh[..8].to_vec(),
            parent_span_id: call
                .caller
                .map_or(Vec::new(), |caller| caller.span.to_vec()),
            name: call.method.to_owned(),
            kind: SpanKind::Server.into(),
            start_time_unix_nano: ended.saturating_sub(took),
            end_time_unix_nano: ended,
            attributes: vec![attribute("rpc.system", "grpc")],
            status: call.failed.map(|code| Status {
                message: code.to_owned(),
                code: StatusCode::Error.into(),
            }),
            ..Span::default()
        });
    }

    /// A run was stored, with the phases that it entered.
    pub(in crate::telemetry) fn entered(&self, run: &Run, phases: &[PhaseTransition]) {
        if self.0.queue.get().is_none() {
            return;
        }
        for next in phases {
            let mut known = self.0.phases.lock().unwrap_or_else(PoisonError::into_inner);
            let before = known.remove(&run.id);
            if next.phase != Phase::Done && known.len() < MOST_RUNS {
                known.insert(run.id, *next);
            }
            drop(known);
            if let Some(before) = before {
                let id = Uuid::new_v4().into_bytes()[..8].to_vec();
                let name = before.phase.as_str();
                let mut span = run_span(run, name, before.at, next.at);
                span.parent_span_id = std::mem::replace(&mut span.span_id, id);
                self.send(span);
            }
            if next.phase == Phase::Done {
                let began = run.started.unwrap_or(run.created);
                self.send(run_span(run, "run", began, next.at));
            }
        }
    }

    fn send(&self, span: Span) {
        if self
            .0
            .queue
            .get()
            .is_some_and(|queue| queue.try_send(span).is_err())
        {
            self.0.dropped.inc();
        }
    }

    pub(super) fn sent(&self, count: u64, arrived: bool) {
        let counter = if arrived {
            &self.0.sent
        } else {
            &self.0.dropped
        };
        counter.inc_by(count);
    }

    pub(super) fn failed(&self) {
        self.0.failed.inc();
    }
}

/// A span of a run, by default the one of the whole run.
fn run_span(run: &Run, name: &str, from: Timestamp, to: Timestamp) -> Span {
    let nanoseconds = |at: Timestamp| at.0.max(0).unsigned_abs() * 1_000;
    let trace = run.id.0.into_bytes();
    Span {
        trace_id: trace.to_vec(),
        span_id: trace[8..].to_vec(),
        name: name.to_owned(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: nanoseconds(from),
        end_time_unix_nano: nanoseconds(to),
        attributes: vec![
            attribute("gauntlet.run", run.name.as_str()),
            attribute("gauntlet.project", run.project.as_str()),
        ],
        ..Span::default()
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_store::battery::samples::run;

    use super::*;

    const HEADER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_header_is_read_as_the_standard_says() {
        let caller = Caller::parse(HEADER).unwrap();
        assert_eq!(
            (caller.trace[0], caller.span[7], caller.sampled),
            (0x0a, 0x31, true)
        );
        assert!(
            !Caller::parse(&HEADER.replace("-01", "-00"))
                .unwrap()
                .sampled
        );
        assert!(Caller::parse(&format!("{}-more", HEADER.replace("00-0a", "01-0a"))).is_some());
        for bad in [
            "",
            "00",
            &format!("{HEADER}-more"),
            &HEADER.replace("00-0a", "ff-0a"),
            &HEADER.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &HEADER.replace('a', "ä"),
            &HEADER.replace("31-01", "3-01"),
        ] {
            assert_eq!(Caller::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_phases_of_a_run_are_a_trace_and_a_full_queue_drops() {
        let spans = Spans::default();
        let (sender, mut queue) = mpsc::channel(2);
        spans.send_to(sender);
        let run = run("acme", "one");
        let entered = |phase, at| PhaseTransition {
            phase,
            at: Timestamp(at),
        };
        spans.entered(
            &run,
            &[
                entered(Phase::Preparing, 10),
                entered(Phase::Measurement, 20),
            ],
        );
        spans.entered(&run, &[entered(Phase::Done, 50)]);
        let preparing = queue.try_recv().unwrap();
        let measurement = queue.try_recv().unwrap();
        let root = run.id.0.into_bytes()[8..].to_vec();
        assert_eq!(
            (preparing.name.as_str(), measurement.name.as_str()),
            ("PREPARING", "MEASUREMENT")
        );
        assert_eq!(measurement.trace_id, run.id.0.into_bytes().to_vec());
        assert_eq!(measurement.parent_span_id, root);
        let times = (
            measurement.start_time_unix_nano,
            measurement.end_time_unix_nano,
        );
        assert_eq!(times, (20_000, 50_000));
        // The third, that of the run, did not fit.
        assert_eq!(spans.0.dropped.get(), 1);
    }
}
