//! Rollups while a run goes on.

use super::{Buckets, Read, Resolution, Rollup, buckets::middle};
use crate::{
    id::RunId,
    interval::{BadHistogram, Interval},
    lifecycle::Window,
    time::Timestamp,
};

/// Seconds that may wait for a slow shard. Beyond it the oldest are closed, and
/// what comes for them later is late.
const MOST_OPEN: usize = 120;

/// Makes a run's rollups at every resolution from its intervals, each read once:
/// seconds from intervals, longer buckets from the next shorter ones.
///
/// It holds at most 120 seconds between two calls of [`Roller::take_until`] and one or two
/// buckets of each other resolution; [`Buckets`] says how much each takes.
#[derive(Clone, Debug)]
pub struct Roller {
    origin: Timestamp,
    levels: [Level; Resolution::ALL.len()],
}

#[derive(Clone, Debug)]
struct Level {
    resolution: Resolution,
    /// Buckets that start before this were given out.
    closed: Timestamp,
    buckets: Buckets,
}

/// A bucket whose rollups were given out before something came for it. Make
/// them again with [`Buckets`] and put them in place of the old ones, the finer
/// resolution first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rebuild {
    /// How long the bucket is.
    pub resolution: Resolution,
    /// Its start.
    pub start: Timestamp,
}

impl Rebuild {
    /// The rollups that the bucket is merged from; `None` for a second, which is
    /// merged from the stored intervals whose middle lies in it.
    #[must_use]
    pub fn source(self) -> Option<Read> {
        let resolution = self.resolution.finer()?;
        let (from, to) = (self.start, self.start + self.resolution.length());
        let window = Window { from, to };
        Some(Read { resolution, window })
    }
}

impl Roller {
    /// Nothing yet, for a run whose load began at `origin`.
    #[must_use]
    pub fn new(run: RunId, origin: Timestamp) -> Self {
        Self::resume(run, origin, Timestamp(i64::MIN))
    }

    /// Takes up a run whose rollups of a second are stored up to `until`. Give it
    /// the rollups that [`Roller::missing`] names by [`Roller::restore`], then
    /// all intervals whose middle is at or after `until` by [`Roller::add`].
    #[must_use]
    pub fn resume(run: RunId, origin: Timestamp, until: Timestamp) -> Self {
        let level = |resolution: Resolution| Level {
            resolution,
            closed: closed_at(resolution, origin, until),
            buckets: Buckets::new(run, origin, resolution),
        };
        Self {
            origin,
            levels: Resolution::ALL.map(level),
        }
    }

    /// The rollups of begun buckets that a roller which was taken up lacks.
    #[must_use]
    pub fn missing(&self) -> Vec<Read> {
        let mut found = Vec::new();
        for pair in self.levels.windows(2) {
            let (finer, coarser) = (&pair[0], &pair[1]);
            if coarser.closed < finer.closed {
                let (from, to) = (coarser.closed, finer.closed);
                let (resolution, window) = (finer.resolution, Window { from, to });
                found.push(Read { resolution, window });
            }
        }
        found
    }

    /// Takes back a rollup that [`Roller::missing`] named.
    pub fn restore(&mut self, rollup: &Rollup) -> Result<(), BadHistogram> {
        match self.levels.get_mut(rollup.resolution as usize + 1) {
            Some(coarser) => coarser.buckets.merge(rollup),
            None => Ok(()),
        }
    }

    /// Adds an interval that was just stored. Says which buckets it comes too
    /// late for; to all others it is added.
    pub fn add(&mut self, interval: &Interval) -> Result<Vec<Rebuild>, BadHistogram> {
        let middle = middle(interval);
        let mut late = Vec::new();
        for level in &mut self.levels {
            let start = level.resolution.bucket_of(self.origin, middle);
            if start >= level.closed {
                level.buckets.add(interval)?;
                return Ok(late);
            }
            let resolution = level.resolution;
            late.push(Rebuild { resolution, start });
        }
        Ok(late)
    }

    /// Where the rollups of a resolution end that were given out.
    #[must_use]
    pub fn complete_until(&self, resolution: Resolution) -> Timestamp {
        self.levels[resolution as usize].closed
    }

    /// Takes the rollups of all buckets that end by `until`: every live shard has
    /// measured up to it. As workers end their seconds a little early, give a
    /// little more. Finer resolutions first, each oldest first.
    #[must_use]
    pub fn take_until(&mut self, until: Timestamp) -> Vec<Rollup> {
        let forced = self.levels[0].buckets.beyond(MOST_OPEN);
        let until = forced.map_or(until, |forced| forced.max(until));
        let mut taken = Vec::new();
        for place in 0..self.levels.len() {
            let level = &mut self.levels[place];
            let closed = closed_at(level.resolution, self.origin, until);
            if closed <= level.closed {
                break;
            }
            level.closed = closed;
            let buckets = level.buckets.take_before(closed);
            for (start, bucket) in buckets {
                taken.extend(self.levels[place].buckets.rollups(start, &bucket));
                if let Some(coarser) = self.levels.get_mut(place + 1) {
                    coarser.buckets.merge_bucket(start, &bucket);
                }
            }
        }
        taken
    }

    /// Takes everything: the run is over. What comes later is late.
    #[must_use]
    pub fn finish(&mut self) -> Vec<Rollup> {
        self.take_until(Timestamp(i64::MAX))
    }
}

/// The end of the last bucket that ends by `until`.
fn closed_at(resolution: Resolution, origin: Timestamp, until: Timestamp) -> Timestamp {
    if matches!(until.0, i64::MIN | i64::MAX) {
        return until;
    }
    resolution.bucket_of(origin, until)
}
