//! Following a run across broken connections: each stream is opened again where
//! it was cut, so that nothing comes twice and nothing is missed.

use std::time::Duration;

use gauntlet_api::v1 as pb;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::Streaming;

use crate::{Client, Error};

/// The control plane shows a sign of life every ten seconds; without one for so
/// long the stream is dead, whatever the socket says.
const SILENCE: Duration = Duration::from_secs(25);
/// How long to go on trying without a single message.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause before the first new try; it doubles up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// See [`SHORTEST_PAUSE`].
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a watch says.
#[derive(Debug)]
pub enum Update<T> {
    /// Something new.
    New(T),
    /// The stream was cut; the next call tries again.
    Interrupted(Error),
}

/// Whether a status is one that never changes again.
#[must_use]
pub fn is_over(status: pb::RunStatus) -> bool {
    matches!(
        status,
        pb::RunStatus::Completed
            | pb::RunStatus::Stopped
            | pb::RunStatus::Cancelled
            | pb::RunStatus::Failed
    )
}

/// The states of a run, from now to its end.
#[derive(Debug)]
pub struct RunWatch {
    client: Client,
    run_id: String,
    stream: Option<Streaming<pb::WatchRunResponse>>,
    retry: Retry,
    revision: i64,
    over: bool,
}

impl RunWatch {
    /// Watches a run.
    #[must_use]
    pub fn new(client: Client, run_id: impl Into<String>) -> Self {
        Self {
            client,
            run_id: run_id.into(),
            stream: None,
            retry: Retry::default(),
            revision: 0,
            over: false,
        }
    }

    /// The next state; `None` after the last. May be dropped and called again
    /// without a loss. An error is final.
    pub async fn next(&mut self) -> Result<Option<Update<pb::Run>>, Error> {
        loop {
            if self.over {
                return Ok(None);
            }
            let received = self.receive().await;
            match received {
                Ok(Some(update)) => {
                    self.retry.succeeded();
                    if let Some(run) = self.take(update) {
                        return Ok(Some(Update::New(run)));
                    }
                }
                // The end of the stream means nothing before the end of the run.
                Ok(None) => return self.interrupted(Error::Lost("the stream ended".to_owned())),
                Err(error) => return self.interrupted(error),
            }
        }
    }

    async fn receive(&mut self) -> Result<Option<pb::WatchRunResponse>, Error> {
        self.retry.pause().await;
        if self.stream.is_none() {
            let request = pb::WatchRunRequest {
                run_id: self.run_id.clone(),
                options: Some(pb::WatchOptions {
                    resume_from_revision: self.revision,
                }),
            };
            let opened = in_time(self.client.runs().watch_run(request)).await?;
            self.stream = Some(opened.into_inner());
        }
        let stream = self.stream.as_mut().expect("opened above");
        in_time(stream.message()).await
    }

    fn take(&mut self, message: pb::WatchRunResponse) -> Option<pb::Run> {
        let Some(pb::watch_run_response::Update::Run(run)) = message.update else {
            return None;
        };
        self.revision = run.revision;
        self.over = is_over(run.status());
        Some(run)
    }

    fn interrupted(&mut self, error: Error) -> Result<Option<Update<pb::Run>>, Error> {
        self.stream = None;
        self.retry
            .failed(error)
            .map(|error| Some(Update::Interrupted(error)))
    }
}

/// The metrics of a run, one point for each second from its first to its last.
#[derive(Debug)]
pub struct MetricsWatch {
    client: Client,
    run_id: String,
    stream: Option<Streaming<pb::StreamMetricsResponse>>,
    retry: Retry,
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
            stream: None,
            retry: Retry::default(),
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
                Ok(Some(message)) => {
                    self.retry.succeeded();
                    match message.update {
                        None | Some(Message::Heartbeat(_)) => {}
                        Some(Message::Point(point)) if self.seen(&point) => {}
                        Some(update) => return Ok(Some(Update::New(update))),
                    }
                }
                Ok(None) => self.over = true,
                Err(error) => {
                    self.stream = None;
                    let passing = self.retry.failed(error)?;
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
        self.retry.pause().await;
        if self.stream.is_none() {
            // The newest second is asked for once more: its other phase may be
            // missing.
            let (newest_us, phase) = self.last;
            let request = pb::StreamMetricsRequest {
                run_id: self.run_id.clone(),
                after_us: newest_us - i64::from(phase != i32::MAX),
            };
            let opened = in_time(self.client.runs().stream_metrics(request)).await?;
            self.stream = Some(opened.into_inner());
        }
        let stream = self.stream.as_mut().expect("opened above");
        in_time(stream.message()).await
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, tonic::Status>>) -> Result<T, Error> {
    match timeout(SILENCE, call).await {
        Ok(answer) => answer.map_err(Error::from),
        Err(_) => Err(Error::Lost(format!(
            "nothing came for {} s",
            SILENCE.as_secs()
        ))),
    }
}

/// When to try again and when to give up.
#[derive(Debug, Default)]
struct Retry {
    failing_since: Option<Instant>,
    failures: u32,
    not_before: Option<Instant>,
}

impl Retry {
    fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Gives an error back that is worth another try, fails with one that is not.
    fn failed(&mut self, error: Error) -> Result<Error, Error> {
        let now = Instant::now();
        let since = *self.failing_since.get_or_insert(now);
        if !error.is_passing() || now.duration_since(since) > PATIENCE {
            return Err(error);
        }
        let pause = SHORTEST_PAUSE * 2_u32.pow(self.failures.min(10));
        self.failures += 1;
        self.not_before = Some(now + pause.min(LONGEST_PAUSE));
        Ok(error)
    }

    /// Waits until the next try is due. Dropped and called again it waits for
    /// the same instant.
    async fn pause(&mut self) {
        if let Some(instant) = self.not_before {
            sleep_until(instant).await;
            self.not_before = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Error {
        Error::Lost("cut".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn tries_go_on_with_growing_pauses_until_patience_ends() {
        let mut retry = Retry::default();
        let begun = Instant::now();
        let mut pauses = Vec::new();
        while retry.failed(lost()).is_ok() {
            let before = Instant::now();
            retry.pause().await;
            pauses.push(before.elapsed().as_millis());
        }
        assert_eq!(pauses[..6], [100, 200, 400, 800, 1600, 2000]);
        assert!(begun.elapsed() > PATIENCE && begun.elapsed() <= PATIENCE + LONGEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_starts_the_count_anew() {
        let mut retry = Retry::default();
        for _ in 0..5 {
            retry.failed(lost()).unwrap();
            retry.pause().await;
        }
        retry.succeeded();
        retry.failed(lost()).unwrap();
        let before = Instant::now();
        retry.pause().await;
        assert_eq!(before.elapsed(), SHORTEST_PAUSE);
    }

    #[tokio::test]
    async fn what_will_not_pass_is_not_tried_again() {
        let refused = Error::from(tonic::Status::not_found("no run x"));
        assert_eq!(
            Retry::default().failed(refused).unwrap_err().to_string(),
            "no run x"
        );
    }

    #[test]
    fn four_statuses_are_final() {
        let all = (0..=9).filter_map(|number| pb::RunStatus::try_from(number).ok());
        assert_eq!(all.filter(|status| is_over(*status)).count(), 4);
    }
}
