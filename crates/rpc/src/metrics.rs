//! One point a second, from a run's first to its last.

use std::{collections::VecDeque, sync::Arc};

use gauntlet_api::v1::{self as pb, stream_metrics_response::Update};
use gauntlet_model::{lifecycle::Phase, point::Point, template::Spec, time::Timestamp};
use gauntlet_orchestrator::{
    ControlError,
    hub::{Channel, RunSnapshot},
};
use gauntlet_wire::{decode::StreamMetrics, encode};
use tokio::sync::{
    broadcast::{
        self,
        error::{RecvError, TryRecvError},
    },
    watch,
};
use tonic::Status;

use crate::{
    Backend, HEARTBEAT,
    pull::{Pull, stopping},
    status,
};

/// One reader of a run's points.
pub(crate) struct Metrics {
    backend: Backend,
    spec: Spec,
    /// Keeps the last points there after the run's task has ended.
    _channel: Arc<Channel>,
    states: watch::Receiver<Option<RunSnapshot>>,
    history: VecDeque<Point>,
    /// The revision to say once the history is sent.
    snapshot: Option<i64>,
    live: Option<broadcast::Receiver<Arc<Point>>>,
    /// The run is over: what is still in `live` is all that comes.
    over: bool,
    sent: Sent,
}

/// How far the reader has come. A second in which the phase changes has one
/// point for each phase.
enum Sent {
    Until(Timestamp),
    Point(Timestamp, Phase),
}

impl Sent {
    fn is_before(&self, point: &Point) -> bool {
        match self {
            Self::Until(time) => point.time > *time,
            Self::Point(time, phase) => (point.time, point.phase) > (*time, *phase),
        }
    }
}

enum News {
    Points(Result<Arc<Point>, RecvError>),
    State,
    Stop,
    Quiet,
}

impl Metrics {
    /// Subscribes to the states before the history is read: so the end of a run
    /// that ends meanwhile is noticed.
    pub(crate) async fn open(backend: Backend, request: StreamMetrics) -> Result<Self, Status> {
        let channel = backend.orchestrator.channel(request.run);
        let states = channel.states();
        let stored = backend.stores.runs.get(request.run).await;
        let run = stored
            .map_err(status::store)?
            .ok_or_else(|| status::control(ControlError::NoSuchRun(request.run)))?;
        let opened = backend.orchestrator.metrics(request.run).await;
        let (_, metrics) = opened.map_err(status::control)?;
        Ok(Self {
            backend,
            spec: run.spec,
            _channel: channel,
            states,
            history: metrics.history.into(),
            snapshot: Some(run.revision),
            over: metrics.live.is_none(),
            live: metrics.live,
            sent: Sent::Until(request.after.unwrap_or(Timestamp(i64::MIN))),
        })
    }

    /// The next point of the history, then the word that it is complete.
    fn snapshot(&mut self) -> Option<Update> {
        while let Some(point) = self.history.pop_front() {
            if let Some(update) = self.point(&point) {
                return Some(update);
            }
        }
        let revision = self.snapshot.take()?;
        Some(Update::SnapshotDone(encode::snapshot_done(revision)))
    }

    /// A point, unless the reader has it already.
    fn point(&mut self, point: &Point) -> Option<Update> {
        if !self.sent.is_before(point) {
            return None;
        }
        self.sent = Sent::Point(point.time, point.phase);
        Some(Update::Point(encode::metrics_point(point, &self.spec)))
    }

    /// What is left in the channel once nothing more is published.
    fn rest(&mut self) -> Option<Update> {
        loop {
            match self.live.as_mut()?.try_recv() {
                Ok(point) => {
                    if let Some(update) = self.point(&point) {
                        return Some(update);
                    }
                }
                Err(TryRecvError::Lagged(skipped)) => return Some(Update::Skipped(skipped)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }

    async fn news(&mut self) -> News {
        let Some(live) = &mut self.live else {
            return News::Points(Err(RecvError::Closed));
        };
        tokio::select! {
            biased;
            point = live.recv() => News::Points(point),
            Ok(()) = self.states.changed() => News::State,
            () = self.backend.stop.cancelled() => News::Stop,
            () = tokio::time::sleep(HEARTBEAT) => News::Quiet,
        }
    }

    fn notice_end(&mut self) {
        let newest = self.states.borrow_and_update();
        self.over = newest
            .as_ref()
            .is_some_and(|now| now.run.status().is_terminal());
    }
}

impl Pull for Metrics {
    type Message = pb::StreamMetricsResponse;

    async fn next(&mut self) -> Option<Result<Self::Message, Status>> {
        let send = |update| {
            Some(Ok(pb::StreamMetricsResponse {
                update: Some(update),
            }))
        };
        if let Some(update) = self.snapshot() {
            return send(update);
        }
        while !self.over {
            match self.news().await {
                News::Points(Ok(point)) => {
                    if let Some(update) = self.point(&point) {
                        return send(update);
                    }
                }
                News::Points(Err(RecvError::Lagged(skipped))) => {
                    return send(Update::Skipped(skipped));
                }
                News::Points(Err(RecvError::Closed)) => self.over = true,
                News::State => self.notice_end(),
                News::Stop => return Some(Err(stopping())),
                News::Quiet => {
                    let now = self.backend.clock.now();
                    return send(Update::Heartbeat(encode::heartbeat(now)));
                }
            }
        }
        self.rest().and_then(send)
    }
}
