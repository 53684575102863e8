//! A worker: it attaches to a control plane, takes shards of runs one after
//! another, sends their load and reports what it measured.
//!
//! `session` is the state machine, free of io; `shard` is the engine's side,
//! `link` the network's. One loop turns what happens on either side into the
//! session's events and performs what the session says must be done.

use std::{collections::BTreeMap, time::Instant};

use gauntlet_model::{
    id::WorkerId,
    logs::LogLine,
    session::{Assign, WorkerEvent},
    time::Timestamp,
};
use gauntlet_wire::session::{decode_control, encode_worker};
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::{debug, info, warn};

mod backoff;
mod clock;
mod commentary;
mod driver;
mod examples;
mod link;
mod logs;
mod measured;
mod outbox;
mod plan;
mod session;
mod shard;
mod usage;

use clock::WorkerClock;
use commentary::Commentary;
pub use driver::{statements, target_config};
use link::{Happened, Link};
pub use logs::LogTap;
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
    run_with_logs(config, LogTap::default(), stop).await
}

/// The same, and sends the lines in the tap to the control plane, once a second.
pub async fn run_with_logs(
    config: Config,
    logs: LogTap,
    stop: CancellationToken,
) -> Result<(), Error> {
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
        commentary: Commentary::default(),
        logs,
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
    commentary: Commentary,
    logs: LogTap,
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
            let second_passed = matches!(event, Event::Used { .. });
            if self.handle(event)? {
                self.link.close().await;
                return Ok(());
            }
            if second_passed {
                self.send_logs();
            }
        }
    }

    /// Folds an event and does what must be done. True when that was the last.
    fn handle(&mut self, event: Event) -> Result<bool, Error> {
        let todo = self.session.on(event, self.clock.now());
        self.logs.hold(self.session.holds());
        for what in todo {
            match what {
                Do::Send(event) => {
                    self.tell_of(&event);
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
                Do::Forget => self.shard = Shard::Idle,
                Do::Quit => return Ok(true),
                Do::GiveUp(message) => return Err(self.refused(message)),
                steering => self.steer(&steering),
            }
        }
        Ok(false)
    }

    /// Says in the log what the server is told, as far as a reader of the run wants to know. What was said before an end
    /// goes before it: the run may be over right after.
    fn tell_of(&mut self, event: &WorkerEvent) {
        match event {
            WorkerEvent::PhaseEntered { phase, at, .. } => {
                info!(at_us = at.0, "entered {}", phase.as_str());
            }
            WorkerEvent::ShardFinished(totals) => {
                info!(operations = totals.operations, "the load has ended");
                self.send_logs();
            }
            WorkerEvent::ShardFailed { .. } | WorkerEvent::Goodbye { .. } => self.send_logs(),
            _ => {}
        }
    }

    /// Sends the lines in the tap. Those that cannot be sent stay there.
    fn send_logs(&self) {
        while self.session.is_up() {
            let lines = self.logs.take();
            let Some(first) = lines.first() else {
                return;
            };
            let run = first.run;
            let clock = self.session.clock();
            let told = lines.iter().map(|line| LogLine {
                sequence: 0,
                time: clock.corrected(self.clock.at(line.at)),
                worker: None,
                shard: Some(line.shard),
                level: line.level,
                message: line.message.clone(),
            });
            let lines_told = told.collect();
            let event = WorkerEvent::Logs {
                run,
                lines: lines_told,
            };
            if !self.link.send(encode_worker(&event)) {
                self.logs.put_back(lines);
                return;
            }
        }
    }

    fn prepare(&mut self, assign: &Assign) {
        let work = Work::new(assign, self.threads);
        let (plan, target) = (&work.plan, work.config.address());
        info!(
            connections = plan.load.connections(),
            target, "opening the connections"
        );
        let operations = plan.operations.iter();
        self.commentary = Commentary::new(operations.map(|own| own.name.clone()).collect());
        self.shard = Shard::prepare(work, assign.spec.start_timeout);
    }

    /// Does what concerns the open engine; nothing if there is none.
    fn steer(&self, what: &Do) {
        let Some(handle) = self.shard.handle() else {
            return;
        };
        let instant = |at: Timestamp| self.clock.instant(at);
        match *what {
            Do::Start { at, epoch } => {
                let late = handle.start(instant(at), epoch);
                info!(late_us = late.as_micros(), "the load starts");
            }
            Do::Enter { at, epoch } => {
                handle.enter(instant(at), epoch);
            }
            Do::SetRate { at, milli_per_s } => {
                let per_second = milli_per_s as f64 / 1e3;
                let late = handle.set_rate(instant(at), per_second);
                info!(per_second, late_us = late.as_micros(), "the level changes");
            }
            Do::SetConnections { at, connections } => {
                let late = handle.set_connections(instant(at), connections);
                info!(connections, late_us = late.as_micros(), "the level changes");
            }
            Do::Pause { at } => {
                let late = handle.pause(instant(at));
                info!(late_us = late.as_micros(), "the load is paused");
            }
            Do::Resume { at } => {
                let late = handle.resume(instant(at));
                info!(late_us = late.as_micros(), "the load goes on");
            }
            Do::Stop { at, drain } => {
                handle.stop(instant(at), drain);
                info!(drain_ms = drain.as_millis(), "the load stops");
            }
            Do::Abort => handle.abort(),
            // The caller does these itself.
            Do::Send(_)
            | Do::Disconnect(_)
            | Do::Prepare(_)
            | Do::Forget
            | Do::Quit
            | Do::GiveUp(_) => {}
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
        if link::is_refusal(status) && self.session.holds().is_none() {
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

    fn engine(&mut self, said: Said) -> Event {
        match said {
            Said::Prepared {
                target_version,
                replay,
            } => {
                info!(target_version, "connections are open, statements prepared");
                Event::Prepared {
                    target_version,
                    replay,
                }
            }
            Said::Failed { message } => {
                warn!("the shard failed: {message}");
                Event::Failed { message }
            }
            Said::Measured(snapshot) => {
                self.commentary.measured(&snapshot);
                Event::Measured {
                    start: self.clock.at(snapshot.started),
                    end: self.clock.at(snapshot.ended),
                    snapshot,
                }
            }
            Said::Ended { first_operation } => Event::Ended {
                first_operation: first_operation.map(|instant| self.clock.at(instant)),
            },
        }
    }

    fn sample(&mut self) -> Event {
        let since = std::mem::replace(&mut self.sampled, Instant::now());
        let usage = self.meter.sample();
        let status = self.shard.status();
        if let Some(handle) = self.shard.handle() {
            self.commentary.status(handle);
        }
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
