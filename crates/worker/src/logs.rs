//! What the worker says while it holds shards, on its way to the server.

use std::{
    cell::Cell,
    collections::{BTreeMap, VecDeque},
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

/// Lines that wait for the server. When it is full the oldest is dropped, and a line to its run says how many were.
const QUEUE: usize = 256;
/// Whose events become lines.
const TARGETS: [&str; 3] = ["gauntlet_worker", "gauntlet_engine", "gauntlet_targets"];

thread_local! {
    /// The shard that lines of this thread are about.
    static ABOUT: Cell<Option<AttemptRef>> = const { Cell::new(None) };
}

/// Does something whose lines are about one shard. Other lines concern all that the worker holds.
pub(crate) fn about<T>(attempt: AttemptRef, act: impl FnOnce() -> T) -> T {
    let before = ABOUT.replace(Some(attempt));
    let done = act();
    ABOUT.set(before);
    done
}

/// Takes the lines that a worker's process logs at INFO and above while the worker holds a shard. Give its
/// [`layer`](Self::layer) to the process's subscriber and the tap itself to [`run_with_logs`](crate::run_with_logs).
/// Clones are the same tap.
#[derive(Clone, Debug, Default)]
pub struct LogTap {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    holds: Vec<AttemptRef>,
    lines: VecDeque<Line>,
    /// Lines that were dropped and not told of, by run.
    dropped: BTreeMap<RunId, u64>,
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

    /// The worker holds these shards now.
    pub(crate) fn hold(&self, holds: Vec<AttemptRef>) {
        self.lock().holds = holds;
    }

    /// The oldest lines of one run, at most as many as fit into the queue.
    pub(crate) fn take(&self) -> Vec<Line> {
        let mut queue = self.lock();
        let Some(first) = queue.lines.front().cloned() else {
            // Whom they were for is over, or has nothing to say.
            queue.dropped.clear();
            return Vec::new();
        };
        let all = std::mem::take(&mut queue.lines).into_iter();
        let (mut lines, others): (Vec<Line>, Vec<Line>) =
            all.partition(|line| line.run == first.run);
        queue.lines = others.into();
        if let Some(dropped) = queue.dropped.remove(&first.run) {
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
                queue.dropped(line.run);
            }
        }
    }

    fn push(&self, at: Instant, level: Level, message: &str) {
        let mut queue = self.lock();
        let about = ABOUT.get();
        let mut concerns = queue.holds.clone();
        concerns.retain(|held| about.is_none_or(|about| about == *held));
        for AttemptRef { run, shard, .. } in concerns {
            if queue.lines.len() >= QUEUE
                && let Some(oldest) = queue.lines.pop_front()
            {
                queue.dropped(oldest.run);
            }
            queue.lines.push_back(Line {
                run,
                shard,
                at,
                level,
                message: message.to_owned(),
            });
        }
    }
}

impl Queue {
    fn dropped(&mut self, run: RunId) {
        *self.dropped.entry(run).or_default() += 1;
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
        if !ours || self.0.lock().holds.is_empty() {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let message = LogLine::cut(&format!("{}{}", text.message, text.fields));
        self.0.push(Instant::now(), level, &message);
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
        tap.hold(vec![attempt(1, 2)]);
        tap
    }

    fn attempt(run: u128, shard: u32) -> AttemptRef {
        AttemptRef {
            run: RunId(Uuid::from_u128(run)),
            shard,
            attempt: 1,
        }
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
            tap.push(Instant::now(), Level::Info, &number.to_string());
        }
        let lines = tap.take();
        assert_eq!(lines.len(), QUEUE + 1);
        assert!(lines[0].message.starts_with("3 lines"), "{:?}", lines[0]);
        assert_eq!(lines[1].message, "3");
        // What could not be sent comes again, in its order.
        tap.push(Instant::now(), Level::Info, "newer");
        tap.put_back(lines[QUEUE - 1..].to_vec());
        let texts: Vec<String> = tap.take().into_iter().map(|line| line.message).collect();
        assert_eq!(texts, ["257", "258", "newer"]);
        assert_eq!(tap.take(), []);
    }

    #[test]
    fn a_line_is_told_to_the_run_that_it_is_about_or_to_all() {
        let tap = LogTap::default();
        tap.hold(vec![attempt(1, 2), attempt(2, 0)]);
        let push = |text| tap.push(Instant::now(), Level::Info, text);
        about(attempt(2, 0), || push("second"));
        push("both");
        about(attempt(1, 2), || push("first"));
        let taken = || -> Vec<(u128, u32, String)> {
            let lines = tap.take().into_iter();
            lines
                .map(|line| (line.run.0.as_u128(), line.shard, line.message))
                .collect()
        };
        let line = |run, shard, text: &str| (run, shard, text.to_owned());
        assert_eq!(taken(), [line(2, 0, "second"), line(2, 0, "both")]);
        assert_eq!(taken(), [line(1, 2, "both"), line(1, 2, "first")]);
        // Another worker in the same process.
        about(attempt(3, 0), || push("not held"));
        assert_eq!(taken(), []);
    }

    #[test]
    fn each_run_is_told_of_its_own_lines_that_were_dropped() {
        let tap = LogTap::default();
        tap.hold(vec![attempt(1, 0), attempt(2, 0)]);
        let push = |run, text: &str| {
            about(attempt(run, 0), || {
                tap.push(Instant::now(), Level::Info, text);
            });
        };
        push(1, "dropped");
        (0..QUEUE).for_each(|_| push(2, "kept"));
        push(1, "last");
        // The oldest is of the other run, which lost one line.
        let lines = tap.take();
        assert!(lines[0].message.starts_with("1 lines"), "{:?}", lines[0]);
        assert_eq!(lines.len(), QUEUE);
        let lines: Vec<String> = tap.take().into_iter().map(|line| line.message).collect();
        assert!(lines[0].starts_with("1 lines"), "{lines:?}");
        assert_eq!(lines[1..], ["last"]);
    }
}
