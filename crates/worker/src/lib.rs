//! A worker: it attaches to a control plane, takes shards of runs one after
//! another, sends their load and reports what it measured.
//!
//! `session` is the state machine, free of io; `shard` is the engine's side,
//! `link` the network's. One loop turns what happens on either side into the
//! session's events and performs what the session says must be done.

use std::{collections::BTreeMap, time::Instant};

use gauntlet_engine::Handle;
use gauntlet_model::{id::WorkerId, session::Assign, time::Timestamp};
use gauntlet_wire::session::{decode_control, encode_worker};
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::{debug, info, warn};

mod backoff;
mod clock;
mod driver;
mod link;
mod measured;
mod outbox;
mod plan;
mod session;
mod shard;
mod usage;

use clock::WorkerClock;
pub use driver::{statements, target_config};
use link::{Happened, Link};
use plan::Work;
use session::{Do, Event, Identity, Session};
use shard::{Said, Shard};
use usage::Meter;

/// How often the process's use of its machine is sampled.
const SAMPLE_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// What a worker needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The control plane, like `http://127.0.0.1:8090`.
    pub server: String,
    /// A name for people; the host's name and the process id when `None`.
    pub name: Option<String>,
    /// Connections that the worker is willing to hold.
    pub capacity: u32,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
    /// Load threads; the processors that there are when `None`.
    pub threads: Option<usize>,
}

/// Why a worker ended without being told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's address is none.
    #[error(
        "{server:?} is not an address of a control plane: {reason}; give one like \"http://127.0.0.1:8090\""
    )]
    BadServer {
        /// The address given.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server does not take this worker, and asking again cannot help.
    #[error("the control plane at {server} refuses this worker: {message}")]
    Refused {
        /// The server.
        server: String,
        /// Why.
        message: String,
    },
}

/// Attaches to the control plane and serves it until `stop`; then cuts the load,
/// delivers what was measured, and says goodbye. A lost connection is made again
/// with growing pauses, and measuring goes on meanwhile.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), Error> {
    let link = Link::new(&config.server).map_err(|reason| Error::BadServer {
        server: config.server.clone(),
        reason,
    })?;
    let processors = usage::processors();
    let worker = WorkerId(uuid::Uuid::new_v4());
    let identity = Identity {
        worker,
        name: config.name.unwrap_or_else(default_name),
        capacity: config.capacity,
        labels: config.labels,
        processors,
    };
    info!(%worker, name = identity.name, server = config.server, "the worker starts");
    let worker = Worker {
        server: config.server,
        threads: config.threads.unwrap_or(processors as usize).max(1),
        clock: WorkerClock::starting_now(),
        session: Session::new(identity),
        shard: Shard::Idle,
        link,
        meter: Meter::starting_now(),
        sampled: Instant::now(),
    };
    worker.serve(stop).await
}

/// The host's name and the process id.
fn default_name() -> String {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    format!("{host}-{}", std::process::id())
}

/// The loop's state.
struct Worker {
    server: String,
    threads: usize,
    clock: WorkerClock,
    session: Session,
    shard: Shard,
    link: Link,
    meter: Meter,
    sampled: Instant,
}

impl Worker {
    async fn serve(mut self, stop: CancellationToken) -> Result<(), Error> {
        let mut samples = interval(SAMPLE_EVERY);
        samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leaving = false;
        loop {
            let wake = self.session.wake_at().map(|at| self.clock.instant(at));
            let event = tokio::select! {
                () = stop.cancelled(), if !leaving => {
                    leaving = true;
                    Some(Event::Leave)
                }
                happened = self.link.next() => self.network(happened)?,
                said = self.shard.next() => Some(self.engine(said)),
                _ = samples.tick() => Some(self.sample()),
                () = at(wake), if wake.is_some() => Some(Event::Tick),
            };
            let Some(event) = event else {
                continue;
            };
            if self.handle(event)? {
                self.link.close().await;
                return Ok(());
            }
        }
    }

