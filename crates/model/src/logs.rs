//! What workers say beside what they measure.

use serde::{Deserialize, Serialize};

use crate::{id::WorkerId, time::Timestamp};

/// The longest message of a line, in characters; longer ones are cut.
pub const LONGEST: usize = 4_000;

/// How much a line matters; ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    /// For those who look for the cause of something.
    Debug,
    /// What happens in the normal course.
    Info,
    /// What should not happen and can be lived with.
    Warn,
    /// What went wrong.
    Error,
}

impl Level {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }

    /// The level of a stable word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Counts from 1 without gaps, per run; 0 before it is stored.
    pub sequence: i64,
    /// When, by the clock of who wrote it.
    pub time: Timestamp,
    /// Who wrote it; `None` for the control plane.
    pub worker: Option<WorkerId>,
    /// The shard; `None` when it concerns the whole run.
    pub shard: Option<u32>,
    /// How much it matters.
    pub level: Level,
    /// At most [`LONGEST`] characters.
    pub message: String,
}

impl LogLine {
    /// Cuts a message to [`LONGEST`] characters; a cut one ends with "…".
    #[must_use]
    pub fn cut(message: &str) -> String {
        if message.chars().count() <= LONGEST {
            return message.to_owned();
        }
        message.chars().take(LONGEST - 1).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let exact = "é".repeat(LONGEST);
        assert_eq!(LogLine::cut(&exact), exact);
        let cut = LogLine::cut(&format!("{exact}é"));
        assert_eq!(cut.chars().count(), LONGEST);
        assert!(cut.ends_with("é…"));
    }
}
