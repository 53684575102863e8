//! A worker that only seems to work: it speaks as one does and sends histograms that were made before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gauntlet_client::{Client, pb};
use gauntlet_model::interval::{Encoded, empty_histogram};
use pb::command::Action;
use pb::control_message::Message as Down;
use pb::worker_message::Message as Up;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, interval_at, sleep_until};
use tokio_stream::wrappers::ReceiverStream;

use super::template::OPERATIONS;
use crate::error::{Error, Result};

/// Successful operations of each kind in one second.
pub const PER_SECOND: u64 = 200;
/// Different seconds of measurements.
const SECONDS: usize = 16;
const SECOND_US: i64 = 1_000_000;
/// Messages that wait for the network; the worker waits when there are more.
const QUEUE: usize = 64;

/// What all workers did.
#[derive(Debug, Default)]
pub struct Tally {
    pub attached: AtomicUsize,
    pub intervals: AtomicU64,
    pub operations: AtomicU64,
}

/// Seconds of measurements, to be sent in turn.
pub type Seconds = Arc<Vec<Vec<pb::OperationInterval>>>;

/// Latencies from 0.2 ms with a long tail, and a short lag, as a busy database shows them.
pub fn seconds() -> Seconds {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut second = |_| {
        let operations = (0..OPERATIONS).map(|index| operation(index, &mut random));
        operations.collect()
    };
    Arc::new((0..SECONDS).map(&mut second).collect())
}

/// Bytes of one second on the wire, histograms only.
pub fn bytes(seconds: &Seconds) -> usize {
    let one = |operation: &pb::OperationInterval| {
        let parts = operation.succeeded.as_ref();
        parts.map_or(0, |one| {
            one.response.len() + one.service.len() + one.lag.len()
        })
    };
    seconds[0].iter().map(one).sum()
}

fn operation(index: usize, random: &mut Random) -> pb::OperationInterval {
    let [mut response, mut service, mut lag] = [(); 3].map(|()| empty_histogram());
    for _ in 0..PER_SECOND {
        let lag_ns = 20_000.0 * random.skewed();
        let service_ns = 200_000.0 * random.skewed() * (index + 1) as f64;
        for (histogram, ns) in [
            (&mut lag, lag_ns),
            (&mut service, service_ns),
            (&mut response, lag_ns + service_ns),
        ] {
            let recorded = histogram.record(ns as u64);
            recorded.expect("our histograms grow as needed");
        }
    }
    let encoded = |histogram| Encoded::from_histogram(histogram).as_bytes().to_vec();
    pb::OperationInterval {
        step: 0,
        operation: index as u32,
        phase: pb::RunPhase::Measurement.into(),
        succeeded: Some(pb::OutcomeHistograms {
            response: encoded(&response),
            service: encoded(&service),
            lag: encoded(&lag),
            rows: PER_SECOND,
        }),
        failed: None,
        cut: 0,
        dropped: 0,
    }
}

/// xorshift64: the same figures in every benchmark.
struct Random(u64);

impl Random {
    /// 1 at least, 1.3 in the middle, 55 at most.
    fn skewed(&mut self) -> f64 {
        let mut unit = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        };
        (4.0 * unit() * unit() * unit()).exp()
    }
}

/// Attaches and works until the control plane ends the session.
pub async fn work(url: String, number: u32, seconds: Seconds, tally: Arc<Tally>) -> Result<()> {
    let client = Client::connect(&url).await?;
    let (up, queue) = mpsc::channel(QUEUE);
    let mut worker = Worker {
        up,
        number,
        seconds,
        tally,
        held: None,
    };
    worker.say(Up::Hello(hello(number))).await?;
    let answer = client.workers().attach(ReceiverStream::new(queue)).await;
    let mut down = answer.map_err(Error::refused("Attach"))?.into_inner();
    let mut heartbeats = heartbeats(number);
    loop {
        tokio::select! {
            message = down.message() => match message.map_err(Error::refused("Attach"))? {
                Some(message) => worker.obey(message).await?,
                None => return Ok(()),
            },
            _ = heartbeats.tick() => worker.heartbeat().await?,
            () = worker.due() => worker.interval().await?,
        }
    }
}

/// Once a second, each worker at another instant of it.
fn heartbeats(number: u32) -> Interval {
    let offset = Duration::from_millis(u64::from(number) * 7 % 1_000);
    interval_at(Instant::now() + offset, Duration::from_secs(1))
}

fn hello(number: u32) -> pb::Hello {
    pb::Hello {
        protocol_min: 2,
        protocol_max: 2,
        worker_id: uuid::Uuid::now_v7().to_string(),
        name: format!("simulated-{number}"),
        capacity: 1,
        processors: 2,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    }
}

struct Worker {
    up: mpsc::Sender<pb::WorkerMessage>,
    number: u32,
    seconds: Seconds,
    tally: Arc<Tally>,
    held: Option<Held>,
}

/// The shard that a worker holds.
struct Held {
    attempt: pb::AttemptRef,
    /// When the load began and when it is to end; 0 while that is not known.
    begun_us: i64,
    ends_us: i64,
    intervals: i64,
    finished: bool,
}