    /// Folds an event and does what must be done. True when that was the last.
    fn handle(&mut self, event: Event) -> Result<bool, Error> {
        for what in self.session.on(event, self.clock.now()) {
            match what {
                Do::Send(event) => {
                    if !self.link.send(encode_worker(&event)) {
                        warn!("the server does not read; connecting again");
                        self.link.give_up();
                        return self.handle(Event::Disconnected);
                    }
                }
                Do::Disconnect(why) => {
                    warn!("{why}; connecting again");
                    self.link.give_up();
                }
                Do::Prepare(assign) => self.prepare(&assign),
                Do::Start { at, epoch } => self.steer(at, |handle, at| {
                    handle.start(at, epoch);
                }),
                Do::Enter { at, epoch } => self.steer(at, |handle, at| {
                    handle.enter(at, epoch);
                }),
                Do::Stop { at, drain } => self.steer(at, |handle, at| handle.stop(at, drain)),
                Do::Abort => {
                    if let Some(handle) = self.shard.handle() {
                        handle.abort();
                    }
                }
                Do::Forget => self.shard = Shard::Idle,
                Do::Quit => return Ok(true),
                Do::GiveUp(message) => return Err(self.refused(message)),
            }
        }
        Ok(false)
    }

    fn prepare(&mut self, assign: &Assign) {
        let work = Work::new(assign, self.threads);
        self.shard = Shard::prepare(work, assign.spec.start_timeout);
    }

    fn steer(&self, at: Timestamp, command: impl FnOnce(&Handle, Instant)) {
        if let Some(handle) = self.shard.handle() {
            command(handle, self.clock.instant(at));
        }
    }

    fn network(&mut self, happened: Happened) -> Result<Option<Event>, Error> {
        Ok(match happened {
            Happened::MayDial => {
                self.link.dial(encode_worker(&self.session.hello()));
                None
            }
            Happened::Connected => Some(Event::Connected),
            Happened::Message(message) => match decode_control(*message) {
                Ok((generation, message)) => Some(Event::Control(generation, message)),
                Err(violations) => {
                    warn!(%violations, "the server says what makes no sense; it was passed over");
                    None
                }
            },
            Happened::Lost(status) => {
                self.check_refusal(&status)?;
                warn!(
                    server = self.server,
                    reason = status.message(),
                    "not attached; trying again"
                );
                Some(Event::Disconnected)
            }
        })
    }

    /// A worker with a shard stays by it: the server may think again.
    fn check_refusal(&self, status: &Status) -> Result<(), Error> {
        if link::is_refusal(status) && !self.session.holds_a_shard() {
            return Err(self.refused(status.message().to_owned()));
        }
        Ok(())
    }

    fn refused(&self, message: String) -> Error {
        Error::Refused {
            server: self.server.clone(),
            message,
        }
    }

    fn engine(&self, said: Said) -> Event {
        match said {
            Said::Prepared { target_version } => Event::Prepared { target_version },
            Said::Failed { message } => {
                warn!(message, "the shard failed");
                Event::Failed { message }
            }
            Said::Measured(snapshot) => Event::Measured {
                start: self.clock.at(snapshot.started),
                end: self.clock.at(snapshot.ended),
                snapshot,
            },
            Said::Ended { first_operation } => Event::Ended {
                first_operation: first_operation.map(|instant| self.clock.at(instant)),
            },
        }
    }

    fn sample(&mut self) -> Event {
        let since = std::mem::replace(&mut self.sampled, Instant::now());
        let usage = self.meter.sample();
        let status = self.shard.status();
        debug!(?usage, ?status, "sampled");
        Event::Used {
            usage,
            since: self.clock.at(since),
            in_flight: status.in_flight,
            backlog: status.backlog,
        }
    }
}

async fn at(instant: Option<Instant>) {
    if let Some(instant) = instant {
        sleep_until(instant.into()).await;
    }
}
