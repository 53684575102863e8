//! The metrics of a run.

use gauntlet_api::v1 as pb;

use super::{Update, resume::Resumed};
use crate::{Client, Error};

/// The metrics of a run, one point for each second from its first to its last.
#[derive(Debug)]
pub struct MetricsWatch {
    client: Client,
    run_id: String,
    stream: Resumed<pb::StreamMetricsResponse>,
    /// The start of the newest second seen and its phase: a second in which the
    /// phase changes has two points.
    last: (i64, i32),
    over: bool,
}

impl MetricsWatch {
    /// Watches the metrics of a run, from the second after an instant on
    /// (microseconds since the Unix epoch, UTC; 0 for all).
    #[must_use]
    pub fn new(client: Client, run_id: impl Into<String>, after_us: i64) -> Self {
        Self {
            client,
            run_id: run_id.into(),
            stream: Resumed::default(),
            last: (after_us, i32::MAX),
            over: false,
        }
    }

    /// The next second, the end of the stored ones, or how many were left out
    /// for a slow reader; `None` after the run's last. May be dropped and
    /// called again without a loss. An error is final.
    pub async fn next(
        &mut self,
    ) -> Result<Option<Update<pb::stream_metrics_response::Update>>, Error> {
        use pb::stream_metrics_response::Update as Message;
        loop {
            if self.over {
                return Ok(None);
            }
            match self.receive().await {
                Ok(Some(message)) => match message.update {
                    None | Some(Message::Heartbeat(_)) => {}
                    Some(Message::Point(point)) if self.seen(&point) => {}
                    Some(update) => return Ok(Some(Update::New(update))),
                },
                Ok(None) => self.over = true,
                Err(error) => {
                    let passing = self.stream.cut(error)?;
                    return Ok(Some(Update::Interrupted(passing)));
                }
            }
        }
    }

    /// Whether a point came before, on a stream that was cut since.
    fn seen(&mut self, point: &pb::MetricsPoint) -> bool {
        let this = (point.time_us, point.phase);
        if this <= self.last {
            return true;
        }
        self.last = this;
        false
    }

    async fn receive(&mut self) -> Result<Option<pb::StreamMetricsResponse>, Error> {
        // The newest second is asked for once more: its other phase may be
        // missing.
        let (newest_us, phase) = self.last;
        let request = pb::StreamMetricsRequest {
            run_id: self.run_id.clone(),
            after_us: newest_us - i64::from(phase != i32::MAX),
        };
        let mut runs = self.client.runs();
        let open = || async move { runs.stream_metrics(request).await };
        self.stream.receive(open).await
    }
}