impl Held {
    /// When the interval after the last one ends.
    fn next_us(&self) -> Option<i64> {
        if self.begun_us == 0 || self.finished {
            return None;
        }
        let full = self.begun_us + (self.intervals + 1) * SECOND_US;
        Some(if self.ends_us > 0 {
            full.min(self.ends_us)
        } else {
            full
        })
    }
}

impl Worker {
    async fn say(&self, message: Up) -> Result<()> {
        let message = pb::WorkerMessage {
            message: Some(message),
        };
        let said = self.up.send(message).await;
        said.map_err(|_| Error::Failed(format!("the session of worker {} broke", self.number)))
    }

    async fn heartbeat(&self) -> Result<()> {
        self.say(Up::Heartbeat(pb::Heartbeat {
            sent_us: now_us(),
            clock_uncertainty_us: 50,
            cpu: 0.3,
            memory_bytes: 50_000_000,
            in_flight: 1,
            ..Default::default()
        }))
        .await
    }

    async fn obey(&mut self, message: pb::ControlMessage) -> Result<()> {
        match message.message {
            Some(Down::Welcome(_)) => {
                self.tally.attached.fetch_add(1, Ordering::Relaxed);
            }
            Some(Down::Assign(assign)) => {
                let attempt = pb::AttemptRef {
                    run_id: assign.run_id,
                    shard: assign.shard,
                    attempt: assign.attempt,
                };
                self.held = Some(Held {
                    attempt: attempt.clone(),
                    begun_us: 0,
                    ends_us: 0,
                    intervals: 0,
                    finished: false,
                });
                self.say(Up::Ready(pb::Ready {
                    attempt: Some(attempt),
                    target_version: "simulated".to_owned(),
                }))
                .await?;
            }
            Some(Down::Command(command)) => self.command(command).await?,
            Some(Down::Release(_)) => self.held = None,
            _ => {}
        }
        Ok(())
    }

    async fn command(&mut self, command: pb::Command) -> Result<()> {
        let Some(held) = self.held.as_mut() else {
            return Ok(());
        };
        let phase = match command.action {
            Some(Action::Start(start)) => {
                held.begun_us = command.at_us;
                Some(start.phase)
            }
            Some(Action::SetPhase(set)) => Some(set.phase),
            Some(Action::Stop(_)) => {
                held.ends_us = command.at_us;
                None
            }
            _ => None,
        };
        let (attempt, at_us) = (Some(held.attempt.clone()), command.at_us);
        self.say(Up::Ack(pb::Ack {
            attempt: attempt.clone(),
            sequence: command.sequence,
            late_us: 0,
        }))
        .await?;
        if let Some(phase) = phase {
            let entered = pb::PhaseEntered {
                attempt,
                phase,
                at_us,
            };
            self.say(Up::PhaseEntered(entered)).await?;
        }
        Ok(())
    }

    /// Returns when the next interval is to be sent; never while there is none.
    async fn due(&self) {
        match self.held.as_ref().and_then(Held::next_us) {
            Some(next_us) => {
                let left_us = u64::try_from(next_us - now_us()).unwrap_or(0);
                sleep_until(Instant::now() + Duration::from_micros(left_us)).await; // allow-sleep: a second of load
            }
            None => std::future::pending().await,
        }
    }

    async fn interval(&mut self) -> Result<()> {
        let Some(held) = self.held.as_mut() else {
            return Ok(());
        };
        let Some(end_us) = held.next_us() else {
            return Ok(());
        };
        let start_us = held.begun_us + held.intervals * SECOND_US;
        held.finished = held.ends_us > 0 && end_us >= held.ends_us;
        let (attempt, finished, begun_us) = (held.attempt.clone(), held.finished, held.begun_us);
        if start_us < end_us {
            held.intervals += 1;
            let sequence = held.intervals;
            let second = (sequence as usize + self.number as usize) % self.seconds.len();
            self.say(Up::Interval(pb::Interval {
                attempt: Some(attempt.clone()),
                sequence,
                start_us,
                end_us,
                operations: self.seconds[second].clone(),
                errors: Vec::new(),
                in_flight: 1,
                backlog: 0,
                first_operation_us: begun_us,
            }))
            .await?;
            let operations = PER_SECOND * OPERATIONS as u64;
            self.tally.intervals.fetch_add(1, Ordering::Relaxed);
            self.tally
                .operations
                .fetch_add(operations, Ordering::Relaxed);
        }
        if finished {
            let intervals = self.held.as_ref().map_or(0, |held| held.intervals);
            self.say(Up::ShardFinished(pb::ShardFinished {
                attempt: Some(attempt),
                intervals,
                operations: intervals as u64 * PER_SECOND * OPERATIONS as u64,
                first_operation_us: begun_us,
                peak_cpu: 0.3,
            }))
            .await?;
        }
        Ok(())
    }
}

/// By the clock of this machine, which is the control plane's too.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as i64)
}
