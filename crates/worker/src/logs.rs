//! What the worker says while it holds a shard, on its way to the server.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use gauntlet_model::{
    id::RunId,
    logs::{Level, LogLine},
    session::AttemptRef,
};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

/// Lines that wait for the server. When it is full the oldest is dropped, and a line says how many were.
const QUEUE: usize = 256;
/// Whose events become lines.
const TARGETS: [&str; 3] = ["gauntlet_worker", "gauntlet_engine", "gauntlet_targets"];

/// Takes the lines that a worker's process logs at INFO and above while the worker holds a shard. Give its
/// [`layer`](Self::layer) to the process's subscriber and the tap itself to [`run_with_logs`](crate::run_with_logs).
/// Clones are the same tap.
#[derive(Clone, Debug, Default)]
pub struct LogTap {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    holds: Option<AttemptRef>,
    lines: VecDeque<Line>,
    dropped: u64,
}

/// A line that was not told yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) run: RunId,
    pub(crate) shard: u32,
    pub(crate) at: Instant,
    pub(crate) level: Level,
    pub(crate) message: String,
}

impl LogTap {
    /// The layer that fills the tap.
    #[must_use]
    pub fn layer<S: Subscriber>(&self) -> impl Layer<S> + use<S> {
        Tapping(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worker holds this shard now, or none.
    pub(crate) fn hold(&self, holds: Option<AttemptRef>) {
        self.lock().holds = holds;
    }

    /// The oldest lines of one run, at most as many as fit into the queue.
    pub(crate) fn take(&self) -> Vec<Line> {
        let mut queue = self.lock();
        let Some(first) = queue.lines.front().cloned() else {
            return Vec::new();
        };
        let same = queue.lines.iter().take_while(|line| line.run == first.run);
        let count = same.count();
        let mut lines: Vec<Line> = queue.lines.drain(..count).collect();
        let dropped = std::mem::take(&mut queue.dropped);
        if dropped > 0 {
            let message = format!(
                "{dropped} lines before this one were dropped: the server did not take them in time"
            );
            lines.insert(
                0,
                Line {
                    level: Level::Warn,
                    message,
                    ..first
                },
            );
        }
        lines
    }

    /// Puts lines back that could not be sent.
    pub(crate) fn put_back(&self, lines: Vec<Line>) {
        let mut queue = self.lock();
        for line in lines.into_iter().rev() {
            if queue.lines.len() < QUEUE {
                queue.lines.push_front(line);
            } else {
                queue.dropped += 1;
            }
        }
    }

    fn push(&self, at: Instant, level: Level, message: String) {
        let mut queue = self.lock();
        let Some(AttemptRef { run, shard, .. }) = queue.holds else {
            return;
        };
        if queue.lines.len() >= QUEUE {
            queue.lines.pop_front();
            queue.dropped += 1;
        }
        queue.lines.push_back(Line {
            run,
            shard,
            at,
            level,
            message,
        });
    }
}

/// The tap's end in the subscriber. A line is formatted before the queue is locked, and nothing is ever waited for but
/// that lock, which is held for a few instructions.
struct Tapping(LogTap);

impl<S: Subscriber> Layer<S> for Tapping {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let (level, target) = (*metadata.level(), metadata.target());
        let ours = TARGETS.iter().any(|own| {
            target
                .strip_prefix(own)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        });
        let level = match level {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            _ => return,
        };
        if !ours || self.0.lock().holds.is_none() {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let message = LogLine::cut(&format!("{}{}", text.message, text.fields));
        self.0.push(Instant::now(), level, message);
    }
}

/// An event's message, and its fields like ` shard=3`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing into a string does not fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = if field.name() == "message" {
            write!(self.message, "{value}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing::{error, info, subscriber::with_default, warn};
    use tracing_subscriber::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn holding() -> LogTap {
        let tap = LogTap::default();
        tap.hold(Some(AttemptRef {
            run: RunId(Uuid::from_u128(1)),
            shard: 2,
            attempt: 1,
        }));
        tap
    }

    fn said(tap: &LogTap, say: impl FnOnce()) -> Vec<(Level, String)> {
        with_default(tracing_subscriber::registry().with(tap.layer()), say);
        let lines = tap.take().into_iter();
        lines.map(|line| (line.level, line.message)).collect()
    }

    #[test]
    fn lines_of_the_worker_are_taken_with_their_fields() {
        let tap = holding();
        let lines = said(&tap, || {
            info!(connections = 3, target_version = "SQLite", "open");
            warn!(reason = %"gone", "lost");
            error!(target: "gauntlet_engine::handle", "broke");
            tracing::debug!("not this");
            info!(target: "h2::client", "nor this");
            info!(target: "gauntlet_workers", "nor this");
        });
        let expected = [
            (Level::Info, "open connections=3 target_version=\"SQLite\""),
            (Level::Warn, "lost reason=gone"),
            (Level::Error, "broke"),
        ];
        assert_eq!(
            lines,
            expected.map(|(level, text)| (level, text.to_owned()))
        );
    }

    #[test]
    fn nothing_is_taken_while_no_shard_is_held() {
        let tap = LogTap::default();
        assert_eq!(said(&tap, || info!("idle")), []);
    }

    #[test]
    fn a_full_queue_drops_the_oldest_and_says_how_many() {
        let tap = holding();
        for number in 0..QUEUE + 3 {
            tap.push(Instant::now(), Level::Info, number.to_string());
        }
        let lines = tap.take();
        assert_eq!(lines.len(), QUEUE + 1);
        assert!(lines[0].message.starts_with("3 lines"), "{:?}", lines[0]);
        assert_eq!(lines[1].message, "3");
        // What could not be sent comes again, in its order.
        tap.push(Instant::now(), Level::Info, "newer".to_owned());
        tap.put_back(lines[QUEUE - 1..].to_vec());
        let texts: Vec<String> = tap.take().into_iter().map(|line| line.message).collect();
        assert_eq!(texts, ["257", "258", "newer"]);
        assert_eq!(tap.take(), []);
    }

    #[test]
    fn lines_of_two_runs_are_taken_apart() {
        let tap = holding();
        tap.push(Instant::now(), Level::Info, "first".to_owned());
        tap.hold(Some(AttemptRef {
            run: RunId(Uuid::from_u128(2)),
            shard: 0,
            attempt: 1,
        }));
        tap.push(Instant::now(), Level::Info, "second".to_owned());
        let run = |lines: Vec<Line>| lines.into_iter().map(|line| line.run.0.as_u128()).collect();
        let runs: [Vec<u128>; 2] = [run(tap.take()), run(tap.take())];
        assert_eq!(runs, [vec![1], vec![2]]);
    }
}
