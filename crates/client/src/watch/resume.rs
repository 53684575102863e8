//! One stream that is opened again where it was cut.

use std::{fmt, pin::Pin, time::Duration};

use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::{Response, Status, Streaming};

use crate::Error;

/// The control plane shows a sign of life every ten seconds; without one for so
/// long the stream is dead, whatever the socket says.
const SILENCE: Duration = Duration::from_secs(25);
/// How long to go on trying without a single message.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause before the first new try; it doubles up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// See [`SHORTEST_PAUSE`].
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A stream of messages that is opened when it is needed.
pub(super) struct Resumed<M> {
    state: State<M>,
    /// When it is dead without another sign of life.
    alive_until: Instant,
    retry: Retry,
}

enum State<M> {
    Closed,
    /// Who waits may give up and come back; the call goes on.
    Opening(Opening<M>),
    Open(Box<Streaming<M>>),
}

type Opening<M> = Pin<Box<dyn Future<Output = Result<Response<Streaming<M>>, Status>> + Send>>;

impl<M> Default for Resumed<M> {
    fn default() -> Self {
        Self {
            state: State::Closed,
            alive_until: Instant::now(),
            retry: Retry::default(),
        }
    }
}

impl<M> Resumed<M> {
    /// The next message, from a stream that is opened for it where there is none.
    /// Waits first where the last try failed. May be dropped and called again
    /// without a loss: a stream that is being opened is opened on. Who gets an
    /// error says that it was [`cut`](Self::cut).
    pub(super) async fn receive<F>(&mut self, open: impl FnOnce() -> F) -> Result<Option<M>, Error>
    where
        F: Future<Output = Result<Response<Streaming<M>>, Status>> + Send + 'static,
    {
        self.retry.pause().await;
        if matches!(self.state, State::Closed) {
            self.state = State::Opening(Box::pin(open()));
            self.alive_until = Instant::now() + SILENCE;
        }
        if let State::Opening(call) = &mut self.state {
            let stream = until(self.alive_until, call).await?.into_inner();
            self.state = State::Open(Box::new(stream));
            self.alive_until = Instant::now() + SILENCE;
        }
        let State::Open(stream) = &mut self.state else {
            unreachable!("it was opened above");
        };
        let message = until(self.alive_until, stream.message()).await?;
        if message.is_some() {
            self.alive_until = Instant::now() + SILENCE;
            self.retry.succeeded();
        }
        Ok(message)
    }

    /// The stream is given up. Gives the error back when it is worth another try,
    /// fails with it when it is not, or when too many failed.
    pub(super) fn cut(&mut self, error: Error) -> Result<Error, Error> {
        self.state = State::Closed;
        self.retry.failed(error)
    }
}

impl<M> fmt::Debug for Resumed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Closed => "closed",
            State::Opening(_) => "opening",
            State::Open(_) => "open",
        };
        f.debug_struct("Resumed")
            .field("state", &state)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

async fn until<T>(
    deadline: Instant,
    call: impl Future<Output = Result<T, Status>>,
) -> Result<T, Error> {
    match timeout_at(deadline, call).await {
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
    async fn who_looks_in_between_does_not_keep_a_stream_from_opening() {
        let mut stream = Resumed::<()>::default();
        let begun = Instant::now();
        let mut calls = 0;
        let dead = loop {
            let call = || {
                calls += 1;
                std::future::pending()
            };
            let tick = Duration::from_millis(100);
            if let Ok(answer) = tokio::time::timeout(tick, stream.receive(call)).await {
                break answer;
            }
        };
        assert_eq!((calls, begun.elapsed()), (1, SILENCE));
        assert!(dead.unwrap_err().to_string().contains("nothing came"));
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
}
