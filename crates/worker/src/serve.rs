//! The worker's loop: what happens on the network's and on the engines' side becomes the session's events, and what the
//! session says must be done is done.

use std::time::Instant;

use gauntlet_model::{
    logs::LogLine,
    session::{Assign, AttemptRef, WorkerEvent},
    time::Timestamp,
};
use gauntlet_wire::session::{decode_control, encode_worker};
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::{debug, info, warn};

use crate::{
    Error,
    clock::WorkerClock,
    engines::Engines,
    link::{self, Happened, Link},
    logs::{LogTap, about},
    plan::Work,
    session::{Do, Event, Heard, Session, Steer},
    shard::Said,
    usage::Meter,
};

/// How often the process's use of its machine is sampled.
const SAMPLE_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// The loop's state.
pub(crate) struct Worker {
    pub(crate) server: String,
    /// Load threads of each engine.
    pub(crate) threads: usize,
    pub(crate) clock: WorkerClock,
    pub(crate) session: Session,
    pub(crate) engines: Engines,
    pub(crate) logs: LogTap,
    pub(crate) link: Link,
    pub(crate) meter: Meter,
    pub(crate) sampled: Instant,
}

impl Worker {
    /// Until it is told to leave.
    pub(crate) async fn serve(mut self, stop: CancellationToken) -> Result<(), Error> {
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
                (attempt, said) = self.engines.next() => Some(self.engine(attempt, said)),
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
                Do::Prepare(assign) => about(assign.attempt, || self.prepare(&assign)),
                Do::Forget(attempt) => self.engines.forget(attempt),
                Do::Steer(attempt, steering) => about(attempt, || self.steer(attempt, steering)),
                Do::Quit => return Ok(true),
                Do::GiveUp(message) => return Err(self.refused(message)),
            }
        }
        Ok(false)
    }

    /// Says in the log what the server is told, as far as a reader of the run wants to know. What was said before an end
    /// goes before it: the run may be over right after.
    fn tell_of(&mut self, event: &WorkerEvent) {
        match event {
            WorkerEvent::PhaseEntered { attempt, phase, at } => about(*attempt, || {
                info!(at_us = at.0, "entered {}", phase.as_str());
            }),
            WorkerEvent::ShardFinished(totals) => {
                about(totals.attempt, || {
                    info!(operations = totals.operations, "the load has ended");
                });
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
        self.engines
            .prepare(assign.attempt, work, assign.spec.start_timeout);
    }

    /// Steers the open engine of a shard; nothing if there is none.
    fn steer(&self, attempt: AttemptRef, what: Steer) {
        let Some(handle) = self.engines.handle(attempt) else {
            return;
        };
        let instant = |at: Timestamp| self.clock.instant(at);
        match what {
            Steer::Start { at, epoch } => {
                let late = handle.start(instant(at), epoch);
                info!(late_us = late.as_micros(), "the load starts");
            }
            Steer::Enter { at, epoch } => {
                handle.enter(instant(at), epoch);
            }
            Steer::ClearBacklog { at } => {
                let late = handle.clear_backlog(instant(at));
                info!(late_us = late.as_micros(), "the backlog is dropped");
            }
            Steer::SetRate { at, milli_per_s } => {
                let per_second = milli_per_s as f64 / 1e3;
                let late = handle.set_rate(instant(at), per_second);
                info!(per_second, late_us = late.as_micros(), "the level changes");
            }
            Steer::SetConnections { at, connections } => {
                let late = handle.set_connections(instant(at), connections);
                info!(connections, late_us = late.as_micros(), "the level changes");
            }
            Steer::EndInterval { at } => handle.end_interval(instant(at)),
            Steer::Pause { at } => {
                let late = handle.pause(instant(at));
                info!(late_us = late.as_micros(), "the load is paused");
            }
            Steer::Resume { at } => {
                let late = handle.resume(instant(at));
                info!(late_us = late.as_micros(), "the load goes on");
            }
            Steer::Stop { at, drain } => {
                handle.stop(instant(at), drain);
                info!(drain_ms = drain.as_millis(), "the load stops");
            }
            Steer::Abort => handle.abort(),
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

    /// A worker with shards stays by them: the server may think again.
    fn check_refusal(&self, status: &Status) -> Result<(), Error> {
        if link::is_refusal(status) && self.session.holds().is_empty() {
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

    fn engine(&self, attempt: AttemptRef, said: Said) -> Event {
        let known = |instant: Option<Instant>| instant.map(|at| self.clock.at(at));
        let heard = match said {
            Said::Prepared {
                target_version,
                replay,
            } => {
                about(attempt, || {
                    info!(target_version, "connections are open, statements prepared");
                });
                Heard::Prepared {
                    target_version,
                    replay,
                }
            }
            Said::Failed { message } => {
                about(attempt, || warn!("the shard failed: {message}"));
                Heard::Failed { message }
            }
            Said::Measured {
                snapshot,
                first_operation,
            } => Heard::Measured {
                start: self.clock.at(snapshot.started),
                end: self.clock.at(snapshot.ended),
                snapshot,
                first_operation: known(first_operation),
            },
            Said::Ended { first_operation } => Heard::Ended {
                first_operation: known(first_operation),
            },
        };
        Event::Engine(attempt, heard)
    }

    fn sample(&mut self) -> Event {
        let since = std::mem::replace(&mut self.sampled, Instant::now());
        let usage = self.meter.sample();
        let (in_flight, backlog) = self.engines.gauges();
        self.engines.comment();
        debug!(?usage, in_flight, backlog, "sampled");
        Event::Used {
            usage,
            since: self.clock.at(since),
            in_flight,
            backlog,
        }
    }
}

async fn at(instant: Option<Instant>) {
    if let Some(instant) = instant {
        sleep_until(instant.into()).await;
    }
}
