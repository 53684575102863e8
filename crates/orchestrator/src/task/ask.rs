//! What people ask of a run, answered by its task.

use std::{collections::BTreeMap, fmt, sync::Arc};

use gauntlet_model::{
    lifecycle::{Adjustment, Event, Refused},
    report::Report,
    run::{Run, RunEventKind},
    template::Level,
};
use gauntlet_store::{RunChange, judged};
use tokio::sync::oneshot;

use super::Task;
use crate::orchestrator::ControlError;

/// A request of a person, and where the answer goes.
pub(crate) struct Control {
    pub(crate) ask: Ask,
    pub(crate) reply: oneshot::Sender<Result<Run, ControlError>>,
}

/// What can be asked.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Start,
    Stop {
        message: String,
    },
    Abort {
        message: String,
    },
    Adjust {
        adjustment: Adjustment,
        message: String,
    },
    AbortShard {
        shard: u32,
        /// The newest when `None`.
        attempt: Option<u32>,
        message: String,
    },
    Annotate {
        labels: Option<BTreeMap<String, String>>,
        notes: Option<String>,
        etag: Option<String>,
    },
    Delete,
    /// A report that was made after the run had ended.
    KeepReport(Arc<Report>),
}

impl Control {
    pub(super) fn answer(self, answer: Result<Run, ControlError>) {
        // An error means that the caller has gone.
        let _ = self.reply.send(answer);
    }
}

impl Task {
    pub(super) async fn control(&mut self, request: Control) {
        let done = match request.ask.clone() {
            Ask::Start => self.start().await,
            Ask::Stop { message } => self.apply(Event::Stop { message }).await,
            Ask::Abort { message } => self.apply(Event::Abort { message }).await,
            Ask::Adjust {
                adjustment,
                message,
            } => self.adjust(adjustment, message).await,
            Ask::AbortShard {
                shard,
                attempt,
                message,
            } => self.abort_shard(shard, attempt, &message).await,
            Ask::Annotate {
                labels,
                notes,
                etag,
            } => self.annotate(labels, notes, etag).await,
            Ask::Delete => self.delete().await,
            Ask::KeepReport(report) => self.keep_report(&report).await,
        };
        request.answer(done.map(|()| self.run.clone()));
    }

    async fn adjust(
        &mut self,
        adjustment: Adjustment,
        message: String,
    ) -> Result<(), ControlError> {
        if let Adjustment::Level(level) = adjustment {
            self.run.takes(level)?;
            self.hold(level)?;
        }
        let event = Event::Adjust {
            adjustment,
            message,
        };
        self.apply(event).await
    }

    /// Reserves every live worker's part of a level's connections. Says which
    /// worker can hold the least of its own, if one cannot hold it.
    pub(super) fn hold(&self, level: Level) -> Result<(), Lack> {
        let Level::Concurrency { connections } = level else {
            return Ok(());
        };
        let state = &self.run.state;
        let count = state.shards.len() as u32;
        let live = state.shards.iter().zip(0..);
        let lacks = live
            .filter(|(shard, _)| shard.stage.is_live())
            .filter_map(|(shard, index)| {
                let part = state.split.part(level, index, count);
                let Level::Concurrency {
                    connections: needed,
                } = part
                else {
                    return None;
                };
                let registry = &self.shared.registry;
                let capacity = registry.resize(shard.worker, self.run.id, needed).err()?;
                let of_all = f64::from(capacity) / f64::from(needed.max(1));
                Some(Lack {
                    worker: registry.get(shard.worker)?.name,
                    capacity,
                    needed,
                    level: (f64::from(connections) * of_all) as u32,
                })
            });
        lacks.min_by_key(|lack| lack.level).map_or(Ok(()), Err)
    }

    async fn abort_shard(
        &mut self,
        shard: u32,
        attempt: Option<u32>,
        message: &str,
    ) -> Result<(), ControlError> {
        let missing = |what| ControlError::NoSuchShard {
            run: self.run.id,
            what,
        };
        let numbers = self.attempts.iter().filter(|known| known.shard == shard);
        let numbers: Vec<u32> = numbers.map(|known| known.number).collect();
        let known = self.run.state.shards.get(shard as usize);
        // Before the start there are no shards: the state machine says so.
        let newest = known.map_or(0, |shard| shard.attempt);
        if known.is_none() && !self.attempts.is_empty() {
            return Err(missing(format!("shard {shard}")));
        }
        let attempt = attempt.unwrap_or(newest);
        if known.is_some() && !numbers.contains(&attempt) {
            return Err(missing(format!("attempt {attempt} of shard {shard}")));
        }
        let why = if message.is_empty() {
            String::new()
        } else {
            format!(": {message}")
        };
        let message = format!("shard {shard} was given up by a person{why}");
        let event = Event::AbortShard {
            shard,
            attempt,
            message,
        };
        self.apply(event).await
    }

    async fn annotate(
        &mut self,
        labels: Option<BTreeMap<String, String>>,
        notes: Option<String>,
        etag: Option<String>,
    ) -> Result<(), ControlError> {
        let (run, known) = (self.run.id, self.run.etag());
        if etag.is_some_and(|etag| etag != known) {
            return Err(ControlError::Stale { run, etag: known });
        }
        let mut next = self.run.clone();
        next.labels = labels.unwrap_or(next.labels);
        next.notes = notes.unwrap_or(next.notes);
        if next == self.run {
            return Ok(());
        }
        self.save(only(next), self.attempts.clone()).await
    }

    async fn delete(&mut self) -> Result<(), ControlError> {
        if self.run.status().is_active() {
            return Err(ControlError::Refused(Refused {
                status: self.run.status(),
                phase: self.run.state.phase(),
                event: "be deleted",
                why: Some("stop it first"),
            }));
        }
        let run = self.run.id;
        self.shared.services.stores.runs.delete(run).await?;
        self.shared.hub.deleted(run, self.run.project.clone());
        Ok(())
    }

    async fn keep_report(&mut self, report: &Report) -> Result<(), ControlError> {
        let (timing, now) = (self.run.timing(), self.now());
        let state = self.run.state.on(&timing, Event::ReportRemade, now)?.state;
        self.shared.services.stores.reports.put(report).await?;
        self.judged = Some(judged(report));
        let message = "the report was made anew".to_owned();
        let change = RunChange {
            events: vec![self.note(RunEventKind::Status, None, message)],
            ..only(Run {
                state,
                ..self.run.clone()
            })
        };
        self.save(change, self.attempts.clone()).await
    }
}

/// A worker that cannot hold its part of a level.
#[derive(Clone, Debug)]
pub(super) struct Lack {
    worker: String,
    /// Connections that it can hold for the run.
    capacity: u32,
    /// Connections that its part of the level would be.
    needed: u32,
    /// The level of which it could hold its part.
    pub(super) level: u32,
}

impl fmt::Display for Lack {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "worker {} holds at most {} connections for this run, its part of the level is {}",
            self.worker, self.capacity, self.needed
        )
    }
}

impl From<Lack> for ControlError {
    fn from(lack: Lack) -> Self {
        Self::TooManyConnections {
            worker: lack.worker,
            capacity: lack.capacity,
            needed: lack.needed,
        }
    }
}

/// A change of the run's row alone.
pub(super) fn only(run: Run) -> RunChange {
    RunChange {
        run,
        attempts: Vec::new(),
        controls: Vec::new(),
        phases: Vec::new(),
        events: Vec::new(),
    }
}
