//! What a run's sessions did at its target over time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::WaitSample;
use crate::time::Timestamp;

/// What a run's sessions did at one instant, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivitySample {
    /// When, by the control plane's clock.
    pub at: Timestamp,
    /// The run's sessions, those that did nothing included.
    pub sessions: u32,
    /// Those that queued for what another session held.
    pub queued: u32,
    /// Those at work, by the kind of thing that they waited for.
    pub waits: Vec<(String, u32)>,
}

impl ActivitySample {
    /// Of a sample that was taken at an instant.
    #[must_use]
    pub fn of(at: Timestamp, sample: &WaitSample) -> Self {
        let mut waits: BTreeMap<&str, u32> = BTreeMap::new();
        for wait in &sample.waits {
            *waits.entry(&wait.kind).or_default() += wait.sessions;
        }
        let queued = sample.waits.iter().filter(|wait| wait.queued);
        Self {
            at,
            sessions: sample.sessions,
            queued: queued.map(|wait| wait.sessions).sum(),
            waits: waits
                .into_iter()
                .map(|(kind, sessions)| (kind.to_owned(), sessions))
                .collect(),
        }
    }
}

/// What a run's sessions did, on average over some samples.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityPoint {
    /// When the last of the samples was taken.
    pub at: Timestamp,
    /// The run's sessions, those that did nothing included.
    pub sessions: f64,
    /// Those that queued for what another session held.
    pub queued: f64,
    /// Those at work, by the kind of thing that they waited for, most first.
    pub waits: Vec<(String, f64)>,
}

/// Any number of samples as a bounded number of points: when there are more,
/// neighbours are averaged.
#[derive(Clone, Debug)]
pub struct ActivitySeries {
    most: usize,
    /// How many samples each point holds, the last one aside.
    stride: u64,
    sums: Vec<Sum>,
}

/// Samples, added up.
#[derive(Clone, Debug)]
struct Sum {
    at: Timestamp,
    samples: u64,
    sessions: u64,
    queued: u64,
    waits: BTreeMap<String, u64>,
}

impl ActivitySeries {
    /// Of at most so many points, at least one.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            stride: 1,
            sums: Vec::new(),
        }
    }

    /// Adds a sample; they come in the order of time.
    pub fn push(&mut self, sample: ActivitySample) {
        let next = Sum::from(sample);
        match self.sums.last_mut() {
            Some(last) if last.samples < self.stride => last.add(next),
            _ => self.sums.push(next),
        }
        if self.sums.len() > self.most {
            self.halve();
        }
    }

    /// Makes one point of every two.
    fn halve(&mut self) {
        self.stride *= 2;
        let mut halved: Vec<Sum> = Vec::with_capacity(self.most);
        for sum in std::mem::take(&mut self.sums) {
            match halved.last_mut() {
                Some(last) if last.samples < self.stride => last.add(sum),
                _ => halved.push(sum),
            }
        }
        self.sums = halved;
    }

    /// The points, oldest first.
    #[must_use]
    pub fn points(self) -> Vec<ActivityPoint> {
        self.sums.into_iter().map(Sum::average).collect()
    }
}

impl From<ActivitySample> for Sum {
    fn from(sample: ActivitySample) -> Self {
        let mut waits = BTreeMap::new();
        for (kind, sessions) in sample.waits {
            *waits.entry(kind).or_default() += u64::from(sessions);
        }
        Self {
            at: sample.at,
            samples: 1,
            sessions: sample.sessions.into(),
            queued: sample.queued.into(),
            waits,
        }
    }
}

impl Sum {
    fn add(&mut self, later: Self) {
        self.at = later.at;
        self.samples += later.samples;
        self.sessions += later.sessions;
        self.queued += later.queued;
        for (kind, sessions) in later.waits {
            *self.waits.entry(kind).or_default() += sessions;
        }
    }

    fn average(self) -> ActivityPoint {
        let over = |sum: u64| sum as f64 / self.samples as f64;
        let waits = self.waits.into_iter();
        let mut waits: Vec<_> = waits.map(|(kind, sum)| (kind, over(sum))).collect();
        // Those alike stay in the order of their names.
        waits.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        ActivityPoint {
            at: self.at,
            sessions: over(self.sessions),
            queued: over(self.queued),
            waits,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::evidence::WaitNow;

    fn sample(at: i64, sessions: u32, lock: u32, io: u32) -> ActivitySample {
        let waits = [("IO", io), ("Lock", lock)];
        ActivitySample {
            at: Timestamp(at),
            sessions,
            queued: lock,
            waits: waits.map(|(kind, n)| (kind.to_owned(), n)).to_vec(),
        }
    }

    #[test]
    fn a_sample_is_summed_by_kind() {
        let wait = |kind: &str, event: &str, sessions, queued| WaitNow {
            kind: kind.to_owned(),
            event: event.to_owned(),
            sessions,
            queued,
        };
        let taken = WaitSample {
            sessions: 9,
            waits: vec![
                wait("Lock", "tuple", 2, true),
                wait("IO", "DataFileRead", 1, false),
                wait("Lock", "relation", 3, true),
            ],
        };
        let made = ActivitySample::of(Timestamp(7), &taken);
        assert_eq!(made, sample(7, 9, 5, 1));
    }

    #[test]
    fn neighbours_are_averaged_when_there_are_more() {
        let mut series = ActivitySeries::new(2);
        for at in 1..=5 {
            series.push(sample(at, 10, at as u32, 0));
        }
        let point = |at, queued: f64| ActivityPoint {
            at: Timestamp(at),
            sessions: 10.0,
            queued,
            waits: vec![("Lock".to_owned(), queued), ("IO".to_owned(), 0.0)],
        };
        assert_eq!(series.points(), [point(4, 2.5), point(5, 5.0)]);
        assert_eq!(ActivitySeries::new(0).points(), []);
    }

    proptest! {
        #[test]
        fn a_series_is_bounded_and_loses_nothing(
            locks in vec(0..100_u32, 0..300),
            most in 1..40_usize,
        ) {
            let mut series = ActivitySeries::new(most);
            for (at, lock) in locks.iter().enumerate() {
                series.push(sample(at as i64, 100, *lock, 0));
            }
            let sums = series.sums.clone();
            let points = series.points();
            prop_assert!(points.len() <= most);
            prop_assert!(points.len() * 2 >= locks.len().min(most));
            prop_assert!(points.is_sorted_by(|one, other| one.at < other.at));
            let last = points.last().map(|point| point.at.0);
            prop_assert_eq!(last, locks.len().checked_sub(1).map(|last| last as i64));
            let counted: u64 = sums.iter().map(|sum| sum.samples).sum();
            prop_assert_eq!(counted, locks.len() as u64);
            let queued: u64 = sums.iter().map(|sum| sum.queued).sum();
            prop_assert_eq!(queued, locks.iter().map(|lock| u64::from(*lock)).sum::<u64>());
        }
    }
}
