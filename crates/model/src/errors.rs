//! Failures grouped by what they say, apart from the values in it.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use crate::{
    interval::{ErrorClass, Interval},
    lifecycle::Phase,
    time::Timestamp,
};

mod normalise;
#[cfg(test)]
mod tests;

pub use normalise::{LONGEST, normalise};

/// The most groups of a summary. Failures of further kinds are counted in one
/// group for each operation, phase and class, whose message is [`FURTHER`].
pub const MOST_GROUPS: usize = 1_000;
/// The message of the groups that take what goes beyond [`MOST_GROUPS`].
pub const FURTHER: &str = "(further messages)";
/// The longest sample message, characters.
const LONGEST_SAMPLE: usize = 1_000;

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorGroup {
    /// The operation's place in the template.
    pub operation: u32,
    /// The phase that the operations were due in.
    pub phase: Phase,
    /// What kind of failure.
    pub class: ErrorClass,
    /// The database's own code; may be empty.
    pub code: String,
    /// The message as [`normalise`] leaves it.
    pub message: String,
    /// How many.
    pub count: u64,
    /// The start of the first interval that has one.
    pub first: Timestamp,
    /// The end of the last interval that has one.
    pub last: Timestamp,
    /// A message as it was, from the first interval; cut to 1,000 characters.
    pub sample: String,
}

/// What makes a kind.
type Kind = (u32, Phase, ErrorClass, String, String);

impl ErrorGroup {
    fn kind(&self) -> Kind {
        (
            self.operation,
            self.phase,
            self.class,
            self.code.clone(),
            self.message.clone(),
        )
    }

    /// Adds failures of the same kind. The order does not matter.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        if (other.first, &other.sample) < (self.first, &self.sample) {
            self.sample.clone_from(&other.sample);
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// The failures of a run by kind. Merging parts equals adding all to one, as
/// long as there are at most [`MOST_GROUPS`] kinds; beyond it counts stay exact
/// by operation, phase and class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorSummary {
    groups: BTreeMap<Kind, ErrorGroup>,
}

impl ErrorSummary {
    /// The failures of one interval.
    #[must_use]
    pub fn of(interval: &Interval) -> Self {
        let mut summary = Self::default();
        summary.add(interval);
        summary
    }

    /// Adds the failures of an interval.
    pub fn add(&mut self, interval: &Interval) {
        for error in &interval.errors {
            self.merge(ErrorGroup {
                operation: error.operation,
                phase: error.phase,
                class: error.class,
                code: error.code.clone(),
                message: normalise(&error.message),
                count: error.count,
                first: interval.start,
                last: interval.end,
                sample: error.message.chars().take(LONGEST_SAMPLE).collect(),
            });
        }
    }

    /// Adds a group.
    pub fn merge(&mut self, mut group: ErrorGroup) {
        let mut kind = group.kind();
        if self.groups.len() >= MOST_GROUPS && !self.groups.contains_key(&kind) {
            group.code = String::new();
            FURTHER.clone_into(&mut group.message);
            kind = group.kind();
        }
        match self.groups.get_mut(&kind) {
            Some(known) => known.merge(&group),
            None => {
                self.groups.insert(kind, group);
            }
        }
    }

    /// The groups with their share of the failures of their operation (0 to 1), most
    /// first.
    #[must_use]
    pub fn groups(&self) -> Vec<(ErrorGroup, f64)> {
        let mut failures: BTreeMap<u32, u64> = BTreeMap::new();
        for group in self.groups.values() {
            let sum = failures.entry(group.operation).or_default();
            *sum = sum.saturating_add(group.count);
        }
        let mut groups: Vec<(ErrorGroup, f64)> = self
            .groups
            .values()
            .map(|group| {
                let share = group.count as f64 / failures[&group.operation].max(1) as f64;
                (group.clone(), share)
            })
            .collect();
        groups.sort_by_key(|(group, _)| Reverse(group.count));
        groups
    }

    /// The groups, by kind.
    #[must_use]
    pub fn into_groups(self) -> Vec<ErrorGroup> {
        self.groups.into_values().collect()
    }
}
