//! The run's log: what workers say, and what the control plane says itself.

use std::{collections::HashMap, fmt::Display, time::Duration};

use gauntlet_model::{
    logs::{Level, LogLine},
    run::{RunEvent, RunEventKind},
    time::Timestamp,
};

use super::{Task, transient};

/// Lines that wait for the store. Beyond it no more are taken from workers, and
/// of the control plane's own the newest are left out.
pub(super) const LINES: usize = 1_000;
/// The same cause is warned of no more often.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// When each cause was warned of last.
#[derive(Debug, Default)]
pub(super) struct Warned(HashMap<&'static str, (Timestamp, u64)>);

impl Warned {
    /// Whether a cause is to be warned of now; how often it was passed over
    /// since the last time.
    fn again(&mut self, cause: &'static str, now: Timestamp) -> Option<u64> {
        let Some((last, silent)) = self.0.get_mut(cause) else {
            self.0.insert(cause, (now, 0));
            return Some(0);
        };
        if now.since(*last) < WARN_EVERY {
            *silent += 1;
            return None;
        }
        *last = now;
        Some(std::mem::take(silent))
    }
}

impl Task {
    /// Says that something is wrong, but not over and over.
    pub(super) fn warn(&mut self, cause: &'static str, error: impl Display) {
        let Some(before) = self.warned.again(cause, self.now()) else {
            return;
        };
        tracing::warn!(run = %self.run.id, %error, repeated = before, "{cause}");
        let times = match before {
            0 => String::new(),
            times => format!(" ({times} more times since the last such line)"),
        };
        self.say(Level::Warn, None, &format!("{cause}: {error}{times}"));
    }

    /// A line of the control plane's own.
    fn say(&mut self, level: Level, shard: Option<u32>, message: &str) {
        if self.lines.len() >= LINES {
            return;
        }
        self.lines.push(LogLine {
            sequence: 0,
            time: self.now(),
            worker: None,
            shard,
            level,
            message: LogLine::cut(message),
        });
    }

    /// What happened to the run, as lines.
    pub(super) fn say_events(&mut self, events: &[RunEvent]) {
        for event in events {
            let level = if event.kind == RunEventKind::Error {
                Level::Error
            } else {
                Level::Info
            };
            let kind = event.kind.as_str().to_lowercase();
            let message = format!("{kind}: {}", event.message);
            self.say(level, event.shard, &message);
        }
    }

    /// Stores the lines that wait, and publishes them. False when the store
    /// cannot take them now.
    pub(super) async fn flush_lines(&mut self) -> bool {
        if self.lines.is_empty() {
            return true;
        }
        let logs = &self.shared.services.stores.logs;
        match logs.append(self.run.id, &self.lines).await {
            Ok(numbered) => {
                self.lines.clear();
                self.channel.publish_logs(numbered);
                true
            }
            Err(error) if transient(&error) => {
                self.warn("log lines not stored; tried again", error);
                false
            }
            Err(error) => {
                self.lines.clear();
                self.warn("log lines lost", error);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_cause_is_told_once_in_ten_seconds() {
        let mut warned = Warned::default();
        let at = |seconds| Timestamp(0) + Duration::from_secs(seconds);
        assert_eq!(warned.again("a", at(0)), Some(0));
        assert_eq!(warned.again("a", at(1)), None);
        assert_eq!(warned.again("b", at(2)), Some(0));
        assert_eq!(warned.again("a", at(9)), None);
        assert_eq!(warned.again("a", at(10)), Some(2));
        assert_eq!(warned.again("a", at(11)), None);
        assert_eq!(warned.again("a", at(20)), Some(1));
    }
}
